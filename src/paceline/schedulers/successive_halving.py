"""Synchronous successive halving (Jamieson and Talwalkar 2016; Li et al. 2020, algorithm 1).

A bracket starts n configs at a low resource, waits until all of them are there, and trains the best 1/η of them η times
as long; and so on to the top. Decisions are synchronous, jobs are not: while a bracket waits for its last results, free
slots start the next bracket (`overlap`). A baseline whose workers idle instead is a straw man.

`BracketScheduler` is shared with Hyperband, which is the same machine with brackets of several shapes.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import deque
from collections.abc import Sequence

import msgspec

from paceline.decisions import Decision, ResumeTrial, StartTrial
from paceline.errors import SettingError
from paceline.events import Job, Trial, TrialId
from paceline.ledger import TrialState
from paceline.samplers.base import Context
from paceline.schedulers.base import BracketView, Explanation, RungView, Scheduler, SchedulerSettings
from paceline.schedulers.rungs import compare, n_halvings
from paceline.settings import at_least, true_or_false


class Shape(msgspec.Struct, frozen=True):
    """What a bracket is before anything happened in it.

    Args:
        sizes: trials in each rung, bottom first.
        resources: what each rung trains to; the last is R exactly.
    """

    sizes: tuple[int, ...]
    resources: tuple[int, ...]


def shape_from_top(n: int, max_resource: int, eta: int, n_rungs: int) -> Shape:
    """A bracket of `n` trials whose `n_rungs` rungs are anchored at R: ⌊n·η^-i⌋ trials at ⌊R·η^(i-K)⌋, K the top rung.

    Li et al. 2018 (Hyperband), algorithm 1, lines 4 to 7. Floors are exact integer divisions.
    """
    top = n_rungs - 1
    return Shape(
        sizes=tuple(n // eta**i for i in range(n_rungs)),
        resources=tuple(max_resource // eta ** (top - i) for i in range(n_rungs)),
    )


class SuccessiveHalving(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Brackets of `n_trials` that are halved by `reduction_factor` until the best are trained to `max_resource`.

    Args:
        max_resource: R, in the study's unit.
        min_resource: r: the bottom rung trains to at least this; rungs are R/η^k, so to exactly this if R = r·η^k.
        reduction_factor: η, of each rung the best 1/η go on.
        n_trials: n, how many start a bracket; `None` is η^K, the fewest that bring one trial to R.
        brackets: how many, one after the other; `None` until the budget ends.
        overlap: start the next bracket while one waits for its last results; otherwise slots idle.
        resume: go on from checkpoints; otherwise each promotion trains anew.
        sampler: where configs come from.
    """

    max_resource: int
    min_resource: int = 1
    reduction_factor: int = 3
    n_trials: int | None = None
    brackets: int | None = 1
    overlap: bool = True
    resume: bool = True

    growing = ("brackets",)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong, or fewer than one trial would reach `max_resource`.
        """
        super().__post_init__()
        check_resources(self.min_resource, self.max_resource, self.reduction_factor)
        true_or_false("overlap", self.overlap)
        true_or_false("resume", self.resume)
        if self.n_trials is not None:
            least = self.reduction_factor ** n_halvings(
                self.min_resource, self.max_resource, self.reduction_factor
            )
            if isinstance(self.n_trials, bool) or not isinstance(self.n_trials, int) or self.n_trials < least:
                raise SettingError(
                    "n_trials",
                    self.n_trials,
                    expected=f"a whole number of at least {least}, so that one trial reaches max_resource",
                )
        if self.brackets is not None:
            at_least("brackets", self.brackets, 1)

    def shape(self) -> Shape:
        """What each bracket is."""
        top = n_halvings(self.min_resource, self.max_resource, self.reduction_factor)
        n = self.reduction_factor**top if self.n_trials is None else self.n_trials
        return shape_from_top(n, self.max_resource, self.reduction_factor, top + 1)

    def build(self, context: Context) -> SuccessiveHalvingScheduler:
        """The scheduler."""
        return SuccessiveHalvingScheduler(self, context)

    @property
    def is_endless(self) -> bool:
        """Whether brackets follow each other without end."""
        return self.brackets is None


def check_resources(min_resource: object, max_resource: object, reduction_factor: object) -> None:
    """Refuse resources between which there is no rung.

    Raises:
        SettingError: one of them is not a whole number, or too small.
    """
    at_least("reduction_factor", reduction_factor, 2)
    at_least("min_resource", min_resource, 1)
    at_least("max_resource", max_resource, 1)
    if max_resource < min_resource:  # type: ignore[operator]  # both were just shown to be whole numbers
        raise SettingError(
            "max_resource", max_resource, expected=f"at least min_resource, which is {min_resource}"
        )


class Bracket:
    """A synchronous bracket: rung after rung, each complete before the next begins.

    Args:
        shape: its sizes and resources.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.stage = 0
        self.n_created = 0
        self.results: list[dict[TrialId, float]] = [{}]
        self.waiting: deque[TrialId] = deque()
        self.expected = shape.sizes[0]
        self.n_running = 0

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do in it."""
        return self.stage == len(self.shape.sizes)

    @property
    def wants_trials(self) -> bool:
        """Whether its bottom rung is not full yet."""
        return self.stage == 0 and self.n_created < self.expected

    def enter(self, trial: TrialId, loss: float) -> None:
        """A result enters the current rung, and closes it if it was the last."""
        self.results[self.stage][trial] = loss
        self.close_if_complete()

    def withdraw(self, trial: TrialId, target: int) -> None:
        """A trial was stopped: it ranks last where it was going, so that nobody waits for it.

        Args:
            trial: the trial.
            target: of its last job.
        """
        if self.is_done:
            return
        if trial in self.waiting:
            self.waiting.remove(trial)
        elif target != self.shape.resources[self.stage]:
            return  # it was out already
        self.enter(trial, math.inf)

    def close_if_complete(self) -> None:
        """Once every result is in: the best of the rung wait for the next."""
        if self.is_done or len(self.results[self.stage]) < self.expected:
            return
        survivors = self.survivors(self.stage)
        self.stage += 1
        if self.is_done:
            return
        if not survivors:  # all failed: nothing to go on with
            self.stage = len(self.shape.sizes)
            return
        self.waiting.extend(survivors)
        self.expected = len(survivors)
        self.results.append({})

    def survivors(self, stage: int) -> list[TrialId]:
        """The best of a rung, as many as the next takes; a trial that failed or diverged is never among them."""
        if stage + 1 >= len(self.shape.sizes):
            return []
        ranked = sorted((loss, trial) for trial, loss in self.results[stage].items() if loss < math.inf)
        return [trial for _, trial in ranked[: self.shape.sizes[stage + 1]]]


class BracketScheduler(Scheduler):
    """Runs synchronous brackets, the oldest first, and opens the next when there is nothing else to do.

    A subclass says with `shape_of(number)` what each bracket is, `None` after the last.
    """

    def __init__(self, settings: SchedulerSettings, context: Context, *, overlap: bool) -> None:
        super().__init__(settings, context)
        self._overlap = overlap
        self._brackets: list[Bracket] = []
        self._active: dict[int, Bracket] = {}

    @abstractmethod
    def shape_of(self, number: int) -> Shape | None:
        """What the bracket of this number is, or `None` when there is none."""

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """Repeat what is due, else serve the oldest bracket that has work, else open the next."""
        if (repetition := self._repeat()) is not None:
            return repetition
        for number, bracket in self._active.items():
            if bracket.waiting:
                return self._resume(bracket.waiting[0], bracket.shape.resources[bracket.stage])
            if (
                bracket.wants_trials
                and (start := self._start(number, bracket.shape, may_start=may_start)) is not None
            ):
                return start
        if self._active and not self._overlap:
            return None
        number = len(self._brackets)
        shape = self.shape_of(number)
        return None if shape is None else self._start(number, shape, may_start=may_start)

    def _start(self, number: int, shape: Shape, *, may_start: bool) -> StartTrial | None:
        config = self._new_config(may_start=may_start)
        return None if config is None else StartTrial(config, shape.resources[0], number)

    def _on_created(self, trial: Trial) -> None:
        number = self._number(trial)
        while number >= len(self._brackets):
            shape = self.shape_of(len(self._brackets))
            if shape is None:  # settings only grow, so a recorded trial always has its bracket
                raise AssertionError(f"trial {trial.id} belongs to bracket {number}, which does not exist")
            self._brackets.append(Bracket(shape))
            self._active[len(self._brackets) - 1] = self._brackets[-1]
        self._brackets[number].n_created += 1
        if (
            self._has_no_configs
        ):  # a grid came to its end: the open brackets have all the trials that they will get
            for bracket in self._active.values():
                if bracket.wants_trials:
                    bracket.expected = bracket.n_created

    def _on_issued(self, job: Job) -> None:
        bracket = self._bracket_of(job.trial)
        bracket.n_running += 1
        if bracket.waiting and bracket.waiting[0] == job.trial:
            bracket.waiting.popleft()

    def _on_over(self, state: TrialState) -> None:
        self._bracket_of(state.id).n_running -= 1

    def _on_result(self, state: TrialState, loss: float) -> None:
        self._bracket_of(state.id).enter(state.id, loss)
        self._forget_if_done(self._number(state.trial))

    def _on_stopped(self, trial: TrialId) -> None:
        state = self.ledger.trials[trial]
        if state.job is not None:
            self._bracket_of(trial).withdraw(trial, state.job.target)
            self._forget_if_done(self._number(state.trial))

    def _forget_if_done(self, number: int) -> None:
        if self._brackets[number].is_done:
            self._active.pop(number, None)

    def _number(self, trial: Trial) -> int:
        return trial.bracket or 0

    def _bracket_of(self, trial: TrialId) -> Bracket:
        return self._brackets[self._number(self.ledger.trials[trial].trial)]

    def _explain(self, decision: Decision) -> Explanation:
        if isinstance(decision, ResumeTrial):
            bracket = self._bracket_of(decision.trial)
            return self._compare(bracket, bracket.stage - 1, decision.trial, f"promoted to {decision.target}")
        if isinstance(decision, StartTrial):
            number = decision.bracket or 0
            n_created = self._brackets[number].n_created if number < len(self._brackets) else 0
            shape = self.shape_of(number)
            size = 0 if shape is None else shape.sizes[0]
            return Explanation(
                f"config {n_created + 1} of {size} of bracket {number}, trained to {decision.target}"
            )
        return super()._explain(decision)

    def standing(self, trial: TrialId) -> Explanation:
        """Where a trial stands now, and what it waits for."""
        bracket = self._bracket_of(trial)
        stage = max((i for i, results in enumerate(bracket.results) if trial in results), default=None)
        if stage is None or self.ledger.trials[trial].is_running:
            return super().standing(trial)
        missing = bracket.expected - len(bracket.results[stage])
        if stage == bracket.stage and missing:
            verdict = f"it waits until {missing} more have finished there"
        elif stage == len(bracket.shape.sizes) - 1:
            verdict = "it is fully trained"
        elif trial in bracket.waiting:
            verdict = "it waits for a free worker"
        else:
            verdict = "it was not among them and is never resumed"
        return self._compare(bracket, stage, trial, verdict)

    def _compare(self, bracket: Bracket, stage: int, trial: TrialId, verdict: str) -> Explanation:
        sizes, resources = bracket.shape.sizes, bracket.shape.resources
        n_permitted = sizes[stage + 1] if stage + 1 < len(sizes) else 0
        return compare(
            bracket.results[stage], trial, n_permitted, rung=stage, resource=resources[stage], verdict=verdict
        )

    def view(self) -> Sequence[BracketView]:
        """The brackets that were opened, the newest last."""
        return [
            BracketView(number, tuple(_rung_view(bracket, i) for i in range(len(bracket.shape.sizes))))
            for number, bracket in enumerate(self._brackets)
        ]


def _rung_view(bracket: Bracket, i: int) -> RungView:
    results = bracket.results[i] if i < len(bracket.results) else {}
    above = len(bracket.results[i + 1]) if i + 1 < len(bracket.results) else 0
    running = bracket.n_running if i == bracket.stage else 0
    running_above = bracket.n_running if i + 1 == bracket.stage else 0
    return RungView(
        resource=bracket.shape.resources[i],
        n_results=len(results),
        n_running=running,
        n_promoted=above + running_above,
        capacity=bracket.shape.sizes[i],
        best_loss=min(results.values(), default=math.inf),
    )


class SuccessiveHalvingScheduler(BracketScheduler):
    """See `SuccessiveHalving`."""

    def __init__(self, settings: SuccessiveHalving, context: Context) -> None:
        super().__init__(settings, context, overlap=settings.overlap)
        self.resumes = settings.resume
        self._settings = settings
        self._shape = settings.shape()

    def shape_of(self, number: int) -> Shape | None:
        """The one shape, as often as there are brackets."""
        limit = self._settings.brackets
        return self._shape if limit is None or number < limit else None

    def _on_settings(self, settings: SchedulerSettings) -> None:
        if isinstance(settings, SuccessiveHalving):
            self._settings = settings
