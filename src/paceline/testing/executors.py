"""The contract of executors, as tests for whoever writes one.

    class TestMyExecutor(ExecutorContract):
        def make_executor(self, train, context, slots):
            return MyExecutor(train, context, slots)

and pytest finds the rest. Each test names the rule at the head of `paceline.executors.protocol` that it is about. None
waits for time to pass: training stands at a gate until the test has seen what it waits for.
"""
# ruff: noqa: D102 - tests are made of asserts, and their names say what they are about

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

from paceline.checkpoints import CheckpointStore
from paceline.events import Checkpoint, Config, Job, JobEnded, JobId, Objective, Outcome, Reported, TrialId
from paceline.executors.protocol import Assignment, Executor, ExecutorEvent
from paceline.worker import TrainingContext, TrainingFunction, TrialHandle

DEADLINE_S = 60.0
"""A test whose fact has not happened by then has failed."""


class Gate:
    """Where training in any process of this machine waits until a test lets it go on.

    A named pipe: what is written stays there until it is read, so it does not matter who comes first.

    Args:
        path: where it is made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        # For reading too, so that opening it does not wait for a reader; and what is written stays while this is open.
        self._descriptor = os.open(path, os.O_RDWR)

    def open(self, passes: int = 1) -> None:
        """Let so many passes through, now or later."""
        os.write(self._descriptor, b"." * passes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def pass_gate(path: str | Path) -> None:
    """In training: wait until the gate is open."""
    with Path(path).open("rb", buffering=0) as pipe:
        pipe.read(1)


class Bench:
    """An executor at work, and what it has delivered.

    Args:
        executor: to be driven.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.batches: list[list[ExecutorEvent]] = []
        self.jobs: list[Job] = []
        self.on_event: Callable[[ExecutorEvent], None] = lambda _: None

    @property
    def events(self) -> list[ExecutorEvent]:
        """All that was delivered, in order."""
        return [event for batch in self.batches for event in batch]

    def start(
        self, config: Config, target: int, *, trial: int | None = None, checkpoint: Checkpoint | None = None
    ) -> JobId:
        """Start a job, of a new trial unless `trial` is given."""
        number = len(self.jobs)
        start = 0 if checkpoint is None else checkpoint.resource
        job = Job(JobId(number), TrialId(number if trial is None else trial), start, target)
        self.jobs.append(job)
        self.executor.start(Assignment(job, config, checkpoint))
        return job.id

    def until(self, has_happened: Callable[[], bool]) -> None:
        """Wait for a fact."""
        deadline = time.monotonic() + DEADLINE_S
        while not has_happened():
            left_s = deadline - time.monotonic()
            assert left_s > 0, f"it has not happened within {DEADLINE_S:g} s; what has: {self.events}"
            self.executor.wait(self._deliver, left_s)

    def until_ended(self, *jobs: JobId) -> list[JobEnded]:
        """Wait until these jobs have ended; how they did."""
        self.until(lambda: all(self.ends_of(job) for job in jobs))
        return [self.ends_of(job)[0] for job in jobs]

    def ends_of(self, job: JobId) -> list[JobEnded]:
        """The `JobEnded` of a job, of which there should be one at most."""
        return [event for event in self.events if isinstance(event, JobEnded) and event.job == job]

    def reports_of(self, job: JobId) -> list[Reported]:
        """The reports of a job."""
        return [event for event in self.events if isinstance(event, Reported) and event.job == job]

    def _deliver(self, events: Sequence[ExecutorEvent]) -> None:
        self.batches.append(list(events))
        for event in events:
            self.on_event(event)

    def check(self) -> None:
        """See that what was delivered keeps rules 1 to 3."""
        for job in self.jobs:
            own = [event for event in self.events if event.job == job.id]
            assert {event.trial for event in own} <= {job.trial}
            assert sum(isinstance(event, JobEnded) for event in own) <= 1
            assert not any(isinstance(event, JobEnded) for event in own[:-1]), (
                "an event follows the job's end"
            )
            reached = [event.resource for event in own if isinstance(event, Reported)]
            assert reached == sorted(set(reached))
            assert all(job.start < resource <= job.target for resource in reached)
        for batch in self.batches:
            for index, event in enumerate(batch):
                if isinstance(event, JobEnded) and event.outcome is Outcome.COMPLETED:
                    before = [earlier for earlier in batch[:index] if earlier.job == event.job]
                    assert before, "a job completed without a report in the same batch"
                    assert isinstance(before[-1], Reported)
                    assert before[-1].resource == self.jobs[event.job].target


