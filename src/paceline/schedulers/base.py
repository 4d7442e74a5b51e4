"""What every scheduler is: a pure fold over facts that answers one question.

`apply(event)` is the only method that changes a scheduler; `decide()` reads, and answers with one decision or `None`.
A scheduler does no I/O, reads no clock, keeps no random state. It is applied to after the ledger, which it may read.

This base class holds what all of them share: how a job's end becomes a result, a repetition or a loss.

    the target was reported            the result counts, however the job ended
    failed, retries left               the same job again, the last time from nothing (its checkpoint may be to blame);
                                       a fork from its newest checkpoint each time
    failed, no retries left            the trial ranks last where it was going: loss +inf
    lost with its driver or worker     `_on_lost`: by default the same job again; the config is not to blame
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError, TrainingFunctionError
from paceline.events import (
    AnyEvent,
    Checkpoint,
    Config,
    Job,
    JobEnded,
    JobIssued,
    Outcome,
    Reported,
    SchedulerChanged,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.ledger import TrialState
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.random import Random
from paceline.settings import Settings


class RungView(msgspec.Struct, frozen=True):
    """One rung, for people.

    Args:
        resource: what a trial was trained to when its result entered.
        n_results: results that have entered.
        n_running: jobs on their way to it.
        n_promoted: trials that have left it upward.
        capacity: results after which a synchronous rung is full; `None` where rungs have no size.
        best_loss: the least loss in it; +inf when there is none.
    """

    resource: int
    n_results: int
    n_running: int
    n_promoted: int
    capacity: int | None
    best_loss: float


class BracketView(msgspec.Struct, frozen=True):
    """One bracket, for people.

    Args:
        number: its number in `Trial.bracket`.
        rungs: from the bottom up.
    """

    number: int
    rungs: tuple[RungView, ...]


class Explanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a scheduler decided what it did, from the facts at that moment.

    Args:
        text: a sentence for people.
        rung: index of the rung whose results were compared.
        resource: that rung's resource.
        rank: the trial's place among the results there, 1 is best.
        n_results: how many results there were.
        n_permitted: how many of the best may go on.
        cutoff: the worst loss that may go on; `None` when nobody may.
        peers: the best of the rung and the neighbours of the trial, as (trial, loss), best first.
    """

    text: str
    rung: int | None = None
    resource: int | None = None
    rank: int | None = None
    n_results: int | None = None
    n_permitted: int | None = None
    cutoff: float | None = None
    peers: tuple[tuple[TrialId, float], ...] = ()


class SchedulerSettings(Settings, frozen=True, kw_only=True):
    """Chooses a scheduler; `build` makes it.

    Args:
        sampler: where new configs come from.
    """

    sampler: SamplerSettings = msgspec.field(default_factory=Random)

    def __post_init__(self) -> None:
        """Validate; a subclass calls this first.

        Raises:
            SettingError: the sampler is none.
        """
        if not isinstance(self.sampler, SamplerSettings):
            hint = "Make one, with parentheses." if isinstance(self.sampler, type) else ""
            expected = "a sampler such as Random() or Grid(resolution=5)"
            raise SettingError("sampler", self.sampler, expected=expected, hint=hint)

    def build(self, context: Context) -> Scheduler:
        """The scheduler, in the state before the first fact.

        Raises:
            SettingError: the settings do not fit the space.
        """
        raise NotImplementedError

    @property
    def is_endless(self) -> bool:
        """Whether the scheduler goes on until a budget stops it."""
        return True

    @property
    def without_model(self) -> SchedulerSettings:
        """Settings by which as many jobs of the same lengths are issued, without a model of the scheduler's own.

        For forecasts, in which losses are made up. The sampler may have one.
        """
        return self


