"""ASHA: asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning").

    a free worker asks (algorithm 2, `get_job`):
        for each rung from the highest below the top down to the bottom:
            if one of its best ⌊n/η⌋ results was not promoted yet: promote the best of these
        otherwise start a new config in the bottom rung

No worker ever waits: there is always a promotion, or a new config. A promotion is marked when the job is handed out,
not when it returns. A promotion that was lost with its worker is promotable again; one whose training failed for good
ranks last in the rung above. Readings where the paper leaves room:

`variant`   "promote" is the paper's: a trial pauses at its rung and goes on when the rung has grown around it. "stop" is
            the rule of Ray Tune, Optuna and Syne Tune: at each rung a trial goes on at once if it is among the best
            max(1, ⌊n/η⌋) of those that came before it and itself, else it is stopped for ever (Optuna's form; the
            first to arrive always goes on). Results differ.
`brackets`  more than one is asynchronous Hyperband: bracket b leaves out the b lowest rungs. A free worker serves the
            bracket to which the rule assigns it, "resource": the one with the least resource issued so far, as each of
            Hyperband's brackets gets the same; or "trained": the one with the least ⌊(trials at R)·(b+1)/(number of
            brackets)⌋, which is the first author's code. Ties go to the bracket that starts lowest. Each bracket has its own rungs.
`max_resource=None`  the infinite horizon (section 3.3): rungs are added as promotions reach them.
`rung_value`  what ranks a trial at a rung: its "last" value there, or the "best" so far (the first author's code).
`delay`     D-ASHA (Li et al. 2022, Hyper-Tune): a rung promotes only while it has at least η·(m+1) results, where m is
            the number of trials in or on their way to the next; fewer wrong promotions at the start.
`hedge`     this share of the resource goes to direct trials: one run from nothing to R, whatever the rungs say of it. What
            it reports on the way enters each rung, marked promoted. The first trial of a study is one, so something is
            fully trained after time(R), and a space whose low resources mislead costs less. Ours; 0 is the paper's.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

import msgspec

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError
from paceline.events import Job, Trial, TrialId
from paceline.ledger import TrialState
from paceline.samplers.base import Context
from paceline.schedulers.base import BracketView, Explanation, RungView, Scheduler, SchedulerSettings
from paceline.schedulers.rungs import Rung, compare, extend_resources, rung_resources
from paceline.schedulers.successive_halving import check_resources
from paceline.settings import at_least, one_of, true_or_false, within


class ASHA(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Asynchronous successive halving; see this file's head for the readings.

    Args:
        max_resource: R, in the study's unit; `None` for the infinite horizon.
        min_resource: r, what every config is trained to first.
        reduction_factor: η; the paper's experiments use 4.
        variant: `"promote"` pauses and resumes trials; `"stop"` decides once, at each rung.
        brackets: how many; 1 is ASHA, more is asynchronous Hyperband.
        bracket_rule: which bracket a free worker serves.
        rung_value: what ranks a trial at a rung.
        resume: go on from checkpoints; otherwise each promotion trains anew.
        delay: promote later, and less often wrongly.
        hedge: the share of resource that goes to trials which are trained to R at once, below 1.
        sampler: where new configs come from.
    """

    max_resource: int | None
    min_resource: int = 1
    reduction_factor: int = 3
    variant: Literal["promote", "stop"] = "promote"
    brackets: int = 1
    bracket_rule: Literal["resource", "trained"] = "resource"
    rung_value: Literal["last", "best"] = "last"
    resume: bool = True
    delay: bool = False
    hedge: float = 0.0

    growing = ("max_resource",)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        top = self.min_resource if self.max_resource is None else self.max_resource
        check_resources(self.min_resource, top, self.reduction_factor)
        one_of("variant", self.variant, ("promote", "stop"))
        one_of("bracket_rule", self.bracket_rule, ("resource", "trained"))
        one_of("rung_value", self.rung_value, ("last", "best"))
        true_or_false("resume", self.resume)
        true_or_false("delay", self.delay)
        at_least("brackets", self.brackets, 1)
        if self.max_resource is not None:
            n_rungs = len(rung_resources(self.min_resource, self.max_resource, self.reduction_factor))
            if self.brackets > n_rungs:
                raise SettingError(
                    "brackets", self.brackets, expected=f"at most {n_rungs}, the number of rungs"
                )
        if self.max_resource is None and self.variant == "stop":
            raise SettingError(
                "max_resource",
                None,
                expected='a whole number with variant="stop", where the first trial would go on for ever',
            )
        if self.delay and self.variant == "stop":
            raise SettingError(
                "delay", self.delay, expected='False with variant="stop", which promotes nobody'
            )
        within("hedge", self.hedge, 0, 0.99)
        is_plain = self.variant == "promote" and self.brackets == 1 and self.max_resource is not None
        if self.hedge and not is_plain:
            expected = '0, except with variant="promote", one bracket and a finite max_resource'
            raise SettingError("hedge", self.hedge, expected=expected)

    def build(self, context: Context) -> AshaScheduler:
        """The scheduler."""
        return AshaScheduler(self, context)


