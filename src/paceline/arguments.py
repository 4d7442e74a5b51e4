"""What the user gives a study, read at the edge: behind it, everything has the type that it says.

Each function here refuses what could only go wrong later, when something has been recorded already.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from paceline.errors import SettingError, SpaceError
from paceline.events import Budget, Config, Objective
from paceline.executors.protocol import Executor
from paceline.schedulers.base import SchedulerSettings
from paceline.space import Space

MAX_NAME = 200
MAX_UNIT = 40


def check_name(name: object) -> None:
    """Refuse a name that people could not read back.

    Raises:
        SettingError: it is empty, too long, no text, or not printable.
    """
    if not _is_readable(name, MAX_NAME):
        raise SettingError("name", name, expected=f"a name of 1 to {MAX_NAME} printable characters")


def check_unit(unit: object) -> None:
    """Refuse a unit that is no word.

    Raises:
        SettingError: it is empty, too long, no text, or not printable.
    """
    if not _is_readable(unit, MAX_UNIT):
        raise SettingError("unit", unit, expected='what one unit of resource is, such as "epoch" or "step"')


def check_scheduler(scheduler: object) -> None:
    """Refuse what chooses no scheduler.

    Raises:
        SettingError: it is a class, a name, or something else.
    """
    if isinstance(scheduler, SchedulerSettings):
        return
    hint = "Write ASHA(max_resource=...), with parentheses." if isinstance(scheduler, type) else ""
    raise SettingError(
        "scheduler", scheduler, expected="a scheduler such as ASHA(max_resource=81)", hint=hint
    )


def objective_of(maximize: object, minimize: object) -> Objective:
    """The metric and its direction; `"loss"` is minimized if neither is given.

    Raises:
        SettingError: both are given, or one is no name.
    """
    if maximize is not None and minimize is not None:
        raise SettingError(
            "maximize",
            maximize,
            expected=f"None, because minimize={minimize!r} was given too",
            hint="A study has one objective; report the other metric beside it.",
        )
    name, metric = ("maximize", maximize) if minimize is None else ("minimize", minimize)
    if metric is None:
        return Objective("loss")
    if not isinstance(metric, str) or not _is_readable(metric, MAX_NAME):
        raise SettingError(name, metric, expected='the name of a metric, such as "accuracy"')
    return Objective(metric, maximize=maximize is not None)


def points_of(points: object, space: Space) -> tuple[Config, ...]:
    """Configs to try first, each in its one form.

    Raises:
        SettingError: it is no list.
        SpaceError: something in it is no config of the space; the message lists everything.
    """
    if isinstance(points, str | Mapping) or not isinstance(points, Sequence):
        write = "[{...}]" if isinstance(points, Mapping) else "[{'lr': 0.1}]"
        raise SettingError("points", points, expected=f"a list of configs, such as {write}")
    read: list[Config] = []
    problems: list[str] = []
    for index, point in enumerate(points):
        try:
            read.append(space.validate(point))
        except SpaceError as error:
            problems += [f"points[{index}]: {problem}" for problem in error.problems]
    if problems:
        raise SpaceError(problems, where="points")
    return tuple(read)


def folder_of(folder: object) -> Path | None:
    """The folder for checkpoints and logs that the user names.

    Raises:
        SettingError: it is no path.
    """
    if folder is None:
        return None
    if not isinstance(folder, str | os.PathLike) or "://" in os.fspath(folder) or not os.fspath(folder):
        raise SettingError("folder", folder, expected="the path of a local folder, or None")
    return Path(folder)


def check_is_writable(folder: Path) -> None:
    """See that a folder can be made and filled, where a run is going to need it.

    Raises:
        SettingError: something else is in the way, or permission is missing.
    """
    there = next((path for path in (folder, *folder.parents) if os.path.exists(path)), Path())  # noqa: PTH110 - never raises
    if not there.is_dir():
        trouble = f"{there} is a file"
    elif not os.access(there, os.W_OK | os.X_OK):
        trouble = f"{there} cannot be written to"
    else:
        return
    raise SettingError(
        "folder",
        str(folder),
        expected=f"a place for checkpoints and logs, but {trouble}",
        hint="Name another one with folder=.",
    )


def check_budget(budget: object) -> None:
    """Refuse what is no budget.

    Raises:
        SettingError: it is something else.
    """
    if not isinstance(budget, Budget):
        raise SettingError(
            "budget", budget, expected="a Budget, such as Budget(trials=100) or Budget(minutes=10)"
        )


def check_observers(observers: object) -> None:
    """Refuse observers that could not be told anything.

    Raises:
        SettingError: it is no list of functions.
    """
    if not isinstance(observers, Sequence) or not all(map(callable, observers)):
        raise SettingError("observers", observers, expected="a list of functions that take the new entries")


def check_executor(executor: object) -> None:
    """Refuse what can run no job.

    Raises:
        SettingError: it is an unknown name, a class, or lacks what every executor has.
    """
    if executor in ("processes", "inline"):
        return
    if isinstance(executor, type) or not isinstance(executor, Executor):
        hint = "Make one: an object, not its class." if isinstance(executor, type) else ""
        raise SettingError(
            "executor", executor, expected='"processes", "inline" or an object that is an Executor', hint=hint
        )


def _is_readable(text: object, longest: int) -> bool:
    return isinstance(text, str) and bool(text.strip()) and len(text) <= longest and text.isprintable()
