"""What training in the caller's own thread adds to the contract."""

import bdb
import threading

import pytest

from paceline.errors import CheckpointError, TrainingFunctionError
from paceline.events import Job, JobEnded, Objective, Outcome, Reported
from paceline.executors.inline import InlineExecutor
from paceline.executors.protocol import Assignment
from paceline.worker import TrainingContext


@pytest.fixture
def make(tmp_path):
    return lambda train: InlineExecutor(
        train, TrainingContext("s", Objective("loss"), tmp_path / "checkpoints")
    )


def start(executor, target=3, job=0):
    executor.start(Assignment(Job(job, job, 0, target), {}))


def test_each_report_is_delivered_before_training_goes_on(make):
    story = []

    def train(trial):
        for step in trial.steps():
            story.append(step)
            trial.report(0.5)

    executor = make(train)
    start(executor)
    executor.wait(lambda events: story.extend(type(event) for event in events), None)
    assert story == [0, Reported, 1, Reported, 2, Reported, JobEnded]


def test_it_trains_in_the_callers_thread(make):
    threads = []
    executor = make(lambda _: threads.append(threading.current_thread()) or 0.5)
    start(executor)
    assert threads == [], "not before wait"
    executor.wait(lambda _: None, None)
    assert threads == [threading.current_thread()]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, bdb.BdbQuit])
def test_what_is_ended_by_hand_is_lost_and_leaves_wait(make, raised):
    delivered = []

    def train(trial):
        trial.report(0.5)
        raise raised

    executor = make(train)
    start(executor)
    with pytest.raises(KeyboardInterrupt):
        executor.wait(delivered.extend, None)
    assert delivered[-1] == JobEnded(0, 0, Outcome.LOST, trained=1, error="interrupted by hand")


def test_what_deliver_raises_leaves_wait(make):
    def deliver(_):
        raise LookupError("somebody else drives this study")

    executor = make(lambda _: 0.5)
    start(executor)
    with pytest.raises(LookupError, match="somebody else"):
        executor.wait(deliver, None)


def test_trouble_with_the_disk_leaves_wait(make, tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    delivered = []
    executor = make(lambda trial: trial.report(0.5, save=lambda folder: (folder / "net").touch()))
    start(executor, 1)
    with pytest.raises(CheckpointError):
        executor.wait(delivered.extend, None)
    assert [event.outcome for event in delivered] == [Outcome.LOST]


def test_there_is_one_slot(make):
    executor = make(lambda _: 0.5)
    start(executor)
    with pytest.raises(RuntimeError, match="slot"):
        start(executor, job=1)


def test_a_job_that_was_closed_before_it_began_never_begins(make):
    executor = make(lambda _: pytest.fail("it began"))
    start(executor)
    executor.close()
    executor.wait(lambda _: pytest.fail("it ended"), None)


def test_closing_while_it_trains_ends_it_at_the_next_report(make):
    delivered = []

    def train(trial):
        for _ in trial.steps():
            trial.report(0.5)

    executor = make(train)
    start(executor, 100)
    executor.wait(lambda events: (delivered.extend(events), executor.close()), None)
    assert [type(event) for event in delivered] == [Reported, Reported, JobEnded]


def test_a_function_that_cannot_be_called_is_refused(make):
    with pytest.raises(TrainingFunctionError):
        make(lambda: None)