# What the jobs of the tests do --------------------------------------------------------------------------------


def _count(trial: TrialHandle) -> None:
    """Count one up for each step, from what the checkpoint says."""
    count = int((trial.checkpoint / "count").read_text()) if trial.checkpoint else 0
    for step in trial.steps():
        if "gate" in trial.config:
            pass_gate(str(trial.config["gate"]))
        assert count == step
        count += 1
        save = partial(_write, text=str(count))
        trial.report(loss=1 / count, count=count, save=save)


def _write(folder: Path, text: str) -> None:
    (folder / "count").write_text(text)


def _count_without_steps(trial: TrialHandle) -> None:
    for resource in range(trial.start + 1, trial.target + 1):
        if "gate" in trial.config:
            pass_gate(str(trial.config["gate"]))
        trial.report({"loss": 1.0}, resource=resource, save=partial(_write, text=str(resource)))


def _return(trial: TrialHandle) -> object:
    value = trial.config["value"]
    return float(value) if isinstance(value, str) else value


def _echo(trial: TrialHandle) -> dict[str, float]:
    """Say which config came, types included."""
    kinds = {"a": str, "b": int, "c": float, "d": bool, "e": type(None)}
    same = all(type(trial.config[name]) is kind for name, kind in kinds.items())
    return {"loss": 0.0, "same": float(same), "seed": trial.seed}


def _raise(trial: TrialHandle) -> None:
    raise ValueError(trial.config["message"])


def _exit(_: TrialHandle) -> None:
    raise SystemExit(3)


def _train(trial: TrialHandle) -> object:
    does = {
        "count": _count,
        "count without steps": _count_without_steps,
        "return": _return,
        "echo": _echo,
        "raise": _raise,
        "exit": _exit,
    }
    return does[str(trial.config["do"])](trial)


COUNT: Config = {"do": "count"}


