"""Every scheduler in a hostile world (docs/writing-a-scheduler.md), and what each of them promises beyond that."""

import math

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from paceline.decisions import ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.events import Checkpoint, Reported, TrialCreated, TrialStopped
from paceline.retention import retained
from paceline.samplers.alternating import Alternating
from paceline.samplers.gaussian_process import GaussianProcess
from paceline.samplers.grid import Grid
from paceline.samplers.kde import KDE
from paceline.samplers.quasirandom import QuasiRandom
from paceline.samplers.random import Random
from paceline.samplers.trees import Trees
from paceline.schedulers.asha import ASHA
from paceline.schedulers.bohb import BOHB
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pb2 import PB2
from paceline.schedulers.pbt import MOST_FAILURES, PBT
from paceline.schedulers.replay import Replay
from paceline.schedulers.rungs import rung_resources
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.space.perturb import Perturb
from paceline.testing.schedulers import SchedulerMachine

THOROUGH = settings(
    max_examples=20, stateful_step_count=45, deadline=None, suppress_health_check=list(HealthCheck)
)
SMALL_GRID = Grid(resolution={"x": 2, "n": 4})


class FullResourceMachine(SchedulerMachine):
    never_idles = True

    def check(self, decision):
        super().check(decision)
        assert decision.target == self.settings.max_resource


