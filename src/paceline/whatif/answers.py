"""What is read off a journal, a recorded or a simulated one: the same figures, by the same rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import msgspec
import numpy as np

from paceline.events import JobIssued, Objective, Reported, TrialId
from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.whatif.record import Source


class Outcome(msgspec.Struct, frozen=True):
    """What one study came to.

    Args:
        elapsed_s: seconds until it was done.
        resource: units that it trained.
        trials: configs that it tried.
        fully_trained: how many of them it trained to R.
        best: the best value at R, in the metric's own sign; `None` if none is finite.
        best_trial: whose it is, by its id in the record.
        best_is_extrapolated: whether that value was not recorded.
        target_s: seconds until a fully trained config was as good as the target; `None` if none was.
        target_resource: units trained by then.
        n_values: results that were asked for, one for each job that reached its target.
        n_interpolated: how many of them lie between two recorded ones.
        n_extrapolated: how many of them lie beyond what was recorded.
        n_promotions: jobs that trained a trial on.
        n_guessed_promotions: how many of these were earned by an extrapolated value.
        is_limited: whether it would have tried more configs than the pool has.
        closed: why it ended.
    """

    elapsed_s: float
    resource: int
    trials: int
    fully_trained: int
    best: float | None
    best_trial: TrialId | None
    best_is_extrapolated: bool
    target_s: float | None
    target_resource: int | None
    n_values: int = 0
    n_interpolated: int = 0
    n_extrapolated: int = 0
    n_promotions: int = 0
    n_guessed_promotions: int = 0
    is_limited: bool = False
    closed: str | None = None


class Range(msgspec.Struct, frozen=True):
    """A figure over several orders of the pool.

    Args:
        median: of all; `None` where half of them have none.
        low: the tenth least of a hundred ...
        high: ... and the tenth greatest; `None` where that one has none.
    """

    median: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, values: Iterable[float | None], *, missing: float = math.inf) -> Range:
        """The range of values; those that are `None` count as `missing`."""
        sample = [missing if value is None else float(value) for value in values]
        found = np.quantile(sample, [0.5, 0.1, 0.9], method="inverted_cdf").tolist()
        return cls(*(value if math.isfinite(value) else None for value in found))


class Provenance(Protocol):
    """What tells where values come from."""

    def source(self, trial: TrialId, resource: int) -> Source:
        """Where what a trial reports at a resource comes from."""
        ...

    def recorded_trial(self, trial: TrialId) -> TrialId:
        """A trial's id in the record."""
        ...


class AsRecorded:
    """The provenance of the record itself."""

    def source(self, trial: TrialId, resource: int) -> Source:  # noqa: ARG002 - all of it was recorded
        """It was recorded."""
        return Source.RECORDED

    def recorded_trial(self, trial: TrialId) -> TrialId:
        """The trial itself."""
        return trial


def outcome(
    entries: Sequence[Entry], provenance: Provenance, *, max_resource: int, target: float | None
) -> Outcome:
    """What a study came to.

    Args:
        entries: its journal.
        provenance: of its values.
        max_resource: R, where configs are compared.
        target: the loss to reach.
    """
    reading = _Reading(provenance, max_resource, target)
    for at, event in entries:
        reading.apply(at, event)
    return reading.outcome()


