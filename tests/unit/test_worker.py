"""One call of a training function: what it sees, and which events become of what it does."""

import functools
import logging
from collections import deque

import pytest

from paceline.checkpoints import CheckpointStore
from paceline.errors import CheckpointError, ReportError, TrainingFunctionError
from paceline.events import Checkpoint, Job, JobEnded, Objective, Outcome, Reported
from paceline.worker import TrainingContext, TrainingPaused, check_training_function, run_job

CONFIG = {"lr": 0.1, "optimizer": "sgd"}


class FakeChannel:
    """Keeps what is sent; interrupts and assigns what the test has prepared."""

    def __init__(self):
        self.sent = []
        self.troubles = []
        self.interrupted = set()
        self.next_jobs = deque()
        self.asked = []

    def send(self, events, *, trouble=None):
        self.sent.append(list(events))
        self.troubles.append(trouble)

    def is_interrupted(self, job):
        return job in self.interrupted

    def next_job(self, trial, resource):
        self.asked.append((trial, resource))
        return self.next_jobs.popleft() if self.next_jobs else None

    @property
    def events(self):
        return [event for batch in self.sent for event in batch]

    @property
    def reports(self):
        return [event for event in self.events if isinstance(event, Reported)]

    @property
    def ends(self):
        return [event for event in self.events if isinstance(event, JobEnded)]


