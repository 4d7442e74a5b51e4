"""Every error that Paceline raises on purpose, in one page.

    PacelineError
    ├── SettingError         a setting of a study, scheduler, sampler, budget or executor is wrong
    ├── SpaceError           a search space, or a config that does not belong to it, is wrong
    ├── ReportError          a training function reported something that cannot be recorded
    ├── TrainingFunctionError  the training function cannot be called or shipped to a worker
    ├── CheckpointError      a checkpoint cannot be written or read
    └── StorageError         the journal cannot be opened, read or written
        ├── JournalConflict    somebody else has written to this study: one driver at a time
        ├── SchemaError        the storage was made by another version
        ├── StudyNotFoundError   no study of that name
        └── StudyMismatchError   the study exists, with another space, scheduler or objective

The class says whose fault it is; the message says what came, what was expected, where, and what to do.
"""

from __future__ import annotations


class PacelineError(Exception):
    """The root: catch it to catch all that Paceline raises on purpose."""


class SettingError(PacelineError, ValueError):
    """A setting is wrong.

    Args:
        name: the setting, as the user writes it.
        value: what came.
        expected: what would have been right.
        hint: what to do, where `expected` does not say it already.
    """

    def __init__(self, name: str, value: object, *, expected: str, hint: str = "") -> None:
        self.name = name
        self.value = value
        self.expected = expected
        self.hint = hint
        super().__init__(f"{name}={value!r}: expected {expected}." + (f" {hint}" if hint else ""))

    def __reduce__(self) -> tuple[object, ...]:
        """Travel from a worker process intact, keyword arguments included."""
        return _setting_error, (self.name, self.value, self.expected, self.hint)


def _setting_error(name: str, value: object, expected: str, hint: str) -> SettingError:
    return SettingError(name, value, expected=expected, hint=hint)


class SpaceError(PacelineError, ValueError):
    """A search space is wrong, or a config does not belong to it.

    Args:
        problems: one sentence for each thing that is wrong; all of them, not only the first.
        where: what was being read, for the message's first line.
    """

    def __init__(self, problems: list[str], *, where: str = "search space") -> None:
        self.problems = problems
        self.where = where
        lines = "\n".join(f"  - {problem}" for problem in problems)
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{where}: {count}\n{lines}")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel from a worker process intact, keyword arguments included."""
        return _space_error, (self.problems, self.where)


def _space_error(problems: list[str], where: str) -> SpaceError:
    return SpaceError(problems, where=where)


class ReportError(PacelineError, ValueError):
    """A training function reported something that cannot be recorded."""


class TrainingFunctionError(PacelineError, TypeError):
    """The training function cannot be called with a trial, or cannot be shipped to a worker."""


class CheckpointError(PacelineError, OSError):
    """A checkpoint cannot be written or read."""


class StorageError(PacelineError, OSError):
    """The journal cannot be opened, read or written."""


class JournalConflict(StorageError):  # noqa: N818 - a conflict is what it is
    """Somebody else has written to this study since it was read: one driver at a time."""


class SchemaError(StorageError):
    """The storage was made by another version of Paceline, or by something else."""


class StudyNotFoundError(StorageError):
    """The storage has no study of that name."""


class StudyMismatchError(StorageError):
    """The study exists, with another space, scheduler or objective than the one asked for."""