class AshaMachine(SchedulerMachine):
    """ASHA's rules, by brute force over what has arrived."""

    never_idles = True

    def value_of(self, trial, loss):
        if self.settings.rung_value == "best" and loss < math.inf:
            return self.best[trial]
        return loss

    def rungs(self, bracket):
        """Resource → results, of one bracket, from the bottom up."""
        return {resource: self.results[b, resource] for b, resource in sorted(self.results) if b == bracket}

    def permitted(self, results):
        return sorted((loss, trial) for trial, loss in results.items())[: len(results) // self.eta]

    @property
    def eta(self):
        return self.settings.reduction_factor

    def promotable(self, bracket):
        """(resource, trial) of what may be promoted: from the highest rung down, the best first."""
        found, above = [], set()
        for resource, results in reversed(self.rungs(bracket).items()):
            if resource != self.settings.max_resource:
                for loss, trial in self.permitted(results):
                    is_on_its_way = self.going_to[trial] > resource and trial not in self.lost
                    is_stopped = self.study.ledger.trials[trial].is_stopped
                    if loss < math.inf and trial not in above and not is_on_its_way and not is_stopped:
                        found.append((resource, trial))
            above.update(results)
        return found

    def is_repetition(self, decision):
        if not super().is_repetition(decision):
            return False
        is_lost_promotion = self.settings.variant == "promote" and decision.trial in self.lost
        return not is_lost_promotion or decision.target == self.bottom(self.bracket_of(decision.trial))

    def bottom(self, bracket):
        top = self.settings_under_test.max_resource
        if top is None:
            return self.settings.min_resource * self.eta**bracket
        return rung_resources(self.settings.min_resource, top, self.eta)[bracket]

    def check(self, decision):
        super().check(decision)
        if self.is_repetition(decision):
            return
        if self.settings.variant == "stop":
            self.check_verdict(decision)
            return
        if isinstance(decision, StartTrial):
            assert decision.target == self.bottom(decision.bracket)
            assert self.settings.delay or not self.promotable(decision.bracket)
        else:
            bracket = self.bracket_of(decision.trial)
            resource = self.rung_below(bracket, decision.target)
            candidates = self.promotable(bracket)
            assert (resource, decision.trial) in candidates
            if not self.settings.delay:
                assert candidates[0] == (resource, decision.trial)

    def rung_below(self, bracket, target):
        top = self.settings.max_resource
        if top is None or self._n_raised:  # a rung that was the top once stays where it is
            return max(resource for resource in self.rungs(bracket) if resource < target)
        ladder = rung_resources(self.bottom(bracket), top, self.eta)
        return ladder[ladder.index(target) - 1]

    def check_verdict(self, decision):
        """The stopping rule looks at what had arrived when the trial did, itself included."""
        if isinstance(decision, StartTrial):
            return
        bracket = self.bracket_of(decision.trial)
        results = self.results[bracket, self.going_to[decision.trial]]
        so_far = list(results.items())[: list(results).index(decision.trial) + 1]
        if self._n_raised:  # what was judged when max_resource was raised was judged among all
            return
        best = sorted((loss, trial) for trial, loss in so_far if loss < math.inf)
        best = best[: max(1, len(so_far) // self.eta)]
        goes_on = decision.trial in {trial for _, trial in best}
        assert isinstance(decision, ResumeTrial if goes_on else StopTrial)

    def check_end(self):
        """Nothing is left that could be promoted; the rungs that are shown hold what has arrived."""
        for view in self.study.scheduler.view():
            if self.settings.variant == "promote" and not self.settings.delay:
                assert not self.promotable(view.number)
            for rung in view.rungs:
                assert rung.n_results == len(self.results.get((view.number, rung.resource), {}))
                assert rung.n_running == 0


class HedgedMachine(AshaMachine):
    """ASHA with direct trials: those whose first job goes past the bottom."""

    def __init__(self):
        super().__init__()
        self.direct = set()
        self.issued = self.issued_direct = 0

    def _observe_job(self, job):
        if job.trial not in self.going_to and job.target > self.bottom(0):
            self.direct.add(job.trial)
        self.issued += job.target - job.start
        self.issued_direct += (job.target - job.start) * (job.trial in self.direct)
        super()._observe_job(job)

    def _observe_report(self, event):
        is_news = event.resource > self._reached[event.trial]
        super()._observe_report(event)
        rungs = [rung.resource for rung in self.study.scheduler.view()[0].rungs]
        is_below = event.resource in rungs and event.resource < self._jobs[event.job].target
        if is_news and is_below and event.trial in self.direct - self._stopped:
            loss = event.metrics["loss"]
            value = self.value_of(event.trial, math.inf if loss is None else loss)
            self.results.setdefault((0, event.resource), {})[event.trial] = value

    def _observe_end(self, event):
        super()._observe_end(event)
        if event.trial in self.results.get((0, self.going_to[event.trial]), {}):
            self.direct.discard(event.trial)

    def is_repetition(self, decision):
        if isinstance(decision, ResumeTrial) and decision.trial in self.direct & self.lost:
            return True
        return super().is_repetition(decision)

    def promotable(self, bracket):
        return [
            (at, trial) for at, trial in super().promotable(bracket) if trial not in self.direct & self.lost
        ]

    def check(self, decision):
        is_start = isinstance(decision, StartTrial)
        owes = self.issued_direct <= self.settings.hedge * self.issued
        if is_start and decision.target > self.bottom(0):
            assert decision.target == self.settings.max_resource
            assert owes
            SchedulerMachine.check(self, decision)
            return
        assert self.is_repetition(decision) or not owes or not self.may_start
        super().check(decision)


class BracketMachine(SchedulerMachine):
    """Synchronous brackets, by brute force: whole rungs, the right sizes, the best of each."""

    def sizes(self, bracket):
        shape = self.study.scheduler.shape_of(bracket)
        return dict(zip(shape.resources, shape.sizes, strict=True))

    def members(self, bracket):
        return [state for state in self.study.ledger.trials if (state.trial.bracket or 0) == bracket]

    def check(self, decision):
        super().check(decision)
        if isinstance(decision, StartTrial):
            sizes = self.sizes(decision.bracket)
            assert decision.target == min(sizes)
            assert len(self.members(decision.bracket)) < sizes[decision.target]
            return
        if self.is_repetition(decision):
            return
        bracket = self.bracket_of(decision.trial)
        sizes = self.sizes(bracket)
        below = max(resource for resource in sizes if resource < decision.target)
        members = [state for state in self.members(bracket) if self.reached_for(state) >= below]
        results = self.results[bracket, below]
        assert all(state.id in results or state.is_stopped for state in members)  # the barrier
        assert below > min(sizes) or len(members) == sizes[below] or self.study.scheduler.sampler.is_exhausted
        n_stopped = sum(state.is_stopped for state in members)
        best = sorted((loss, trial) for trial, loss in results.items() if loss < math.inf)
        assert decision.trial in {trial for _, trial in best[: sizes[decision.target] + n_stopped]}

    @property
    def is_out_of_configs(self):
        return not self.study.ledger.points and self.study.scheduler.sampler.is_exhausted

    def reached_for(self, state):
        return 0 if state.job is None else state.job.target

    def check_none(self):
        """Only a study that is finished has nothing to do while nothing runs."""
        if not self.running and self.may_start and not self.is_out_of_configs:
            n_brackets = len(self.study.scheduler.view())
            assert self.study.scheduler.shape_of(n_brackets) is None

    def check_end(self):
        for view in self.study.scheduler.view():
            sizes = self.sizes(view.number)
            members = self.members(view.number)
            if len(members) < sizes[min(sizes)] and not self.study.scheduler.sampler.is_exhausted:
                assert not self.may_start  # the budget ended within the bracket; raised, it goes on
                continue
            survivors = len(members)
            for resource, size in sizes.items():
                n_going = sum(self.reached_for(state) >= resource for state in members)
                n_stopped = sum(state.is_stopped for state in members)
                assert min(size, survivors) - n_stopped <= n_going <= size
                results = self.results.get((view.number, resource), {})
                survivors = sum(loss < math.inf for loss in results.values())


class PBTMachine(SchedulerMachine):
    """A population, by brute force over what has arrived at each boundary; only checkpoints that must be kept are."""

    def __init__(self):
        super().__init__()
        self.kept = self.pinned = set()  # with no limit to checkpoints, and with the least
        self.withdrawn = set()
        self.holder = {}  # member → the trial that has its place, or had it last

    def after(self, resource):
        interval, top = self.settings.interval, self.settings.max_resource
        return min((resource // interval + 1) * interval, top)

    def _catch_up(self):
        n_seen = self._n_seen
        super()._catch_up()
        for event in self.study.events[n_seen:]:
            match event:
                case TrialCreated(trial=trial):
                    self.holder[trial.member] = trial.id
                case TrialStopped(trial=trial, reason="by hand"):
                    self.withdrawn.add(trial)
                case Reported(checkpoint=Checkpoint() as checkpoint):
                    self.kept.add(checkpoint.key)
                case _:
                    pass
        ledger, scheduler = self.study.ledger, self.study.scheduler
        limits = {"existing": self.kept, "needed": lambda: scheduler.needed_checkpoints}
        assert set(scheduler.needed_checkpoints) == self.needed(scheduler)
        self.pinned = retained(ledger, keep=0, **limits)
        self.kept = retained(ledger, **limits)

    def needed(self, scheduler):
        """The keys of those that somebody may still start from, counted anew."""
        top, interval, members = self.settings.max_resource, self.settings.interval, scheduler._members
        at_work = [it for it in members if it.resource < top and not it.is_given_up]
        first = min((it.resource for it in at_work), default=top)
        if len(members) < self.settings.population_size and not scheduler._has_no_configs:
            first = 0
        elif 0 < first < top:
            first = (first - 1) // interval * interval
        trials = self.study.ledger.trials
        needed = [trials[it.trial].checkpoint for it in at_work if not it.is_empty]
        for resource, boundary in scheduler._boundaries.items():
            if first <= resource < top:
                donors = scheduler._exploit.possible_donors(boundary)
                needed += [boundary.results[donor].checkpoint for donor in donors]
        return {checkpoint.key for checkpoint in needed if checkpoint is not None}

    def ranked(self, resource):
        return sorted((loss, trial) for trial, loss in self.results[0, resource].items())

    def width(self, n):
        n = min(n, self.settings.population_size)
        return min(math.ceil(self.settings.quantile * n - 1e-9), n // 2)

    @property
    def quorum(self):
        return self.settings.quorum or max(2, (self.settings.population_size + 1) // 2)

    def compared_at(self, trial):
        """Where a member that waits is judged, and by whose result."""
        state = self.study.ledger.trials[trial]
        origin = state.trial.origin
        interval = self.settings.interval
        before = self.results.get((0, (state.resource - 1) // interval * interval), {})
        if len(self.results[0, state.resource]) < self.quorum <= len(before):
            for judged in [trial] if origin is None else [trial, origin.trial]:
                if judged in before:
                    return (state.resource - 1) // interval * interval, judged
        return state.resource, trial

    def is_judged(self, resource):
        return self.may_start and resource >= self.settings.warm_up

    def check(self, decision):
        super().check(decision)
        self.check_population()
        match decision:
            case StartTrial():
                assert decision.target == self.after(0)
                assert decision.member == len(self.holder) or self.is_empty(decision.member)
                assert decision.member < self.settings.population_size
            case ResumeTrial() if not self.is_repetition(decision):
                state = self.study.ledger.trials[decision.trial]
                assert self.holder[state.trial.member] == decision.trial
                assert decision.target == self.after(state.resource)
                assert decision.start == state.resource
                assert state.checkpoint.key in (self.kept if self._n_raised else self.pinned)
                at, judged = self.compared_at(decision.trial)
                if self.settings.exploit == "truncation" and self.is_judged(at):
                    ranked = self.ranked(at)
                    place = ranked.index((self.results[0, at][judged], judged))
                    k = self.width(len(ranked))
                    donors = {trial for loss, trial in ranked[:k] if loss < math.inf}
                    gone = self.study.scheduler._boundaries[
                        at
                    ].withdrawn  # by hand, or before somebody began anew
                    assert place < len(ranked) - k or donors <= gone

    def is_empty(self, member):
        state = self.study.ledger.trials[self.holder[member]]
        return state.is_stopped or state.has_failed or (state.has_reached_target and state.loss == math.inf)

    def check_population(self):
        """Each member has one trial at a time, and there are never more members than there should be."""
        assert set(self.holder) == set(range(len(self.holder)))
        assert len(self.holder) <= self.settings.population_size
        for state in self.study.ledger.trials:
            is_over = state.is_stopped or state.has_failed
            assert is_over or self.holder[state.trial.member] == state.id

    def check_fork(self, decision):
        super().check_fork(decision)
        resource = decision.origin.resource
        assert decision.target == self.after(resource)
        # Who is fully trained may lose its checkpoint to a limit, and goes on after all if max_resource is raised.
        there = self.kept if self._n_raised else self.pinned
        assert decision.origin.checkpoint.key in there, "the donor's checkpoint was deleted"
        results = self.results[0, resource]  # whoever is compared has been there
        before = self.holder[decision.member]
        assert results[decision.origin.trial] < math.inf
        if self.is_empty(decision.member):
            assert decision.origin.trial not in self.withdrawn
            return
        assert decision.replaces == before
        at, judged = self.compared_at(before)
        assert self.is_judged(at)
        assert resource in (at, self.study.ledger.trials[before].resource)
        self.check_donor(decision.origin.trial, at, judged, before)

    def check_donor(self, donor, at, judged, before):
        results, ranked = self.results[0, at], self.ranked(at)
        if self.settings.copies == "hyperparameters":
            assert donor == before
        else:
            assert donor not in self.withdrawn
            assert donor != before
        if self.settings.exploit == "truncation":
            k = self.width(len(ranked))
            assert (results[judged], judged) in ranked[len(ranked) - k :]
            if donor != before:
                assert (results[donor], donor) in ranked[:k]
        elif self.settings.exploit == "tournament" and donor != before:
            assert (results[donor], donor) < (results[judged], judged)

    def check_none(self):
        """Nobody waits: who does not run is done, given up, or wants a trial that may not be started."""
        running = {self.study.ledger.trials[job.trial].trial.member for job in self.running}
        if self.may_start and not self.study.scheduler.sampler.is_exhausted:
            assert len(self.holder) == self.settings.population_size
        for member, trial in self.holder.items():
            if member in running or self.study.ledger.trials[trial].resource == self.settings.max_resource:
                continue
            assert self.is_empty(member)
            if self.may_start and not self.study.scheduler.sampler.is_exhausted:
                places = self.study.scheduler._members
                assert places[member].is_given_up
                assert places[member].n_failures >= MOST_FAILURES

    def check_end(self):
        """Everybody arrives, and nobody's checkpoint is kept for a fork that cannot be any more."""
        self.check_population()
        if len(self.holder) == self.settings.population_size:
            scheduler = self.study.scheduler
            can_fill = self.may_start and not scheduler.sampler.is_exhausted  # else a place may be left empty
            assert not can_fill or not scheduler.needed_checkpoints
        for view in self.study.scheduler.view():
            for rung in view.rungs:
                assert rung.n_results == len(self.results[0, rung.resource])
                assert rung.n_running == 0


class ReplayMachine(SchedulerMachine):
    """Each model goes through the schedule, piece by piece, and nobody is judged."""

    never_idles = True

    def config_at(self, resource):
        pieces = [*self.settings.schedule]
        return next((it.config for it in pieces if resource < it.stop), pieces[-1].config)

    def check(self, decision):
        super().check(decision)
        start = 0
        match decision:
            case StartTrial():
                assert decision.member == len({state.trial.member for state in self.study.ledger.trials})
                config = decision.config
            case ForkTrial():
                start, config = decision.origin.resource, decision.config
                assert decision.replaces == decision.origin.trial
            case ResumeTrial():
                start, config = decision.start, self.study.ledger.trials[decision.trial].trial.config
        for resource in range(start, decision.target):
            assert config == self.config_at(resource)
        assert decision.target <= self.settings.max_resource

    def check_none(self):
        """Nobody waits: who does not run is done, has failed or was stopped, or wants a trial that may not start."""
        trials = self.study.ledger.trials
        held = {state.trial.member: state for state in trials}
        if self.may_start:
            assert len(held) == self.settings.n_models
        for state in held.values():
            is_over = state.is_stopped or state.has_failed or state.resource == self.settings.max_resource
            is_over |= state.has_reached_target and state.loss == math.inf
            assert is_over or state.is_running or not self.may_start


SCHEDULE = [
    {"start": 0, "stop": 2, "config": {"x": 0.5, "n": 3}},
    {"start": 2, "stop": 3, "config": {"x": 0.25, "n": 3}},
    {"start": 3, "stop": 4, "config": {"x": 0.25, "n": 3}},
    {"start": 4, "stop": 7, "config": {"x": 0.5, "n": 3}},
]

CASES = {
    "random": (FullResourceMachine, FullResource(max_resource=4)),
    "kde": (FullResourceMachine, FullResource(max_resource=2, sampler=KDE(min_points=1, spread=0.2))),
    "bohb": (BracketMachine, BOHB(max_resource=4, reduction_factor=2)),
    "asha-kde": (AshaMachine, ASHA(max_resource=4, reduction_factor=2, sampler=KDE())),
    "grid": (FullResourceMachine, FullResource(max_resource=2, sampler=SMALL_GRID)),
    "quasi-random": (FullResourceMachine, FullResource(max_resource=2, sampler=QuasiRandom())),
    "sha": (BracketMachine, SuccessiveHalving(max_resource=9, brackets=2)),
    "sha-no-overlap": (BracketMachine, SuccessiveHalving(max_resource=9, brackets=2, overlap=False)),
    "sha-wide": (
        BracketMachine,
        SuccessiveHalving(max_resource=8, reduction_factor=2, n_trials=13, min_resource=2, brackets=2),
    ),
    "sha-endless": (BracketMachine, SuccessiveHalving(max_resource=10, brackets=None, resume=False)),
    "sha-grid": (BracketMachine, SuccessiveHalving(max_resource=9, brackets=3, sampler=SMALL_GRID)),
    "hyperband-paper": (BracketMachine, Hyperband(max_resource=9, sweeps=1)),
    "hyperband-hpbandster": (
        BracketMachine,
        Hyperband(max_resource=16, reduction_factor=4, bracket_rule="hpbandster", overlap=False),
    ),
    "hyperband-endless": (BracketMachine, Hyperband(max_resource=7, reduction_factor=2, sweeps=None)),
    "asha": (AshaMachine, ASHA(max_resource=9)),
    "asha-2": (AshaMachine, ASHA(max_resource=8, reduction_factor=2, sampler=QuasiRandom())),
    "asha-4": (AshaMachine, ASHA(max_resource=50, min_resource=3, reduction_factor=4)),
    "asha-uneven": (AshaMachine, ASHA(max_resource=11, reduction_factor=2, rung_value="best")),
    "asha-infinite": (AshaMachine, ASHA(max_resource=None, reduction_factor=2)),
    "asha-delay": (AshaMachine, ASHA(max_resource=8, reduction_factor=2, delay=True)),
    "asha-retrain": (AshaMachine, ASHA(max_resource=8, reduction_factor=2, resume=False)),
    "asha-grid": (AshaMachine, ASHA(max_resource=9, reduction_factor=2, sampler=SMALL_GRID)),
    "asha-hedge": (HedgedMachine, ASHA(max_resource=9, reduction_factor=2, hedge=0.3)),
    "asha-hedge-best": (HedgedMachine, ASHA(max_resource=9, hedge=0.5, rung_value="best")),
    "asha-hedge-retrain": (HedgedMachine, ASHA(max_resource=4, reduction_factor=2, hedge=0.2, resume=False)),
    "asha-stop": (AshaMachine, ASHA(max_resource=9, variant="stop")),
    "asha-stop-2": (
        AshaMachine,
        ASHA(max_resource=10, reduction_factor=2, variant="stop", rung_value="best", resume=False),
    ),
    "brackets-resource": (AshaMachine, ASHA(max_resource=9, brackets=3, reduction_factor=2)),
    "brackets-trained": (
        AshaMachine,
        ASHA(max_resource=9, brackets=3, bracket_rule="trained", reduction_factor=2),
    ),
    "brackets-all": (AshaMachine, ASHA(max_resource=11, brackets=5, reduction_factor=2)),
    "brackets-infinite": (AshaMachine, ASHA(max_resource=None, brackets=3, reduction_factor=2)),
    "brackets-stop": (AshaMachine, ASHA(max_resource=9, brackets=2, variant="stop")),
    "trees": (AshaMachine, ASHA(max_resource=9, sampler=Trees(min_results=2, candidates=20))),
    "gaussian-process": (
        AshaMachine,
        ASHA(max_resource=9, sampler=GaussianProcess(min_results=2, random_candidates=9, local_candidates=9)),
    ),
    "alternating": (
        FullResourceMachine,
        FullResource(sampler=Alternating(samplers=(Trees(min_results=2, candidates=20), Random()))),
    ),
    "pbt": (PBTMachine, PBT(max_resource=9, interval=3, population_size=5)),
    "pbt-half": (
        PBTMachine,
        PBT(max_resource=8, interval=3, population_size=6, quantile=0.5, explore=Perturb(resample=0.0)),
    ),
    "pbt-tournament": (
        PBTMachine,
        PBT(max_resource=6, interval=2, population_size=4, exploit="tournament", copies="weights", warm_up=3),
    ),
    "pbt-t-test": (
        PBTMachine,
        PBT(max_resource=9, interval=3, population_size=3, exploit="t_test", level=0.9, window=3),
    ),
    "pbt-hyperparameters": (
        PBTMachine,
        PBT(max_resource=4, interval=1, population_size=4, copies="hyperparameters", quantile=0.5, quorum=3),
    ),
    "pbt-grid": (
        PBTMachine,
        PBT(max_resource=4, interval=2, population_size=9, sampler=SMALL_GRID, explore=None),
    ),
    "pb2": (PBTMachine, PB2(max_resource=9, interval=1, population_size=4, quantile=0.5)),
    "pb2-weights": (
        PBTMachine,
        PB2(
            max_resource=9, interval=2, population_size=3, exploit="tournament", copies="weights", max_rows=10
        ),
    ),
    "pb2-hyperparameters": (
        PBTMachine,
        PB2(max_resource=8, interval=1, population_size=3, copies="hyperparameters", quantile=0.5, beta=0.0),
    ),
    "replay": (ReplayMachine, Replay(schedule=SCHEDULE, n_models=3)),
    "replay-cut": (ReplayMachine, Replay(schedule=SCHEDULE, max_resource=3)),
    "brackets-grid": (AshaMachine, ASHA(max_resource=9, brackets=3, reduction_factor=2, sampler=SMALL_GRID)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_scheduler_survives_a_hostile_world(name):
    machine, settings_under_test = CASES[name]
    under_test = type(f"Machine_{name}", (machine,), {"settings_under_test": settings_under_test})
    run_state_machine_as_test(under_test, settings=THOROUGH)