class Clock:
    """Training takes as long as it says."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def channel():
    return FakeChannel()


@pytest.fixture
def run(tmp_path, channel):
    """Calls a training function for one job; the events are in `channel`."""

    def run_it(
        train,
        start=0,
        target=3,
        *,
        checkpoint=None,
        trial=7,
        every=None,
        metric="loss",
        seed=0,
        clock=None,
        is_fork=False,
    ):
        context = TrainingContext("s", Objective(metric), tmp_path / "ck", checkpoint_every=every, seed=seed)
        job = Job(5, trial, start, target)
        run_job(
            train,
            context,
            job,
            CONFIG,
            checkpoint,
            is_fork=is_fork,
            channel=channel,
            clock=clock or Clock(),
        )

    return run_it


def save(folder):
    """A checkpoint of which only its being there matters."""
    (folder / "net").touch()


# What the function sees ---------------------------------------------------------------------------------------


def test_the_trial(run):
    seen = []

    def train(trial):
        seen.extend([trial.id, trial.start, trial.target, trial.checkpoint, dict(**trial.config)])
        assert "7" in repr(trial)
        return 0.5

    run(train)
    assert seen == [7, 0, 3, None, CONFIG]


def test_a_changed_config_changes_nobody_elses(run):
    def train(trial):
        trial.config["lr"] = 99
        assert trial.config["lr"] == 99
        return 0.5

    run(train)
    assert CONFIG["lr"] == 0.1


def test_the_seed_is_the_trials(run):
    seeds = []

    def train(trial):
        seeds.append(trial.seed)
        return 0.5

    run(train)
    run(train, target=9)
    run(train, trial=8)
    run(train, seed=1)
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 3
    assert all(isinstance(seed, int) and 0 <= seed < 2**31 for seed in seeds)


def test_a_checkpoint_is_found(run, tmp_path):
    saved = CheckpointStore(tmp_path / "ck").save(7, 2, 1, lambda folder: (folder / "net").write_text("x"))

    def train(trial):
        assert (trial.checkpoint / "net").read_text() == "x"
        assert (trial.start, list(trial.steps())) == (2, [2, 3, 4])
        return 0.5

    run(train, 2, 5, checkpoint=saved)


# Reports ------------------------------------------------------------------------------------------------------


def test_steps_report_themselves(run, channel):
    def train(trial):
        for step in trial.steps():
            trial.report(loss=step / 10)

    run(train)
    assert channel.sent == [
        [Reported(5, 7, 1, {"loss": 0.0})],
        [Reported(5, 7, 2, {"loss": 0.1})],
        [Reported(5, 7, 3, {"loss": 0.2}), JobEnded(5, 7, Outcome.COMPLETED, trained=3)],
    ]


def test_without_steps_the_resource_counts_up(run, channel):
    def train(trial):
        while trial.target > (channel.reports[-1].resource if channel.reports else 0):
            trial.report(0.5)

    run(train)
    assert [report.resource for report in channel.reports] == [1, 2, 3]


def test_not_every_step_must_be_reported(run, channel):
    def train(trial):
        for step in trial.steps():
            if step % 2:
                trial.report(0.5)
        return 0.25

    run(train, target=5)
    assert [(report.resource, report.metrics["loss"]) for report in channel.reports] == [
        (2, 0.5),
        (4, 0.5),
        (5, 0.25),
    ]
    assert channel.ends == [JobEnded(5, 7, Outcome.COMPLETED, trained=5)]


def test_steps_follow_what_was_reported(run, channel):
    def train(trial):
        for step in trial.steps():  # each of its steps trains two units
            trial.report(0.5, resource=min(step + 2, trial.target))

    run(train, target=5)
    assert [report.resource for report in channel.reports] == [2, 4, 5]


def test_steps_can_be_taken_up_again(run, channel):
    def train(trial):
        for step in trial.steps():
            trial.report(0.5)
            if step == 1:
                break
        assert list(trial.steps()) == [2]
        trial.report(0.5)

    run(train)
    assert [report.resource for report in channel.reports] == [1, 2, 3]


def test_seconds_are_those_of_training_without_saving(run, channel):
    clock = Clock()

    def train(trial):
        for step in trial.steps():
            clock.now += step + 1

            def save_slowly(folder):
                clock.now += 50
                save(folder)

            trial.report(0.5, save=save_slowly)

    run(train, clock=clock, every=1)
    assert [report.seconds for report in channel.reports] == [1, 2, 3]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (4, r"trial 7, job 5: resource=4: expected one from 3 to 3, the job's target"),
        (2, r"resource=2: expected one from 3 to 3, since 2 is reported already"),
        (0, r"resource=0: expected one from 3 to 3"),
        (2.5, r"resource=2.5: expected a whole number"),
        ("3", r"resource='3': expected a whole number"),
        (True, r"resource=True: expected a whole number"),
    ],
)
def test_a_wrong_resource_says_which_is_right(run, channel, resource, message):
    def train(trial):
        trial.report(0.5, resource=2)
        with pytest.raises(ReportError, match=message):
            trial.report(0.5, resource=resource)
        return 0.5

    run(train)
    assert [report.resource for report in channel.reports] == [2, 3]


def test_the_metric_is_owed_at_the_target_only(run, channel):
    def train(trial):
        trial.report(loss=0.5)
        with pytest.raises(
            ReportError, match=r"optimizes 'accuracy'.* has only 'acuracy', 'loss'.*Did you mean"
        ):
            trial.report(loss=0.5, acuracy=0.5, resource=trial.target)
        trial.report(0.9, resource=trial.target)

    run(train, metric="accuracy")
    assert [report.metrics for report in channel.reports] == [{"loss": 0.5}, {"accuracy": 0.9}]


def test_a_report_without_metrics_is_refused(run):
    def train(trial):
        with pytest.raises(ReportError, match=r"report\(loss=...\)"):
            trial.report()
        return 0.5

    run(train)


def test_after_the_end_no_report_is_taken(run, channel):
    def train(trial):
        trial.report(0.5, resource=3)
        with pytest.raises(ReportError, match="after the job ended at resource 3"):
            trial.report(0.5)

    run(train)
    assert len(channel.sent) == 1


# Checkpoints --------------------------------------------------------------------------------------------------


def saved_at(channel):
    return [report.resource for report in channel.reports if report.checkpoint]


@pytest.mark.parametrize(
    ("every", "expected"), [(None, [10]), (4, [4, 8, 10]), (100, [10]), (1, list(range(1, 11)))]
)
def test_save_is_called_when_a_checkpoint_is_due(run, channel, every, expected):
    calls = []

    def train(trial):
        for step in trial.steps():
            trial.report(0.5, save=lambda folder, step=step: (save(folder), calls.append(step + 1)))

    run(train, target=10, every=every)
    assert calls == saved_at(channel) == expected


def test_a_multiple_is_passed_where_reports_are_rare_or_cannot_save(run, channel):
    def train(trial):
        trial.report(0.5, resource=3, save=save)
        trial.report(0.5, resource=7, save=save)  # passes 4
        trial.report(0.5, resource=9)  # passes 8, but saves nothing
        trial.report(0.5, resource=10, save=save)  # so it is due still
        return 0.5

    run(train, target=11, every=4)
    assert saved_at(channel) == [7, 10]


def test_the_checkpoint_is_the_jobs_and_there_when_it_is_reported(run, channel, tmp_path, monkeypatch):
    store = CheckpointStore(tmp_path / "ck")
    send = channel.send

    def check(events, *, trouble=None):
        assert store.exists("000007/00000003-000005")
        send(events, trouble=trouble)

    monkeypatch.setattr(channel, "send", check)
    run(
        lambda trial: trial.report(0.5, resource=3, save=lambda folder: (folder / "net").write_bytes(b"1234"))
    )
    assert channel.reports[0].checkpoint == Checkpoint("000007/00000003-000005", 3, 4)


def test_an_error_in_save_fails_the_job(run, channel):
    def fail(_):
        raise KeyError("state_dict")

    run(lambda trial: trial.report(0.5, resource=3, save=fail))
    assert channel.reports == []
    assert channel.ends[0].outcome is Outcome.FAILED
    assert "KeyError: 'state_dict'" in channel.ends[0].error


@pytest.mark.parametrize("swallow", [False, True])
def test_trouble_with_the_disk_is_not_the_trainings(run, channel, tmp_path, swallow):
    (tmp_path / "ck").write_text("a file where the folder should be")

    def train(trial):
        for _ in trial.steps():
            try:
                trial.report(0.5, save=save)
            except Exception:
                if not swallow:
                    raise

    with pytest.raises(CheckpointError, match="The journal is intact"):
        run(train, every=1)
    (end,) = channel.events
    assert end.outcome is Outcome.LOST
    assert "cannot write the checkpoint" in end.error
    assert channel.troubles == [end.error], (
        "told together: the run must not go on after the one without the other"
    )


def test_a_trial_whose_checkpoint_is_gone_repeats_what_it_needs(run, channel):
    clock = Clock()

    def train(trial):
        assert (trial.start, trial.checkpoint) == (0, None)
        for _ in trial.steps():
            clock.now += 1
            trial.report(0.5, save=save)

    run(train, 3, 5, checkpoint=Checkpoint("000007/00000003-000001", 3), every=1, clock=clock)
    assert channel.sent[:3] == [[], [], []], "repetitions are signs of life"
    assert [(report.resource, report.seconds) for report in channel.reports] == [(4, 4.0), (5, 1.0)]
    assert saved_at(channel) == [4, 5]
    assert channel.ends == [JobEnded(5, 7, Outcome.COMPLETED, trained=5)]


def test_a_fork_whose_checkpoint_is_gone_is_not_trained_from_nothing(run, channel, tmp_path):
    called = []
    run(called.append, 3, 5, checkpoint=Checkpoint("000001/00000003-000001", 3), is_fork=True)
    (end,) = channel.ends
    assert (end.outcome, end.trained, channel.reports, called) == (Outcome.FAILED, 0, [], [])
    assert str(tmp_path / "ck" / "000001" / "00000003-000001") in end.error


# How it ends --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [1.0, {"loss": 1.0}, 1])
def test_what_is_returned_is_the_report_that_is_owed(run, channel, result):
    run(lambda _: result)
    assert channel.sent == [[Reported(5, 7, 3, {"loss": 1.0}), JobEnded(5, 7, Outcome.COMPLETED, trained=3)]]


def test_what_is_returned_after_the_end_is_ignored(run, channel):
    def train(trial):
        trial.report(0.5, resource=3)
        return "a model"

    run(train)
    assert [end.outcome for end in channel.ends] == [Outcome.COMPLETED]


def test_a_function_that_owes_its_report_is_told_what_to_write(run, channel):
    run(lambda trial: trial.report(0.5), metric="accuracy")
    (end,) = channel.ends
    assert (end.outcome, end.trained) == (Outcome.FAILED, 1)
    for part in (
        "returned None",
        "resource 3",
        "last report was at 1",
        "trial.report(accuracy=...)",
        "return accuracy",
    ):
        assert part in end.error


def test_a_function_that_returns_something_else_is_told(run, channel):
    run(lambda _: [0.5])
    (end,) = channel.ends
    assert end.outcome is Outcome.FAILED
    assert end.error == "paceline.errors.ReportError: loss: expected one real number, got a list: [0.5]\n"


def test_an_exception_is_told_from_the_users_frame_on(run, channel):
    def train(trial):
        for step in trial.steps():
            if step == 2:
                raise ValueError("too many spokes")

    run(train)
    (end,) = channel.ends
    assert (end.outcome, end.trained) == (Outcome.FAILED, 2)
    first, *_, last = end.error.splitlines()[1:]
    assert "test_worker.py" in first
    assert last == "ValueError: too many spokes"


@pytest.mark.parametrize(
    "error", [SystemExit(3), MemoryError(), GeneratorExit(), pytest.fail.Exception("no")]
)
def test_whatever_it_raises_fails_the_job(run, channel, error):
    def train(_):
        raise error

    run(train)
    assert channel.ends[0].outcome is Outcome.FAILED
    assert type(error).__name__ in channel.ends[0].error


def test_a_long_error_is_shortened_and_an_odd_one_made_writable(run, channel):
    def train(_):
        raise ValueError("\udcff" + "x" * 10**6 + "the end")

    run(train)
    error = channel.ends[0].error
    assert len(error) < 25_000
    assert error.encode()
    assert error.endswith("the end\n")


def test_ctrl_c_loses_the_job_and_goes_on_upward(run, channel):
    def train(trial):
        trial.report(0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(train)
    assert channel.ends == [JobEnded(5, 7, Outcome.LOST, trained=1, error="interrupted by hand")]


def test_an_exception_after_the_end_is_only_logged(run, channel, caplog):
    def train(trial):
        trial.report(0.5, resource=3)
        raise ValueError("in the epilogue")

    with caplog.at_level(logging.ERROR):
        run(train)
    assert [end.outcome for end in channel.ends] == [Outcome.COMPLETED]
    assert "in the epilogue" in caplog.text


class ConflictError(Exception):
    """What a driver's `deliver` may raise."""


