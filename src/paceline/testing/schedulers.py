"""A hostile world for any scheduler, as a Hypothesis state machine.

Subclass `SchedulerMachine`, name the settings, and let Hypothesis look for a history in which one of these promises is
broken:

    class MyMachine(SchedulerMachine):
        settings_under_test = MyScheduler(max_resource=9)

    TestMyScheduler = MyMachine.TestCase

Workers report in any order, late, twice, or not at all; jobs fail and get lost; losses tie, diverge and are NaN; users
stop trials, give points and raise what may be raised; the driver dies and another one takes over with nothing but the
journal. After each step a second scheduler, folded from the journal alone, must be in the same state as the live one.
What is particular to one method is added in `check`, `check_none` and `check_end`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial
from paceline.errors import SettingError
from paceline.events import (
    AnyEvent,
    Config,
    Job,
    JobEnded,
    JobIssued,
    Origin,
    Outcome,
    PointsGiven,
    Reported,
    SchedulerChanged,
    TrialCreated,
    TrialId,
    TrialStopped,
    decode,
)
from paceline.schedulers.base import SchedulerSettings
from paceline.space import Domain
from paceline.testing.snapshots import Snapshot, snapshot
from paceline.testing.studies import SPACE, Puppet

# ruff: noqa: D102 - what a rule does stands in its name; a suite is made of assertions

LOSSES = st.one_of(
    st.integers(-2, 2).map(float),  # ties
    st.floats(-1.0, 1.0),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 5e-324]),
)
"""What training may come up with."""

PICK = st.integers(0, 2**16)
"""Which one, of however many there are."""

LONG = 2_000
"""Steps after which a study that was to end is taken to be endless."""


class SchedulerMachine(RuleBasedStateMachine):
    """Drives a scheduler through a history that Hypothesis chooses, and checks what must hold for every scheduler.

    A subclass may read `study`, and what this machine has understood of the journal by itself:
    `results`   (bracket, resource) → trial → loss, in order of arrival; +inf for a trial that failed for good
    `going_to`  trial → the target of its last job
    `lost`      trials whose last job was lost on its way
    """

    settings_under_test: ClassVar[SchedulerSettings]
    space: ClassVar[Mapping[str, Domain]] = SPACE
    slots: ClassVar[int] = 3
    retries: ClassVar[int] = 1
    max_trials: ClassVar[int] = 25
    """The budget of schedulers that do not end by themselves."""
    never_idles: ClassVar[bool] = False
    """Whether a free worker always gets a job while a trial may be started."""
    no_state: ClassVar[Collection[str]] = (
        *("space", "_drawn", "_remaining", "_blocks"),  # of spaces, grids and sequences
        *("_known", "_waiting", "_layout", "_candidates", "_features", "_fitted"),  # of samplers with a model
    )
    """Attributes of schedulers and samplers that are caches, or never change."""

    def __init__(self) -> None:
        super().__init__()
        self.study = Puppet(self.settings_under_test, space=self.space, retries=self.retries)
        self.settings = self.settings_under_test
        self.results: dict[tuple[int, int], dict[TrialId, float]] = {}
        self.going_to: dict[TrialId, int] = {}
        self.lost: set[TrialId] = set()
        self.best: dict[TrialId, float] = {}
        self._twin = self.study.folded()
        self._n_seen = 0
        self._n_jobs = 0
        self._n_raised = 0
        self._reached: dict[TrialId, int] = {}
        self._failures: dict[TrialId, int] = {}
        self._stopped: set[TrialId] = set()
        self._at_target: dict[tuple[int, TrialId], float] = {}
        self._last_at_target: dict[TrialId, float] = {}
        self._jobs: dict[int, Job] = {}
        self._saved: set[Origin] = set()
        self._photo: Snapshot = None

    # What may happen -------------------------------------------------------------------------------------------

    @property
    def may_start(self) -> bool:
        return not self.settings.is_endless or len(self.study.ledger.trials) < self.max_trials

    @property
    def running(self) -> list[Job]:
        return [running.job for running in self.study.ledger.running.values()]

    @precondition(lambda self: len(self.running) < self.slots)
    @rule(times=st.integers(1, 3), which=PICK)
    def ask(self, times: int, which: int) -> None:
        """A question changes nothing, asked once or a hundred times."""
        scheduler, trials = self.study.scheduler, self.study.ledger.trials
        decision = scheduler.decide(may_start=self.may_start)
        for _ in range(times):
            assert scheduler.decide(may_start=self.may_start) == decision
        if trials:
            assert scheduler.standing(_one(trials, which).id).text
        scheduler.view()
        if decision is not None:
            explanation = scheduler.explain(decision)
            assert explanation.text
            if isinstance(decision, ResumeTrial) and None not in (explanation.rank, explanation.n_permitted):
                assert (explanation.rank or 0) <= (explanation.n_permitted or 0)
        assert self._photograph(self.study) == self._photo
        assert self._take() == decision

    @precondition(lambda self: len(self.running) < self.slots)
    @rule()
    def fill_all_slots(self) -> None:
        while len(self.running) < self.slots and self._take() is not None:
            pass

    @precondition(lambda self: self.running)
    @rule(which=PICK, loss=LOSSES)
    def complete(self, which: int, loss: float) -> None:
        self.study.complete(_one(self.running, which), loss)

    @precondition(lambda self: self.running)
    @rule(losses=st.lists(LOSSES, min_size=3, max_size=3))
    def complete_all(self, losses: list[float]) -> None:
        for job, loss in zip(self.running, losses, strict=False):
            self.study.complete(job, loss)

    @precondition(lambda self: self.running)
    @rule(which=PICK, part=PICK, loss=LOSSES)
    def report_on_the_way(self, which: int, part: int, loss: float) -> None:
        job = _one(self.running, which)
        at = self.study.ledger.running[job.id].resource
        if at < job.target:
            self.study.report(job, at + 1 + part % (job.target - at), loss)

    @precondition(lambda self: self.running)
    @rule(which=PICK, outcome=st.sampled_from([Outcome.FAILED, Outcome.LOST]))
    def end_early(self, which: int, outcome: Outcome) -> None:
        self.study.end(_one(self.running, which), outcome)

    @precondition(lambda self: self.running)
    @rule(which=PICK, loss=LOSSES)
    def report_again(self, which: int, loss: float) -> None:
        job = _one(self.running, which)
        resource = self.study.ledger.running[job.id].resource
        assert not self.study.ledger.accepts(self.study.report_of(job, resource, loss))

    @precondition(lambda self: len(self._jobs) > len(self.running))
    @rule(which=PICK, loss=LOSSES)
    def report_late(self, which: int, loss: float) -> None:
        job = _one([job for job in self._jobs.values() if job.id not in self.study.ledger.running], which)
        assert not self.study.ledger.accepts(self.study.report_of(job, job.target, loss))
        assert not self.study.ledger.accepts(JobEnded(job.id, job.trial, Outcome.COMPLETED))

    @precondition(lambda self: self.study.ledger.trials)
    @rule(which=PICK)
    def stop(self, which: int) -> None:
        state = _one(self.study.ledger.trials, which)
        if not state.is_stopped:
            self.study.record(TrialStopped(state.id, "by hand"))

    @rule(point=st.fixed_dictionaries({"x": st.floats(0, 1), "n": st.integers(1, 9)}))
    def give_a_point(self, point: Config) -> None:
        self.study.record(PointsGiven((point,)))

    @rule()
    def crash(self) -> None:
        self.study = self.study.crash()

    @precondition(lambda self: self.settings.growing and self._n_raised < 2)
    @rule(by=st.integers(1, 12), to_none=st.booleans())
    def raise_a_setting(self, by: int, to_none: bool) -> None:  # noqa: FBT001
        field = self.settings.growing[0]
        value = getattr(self.settings, field)
        try:
            raised = msgspec.structs.replace(self.settings, **{field: None if to_none else value + by})
        except (SettingError, TypeError):  # it cannot be raised without end, or was
            return
        if to_none and getattr(raised, field) is not None:  # it means something else than without end
            return
        if problems := self.settings.differences(raised):
            raise AssertionError(problems)
        if raised.is_endless == self.settings.is_endless:
            self.study.record(SchedulerChanged(raised.to_json()))
            self.settings = raised
            self._n_raised += 1

    # What must hold --------------------------------------------------------------------------------------------

    @invariant()
    def the_fold_of_the_journal_is_the_live_state(self) -> None:
        self._catch_up()
        self._photo = self._photograph(self.study)
        assert self._photo == self._photograph(self._twin)

    @invariant()
    def the_incumbent_is_the_best_by_its_rule(self) -> None:
        finite = {key: loss for key, loss in self._at_target.items() if loss < math.inf}
        highest = max((resource for resource, _ in finite), default=0)
        ranked = sorted((loss, trial) for (resource, trial), loss in finite.items() if resource == highest)
        incumbent = self.study.ledger.incumbent()
        found = None if incumbent is None else (incumbent.loss, incumbent.trial)
        assert found == (ranked[0] if ranked else None)

    def check(self, decision: Decision) -> None:
        """What must hold for a decision, before it is carried out."""
        if isinstance(decision, StartTrial):
            assert self.may_start
            assert decision.target >= 1
            return
        if isinstance(decision, ForkTrial):
            self.check_fork(decision)
            return
        state = self.study.ledger.trials[decision.trial]
        assert not state.is_running
        assert not state.is_stopped
        if isinstance(decision, ResumeTrial):
            assert not state.has_failed
            checkpoint = 0 if state.checkpoint is None else state.checkpoint.resource
            assert decision.start in (0, checkpoint)
            assert decision.start or state.trial.origin is None, "a fork without its donor's state"
            assert decision.start < decision.target
            assert self._reached.get(decision.trial, 0) < decision.target
            if not self.is_repetition(decision):
                assert self._last_at_target[decision.trial] < math.inf

    def check_fork(self, decision: ForkTrial) -> None:
        """A fork starts from a checkpoint that its donor has reported, and takes the place of nobody at work."""
        assert self.may_start
        assert decision.origin in self._saved
        assert decision.origin.resource < decision.target
        assert self.study.space.validate(decision.config) == decision.config
        if decision.replaces is not None:
            replaced = self.study.ledger.trials[decision.replaces]
            assert not replaced.is_running
            assert not replaced.is_stopped

    def check_none(self) -> None:
        """What must hold when the scheduler has nothing for a free slot."""
        is_out_of_configs = not self.study.ledger.points and self.study.scheduler.sampler.is_exhausted
        if self.may_start and not is_out_of_configs and (self.never_idles or not self.running):
            assert not self.settings.is_endless

    def check_end(self) -> None:
        """What must hold once the study has ended."""

    def is_repetition(self, decision: Decision) -> bool:
        """Whether the decision hands out again what failed or was lost."""
        return isinstance(decision, ResumeTrial) and self.going_to[decision.trial] == decision.target

    def teardown(self) -> None:
        """Each study ends: with workers that do their work from now on, and no new trials beyond the budget."""
        if sys.exc_info()[0] is not None:
            return  # what broke the history off is told already
        for step in range(LONG):
            self.fill_all_slots()
            if not self.running:
                break
            job = self.running[step % len(self.running)]
            self.study.complete(job, job.trial * 37 % 101 / 101)
            self._catch_up()
        assert not self.running, "the study does not end"
        self.the_fold_of_the_journal_is_the_live_state()
        assert self._photo == self._photograph(self.study.folded())
        self.check_end()

    # How -------------------------------------------------------------------------------------------------------

    def _take(self) -> Decision | None:
        """Ask for a decision, check it, and carry it out."""
        self._catch_up()
        decision = self.study.scheduler.decide(may_start=self.may_start)
        assert self._twin.scheduler.decide(may_start=self.may_start) == decision
        if decision is None:
            self.check_none()
        else:
            self.check(decision)
            self.study.carry_out(decision)
            self._catch_up()
        return decision

    def _photograph(self, study: Puppet) -> Snapshot:
        return snapshot((study.ledger, study.scheduler), ignore=self.no_state)

    def _catch_up(self) -> None:
        """Let the twin fold what is new in the journal, and note what it means."""
        lines = self.study.lines
        self._twin.catch_up(lines)
        for line in lines[self._n_seen :]:
            self._observe(decode(line))
        self._n_seen = len(lines)

    def _observe(self, event: AnyEvent) -> None:
        match event:
            case TrialCreated():
                assert event.trial.id == len(self._reached)
                origin = event.trial.origin
                self._reached[event.trial.id] = 0 if origin is None else origin.resource
                self.best[event.trial.id] = math.inf
            case JobIssued():
                self._observe_job(event.job)
            case Reported():
                self._observe_report(event)
            case JobEnded():
                self._observe_end(event)
            case TrialStopped():
                self._stopped.add(event.trial)
            case _:
                pass

    def _observe_job(self, job: Job) -> None:
        assert job.id == self._n_jobs
        self._n_jobs += 1
        self._jobs[job.id] = job
        if self.going_to.get(job.trial) != job.target:
            self._failures[job.trial] = 0
        self.going_to[job.trial] = job.target
        self.lost.discard(job.trial)

    def _observe_report(self, event: Reported) -> None:
        if event.checkpoint is not None:
            self._saved.add(Origin(event.trial, event.checkpoint))
        if event.resource <= self._reached[event.trial]:
            return  # a repetition: each boundary counts once
        loss = event.metrics["loss"]
        loss = math.inf if loss is None else loss
        self._reached[event.trial] = event.resource
        self.best[event.trial] = min(self.best[event.trial], loss)
        if event.resource == self._jobs[event.job].target:
            self._at_target[event.resource, event.trial] = self._last_at_target[event.trial] = loss

    def _observe_end(self, event: JobEnded) -> None:
        job = self._jobs[event.job]
        has_arrived = self._reached[event.trial] >= job.target
        if event.outcome is Outcome.FAILED and not has_arrived:
            self._failures[event.trial] += 1
        if event.trial in self._stopped:
            return
        if not has_arrived and event.outcome is Outcome.LOST:
            self.lost.add(event.trial)
        elif has_arrived or self._failures[event.trial] > self.retries:
            loss = self._at_target[job.target, event.trial] if has_arrived else math.inf
            arrived = self.results.setdefault((self.bracket_of(event.trial), job.target), {})
            assert event.trial not in arrived
            arrived[event.trial] = self.value_of(event.trial, loss)

    def bracket_of(self, trial: TrialId) -> int:
        return self.study.ledger.trials[trial].trial.bracket or 0

    def value_of(self, trial: TrialId, loss: float) -> float:  # noqa: ARG002 - for subclasses
        """What ranks a trial at its rung: the loss at the rung."""
        return loss


def _one(items: list[Any], which: int) -> Any:
    return items[which % len(items)]
