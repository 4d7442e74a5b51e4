"""Progress for a terminal: rungs that fill, workers and what they train, the incumbent, the budget.

rich draws it from a thread of its own, a few times a second, so that the clock runs while a long epoch trains. That
thread reads the tally only, and never waits for its lock: when the driver holds it, the last picture is shown again.
If it waited, a signal handler that prints (rich guards its console by a lock too) could deadlock with it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.progress import phrases
from paceline.progress.tally import JobTally, RungTally, Tally
from paceline.schedulers.base import Scheduler
from paceline.wording import count, duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

REFRESHES_PER_S = 4
MAX_JOBS = 8
"""Running jobs that are listed; of a thousand workers nobody reads a thousand lines."""
MAX_BRACKETS = 4
BAR_WIDTH = 30


class LiveProgress:
    """A display that is drawn over itself. An observer, and a context manager that gives the terminal back.

    Args:
        name: the study's.
        ledger: the study's, with everything replayed when the context is entered.
        scheduler: the study's.
        stream: the terminal.
        console: instead of one made for `stream`.
    """

    def __init__(
        self,
        name: str,
        ledger: Ledger,
        scheduler: Scheduler,
        stream: TextIO,
        *,
        console: Console | None = None,
    ) -> None:
        self._name = name
        self._ledger = ledger
        self._scheduler = scheduler
        self._stream = stream
        self._console = console
        self._lock = threading.Lock()
        self._context = ExitStack()
        self._tally: Tally | None = None
        self._picture: RenderableType = ""

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
        from rich.live import Live  # noqa: PLC0415

        self._tally = Tally(self._ledger, self._scheduler)
        console = Console(file=self._stream) if self._console is None else self._console
        self._context.enter_context(
            Live(
                console=console,
                get_renderable=self._draw,
                refresh_per_second=REFRESHES_PER_S,
                redirect_stdout=sys.stdout.isatty(),  # what goes into a pipe must arrive there
                redirect_stderr=sys.stderr.isatty(),
            )
        )
        return self

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Take in what was recorded."""
        if self._tally is None:
            raise AssertionError("enter the context before observing")
        with self._lock:
            self._tally.add(entries)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal has gone away; that is no reason for a run to fail
            self._context.__exit__(kind, error, trace)

    def _draw(self) -> RenderableType:
        if self._tally is not None and self._lock.acquire(blocking=False):
            try:
                self._picture = picture(self._name, self._tally)
            finally:
                self._lock.release()
        return self._picture


def picture(name: str, tally: Tally) -> RenderableType:
    """The display at this moment; its cost depends on what is shown, not on the number of trials."""
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    goal = "maximize" if tally.objective.maximize else "minimize"
    title = Text(f"{name}: {goal} {tally.objective.metric}, {count(tally.slots, 'worker')}", style="bold")
    title.append(f"  {duration(tally.elapsed_s)}", style="not bold dim")
    return Group(
        title, _facts(tally), _rungs(tally), _jobs(tally)
    )  # what a small terminal cuts off comes last


def _rungs(tally: Tally) -> Table:
    table = _columns("right", "left", "left")
    numbers = sorted(tally.busy)[:MAX_BRACKETS] or list(islice(reversed(tally.brackets), 1))
    for number in numbers:
        rungs = tally.brackets[number]
        scale = max((rung.results + rung.running for rung in rungs.values()), default=0)
        if len(tally.brackets) > 1:
            table.add_row("", f"bracket {number}", "")
        for resource, rung in sorted(rungs.items()):
            table.add_row(
                count(resource, tally.unit), _bar(rung.results, rung.capacity or scale), _entered(rung)
            )
    n_more = len(tally.busy) - len(numbers)
    if n_more > 0:
        table.add_row("", f"and {count(n_more, 'bracket')} more", "")
    return table


def _entered(rung: RungTally) -> str:
    of = f" of {rung.capacity}" if rung.capacity is not None else ""
    running = f", {rung.running} running" if rung.running else ""
    return f"{rung.results}{of}{running}"


def _jobs(tally: Tally) -> Table:
    table = _columns("right", "left", "left")
    for running in islice(tally.running.values(), MAX_JOBS):
        job = running.job
        attempt = f", attempt {job.attempt}" if job.attempt > 1 else ""
        done = f"{running.resource} of {count(job.target, tally.unit)}{attempt}"
        table.add_row(f"trial {job.trial}", _job_bar(running), done)
    n_more = len(tally.running) - MAX_JOBS
    if n_more > 0:
        table.add_row("", f"and {count(n_more, 'job')} more", "")
    return table


def _job_bar(running: JobTally) -> RenderableType:
    return _bar(running.resource - running.job.start, running.job.target - running.job.start)


def _facts(tally: Tally) -> Table:
    from rich.text import Text  # noqa: PLC0415 - plain text: a config or an error may look like markup

    table = _columns("left", "left")
    table.add_row("best", Text(phrases.incumbent(tally)))
    for i, limit in enumerate(phrases.limits(tally)):
        table.add_row("" if i else "spent", limit)
    table.add_row("jobs", phrases.jobs(tally))
    if tally.last_failure is not None:
        table.add_row("failed", Text(phrases.failure(tally.last_failure, tally), style="red"))
    return table


def _bar(done: int, total: int) -> RenderableType:
    from rich.progress_bar import ProgressBar  # noqa: PLC0415

    return ProgressBar(total=max(1, total), completed=done, width=BAR_WIDTH)


def _columns(*justify: str) -> Table:
    from rich.table import Table  # noqa: PLC0415

    table = Table.grid(padding=(0, 1))
    for side in justify:
        table.add_column(justify="right" if side == "right" else "left")
    return table
