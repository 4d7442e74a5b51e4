"""Journals in memory: for simulation, tests, and studies that need not outlast their process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from paceline.errors import JournalConflict
from paceline.events import AnyEvent
from paceline.journal.protocol import Entry, not_found


class MemoryJournal:
    """A journal that lives as long as its process: for simulation, tests, and studies that need not last."""

    heartbeat_s: float | None = None

    def __init__(self, entries: list[Entry] | None = None) -> None:
        self.entries: list[Entry] = [] if entries is None else entries
        self.length = 0

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before."""
        while self.length < len(self.entries):
            self.length += 1
            yield self.entries[self.length - 1]

    def first(self) -> AnyEvent | None:
        """The first event, if there is one."""
        return self.entries[0][1] if self.entries else None

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events.

        Raises:
            JournalConflict: somebody else has written since.
        """
        if self.length != len(self.entries):
            raise JournalConflict(
                f"expected event {self.length} to be next, but there are {len(self.entries)}"
            )
        self.entries.extend(entries)
        self.length = len(self.entries)

    def acquire(self) -> None:
        """Nobody else can reach it: nothing to do."""

    def keep_alive(self) -> None:
        """Nothing to do."""

    def release(self) -> None:
        """Nothing to do."""


class MemoryStorage:
    """Studies in memory."""

    def __init__(self) -> None:
        self.url = "memory:"
        self._studies: dict[str, list[Entry]] = {}

    def journal(self, study: str) -> MemoryJournal:
        """The study's journal."""
        return MemoryJournal(self._studies.setdefault(study, []))

    def exists(self, study: str) -> bool:
        """Whether it has any event."""
        return bool(self._studies.get(study))

    def studies(self) -> list[str]:
        """All that have any event."""
        return [name for name, entries in self._studies.items() if entries]

    def holder(self, study: str) -> str | None:  # noqa: ARG002
        """Nobody is told."""
        return None

    def delete(self, study: str) -> None:
        """Forget a study.

        Raises:
            StudyNotFoundError: there is none of that name.
        """
        if not self.exists(study):
            raise not_found(study, self)
        self._studies.pop(study).clear()  # so that whoever has read it is behind, and can write nothing more

    def close(self) -> None:
        """Nothing is held."""
