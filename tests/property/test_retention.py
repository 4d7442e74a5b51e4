"""Retention event by event equals the pure function of the ledger, after every prefix of any history."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.events import (
    Checkpoint,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Origin,
    Outcome,
    Reported,
    SchedulerChanged,
    StudyOpened,
    Trial,
    TrialCreated,
    TrialStopped,
)
from paceline.ledger import Ledger
from paceline.retention import Retention, retained

LIMITS = st.one_of(st.none(), st.integers(0, 12))


class History:
    """A ledger to which legal events happen, chosen by numbers, and a scheduler that may fork from some checkpoints."""

    def __init__(self):
        self.ledger = Ledger()
        self.donors = {}  # what the scheduler may fork from, by key
        self.existing = set()
        self.ledger.apply(StudyOpened(0, Objective("loss"), {}, {}, retries=1), 0.0)
        for _ in range(6):
            self.go_on("create", 0)

    def go_on(self, kind, number):
        """The next event of this kind, applied to the ledger; `None` where the facts so far allow none."""
        self.random = random.Random(number)
        event = getattr(self, kind)()
        if event is not None:
            self.ledger.apply(event, 0.0)
            self.choose_donors(event)
        return event

    def needed(self):
        return self.donors

    def choose_donors(self, event):
        """The scheduler's mind: a checkpoint is of use when it is saved, or not, and some day no longer."""
        checkpoint = getattr(event, "checkpoint", None)
        if checkpoint is not None and self.random.random() < 0.5:
            self.donors[checkpoint.key] = checkpoint
        elif self.donors and self.random.random() < 0.3:
            del self.donors[self.one_of(list(self.donors))]

    def one_of(self, values):
        return self.random.choice(values) if values else None

    def idle_trial(self):
        return self.one_of(
            [t for t in self.ledger.trials if not (t.is_running or t.is_stopped or t.has_failed)]
        )

    def create(self):
        return TrialCreated(Trial(self.ledger.next_trial, {}))

    def fork(self):
        """From a checkpoint that is there, as a scheduler would."""
        there = [checkpoint for checkpoint in self.donors.values() if checkpoint.key in self.existing]
        if not there:
            return None
        checkpoint = self.one_of(there)
        origin = Origin(int(checkpoint.key.split("/")[0]), checkpoint)
        return TrialCreated(Trial(self.ledger.next_trial, {}, origin=origin))

    def issue(self):
        if (state := self.idle_trial()) is None:
            return None
        start = state.checkpoint.resource if state.checkpoint and self.random.random() < 0.7 else 0
        target = max(start, state.resource) + self.random.randint(1, 4)
        return JobIssued(Job(JobId(self.ledger.n_jobs), state.id, start, target))

    def report(self, *, with_checkpoint=False):
        run = self.one_of([run for run in self.ledger.running.values() if run.resource < run.job.target])
        if run is None:
            return None
        resource = self.random.randint(run.resource + 1, run.job.target)
        key = f"{run.job.trial}/{resource}-{run.job.id}"
        checkpoint = Checkpoint(key, resource, self.random.randint(0, 3)) if with_checkpoint else None
        loss = self.random.choice([None, -2.0, -1.0, 0.0, 1.0])
        return Reported(run.job.id, run.job.trial, resource, {"loss": loss}, checkpoint=checkpoint)

    def save(self):
        return self.report(with_checkpoint=True)

    def end(self):
        run = self.one_of(list(self.ledger.running.values()))
        return (
            None
            if run is None
            else JobEnded(run.job.id, run.job.trial, self.random.choice([Outcome.COMPLETED, *Outcome]))
        )

    def stop(self):
        return None if (state := self.idle_trial()) is None else TrialStopped(state.id, "")

    def raise_max_resource(self):
        return SchedulerChanged({"max_resource": self.random.randint(1, 12)})


KINDS = [
    "create",
    "fork",
    "fork",
    "issue",
    "issue",
    "report",
    "save",
    "save",
    "save",
    "end",
    "end",
    "end",
    "stop",
    "raise_max_resource",
]
STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**16)), min_size=20, max_size=80)


@settings(deadline=None)
@given(keep=LIMITS, max_bytes=LIMITS, steps=STEPS, crashes=st.sets(st.integers(0, 80)))
def test_incremental_equals_from_scratch(keep, max_bytes, steps, crashes):
    history = History()
    limits = {"keep": keep, "max_bytes": max_bytes, "needed": history.needed}
    retention = Retention(history.ledger, **limits)
    existing = history.existing
    for at, step in enumerate(steps):
        if at in crashes:  # a driver dies; the next one has the journal and the folder
            retention = Retention(history.ledger, **limits, existing=existing)
        event = history.go_on(*step)
        if event is None:
            continue
        if isinstance(event, Reported) and event.checkpoint is not None:
            existing.add(event.checkpoint.key)
        expected = retained(history.ledger, **limits, existing=existing)
        assert sorted(retention.apply(event)) == sorted(existing - expected)
        existing = history.existing = expected
        assert set(retention.keys) == existing


@settings(deadline=None)
@given(steps=STEPS)
def test_without_limits_nothing_needed_is_ever_gone(steps):
    history = History()
    retention = Retention(history.ledger, needed=history.needed)
    for step in steps:
        event = history.go_on(*step)
        if event is not None:
            retention.apply(event)
        history.existing = retained(history.ledger, needed=history.needed)
        assert set(retention.keys) == history.existing


@settings(deadline=None)
@given(keep=st.integers(0, 6), steps=STEPS)
def test_limits_hold_except_for_what_is_pinned(keep, steps):
    history = History()
    for step in steps:
        history.go_on(*step)
    pinned = retained(history.ledger, keep=0)
    assert pinned <= retained(history.ledger, keep=keep) <= retained(history.ledger)
    assert len(retained(history.ledger, keep=keep)) <= max(keep, len(pinned))


@settings(deadline=None)
@given(steps=STEPS)
def test_what_runs_and_what_is_best_is_never_given_up(steps):
    history = History()
    ledger = history.ledger
    for step in steps:
        history.go_on(*step)
    running = [ledger.trials[run.job.trial].checkpoint for run in ledger.running.values()]
    best = ledger.best_at_max_resource
    incumbent = [] if best is None else [ledger.trials[best.trial].checkpoint]
    needed = {checkpoint.key for checkpoint in running + incumbent if checkpoint is not None}
    assert needed <= retained(ledger, keep=0, max_bytes=0)