@pytest.mark.parametrize("swallow", [False, True])
def test_what_the_channel_raises_is_not_the_trainings(run, channel, monkeypatch, swallow):
    def send(events, *, trouble=None):
        raise ConflictError

    monkeypatch.setattr(channel, "send", send)

    def train(trial):
        for _ in trial.steps():
            try:
                trial.report(0.5)
            except Exception:
                if not swallow:
                    raise

    with pytest.raises(ConflictError):
        run(train)


# Interrupts ---------------------------------------------------------------------------------------------------


def test_an_interrupt_ends_steps_quietly_with_a_checkpoint(run, channel):
    after = []

    def train(trial):
        for step in trial.steps():
            if step == 1:
                channel.interrupted.add(5)
            trial.report(0.5, save=save)
        after.append(True)

    run(train, target=10)
    assert after == [True]
    assert saved_at(channel) == [2]
    assert len(channel.sent[-1]) == 2, "the report and the end are one message"
    (end,) = channel.ends
    assert (end.outcome, end.trained) == (Outcome.LOST, 2)
    assert end.error.startswith("paused")
    assert channel.asked == [], "what was paused does not wait for more"


def test_an_interrupt_leaves_a_function_without_steps(run, channel):
    raised = []

    def train(trial):
        channel.interrupted.add(5)
        for resource in range(1, trial.target + 1):
            try:
                trial.report(0.5, resource=resource, save=save)
            except Exception as error:  # noqa: BLE001 - a function's own error handling must not catch it
                raised.append(error)
            except TrainingPaused:
                raised.append("paused")
                raise

    run(train, target=10)
    assert raised == ["paused"]
    assert saved_at(channel) == [1]
    assert channel.ends[0].outcome is Outcome.LOST


