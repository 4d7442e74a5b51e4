"""Retention event by event equals the pure function of the ledger, after every prefix of any history."""

from hypothesis import assume, given
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
    TrialId,
    TrialStopped,
)
from paceline.ledger import Ledger
from paceline.retention import Retention, retained

LIMITS = st.one_of(st.none(), st.integers(0, 6))
STEPS = ["create", "issue", "report", "save", "save", "end", "end", "stop", "raise max_resource", "restart"]


def opened(max_resource=None):
    ledger = Ledger()
    settings = {} if max_resource is None else {"max_resource": max_resource}
    ledger.apply(StudyOpened(0, Objective("loss"), {}, settings, retries=1), 0.0)
    return ledger


def next_event(ledger, step, data):
    """A legal event of this kind, or `None` where the facts so far allow none."""
    idle = [s for s in ledger.trials if not s.is_running and not s.is_stopped and not s.has_failed]
    running = list(ledger.running.values())
    if step == "create":
        return TrialCreated(Trial(ledger.next_trial, {}))
    if step == "issue" and idle:
        state = data.draw(st.sampled_from(idle))
        start = state.checkpoint.resource if state.checkpoint and data.draw(st.booleans()) else 0
        return JobIssued(
            Job(
                JobId(ledger.n_jobs),
                state.id,
                start,
                max(start, state.resource) + data.draw(st.integers(1, 4)),
            )
        )
    if step in ("report", "save") and running:
        run = data.draw(st.sampled_from(running))
        if run.resource >= run.job.target:
            return None
        resource = data.draw(st.integers(run.resource + 1, run.job.target))
        key = f"{run.job.trial:06d}/{resource:08d}-{run.job.id:06d}"
        checkpoint = Checkpoint(key, resource, data.draw(st.integers(0, 3))) if step == "save" else None
        loss = data.draw(st.one_of(st.none(), st.integers(-2, 2).map(float)))
        return Reported(run.job.id, run.job.trial, resource, {"loss": loss}, checkpoint=checkpoint)
    if step == "end" and running:
        run = data.draw(st.sampled_from(running))
        return JobEnded(run.job.id, run.job.trial, data.draw(st.sampled_from(Outcome)))
    if step == "stop" and idle:
        return TrialStopped(data.draw(st.sampled_from(idle)).id, "")
    if step == "raise max_resource":
        return SchedulerChanged({"max_resource": data.draw(st.integers(1, 12))})
    return None


@given(data=st.data(), keep=LIMITS, max_bytes=LIMITS, steps=st.lists(st.sampled_from(STEPS), max_size=60))
def test_incremental_equals_from_scratch(data, keep, max_bytes, steps):
    ledger = opened()
    retention = Retention(ledger, keep=keep, max_bytes=max_bytes)
    existing = set()
    for at, step in enumerate(steps, start=1):
        if step == "restart":  # a driver dies; the next one has the journal and the folder
            retention = Retention(ledger, keep=keep, max_bytes=max_bytes, existing=existing)
        event = next_event(ledger, step, data)
        if event is None:
            continue
        ledger.apply(event, float(at))
        if isinstance(event, Reported) and event.checkpoint is not None:
            existing.add(event.checkpoint.key)
        expected = retained(ledger, keep=keep, max_bytes=max_bytes, existing=existing)
        assert sorted(retention.apply(event)) == sorted(existing - expected)
        existing = expected
        assert set(retention.keys) == existing


@given(data=st.data(), steps=st.lists(st.sampled_from(STEPS), max_size=60))
def test_without_limits_nothing_needed_is_ever_gone(data, steps):
    ledger = opened()
    retention = Retention(ledger)
    for at, step in enumerate(steps, start=1):
        event = next_event(ledger, step, data)
        if event is not None:
            ledger.apply(event, float(at))
            retention.apply(event)
        assert set(retention.keys) == retained(ledger)


@given(data=st.data(), keep=st.integers(0, 6), steps=st.lists(st.sampled_from(STEPS), max_size=60))
def test_limits_hold_except_for_what_is_pinned(data, keep, steps):
    ledger = opened()
    for at, step in enumerate(steps, start=1):
        event = next_event(ledger, step, data)
        if event is not None:
            ledger.apply(event, float(at))
    pinned = retained(ledger, keep=0)
    assert pinned <= retained(ledger, keep=keep) <= retained(ledger)
    assert len(retained(ledger, keep=keep)) <= max(keep, len(pinned))
