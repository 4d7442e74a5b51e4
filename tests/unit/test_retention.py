"""Which checkpoints are kept, by example. The rules in full are in tests/property."""

import pytest

from paceline.checkpoints import CheckpointStore
from paceline.events import (
    Checkpoint,
    Job,
    JobEnded,
    JobIssued,
    Objective,
    Outcome,
    Reported,
    StudyOpened,
    Trial,
    TrialCreated,
    TrialStopped,
)
from paceline.ledger import Ledger
from paceline.retention import CheckpointJanitor, Retention, retained


class Facts:
    """A ledger, filled by what is told."""

    def __init__(self, max_resource=None, retries=0):
        self.ledger = Ledger()
        self.listeners = []
        settings = {"max_resource": max_resource}
        self.record(StudyOpened(0, Objective("loss"), {}, settings, retries=retries))

    def record(self, event):
        self.ledger.apply(event, 0.0)
        for listen in self.listeners:
            listen(event)

    def trial(self):
        self.record(TrialCreated(Trial(self.ledger.next_trial, {})))
        return self.ledger.trials[-1].id

    def issue(self, trial, target):
        state = self.ledger.trials[trial]
        start = state.checkpoint.resource if state.checkpoint else 0
        self.record(JobIssued(Job(self.ledger.n_jobs, trial, start, target)))
        return state.job

    def report(self, job, loss=0.5, at=None, size_bytes=10):
        at = at or job.target
        key = f"{job.trial:06d}/{at:08d}-{job.id:06d}"
        self.record(
            Reported(job.id, job.trial, at, {"loss": loss}, checkpoint=Checkpoint(key, at, size_bytes))
        )
        return key

    def end(self, job, outcome=Outcome.COMPLETED):
        self.record(JobEnded(job.id, job.trial, outcome))

    def train(self, target, loss=0.5, trial=None):
        """A trial that has reached a target; its newest checkpoint."""
        job = self.issue(self.trial() if trial is None else trial, target)
        key = self.report(job, loss)
        self.end(job)
        return key


def test_a_newer_checkpoint_frees_the_older_one_when_its_job_has_ended():
    facts = Facts()
    first = facts.train(1)
    job = facts.issue(0, 3)
    second = facts.report(job)
    assert retained(facts.ledger) == {first, second}, "the running job started from the first"
    facts.end(job)
    assert retained(facts.ledger) == {second}


def test_a_checkpoint_in_the_middle_of_a_job_frees_the_one_before():
    facts = Facts()
    job = facts.issue(facts.trial(), 9)
    facts.report(job, at=3)
    newer = facts.report(job, at=6)
    assert retained(facts.ledger) == {newer}


def test_stopped_and_failed_trials_need_none_except_the_incumbent():
    facts = Facts()
    best, stopped, failed = facts.train(9, loss=0.1), facts.train(9), facts.train(9)
    for trial in (0, 1):
        facts.record(TrialStopped(trial, ""))
    job = facts.issue(2, 27)
    assert retained(facts.ledger) == {best, failed}
    facts.end(job, Outcome.FAILED)
    assert retained(facts.ledger) == {best}
    better = facts.train(9, loss=0.05)
    assert retained(facts.ledger) == {better}
    assert stopped not in retained(facts.ledger)


def test_a_trial_that_may_be_retried_keeps_its_checkpoint():
    facts = Facts(retries=1)
    key = facts.train(3)
    facts.end(facts.issue(0, 9), Outcome.FAILED)
    assert retained(facts.ledger) == {key}


@pytest.mark.parametrize("keep", range(6))
def test_the_best_are_kept_first(keep):
    facts = Facts(max_resource=27)
    in_order = [
        facts.train(27, loss=0.01),  # the incumbent
        facts.train(9, loss=0.5),  # the higher resource
        facts.train(3, loss=0.2),  # the lower loss
        facts.train(3, loss=0.3),  # the older trial
        facts.train(3, loss=0.3),
        facts.train(27, loss=0.02),  # finished: it goes on only if max_resource is raised
    ]
    assert retained(facts.ledger, keep=keep) == set(in_order[: max(keep, 1)])


def test_the_worst_is_dropped_first():
    facts = Facts()
    kept = [facts.train(9 - number) for number in range(4)]
    job = facts.issue(facts.trial(), 8)
    retention = Retention(facts.ledger, keep=4)
    dropped = []
    facts.listeners.append(lambda event: dropped.extend(retention.apply(event)))
    facts.report(job)
    assert dropped == [kept[-1]]


def test_bytes_are_limited_too():
    facts = Facts()
    kept = [facts.train(9 - number) for number in range(5)]  # ten bytes each
    assert retained(facts.ledger, max_bytes=35) == set(kept[:3])
    assert retained(facts.ledger, max_bytes=0) == {kept[0]}


def test_what_was_dropped_long_ago_takes_no_place():
    facts = Facts()
    first, dropped, third = facts.train(9), facts.train(8), facts.train(7)
    assert retained(facts.ledger, keep=2) == {first, dropped}
    assert retained(facts.ledger, keep=2, existing={first, third}) == {first, third}


def save(store, key):
    trial, rest = key.split("/")
    resource, job = rest.split("-")
    assert store.save(int(trial), int(resource), int(job), lambda folder: (folder / "net").touch()).key == key


def test_the_janitor_deletes_once_facts_are_durable(tmp_path):
    facts = Facts()
    store = CheckpointStore(tmp_path)
    save(store, facts.train(9, loss=0.1))
    save(store, facts.train(3))
    save(store, "000007/00000001-000099")  # of no trial that the journal knows
    janitor = CheckpointJanitor(facts.ledger, store, keep=2)
    facts.listeners.append(janitor.apply)
    assert len(store.keys()) == 2, "swept at once"

    facts.record(TrialStopped(1, ""))
    assert len(store.keys()) == 2, "not before the fact is durable"
    janitor.tidy()
    assert store.keys() == ["000000/00000009-000000"]
    janitor.tidy()