def test_an_interrupt_at_the_target_completes(run, channel):
    channel.interrupted.add(5)
    run(lambda _: 0.5)
    assert channel.ends[0].outcome is Outcome.COMPLETED


def test_an_interrupt_while_repeating_is_lost_without_a_report(run, channel):
    def train(trial):
        channel.interrupted.add(5)
        for _ in trial.steps():
            trial.report(0.5, save=save)

    run(train, 3, 5, checkpoint=Checkpoint("000007/00000003-000001", 3))
    (end,) = channel.events
    assert (end.outcome, end.trained) == (Outcome.LOST, 1)


def test_another_jobs_interrupt_is_not_ours(run, channel):
    channel.interrupted.add(4)
    run(lambda trial: [trial.report(0.5) for _ in trial.steps()])
    assert channel.ends[0].outcome is Outcome.COMPLETED


# Held in memory -----------------------------------------------------------------------------------------------


def test_a_trial_goes_on_in_the_same_loop(run, channel):
    channel.next_jobs.extend([Job(9, 7, 3, 5), Job(12, 7, 5, 6)])
    clock, seen = Clock(), []

    def train(trial):
        for step in trial.steps():
            clock.now += 1
            seen.append((step, trial.target, trial.start))
            trial.report(0.5, save=save)

    run(train, clock=clock)
    assert seen == [(0, 3, 0), (1, 3, 0), (2, 3, 0), (3, 5, 0), (4, 5, 0), (5, 6, 0)]
    assert channel.asked == [(7, 3), (7, 5), (7, 6)]
    assert [(event.job, event.resource, event.seconds) for event in channel.reports] == [
        (5, 1, 1), (5, 2, 1), (5, 3, 1), (9, 4, 1), (9, 5, 1), (12, 6, 1),
    ]  # fmt: skip
    assert channel.ends == [
        JobEnded(5, 7, Outcome.COMPLETED, trained=3),
        JobEnded(9, 7, Outcome.COMPLETED, trained=2),
        JobEnded(12, 7, Outcome.COMPLETED, trained=1),
    ]
    assert saved_at(channel) == [3, 5, 6]


