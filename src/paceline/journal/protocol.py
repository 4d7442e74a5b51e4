"""What every journal and storage keeps to.

The contract suite in `paceline.testing.journals` holds every implementation to it. Two rules carry all that Paceline
promises about crashes: an append is all or nothing and durable when it returns, and it fails if anybody else has
appended since this object read the journal (the fence: one driver at a time, without a lock).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Protocol, runtime_checkable

from paceline.errors import StudyNotFoundError
from paceline.events import AnyEvent

Entry = tuple[float, AnyEvent]
"""When it was recorded (seconds since the epoch, or virtual) and what happened."""


class Journal(Protocol):
    """The events of one study."""

    @property
    def heartbeat_s(self) -> float | None:
        """How often `keep_alive` wants to be called, in seconds; `None` is never."""
        ...

    @property
    def length(self) -> int:
        """Events that this journal object has read or written: the seq that its next append expects."""
        ...

    def read(self) -> Iterator[Entry]:
        """The events after those that were read or written before, in order."""
        ...

    def first(self) -> AnyEvent | None:
        """The event with which the study begins; `None` if there is no study. Reads nothing else."""
        ...

    def append(self, entries: Sequence[Entry]) -> None:
        """Add events, all or none, durably.

        Raises:
            JournalConflict: somebody else has written since; nothing was added.
            StorageError: the storage failed; nothing was added.
        """
        ...

    def acquire(self) -> None:
        """Become the study's holder.

        Raises:
            JournalConflict: somebody alive holds it.
        """
        ...

    def keep_alive(self) -> None:
        """Say that the holder is alive, when it is time to."""
        ...

    def release(self) -> None:
        """Hold it no longer."""
        ...


@runtime_checkable
class Storage(Protocol):
    """A place where studies are kept."""

    url: str

    def journal(self, study: str) -> Journal:
        """The journal of the study of that name; it exists from its first append on."""
        ...

    def exists(self, study: str) -> bool:
        """Whether there is a study of that name."""
        ...

    def studies(self) -> list[str]:
        """The names of all studies, in the order of creation."""
        ...

    def holder(self, study: str) -> str | None:
        """Who drives the study at this moment, for people; `None` if nobody does."""
        ...

    def delete(self, study: str) -> None:
        """Remove a study and all its events.

        Raises:
            StudyNotFoundError: there is none of that name.
            JournalConflict: somebody is driving it.
        """
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


def not_found(study: str, storage: Storage) -> StudyNotFoundError:
    """The error for a name that the storage does not know; it lists those that it does."""
    known = storage.studies()
    close = get_close_matches(study, known, n=1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    there = (
        f"there are: {', '.join(map(repr, known))}"
        if known
        else "there are none, so it may be another storage"
    )
    return StudyNotFoundError(f"{storage.url}: there is no study {study!r}; {there}.{meant}")
