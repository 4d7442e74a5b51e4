"""Faults with names: a driver that dies at a chosen write.

    for point in crash_points():
        with suppress(Crash):
            run(CrashingJournal(journal, point))
            break                                     # the run was over before it came to this point
        run(journal)                                  # the next driver, which must bring the study to a legal end

Everything that a study does between two writes is repeated or given up alike wherever in between its driver dies, so to
die before and after each write is to die everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Literal

import msgspec

from paceline.events import AnyEvent
from paceline.journal import Entry, Journal


class Crash(BaseException):
    """The driver's process is gone, as far as the test is concerned. No `Exception`: nobody may handle it."""


class CrashPoint(msgspec.Struct, frozen=True):
    """Where to die.

    Args:
        append: at which of the journal's appends, counted from 0.
        moment: `"before"`: nothing of it was written; `"after"`: all of it was, and nobody has learned of that.
    """

    append: int
    moment: Literal["before", "after"]

    def __str__(self) -> str:
        return f"{self.moment} append {self.append}"


def crash_points() -> Iterator[CrashPoint]:
    """Every point, without end: before and after append 0, before and after append 1, ..."""
    for append in count():
        yield CrashPoint(append, "before")
        yield CrashPoint(append, "after")


class CrashingJournal:
    """A journal whose user dies at a chosen append. A dead process does nothing: from then on, every call is in vain.

    Args:
        journal: where events really are kept.
        point: where to die; `None` is never.
    """

    def __init__(self, journal: Journal, point: CrashPoint | None) -> None:
        self._journal = journal
        self._point = point
        self.heartbeat_s = journal.heartbeat_s
        self.n_appends = 0
        self.has_crashed = False

    @property
    def length(self) -> int:
        """See `Journal.length`."""
        return self._journal.length

    def read(self) -> Iterator[Entry]:
        """See `Journal.read`."""
        return self._journal.read()

    def first(self) -> AnyEvent | None:
        """See `Journal.first`."""
        return self._journal.first()

    def append(self, entries: Sequence[Entry]) -> None:
        """See `Journal.append`.

        Raises:
            Crash: this is the chosen append, or one after it.
        """
        number, self.n_appends = self.n_appends, self.n_appends + 1
        self._die_at(CrashPoint(number, "before"))
        self._journal.append(entries)
        self._die_at(CrashPoint(number, "after"))

    def acquire(self) -> None:
        """See `Journal.acquire`."""
        self._journal.acquire()

    def keep_alive(self) -> None:
        """See `Journal.keep_alive`."""
        if not self.has_crashed:
            self._journal.keep_alive()

    def release(self) -> None:
        """See `Journal.release`: whoever died lets go of nothing."""
        if not self.has_crashed:
            self._journal.release()

    def _die_at(self, point: CrashPoint) -> None:
        if self.has_crashed or point == self._point:
            self.has_crashed = True
            raise Crash(str(point))