class Bracket:
    """The rungs of one bracket.

    Args:
        number: how many of the lowest rungs it leaves out.
        settings: ASHA's.
    """

    def __init__(self, number: int, settings: ASHA) -> None:
        self.eta = settings.reduction_factor
        self.is_infinite = settings.max_resource is None
        self.issued = 0  # units of resource, for the bracket rule
        bottom, top = settings.min_resource, settings.max_resource
        if top is None:
            resources = [bottom * self.eta**number]
        else:
            resources = rung_resources(bottom, top, self.eta)[number:]
        self.rungs = [Rung(resource, self.eta) for resource in resources]

    @property
    def top(self) -> Rung | None:
        """The rung from which nobody is promoted; the infinite horizon has none."""
        return None if self.is_infinite else self.rungs[-1]

    def index(self, resource: int) -> int:
        """The index of the rung at this resource; on the infinite horizon a missing one is added."""
        if self.is_infinite:
            while self.rungs[-1].resource < resource:
                self.rungs.append(Rung(self.rungs[-1].resource * self.eta, self.eta))
        for i, rung in enumerate(self.rungs):
            if rung.resource == resource:
                return i
        raise AssertionError(f"no rung at resource {resource}")

    def next_resource(self, index: int) -> int:
        """What a trial promoted from this rung is trained to."""
        return (
            self.rungs[index + 1].resource
            if index + 1 < len(self.rungs)
            else self.rungs[index].resource * self.eta
        )

    def below_top(self) -> Iterator[tuple[int, Rung]]:
        """The rungs that may promote, with their indices, from the highest down."""
        last = len(self.rungs) - (1 if self.is_infinite else 2)
        for i in range(last, -1, -1):
            yield i, self.rungs[i]

    def extend(self, max_resource: int) -> None:
        """Add rungs above the top, which thereby becomes a rung that promotes."""
        resources = extend_resources([rung.resource for rung in self.rungs], max_resource, self.eta)
        self.rungs += [Rung(resource, self.eta) for resource in resources[len(self.rungs) :]]

    def n_arrived_or_running(self, index: int) -> int:
        """Trials in, or on their way to, the rung of this index, which may not exist yet."""
        return len(self.rungs[index].results) + self.rungs[index].n_running if index < len(self.rungs) else 0


class Verdict(msgspec.Struct, frozen=True):
    """What the stopping variant found when a result arrived.

    Args:
        trial: whose result it was.
        target: train on to this; `None` is stop.
        reason: for stopping.
        n_results: of the rung's results, how many were there; those that arrive later do not count.
    """

    trial: TrialId
    target: int | None
    reason: str
    n_results: int