class Scheduler(ABC):
    """Decides which job comes next.

    Args:
        settings: the user's.
        context: space, seed and ledger.
    """

    resumes = True
    """Whether a trial that goes on starts from its newest checkpoint; otherwise it is trained anew."""

    recorded_fork: Config | None = None
    """While a journal is checked: the config of the fork that comes next. Who would ask a model for it takes this one."""

    def __init__(self, settings: SchedulerSettings, context: Context) -> None:
        self.ledger = context.ledger
        self.sampler = settings.sampler.build(context)
        self._due: dict[TrialId, None] = {}  # jobs to repeat, oldest first

    # The question ----------------------------------------------------------------------------------------------

    @abstractmethod
    def decide(self, *, may_start: bool = True) -> Decision | None:
        """The next decision for one free slot, or `None` when there is nothing to do until something has happened.

        Args:
            may_start: whether a new trial may be started; the driver says no once the study has as many as its budget
                allows. Schedulers know nothing else of budgets.
        """

    # The fold --------------------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        match event:
            case Reported():
                state = self.ledger.trials[event.trial]
                # Below what it has reached, it is a repetition, which counts no second time.
                if state.resource == event.resource and not state.is_stopped:
                    self._on_report(state)
            case JobEnded():
                self._end(event)
            case JobIssued():
                self._due.pop(event.job.trial, None)
                self._on_issued(event.job)
            case TrialCreated():
                self._on_created(event.trial)
            case TrialStopped():
                self._due.pop(event.trial, None)
                self._on_stopped(event.trial)
            case SchedulerChanged():
                self._on_settings(SchedulerSettings.from_json(event.scheduler))
            case _:
                pass  # every other fact concerns schedulers through the ledger only

    def _end(self, event: JobEnded) -> None:
        state = self.ledger.trials[event.trial]
        self._on_over(state)
        if state.is_stopped:
            return  # nobody waits for it any more
        if state.has_reached_target:
            self._enter(state, state.loss)
        elif event.outcome is Outcome.LOST:
            self._on_lost(state)
        elif state.has_failed:
            self._enter(state, math.inf)
        else:
            self._due[event.trial] = None

    def _enter(self, state: TrialState, loss: float) -> None:
        if state.job is not None:
            self.sampler.observe(state.id, state.job.target, loss)
        self._on_result(state, loss)

    def _on_created(self, trial: Trial) -> None:
        """A trial was created."""

    def _on_issued(self, job: Job) -> None:
        """A job was issued."""

    def _on_report(self, state: TrialState) -> None:
        """A trial reported the highest resource that it has reached so far; perhaps for the second time."""

    def _on_over(self, state: TrialState) -> None:
        """The trial's job no longer runs; what that means is told next."""

    def _on_result(self, state: TrialState, loss: float) -> None:
        """A trial reached its job's target with this loss, or failed for good on the way: then the loss is +inf."""

    def _on_lost(self, state: TrialState) -> None:
        """A job was lost. The default repeats it."""
        self._due[state.id] = None

    def _on_stopped(self, trial: TrialId) -> None:
        """A trial was stopped for good; what becomes of a job that it still runs is not told any more."""

    def _on_settings(self, settings: SchedulerSettings) -> None:
        """A growing setting was raised."""

    # For the deciding parts ------------------------------------------------------------------------------------

    def _repeat(self) -> ResumeTrial | None:
        """The oldest job that failed or was lost and is due again."""
        for trial in self._due:
            job = self.ledger.trials[trial].job
            return None if job is None else self._resume(trial, job.target)
        return None

    def _resume(self, trial: TrialId, target: int) -> ResumeTrial:
        """Train a trial on to `target`, from its newest checkpoint where that is allowed and there is one.

        A fork goes on from a checkpoint at its last try too: without what it has of its donor it would be another trial.
        """
        state = self.ledger.trials[trial]
        is_last_try = 0 < self.ledger.retries <= state.failures and state.trial.origin is None
        if not self.resumes or state.checkpoint is None or is_last_try:
            return ResumeTrial(trial, 0, target)
        return ResumeTrial(trial, state.checkpoint.resource, target)

    def _new_config(self, *, may_start: bool) -> Config | None:
        """The user's next given point, else the sampler's proposal; `None` without either, or when none may start."""
        if not may_start:
            return None
        if self.ledger.points:
            return self.ledger.points[0]
        return self.sampler.propose(self.ledger.next_trial)

    @property
    def _has_no_configs(self) -> bool:
        return not self.ledger.points and self.sampler.is_exhausted

    @property
    def needed_checkpoints(self) -> Mapping[str, Checkpoint]:
        """By key, those that may still be gone on from beyond the newest of each trial: where a fork may begin."""
        return MappingProxyType({})

    # For people ------------------------------------------------------------------------------------------------

    def explain(self, decision: Decision) -> Explanation:
        """Why `decision` is what `decide` answers now; asked before the decision is applied."""
        if isinstance(decision, ResumeTrial) and decision.trial in self._due:
            state = self.ledger.trials[decision.trial]
            cause = (
                f"failed ({state.failures} of {self.ledger.retries} retries)"
                if state.failures
                else "was lost"
            )
            return Explanation(f"its last job to {decision.target} {cause}, so it is repeated")
        explanation = self._explain(decision)
        if isinstance(decision, StartTrial):
            is_given = bool(self.ledger.points)
            source = "one of the points given" if is_given else self.sampler.explain(self.ledger.next_trial)
            if source:
                explanation = msgspec.structs.replace(explanation, text=f"{explanation.text}; {source}")
        return explanation

    def _explain(self, decision: Decision) -> Explanation:
        match decision:
            case StartTrial():
                return Explanation(f"a new config, to be trained to {decision.target}")
            case ForkTrial():
                origin = decision.origin
                return Explanation(f"it goes on from trial {origin.trial} at {origin.resource}")
            case ResumeTrial():
                return Explanation(f"it goes on to {decision.target}")
            case StopTrial():
                return Explanation(decision.reason)

    def standing(self, trial: TrialId) -> Explanation:
        """Where a trial stands now, and what it waits for."""
        return Explanation(f"it is {self.ledger.status(self.ledger.trials[trial])}")

    def view(self) -> Sequence[BracketView]:
        """The rungs as they are now; empty for schedulers without any."""
        return ()


def no_checkpoint(need: str, trial: TrialId, resource: int) -> TrainingFunctionError:
    """The error of a scheduler that cannot fork what was never saved; `need` says for what it would."""
    return TrainingFunctionError(
        f"{need}, and trial {trial} has saved none at resource {resource}. Save them with each report, "
        "`trial.report(..., save=lambda folder: model.save(folder / 'model.pt'))`, and load them at the start: "
        "`if trial.checkpoint: model.load(trial.checkpoint / 'model.pt')`. What was recorded is kept."
    )
