"""Progress for a pipe, a log file or a batch system: one plain line for each thing worth knowing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.progress import phrases
from paceline.progress.tally import Tally
from paceline.schedulers.base import Scheduler
from paceline.wording import duration

SUMMARY_EVERY_S = 30.0


class LineProgress:
    """Says who leads, what failed, and now and then how far the study is. An observer, and a context manager.

    Nothing is said while nothing happens: a summary that is due waits for the next event.

    Args:
        name: the study's.
        ledger: the study's, with everything replayed when the context is entered.
        scheduler: the study's.
        stream: where the lines go.
        every_s: between two summaries.
        clock: in seconds.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        scheduler: Scheduler,
        stream: TextIO,
        *,
        every_s: float = SUMMARY_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._scheduler = scheduler
        self._stream = stream
        self._every_s = every_s
        self._clock = clock
        self._tally: Tally | None = None
        self._said_at = 0.0

    def __enter__(self) -> Self:
        self._tally = Tally(self._ledger, self._scheduler, self._clock)
        self._said_at = self._clock()
        return self

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Take in what was recorded."""
        tally = self._tally
        if tally is None:
            raise AssertionError("enter the context before observing")
        before = tally.incumbent
        tally.add(entries)
        for failed in tally.failures:
            self._say(phrases.failure(failed, tally))
        if tally.incumbent != before:
            self._say(f"new incumbent: {phrases.incumbent(tally)}")
        if self._clock() - self._said_at >= self._every_s:
            self._summarize(tally)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tally = self._tally
        if tally is None:
            return
        self._summarize(tally)
        if tally.closed is not None:
            self._say(f"closed: {tally.closed}; best: {phrases.incumbent(tally)}")
        elif kind is None:
            self._say(f"stopped; the study is open, run it again to go on; best: {phrases.incumbent(tally)}")
        else:
            self._say(f"ended by {kind.__name__}; the study is open, run it again to go on")

    def _summarize(self, tally: Tally) -> None:
        self._said_at = self._clock()
        self._say("; ".join([*phrases.limits(tally), phrases.jobs(tally)]))

    def _say(self, text: str) -> None:
        elapsed = "" if self._tally is None else duration(self._tally.elapsed_s)
        with suppress(OSError):  # whoever read this has gone away; that is no reason for a run to fail
            print(f"{self._name}: {elapsed}: {text}", file=self._stream, flush=True)