class AshaScheduler(Scheduler):
    """See `ASHA`."""

    def __init__(self, settings: ASHA, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self.resumes = settings.resume
        self._brackets = [Bracket(number, settings) for number in range(settings.brackets)]
        # Of the stopping variant, which judges when a result arrives.
        self._verdicts: deque[Verdict] = deque()
        # Of the hedge: trials that are trained to the top at once, and the resource that they were issued.
        self._direct: set[TrialId] = set()
        self._direct_issued = 0

    # The question ----------------------------------------------------------------------------------------------

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """Repeat what is due, else promote the best of the highest rung that can, else start a new config."""
        if (repetition := self._repeat()) is not None:
            return repetition
        if self._verdicts:
            return self._carry_out(self._verdicts[0])
        if may_start:
            if (direct := self._start_direct()) is not None:
                return direct
            number = self._next_bracket()
            decision = self._promotion(self._brackets[number]) or self._start(number)
            if decision is not None:
                return decision
        # No new config will be started, so nobody waits for one: whatever any bracket can promote.
        promotions = map(self._promotion, self._brackets)
        return next((promotion for promotion in promotions if promotion is not None), None)

    def _promotion(self, bracket: Bracket) -> ResumeTrial | None:
        if self._settings.variant == "stop":
            return None
        for index, rung in bracket.below_top():
            trial = rung.promotable()
            if trial is not None and not self._is_delayed(bracket, index):
                return self._resume(trial, bracket.next_resource(index))
        return None

    def _is_delayed(self, bracket: Bracket, index: int) -> bool:
        if not self._settings.delay:
            return False
        n_above = bracket.n_arrived_or_running(index + 1)
        return len(bracket.rungs[index].results) < bracket.eta * (n_above + 1)

    def _start(self, number: int) -> StartTrial | None:
        config = self._new_config(may_start=True)
        return (
            None if config is None else StartTrial(config, self._brackets[number].rungs[0].resource, number)
        )

    def _start_direct(self) -> StartTrial | None:
        """A trial for the top at once, if those before it have had no more than their share."""
        bracket, hedge = self._brackets[0], self._settings.hedge
        if not hedge or len(bracket.rungs) == 1 or self._direct_issued > hedge * bracket.issued:
            return None
        config = self._new_config(may_start=True)
        return None if config is None else StartTrial(config, bracket.rungs[-1].resource, 0)

    def _next_bracket(self) -> int:
        if len(self._brackets) == 1:
            return 0
        numbers = range(len(self._brackets))
        if self._settings.bracket_rule == "resource":
            return min(numbers, key=lambda b: (self._brackets[b].issued, b))
        return min(numbers, key=lambda b: (self._n_at_top(b) * (b + 1) // len(self._brackets), b))

    def _n_at_top(self, number: int) -> int:
        top = self._brackets[number].top
        return 0 if top is None else len(top.results) + top.n_running

    # The fold --------------------------------------------------------------------------------------------------

    def _bracket_of(self, trial: Trial) -> Bracket:
        return self._brackets[trial.bracket or 0]

    def _on_issued(self, job: Job) -> None:
        bracket = self._bracket_of(self.ledger.trials[job.trial].trial)
        bracket.issued += job.target - job.start
        index = bracket.index(job.target)
        bracket.rungs[index].n_running += 1
        if index and job.trial not in bracket.rungs[index - 1].results:
            self._direct.add(job.trial)  # not promoted: it has not been below
        elif index:
            bracket.rungs[index - 1].promote(job.trial)
        if job.trial in self._direct:
            self._direct_issued += job.target - job.start
        if self._verdicts:
            self._forget_verdict(job.trial)

    def _on_over(self, state: TrialState) -> None:
        _, rung = self._going_to(state)
        rung.n_running -= 1

    def _on_report(self, state: TrialState) -> None:
        """What a direct trial reports on its way enters the rungs."""
        if state.id not in self._direct or state.has_reached_target:
            return
        rung = next((rung for rung in self._brackets[0].rungs if rung.resource == state.resource), None)
        if rung is not None and state.id not in rung.results:
            rung.add(state.id, self._value(state, state.loss))
            rung.promote(state.id)
            self.sampler.observe(state.id, rung.resource, state.loss)

    def _value(self, state: TrialState, loss: float) -> float:
        """What ranks a trial at a rung."""
        return state.best_loss if self._settings.rung_value == "best" and loss < math.inf else loss

    def _on_result(self, state: TrialState, loss: float) -> None:
        self._direct.discard(state.id)  # it has arrived; if the top is raised, it is promoted as others are
        index, rung = self._going_to(state)
        rung.add(state.id, self._value(state, loss))
        if self._settings.variant == "stop" and rung is not self._bracket_of(state.trial).top:
            self._judge(state, index, rung)

    def _on_lost(self, state: TrialState) -> None:
        index, _ = self._going_to(state)
        if index == 0 or self._settings.variant == "stop" or state.id in self._direct:
            super()._on_lost(state)
        else:
            self._bracket_of(state.trial).rungs[index - 1].reopen(state.id)

    def _going_to(self, state: TrialState) -> tuple[int, Rung]:
        """The rung at the target of the trial's last job."""
        bracket = self._bracket_of(state.trial)
        index = 0 if state.job is None else bracket.index(state.job.target)
        return index, bracket.rungs[index]

    def _judge(self, state: TrialState, index: int, rung: Rung) -> None:
        """The stopping variant's verdict, once, on arrival: rank among all results so far, its own included."""
        n_results, n_permitted = len(rung.results), max(1, rung.n_permitted)
        target, reason = None, ""
        if state.has_failed:
            reason = "its training failed"
        elif rung.results[state.id] < math.inf and rung.is_among_best(state.id, n_permitted):
            target = self._bracket_of(state.trial).next_resource(index)
        else:
            reason = f"not among the best {n_permitted} of {n_results} at {rung.resource}"
        self._verdicts.append(Verdict(state.id, target, reason, n_results))

    def _carry_out(self, verdict: Verdict) -> Decision:
        if verdict.target is None:
            return StopTrial(verdict.trial, verdict.reason)
        return self._resume(verdict.trial, verdict.target)

    def _forget_verdict(self, trial: TrialId) -> None:
        self._verdicts = deque(verdict for verdict in self._verdicts if verdict.trial != trial)

    def _on_stopped(self, trial: TrialId) -> None:
        self._forget_verdict(trial)
        for rung in self._bracket_of(self.ledger.trials[trial].trial).rungs:
            if trial in rung.results:
                rung.withdraw(trial)

    def _on_settings(self, settings: SchedulerSettings) -> None:
        if not isinstance(settings, ASHA):
            return
        self._settings = settings
        for bracket in self._brackets:
            index, was_top = len(bracket.rungs) - 1, bracket.top
            if settings.max_resource is None:
                bracket.is_infinite = True
            else:
                bracket.extend(settings.max_resource)
            if settings.variant == "stop" and was_top is not None and was_top is not bracket.top:
                # Those at the old top were fully trained, and nobody has judged them yet.
                for trial in sorted(was_top.results):
                    if not self.ledger.trials[trial].is_stopped:
                        self._judge(self.ledger.trials[trial], index, was_top)

    # For people ------------------------------------------------------------------------------------------------

    def _explain(self, decision: Decision) -> Explanation:
        if (
            isinstance(decision, StartTrial)
            and decision.target > self._brackets[decision.bracket or 0].rungs[0].resource
        ):
            spent, issued = self._direct_issued, self._brackets[0].issued
            return Explanation(
                f"a new config is trained to {decision.target} at once, because such trials have had {spent} of {issued} "
                f"units of resource, and hedge={self._settings.hedge:g}"
            )
        if isinstance(decision, StartTrial):
            return Explanation(
                f"no trial can be promoted, so a new config starts, trained to {decision.target}"
            )
        if isinstance(decision, ForkTrial):
            return super()._explain(decision)
        bracket = self._bracket_of(self.ledger.trials[decision.trial].trial)
        index, rung = self._going_to(self.ledger.trials[decision.trial])
        verdict = "stopped"
        if isinstance(decision, ResumeTrial):
            verb = "promoted" if self._settings.variant == "promote" else "it goes on"
            verdict = f"{verb} to {decision.target}"
            index -= rung.resource == decision.target  # a lost promotion that is handed out again
        n_results = next((found.n_results for found in self._verdicts if found.trial == decision.trial), None)
        return self._compare(bracket, index, decision.trial, verdict, n_results)

    def standing(self, trial: TrialId) -> Explanation:
        """Where a trial stands now, and what it waits for."""
        state = self.ledger.trials[trial]
        bracket = self._bracket_of(state.trial)
        arrived = [i for i, rung in enumerate(bracket.rungs) if trial in rung.results]
        if state.is_running or not arrived:
            return super().standing(trial)
        index = arrived[-1]
        has_failed = bracket.rungs[index].results[trial] == math.inf
        if bracket.rungs[index] is bracket.top and not has_failed:
            verdict = "it is fully trained"
        elif state.is_stopped:
            verdict = "it was stopped"
        elif has_failed:
            verdict = "it failed or diverged, and is never promoted"
        elif trial in bracket.rungs[index].promoted:
            verdict = "it was promoted"
        elif bracket.rungs[index].is_among_best(trial, bracket.rungs[index].n_permitted):
            verdict = "it is next in line"
        else:
            verdict = "it is paused until the rung has grown around it"
        return self._compare(bracket, index, trial, verdict)

    def _compare(
        self, bracket: Bracket, index: int, trial: TrialId, verdict: str, n_results: int | None = None
    ) -> Explanation:
        """The trial among the rung's results, or among the first `n_results` of them."""
        rung = bracket.rungs[index]
        results = dict(islice(rung.results.items(), n_results))
        n_permitted = len(results) // bracket.eta
        if rung is bracket.top:
            n_permitted = 0
        elif self._settings.variant == "stop":
            n_permitted = max(1, n_permitted)
        return compare(results, trial, n_permitted, rung=index, resource=rung.resource, verdict=verdict)

    def view(self) -> Sequence[BracketView]:
        """All rungs as they are now."""
        return [
            BracketView(
                number,
                tuple(
                    RungView(
                        resource=rung.resource,
                        n_results=len(rung.results),
                        n_running=rung.n_running,
                        n_promoted=len(rung.promoted),
                        capacity=None,
                        best_loss=rung.best_loss,
                    )
                    for rung in bracket.rungs
                ),
            )
            for number, bracket in enumerate(self._brackets)
        ]