class _Reading:
    """The fold of a journal into an `Outcome`."""

    def __init__(self, provenance: Provenance, max_resource: int, target: float | None) -> None:
        self._provenance = provenance
        self._max_resource = max_resource
        self._target = target
        self._ledger = Ledger()
        self._best: tuple[float, TrialId] | None = None
        self._full: set[TrialId] = set()
        self._reached: tuple[float, int] | None = None  # when, after how many units
        self._spent = 0
        self._counts = dict.fromkeys(Source, 0)
        self._n_promotions = self._n_guessed = 0

    def apply(self, at: float, event: object) -> None:
        """Take in one entry."""
        ledger = self._ledger
        if isinstance(event, JobIssued):
            self._issue(event)
        is_last = False
        if isinstance(event, Reported):
            running = ledger.running[event.job]
            self._spent += event.resource - running.resource
            is_last = event.resource == running.job.target
        ledger.apply(event, at)  # type: ignore[arg-type]  # whatever a journal holds
        if isinstance(event, Reported):
            if is_last:
                self._counts[self._provenance.source(event.trial, event.resource)] += 1
            if event.resource == self._max_resource:
                self._arrive(event.trial, ledger.objective.loss(event.metrics))

    def _issue(self, issued: JobIssued) -> None:
        job = issued.job
        state = self._ledger.trials[job.trial]
        if job.attempt > 1 or not state.resource:
            return
        self._n_promotions += 1
        self._n_guessed += self._provenance.source(job.trial, state.resource) is Source.EXTRAPOLATED

    def _arrive(self, trial: TrialId, loss: float) -> None:
        if trial in self._full or math.isinf(loss):
            return
        self._full.add(trial)
        if self._best is None or (loss, trial) < self._best:
            self._best = (loss, trial)
        if self._reached is None and self._target is not None and loss <= self._target:
            self._reached = (self._ledger.elapsed_s, self._spent)

    def outcome(self) -> Outcome:
        """What it all amounts to."""
        ledger, best = self._ledger, self._best
        is_guess = best is not None and (
            self._provenance.source(best[1], self._max_resource) is not Source.RECORDED
        )
        return Outcome(
            elapsed_s=ledger.elapsed_s,
            resource=ledger.trained,
            trials=len(ledger.trials),
            fully_trained=len(self._full),
            best=None if best is None else ledger.objective.value(best[0]),
            best_trial=None if best is None else self._provenance.recorded_trial(best[1]),
            best_is_extrapolated=is_guess,
            target_s=None if self._reached is None else self._reached[0],
            target_resource=None if self._reached is None else self._reached[1],
            n_values=sum(self._counts.values()),
            n_interpolated=self._counts[Source.INTERPOLATED],
            n_extrapolated=self._counts[Source.EXTRAPOLATED],
            n_promotions=self._n_promotions,
            n_guessed_promotions=self._n_guessed,
            closed=ledger.closed,
        )


class Answer(msgspec.Struct, frozen=True):
    """What one method would have done, or did.

    Args:
        method: in words.
        workers: jobs that run at once.
        outcomes: one for each order of the pool, that of the record first.
        maximize: the direction of `best`.
        scheduler: its settings as JSON, without the sampler.
    """

    method: str
    workers: int
    outcomes: tuple[Outcome, ...]
    maximize: bool = False
    scheduler: dict[str, object] = {}

    @property
    def elapsed_s(self) -> Range:
        """Seconds until done."""
        return Range.of(one.elapsed_s for one in self.outcomes)

    @property
    def resource(self) -> Range:
        """Units trained."""
        return Range.of(one.resource for one in self.outcomes)

    @property
    def best(self) -> Range:
        """The best value at R."""
        missing = -math.inf if self.maximize else math.inf
        return Range.of((one.best for one in self.outcomes), missing=missing)

    @property
    def target_s(self) -> Range:
        """Seconds to the target."""
        return Range.of(one.target_s for one in self.outcomes)

    @property
    def target_resource(self) -> Range:
        """Units trained to the target."""
        return Range.of(one.target_resource for one in self.outcomes)

    @property
    def extrapolated(self) -> float:
        """The share of values that were extrapolated."""
        return _share(
            sum(one.n_extrapolated for one in self.outcomes), sum(one.n_values for one in self.outcomes)
        )

    @property
    def guessed_promotions(self) -> float:
        """The share of promotions that an extrapolated value earned."""
        guessed = sum(one.n_guessed_promotions for one in self.outcomes)
        return _share(guessed, sum(one.n_promotions for one in self.outcomes))

    @property
    def guessed_best(self) -> float:
        """The share of the best values that were not recorded."""
        return _share(sum(one.best_is_extrapolated for one in self.outcomes), len(self.outcomes))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


class WhatIf(msgspec.Struct, frozen=True):
    """What other methods would have done on a recorded study.

    Args:
        study: its name.
        objective: the metric and its direction.
        unit: what a unit of resource is.
        max_resource: R, where configs are compared.
        target: the value whose time is told: the study's own best, unless another was asked for.
        pool: how many recorded configs there are to try.
        recorded: what really happened.
        check: the recorded method and workers, simulated; what differs from `recorded` is the machine's error.
        answers: the methods asked for.
        notes: what to know before one believes any of it.
    """

    study: str
    objective: Objective
    unit: str
    max_resource: int
    target: float | None
    pool: int
    recorded: Answer
    check: Answer
    answers: tuple[Answer, ...]
    notes: tuple[str, ...]