def test_a_trial_that_saves_nothing_goes_on_from_memory_too(run, channel):
    channel.next_jobs.append(Job(9, 7, 0, 5))  # its next job has no checkpoint to start from

    def train(trial):
        for _ in trial.steps():
            trial.report(0.5)

    run(train)
    assert [report.resource for report in channel.reports] == [1, 2, 3, 4, 5]
    assert channel.ends[1] == JobEnded(9, 7, Outcome.COMPLETED, trained=2)


def test_time_held_is_not_training(run, channel, monkeypatch):
    clock = Clock()
    next_job = channel.next_job

    def wait(trial, resource):
        clock.now += 1000
        return next_job(trial, resource)

    monkeypatch.setattr(channel, "next_job", wait)
    channel.next_jobs.append(Job(9, 7, 3, 4))

    def train(trial):
        for _ in trial.steps():
            clock.now += 1
            trial.report(0.5)

    run(train, clock=clock)
    assert [report.seconds for report in channel.reports] == [1, 1, 1, 1]


def test_a_failure_in_a_later_job_is_its_own(run, channel):
    channel.next_jobs.append(Job(9, 7, 3, 9))

    def train(trial):
        for step in trial.steps():
            if step == 4:
                raise ValueError
            trial.report(0.5)

    run(train)
    assert [(end.job, end.outcome, end.trained) for end in channel.ends] == [
        (5, Outcome.COMPLETED, 3),
        (9, Outcome.FAILED, 1),
    ]


def test_a_function_without_steps_is_never_held(run, channel):
    run(lambda _: 0.5)
    assert channel.asked == []


# The function itself ------------------------------------------------------------------------------------------


class Trainer:
    def __call__(self, trial):
        pass

    def method(self, trial):
        pass


class AsyncTrainer:
    async def __call__(self, trial):
        pass


async def asynchronous(trial):
    pass


def generator(trial):
    yield trial


@pytest.mark.parametrize(
    "train",
    [lambda trial: None, lambda trial, scale=1: None, lambda *args: None, Trainer(), Trainer().method, print,
     functools.partial(lambda data, trial: None, 1)],
)  # fmt: skip
def test_these_can_train(train):
    check_training_function(train)


@pytest.mark.parametrize(
    ("train", "message"),
    [
        (None, "None: expected a function"),
        ("train", "'train': expected a function"),
        (Trainer, "the class Trainer: write a function"),
        (lambda: None, "cannot be called with a trial alone .*too many positional"),
        (lambda trial, data: None, "cannot be called with a trial alone .*'data'.*functools.partial"),
        (lambda *, trial: None, "cannot be called with a trial alone"),
        (asynchronous, "asynchronous.*remove `async`"),
        (AsyncTrainer(), "asynchronous.*remove `async`"),
        (generator, "generator.*remove `yield`"),
        (functools.partial(generator), "generator.*remove `yield`"),
    ],
)
def test_these_cannot(train, message):
    with pytest.raises(TrainingFunctionError, match=message):
        check_training_function(train)
