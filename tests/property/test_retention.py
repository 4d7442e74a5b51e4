"""Retention event by event equals the pure function of the ledger, after every prefix of any history."""

from hypothesis import given
from hypothesis import strategies as st

from paceline.events import (
    Checkpoint,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
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

LIMITS = st.one_of(st.none(), st.integers(0, 6))


class History:
    """Legal events, drawn one at a time; `None` where the facts so far allow none of that kind."""

    def __init__(self, data):
        self.ledger = Ledger()
        self.ledger.apply(StudyOpened(0, Objective("loss"), {}, {}, retries=1), 0.0)
        self.draw = data.draw
        for _ in range(3):
            self.go_on("create")

    def one_of(self, values):
        return self.draw(st.sampled_from(values)) if values else None

    def idle_trial(self):
        may_go_on = [t for t in self.ledger.trials if not (t.is_running or t.is_stopped or t.has_failed)]
        return self.one_of(may_go_on)

    def create(self):
        return TrialCreated(Trial(self.ledger.next_trial, {}))

    def issue(self):
        if (state := self.idle_trial()) is None:
            return None
        start = state.checkpoint.resource if state.checkpoint and self.draw(st.booleans()) else 0
        target = max(start, state.resource) + self.draw(st.integers(1, 4))
        return JobIssued(Job(JobId(self.ledger.n_jobs), state.id, start, target))

    def report(self, checkpoint=None):
        run = self.one_of([run for run in self.ledger.running.values() if run.resource < run.job.target])
        if run is None:
            return None
        resource = self.draw(st.integers(run.resource + 1, run.job.target))
        if checkpoint is not None:
            checkpoint = Checkpoint(
                f"{run.job.trial}/{resource}-{run.job.id}", resource, self.draw(st.integers(0, 3))
            )
        loss = self.draw(st.one_of(st.none(), st.integers(-2, 2).map(float)))
        return Reported(run.job.id, run.job.trial, resource, {"loss": loss}, checkpoint=checkpoint)

    def save(self):
        return self.report(checkpoint=True)

    def end(self):
        run = self.one_of(list(self.ledger.running.values()))
        return (
            None if run is None else JobEnded(run.job.id, run.job.trial, self.draw(st.sampled_from(Outcome)))
        )

    def stop(self):
        return None if (state := self.idle_trial()) is None else TrialStopped(state.id, "")

    def raise_max_resource(self):
        return SchedulerChanged({"max_resource": self.draw(st.integers(1, 12))})

    def go_on(self, step):
        """The next event, applied to the ledger."""
        event = getattr(self, step)()
        if event is not None:
            self.ledger.apply(event, 0.0)
        return event


KINDS = [
    "create",
    "issue",
    "issue",
    "report",
    "save",
    "save",
    "save",
    "end",
    "end",
    "stop",
    "raise_max_resource",
]
STEPS = st.lists(st.sampled_from(KINDS), min_size=30, max_size=80)


@given(data=st.data(), keep=LIMITS, max_bytes=LIMITS, steps=STEPS)
def test_incremental_equals_from_scratch(data, keep, max_bytes, steps):
    history = History(data)
    limits = {"keep": keep, "max_bytes": max_bytes}
    retention = Retention(history.ledger, **limits)
    existing = set()
    for step in steps:
        if data.draw(st.integers(0, 9)) == 0:  # a driver dies; the next one has the journal and the folder
            retention = Retention(history.ledger, **limits, existing=existing)
        event = history.go_on(step)
        if event is None:
            continue
        if isinstance(event, Reported) and event.checkpoint is not None:
            existing.add(event.checkpoint.key)
        expected = retained(history.ledger, **limits, existing=existing)
        assert sorted(retention.apply(event)) == sorted(existing - expected)
        existing = expected
        assert set(retention.keys) == existing


@given(data=st.data(), steps=STEPS)
def test_without_limits_nothing_needed_is_ever_gone(data, steps):
    history = History(data)
    retention = Retention(history.ledger)
    for step in steps:
        event = history.go_on(step)
        if event is not None:
            retention.apply(event)
        assert set(retention.keys) == retained(history.ledger)


@given(data=st.data(), keep=st.integers(0, 6), steps=STEPS)
def test_limits_hold_except_for_what_is_pinned(data, keep, steps):
    history = History(data)
    for step in steps:
        history.go_on(step)
    pinned = retained(history.ledger, keep=0)
    assert pinned <= retained(history.ledger, keep=keep) <= retained(history.ledger)
    assert len(retained(history.ledger, keep=keep)) <= max(keep, len(pinned))


@given(data=st.data(), steps=STEPS)
def test_what_runs_and_what_is_best_is_never_given_up(data, steps):
    history = History(data)
    ledger = history.ledger
    for step in steps:
        history.go_on(step)
    kept = retained(ledger, keep=0, max_bytes=0)
    running = [ledger.trials[run.job.trial].checkpoint for run in ledger.running.values()]
    best = ledger.best_at_max_resource
    incumbent = [] if best is None else [ledger.trials[best.trial].checkpoint]
    assert {checkpoint.key for checkpoint in running + incumbent if checkpoint is not None} <= kept
