"""What the journal tells beyond the ledger's last word: learning curves, improvements, failures, and what each had cost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from paceline.events import JobEnded, Outcome, Reported
from paceline.journal import Entry
from paceline.ledger import Incumbent, Ledger
from paceline.views import finite_value
from paceline.wording import last_line

if TYPE_CHECKING:
    from paceline.study import Study


class Curve(msgspec.Struct, frozen=True):
    """A trial's results in the order of their resources, which rise; `None` for one that was not finite."""

    resources: tuple[int, ...]
    values: tuple[float | None, ...]


class Improvement(msgspec.Struct, frozen=True):
    """A new best result, by one of the two rules of `Study.best`.

    Args:
        elapsed_s: seconds during which a driver had run the study.
        spent: units of resource that had been trained, those of running jobs included.
        trial: whose result.
        resource: where it was reported.
        value: the metric.
    """

    elapsed_s: float
    spent: int
    trial: int
    resource: int
    value: float


class Failure(msgspec.Struct, frozen=True):
    """A job that failed.

    Args:
        elapsed_s: when, in seconds during which a driver had run the study.
        trial: whose job.
        job: the job.
        start: the resource from which it trained ...
        target: ... and to which it was to train.
        error: the line that says what went wrong.
    """

    elapsed_s: float
    trial: int
    job: int
    start: int
    target: int
    error: str


class Record(msgspec.Struct, frozen=True):
    """The whole of it.

    Args:
        curves: by trial.
        incumbents: each incumbent: at the largest resource at which a job had reached its target until then.
        best: each best result at any resource.
        failures: oldest first.
        began: when the first event was recorded, seconds since the epoch; `None` where nothing was ...
        ended: ... and the last one.
        elapsed_s: seconds during which a driver ran the study.
        spent: units of resource that were trained, those of running jobs included.
    """

    curves: dict[int, Curve]
    incumbents: list[Improvement]
    best: list[Improvement]
    failures: list[Failure]
    began: float | None
    ended: float | None
    elapsed_s: float
    spent: int


def record_of(study: Study) -> Record:
    """What a study's journal tells."""
    return recorded(study.entries())


def recorded(entries: Iterable[Entry]) -> Record:
    """What a journal tells, read once."""
    reader = _Reader()
    for at, event in entries:
        reader.take(at, event)
    return reader.record()


class _Reader:
    """Folds the journal beside a ledger of its own."""

    def __init__(self) -> None:
        self._ledger = Ledger()
        self._underway = 0  # units that running jobs have reported
        self._points: dict[int, list[tuple[int, float | None]]] = {}
        self._incumbents: list[Improvement] = []
        self._best: list[Improvement] = []
        self._failures: list[Failure] = []
        self._began: float | None = None
        self._ended: float | None = None

    def take(self, at: float, event: object) -> None:
        """Take in one fact."""
        ledger = self._ledger
        before = ledger.best_at_max_resource, ledger.best_at_any_resource
        match event:
            case Reported():
                self._underway += event.resource - ledger.running[event.job].resource
            case JobEnded():
                running = ledger.running[event.job]
                self._underway -= running.resource - running.job.start
        job = ledger.running[event.job].job if isinstance(event, JobEnded) else None
        ledger.apply(event, at)  # type: ignore[arg-type]  # an entry's event
        self._began = at if self._began is None else self._began
        self._ended = at
        if isinstance(event, Reported):
            self._report(event)
            self._improve(self._incumbents, before[0], ledger.best_at_max_resource)
            self._improve(self._best, before[1], ledger.best_at_any_resource)
        elif isinstance(event, JobEnded) and job is not None and event.outcome is Outcome.FAILED:
            error = last_line(event.error)
            self._failures.append(
                Failure(ledger.elapsed_s, event.trial, event.job, job.start, job.target, error)
            )

    def record(self) -> Record:
        """All that was taken in."""
        curves = {trial: Curve(*zip(*points, strict=True)) for trial, points in self._points.items()}
        return Record(
            curves=curves,
            incumbents=self._incumbents,
            best=self._best,
            failures=self._failures,
            began=self._began,
            ended=self._ended,
            elapsed_s=self._ledger.elapsed_s,
            spent=self._ledger.trained + self._underway,
        )

    def _report(self, event: Reported) -> None:
        points = self._points.setdefault(event.trial, [])
        if points and event.resource <= points[-1][0]:
            return  # a repetition: each boundary counts once, as in the ledger
        objective = self._ledger.objective
        points.append((event.resource, finite_value(objective, objective.loss(event.metrics))))

    def _improve(self, found: list[Improvement], before: Incumbent | None, now: Incumbent | None) -> None:
        if now is None or now is before:
            return
        ledger = self._ledger
        spent, value = ledger.trained + self._underway, ledger.objective.value(now.loss)
        found.append(Improvement(ledger.elapsed_s, spent, now.trial, now.resource, value))
