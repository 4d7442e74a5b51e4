"""What a journal says of its trials: their configs, their learning curves, their seconds, and which of them failed."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from paceline.errors import SettingError
from paceline.events import AnyEvent, Config, Job, JobEnded, JobId, JobIssued, Outcome, Reported, TrialId
from paceline.journal import Entry
from paceline.ledger import Ledger


class Source(StrEnum):
    """Where a value of a curve comes from."""

    RECORDED = "recorded"
    INTERPOLATED = "interpolated"
    EXTRAPOLATED = "extrapolated"


class Curve(msgspec.Struct, frozen=True):
    """One trial as far as it was recorded.

    Args:
        trial: its id in the record.
        resources: at which it reported, rising.
        losses: there; +inf where the metric was not finite.
        seconds: of training from nothing to there, not falling.
        fails_after: the highest resource that it reported, if it then failed for good; 0 before the first report.
        failed_s: seconds that its failed jobs took after that.
    """

    trial: TrialId
    resources: tuple[int, ...]
    losses: tuple[float, ...]
    seconds: tuple[float, ...]
    fails_after: int | None = None
    failed_s: float = 0.0

    def covers(self, resource: int) -> bool:
        """Whether the resource is between the first and the last that it reported."""
        return bool(self.resources) and self.resources[0] <= resource <= self.resources[-1]

    def source(self, resource: int) -> Source:
        """Where the loss at this resource comes from. That a trial which failed has none is recorded."""
        if self.fails_after is not None and resource > self.fails_after:
            return Source.RECORDED
        if not self.covers(resource):
            return Source.EXTRAPOLATED
        return Source.RECORDED if resource in self.resources else Source.INTERPOLATED

    def loss(self, resource: int) -> float:
        """The loss at a resource that it covers; between two reports linear in the logarithm of the resource."""
        place = bisect_left(self.resources, resource)
        if self.resources[place] == resource:
            return self.losses[place]
        before, after = self.losses[place - 1], self.losses[place]
        if math.isinf(before) or math.isinf(after):
            return math.inf
        low, high = self.resources[place - 1], self.resources[place]
        weight = math.log(resource / low) / math.log(high / low)
        return before + weight * (after - before)

    def time(self, resource: int) -> float:
        """Seconds from nothing to a resource up to its last; in proportion between two reports."""
        place = bisect_left(self.resources, resource)
        high, after = self.resources[place], self.seconds[place]
        low, before = (self.resources[place - 1], self.seconds[place - 1]) if place else (0, 0.0)
        return after if resource == high else before + (after - before) * (resource - low) / (high - low)


class Record(msgspec.Struct, frozen=True):
    """What a journal holds for replays of its curves.

    Args:
        entries: the journal.
        ledger: its fold.
        configs: by trial.
        curves: by trial.
        workers: the most jobs that ran at once.
        resumes: whether trials went on from where they were.
        report_every: the resource between reports that are no job's last; `None` where there are none.
    """

    entries: tuple[Entry, ...]
    ledger: Ledger
    configs: tuple[Config, ...]
    curves: tuple[Curve, ...]
    workers: int
    resumes: bool
    report_every: int | None


def read(entries: Iterable[Entry], study: str) -> Record:
    """A journal's record.

    Args:
        entries: the journal.
        study: its name, for messages.

    Raises:
        SettingError: there are no curves in it, or they depend on forks.
    """
    reader = _Reader()
    kept = tuple(entries)
    for at, event in kept:
        reader.apply(at, event)
    _check(reader, study)
    return Record(
        entries=kept,
        ledger=reader.ledger,
        configs=tuple(state.trial.config for state in reader.ledger.trials),
        curves=tuple(reader.curve(state.id) for state in reader.ledger.trials),
        workers=reader.most_running,
        resumes=reader.n_resumed > 0 or reader.n_restarted == 0,
        report_every=math.gcd(*reader.between) if reader.between else None,
    )


class _Reader:
    """The fold of a journal into points of curves."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.most_running = 0
        self.n_resumed = self.n_restarted = 0
        self.between: set[int] = set()  # resources of reports that are not their job's last
        self._points: dict[TrialId, dict[int, tuple[float, float]]] = {}
        self._jobs: dict[JobId, Job] = {}
        self._clock: dict[
            JobId, tuple[float, float]
        ] = {}  # (training seconds from nothing, time of the last news)
        self._failed_s: dict[TrialId, float] = {}

    def apply(self, at: float, event: AnyEvent) -> None:
        """Take in one entry."""
        match event:
            case JobIssued():
                self._issue(event.job, at)
            case Reported():
                self._report(event, at)
            case JobEnded():
                if event.outcome is Outcome.FAILED:
                    lost_s = max(0.0, at - self._clock[event.job][1])
                    self._failed_s[event.trial] = self._failed_s.get(event.trial, 0.0) + lost_s
            case _:
                pass
        self.ledger.apply(event, at)
        self.most_running = max(self.most_running, len(self.ledger.running))

    def _issue(self, job: Job, at: float) -> None:
        state = self.ledger.trials[job.trial]
        if job.start:
            self.n_resumed += 1
        elif state.resource and job.attempt == 1:
            self.n_restarted += 1
        self._jobs[job.id] = job
        self._clock[job.id] = (self._points.get(job.trial, {}).get(job.start, (0.0, 0.0))[1], at)

    def _report(self, event: Reported, at: float) -> None:
        seconds = self._clock[event.job][0] + event.seconds
        self._clock[event.job] = (seconds, at)
        loss = self.ledger.objective.loss(event.metrics)
        self._points.setdefault(event.trial, {}).setdefault(event.resource, (loss, seconds))
        self._failed_s.pop(event.trial, None)  # it has come further than where it failed
        if event.resource != self._jobs[event.job].target:
            self.between.add(event.resource)

    def curve(self, trial: TrialId) -> Curve:
        """What is known of a trial."""
        points = sorted(self._points.get(trial, {}).items())
        seconds: list[float] = []
        for _, (_, second) in points:
            seconds.append(max(second, seconds[-1] if seconds else 0.0))
        has_failed = self.ledger.trials[trial].has_failed
        return Curve(
            trial=trial,
            resources=tuple(resource for resource, _ in points),
            losses=tuple(loss for _, (loss, _) in points),
            seconds=tuple(seconds),
            fails_after=(points[-1][0] if points else 0) if has_failed else None,
            failed_s=self._failed_s.get(trial, 0.0) if has_failed else 0.0,
        )

    @property
    def resources(self) -> set[int]:
        """All resources at which anybody reported a finite loss."""
        return {
            resource
            for points in self._points.values()
            for resource, (loss, _) in points.items()
            if loss < math.inf
        }


def _check(reader: _Reader, study: str) -> None:
    if any(state.trial.origin is not None for state in reader.ledger.trials):
        raise SettingError(
            "study",
            study,
            expected="a study without forks: the curves of forks depend on who was forked from whom, so they say nothing "
            "of what another method would have seen",
        )
    resources = sorted(reader.resources)
    if not resources:
        raise SettingError(
            "study", study, expected="a study with results", hint="Ask again when trials have reported."
        )
    if len(resources) == 1:
        raise SettingError(
            "study",
            study,
            expected=f"results at two resources at least, not at {resources[0]} alone, because methods differ in what "
            "they do between the lowest and the highest",
            hint="Report at lower resources too: trial.report after each step of trial.steps().",
        )