class ExecutorContract:
    """What every executor must do. See this file's head for how to use it."""

    is_concurrent = True
    """Whether training runs beside the thread that calls `wait`; some rules can be seen only then."""

    def make_executor(self, train: TrainingFunction, context: TrainingContext, slots: int) -> Executor:
        """The executor to be tested, with at least one slot and `slots` where it can have several."""
        raise NotImplementedError

    @contextmanager
    def _bench(self, folder: Path, *, slots: int = 1, checkpoint_every: int | None = None) -> Iterator[Bench]:
        context = TrainingContext(
            "contract", Objective("loss"), folder / "checkpoints", checkpoint_every=checkpoint_every, seed=7
        )
        with closing(self.make_executor(_train, context, slots)) as executor:
            bench = Bench(executor)
            yield bench
            bench.check()

    # Rules 1 to 3: one end for each job, rising reports, nothing between the last report and COMPLETED

    def test_a_job_reports_each_step_and_completes(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            job = bench.start(COUNT, 3)
            (end,) = bench.until_ended(job)
            assert end == JobEnded(job, TrialId(0), Outcome.COMPLETED, trained=3)
            assert [report.resource for report in bench.reports_of(job)] == [1, 2, 3]
            assert [report.metrics["count"] for report in bench.reports_of(job)] == [1, 2, 3]
            assert all(report.seconds >= 0 for report in bench.reports_of(job))

    def test_jobs_follow_each_other(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            for _ in range(20):
                (end,) = bench.until_ended(bench.start(COUNT, 2))
                assert end.outcome is Outcome.COMPLETED

    def test_a_returned_number_is_the_report_at_the_target(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            job = bench.start({"do": "return", "value": 0.5}, 9)
            (end,) = bench.until_ended(job)
            assert end == JobEnded(job, TrialId(0), Outcome.COMPLETED, trained=9)
            assert [(report.resource, report.metrics) for report in bench.reports_of(job)] == [
                (9, {"loss": 0.5})
            ]

    def test_what_is_not_finite_is_none(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            job = bench.start({"do": "return", "value": "nan"}, 1)
            bench.until_ended(job)
            assert bench.reports_of(job)[0].metrics == {"loss": None}

    def test_a_config_arrives_as_it_is(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            config: Config = {"do": "echo", "a": "ä", "b": 2**53 + 1, "c": 1.0, "d": True, "e": None}
            jobs = [bench.start(config, 1, trial=4)]
            bench.until_ended(*jobs)
            jobs.append(bench.start(config, 2, trial=4))
            bench.until_ended(*jobs)
            first, second = (bench.reports_of(job)[0].metrics for job in jobs)
            assert first["same"] == 1.0
            assert first["seed"] == second["seed"]

    # Rule 4: a job that fails does not disturb the others

    def test_an_exception_fails_the_job_with_its_traceback(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            (end,) = bench.until_ended(bench.start({"do": "raise", "message": "too many spokes"}, 3))
            assert end.outcome is Outcome.FAILED
            assert end.trained == 0
            assert end.error is not None
            assert "ValueError: too many spokes" in end.error
            assert "_raise" in end.error

    def test_an_exit_fails_the_job(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            (end,) = bench.until_ended(bench.start({"do": "exit"}, 3))
            assert end.outcome is Outcome.FAILED

    def test_a_job_that_owes_its_report_fails(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            (end,) = bench.until_ended(bench.start({"do": "return", "value": None}, 3))
            assert end.outcome is Outcome.FAILED
            assert end.error is not None
            assert "trial.report(" in end.error

    def test_failures_disturb_no_others(self, tmp_path: Path) -> None:
        with self._bench(tmp_path, slots=2) as bench:
            for _ in range(10):
                jobs = [bench.start({"do": "raise", "message": "no"}, 1)]
                if bench.executor.slots == 1:
                    bench.until_ended(*jobs)
                jobs.append(bench.start(COUNT, 3))
                outcomes = [end.outcome for end in bench.until_ended(*jobs)]
                assert outcomes == [Outcome.FAILED, Outcome.COMPLETED]

    # Rule 5: a checkpoint is durable before its report is given out

    def test_checkpoints_exist_when_they_are_reported(self, tmp_path: Path) -> None:
        store = CheckpointStore(tmp_path / "checkpoints")
        found = []

        def look(event: ExecutorEvent) -> None:
            if isinstance(event, Reported) and event.checkpoint is not None:
                path = store.path(event.checkpoint.key)
                found.append((event.resource, (path / "count").read_text()))
                assert event.checkpoint.resource == event.resource
                assert event.checkpoint.size_bytes == len(found[-1][1])

        with self._bench(tmp_path, checkpoint_every=4) as bench:
            bench.on_event = look
            bench.until_ended(bench.start(COUNT, 10))
        assert found == [(4, "4"), (8, "8"), (10, "10")]

    def test_a_trial_goes_on_from_its_checkpoint(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            checkpoint = self._train_to(bench, 3)
            bench.until_ended(bench.start(COUNT, 1))  # something else comes between
            job = bench.start(COUNT, 5, trial=0, checkpoint=checkpoint)
            (end,) = bench.until_ended(job)
            assert end == JobEnded(job, TrialId(0), Outcome.COMPLETED, trained=2)
            assert [report.resource for report in bench.reports_of(job)] == [4, 5]

    def test_a_trial_goes_on_at_once(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            checkpoint = self._train_to(bench, 3)
            job = bench.start(COUNT, 5, trial=0, checkpoint=checkpoint)
            (end,) = bench.until_ended(job)
            assert end == JobEnded(job, TrialId(0), Outcome.COMPLETED, trained=2)
            assert [report.resource for report in bench.reports_of(job)] == [4, 5]

    def test_a_trial_whose_checkpoint_is_gone_trains_from_nothing(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            gone = Checkpoint("000000/00000003-000099", 3)
            job = bench.start(COUNT, 5, trial=0, checkpoint=gone)
            (end,) = bench.until_ended(job)
            assert end == JobEnded(job, TrialId(0), Outcome.COMPLETED, trained=5)
            assert [report.resource for report in bench.reports_of(job)] == [4, 5]

    @staticmethod
    def _train_to(bench: Bench, target: int) -> Checkpoint:
        job = bench.start(COUNT, target)
        bench.until_ended(job)
        checkpoint = bench.reports_of(job)[-1].checkpoint
        assert checkpoint is not None
        return checkpoint

    # Rule 6: wait blocks, and does not spin

    def test_wait_returns_when_nothing_runs(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            bench.executor.wait(lambda _: None, None)

    def test_wait_returns_when_the_time_is_over(self, tmp_path: Path) -> None:
        if not self.is_concurrent:
            return
        with Gate(tmp_path / "gate") as gate, self._bench(tmp_path) as bench:
            job = bench.start({"do": "count", "gate": str(gate.path)}, 2)
            gate.open()
            bench.until(lambda: bool(bench.reports_of(job)))
            began, used = time.monotonic(), time.process_time()
            bench.executor.wait(lambda _: None, 0.2)
            assert time.monotonic() - began >= 0.2
            assert time.process_time() - used < 0.1, "waiting must not keep a core busy"
            bench.executor.wait(lambda _: None, 0.0)
            gate.open()
            bench.until_ended(job)

    def test_slots_train_at_the_same_time(self, tmp_path: Path) -> None:
        with Gate(tmp_path / "gate") as gate, self._bench(tmp_path, slots=2) as bench:
            if bench.executor.slots < 2:
                return
            waiting = bench.start({"do": "count", "gate": str(gate.path)}, 1)
            bench.until_ended(bench.start(COUNT, 3))  # the other one stands at its gate all the while
            assert not bench.ends_of(waiting)
            gate.open()
            bench.until_ended(waiting)

    # Rule 7: after an interrupt, each running job ends at its next report

    def test_an_interrupted_job_is_lost_with_a_checkpoint(self, tmp_path: Path) -> None:
        self._interrupt(tmp_path, "count")

    def test_a_function_without_steps_is_interrupted_too(self, tmp_path: Path) -> None:
        self._interrupt(tmp_path, "count without steps")

    def _interrupt(self, folder: Path, does: str) -> None:
        with Gate(folder / "gate") as gate, self._bench(folder) as bench:

            def interrupt_and_let_go_on(event: ExecutorEvent) -> None:
                if isinstance(event, Reported):
                    bench.executor.interrupt()
                    gate.open()

            bench.on_event = interrupt_and_let_go_on
            job = bench.start({"do": does, "gate": str(gate.path)}, 10**6)
            gate.open()
            (end,) = bench.until_ended(job)
            last = bench.reports_of(job)[-1]
            assert (end.outcome, end.trained) == (Outcome.LOST, last.resource)
            assert last.checkpoint is not None
            assert CheckpointStore(folder / "checkpoints").exists(last.checkpoint.key)

            bench.on_event = lambda _: None
            (end,) = bench.until_ended(bench.start(COUNT, 2))
            assert end.outcome is Outcome.COMPLETED, "only the jobs that ran are interrupted"

    def test_an_interrupted_job_that_reaches_its_target_completes(self, tmp_path: Path) -> None:
        with Gate(tmp_path / "gate") as gate, self._bench(tmp_path) as bench:

            def interrupt_and_let_go_on(event: ExecutorEvent) -> None:
                if isinstance(event, Reported) and event.resource == 1:
                    bench.executor.interrupt()
                    gate.open()

            job = bench.start({"do": "count", "gate": str(gate.path)}, 2)
            bench.on_event = interrupt_and_let_go_on
            gate.open()
            (end,) = bench.until_ended(job)
            assert end.outcome is Outcome.COMPLETED

    # Rule 8: close leaves nothing behind

    def test_close_leaves_nothing_behind(self, tmp_path: Path) -> None:
        self._use_and_close(tmp_path / "warm up")  # what is opened once for a process stays
        before = _threads_and_files()
        self._use_and_close(tmp_path / "again")
        assert _threads_and_files() == before

    def _use_and_close(self, folder: Path) -> None:
        folder.mkdir()
        with Gate(folder / "gate") as gate, self._bench(folder, slots=2) as bench:
            bench.until_ended(bench.start(COUNT, 1))
            if self.is_concurrent:
                job = bench.start({"do": "count", "gate": str(gate.path)}, 2)
                gate.open()
                bench.until(lambda: bool(bench.reports_of(job)))
            else:
                bench.start(COUNT, 1)
            bench.executor.close()
            bench.executor.close()

    def test_an_executor_that_was_never_used_closes(self, tmp_path: Path) -> None:
        with self._bench(tmp_path):
            pass

    def test_it_is_an_executor(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            assert isinstance(bench.executor, Executor)
            assert bench.executor.slots >= 1

    def test_time_does_not_go_back(self, tmp_path: Path) -> None:
        with self._bench(tmp_path) as bench:
            before = bench.executor.now()
            bench.until_ended(bench.start(COUNT, 1))
            assert bench.executor.now() >= before


def _threads_and_files() -> tuple[int, int]:
    for folder in (Path("/proc/self/fd"), Path("/dev/fd")):
        if folder.is_dir():
            return threading.active_count(), len(list(folder.iterdir()))
    return threading.active_count(), 0
