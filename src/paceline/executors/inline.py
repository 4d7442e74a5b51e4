"""Training in the caller's own thread: for debuggers, for notebooks, and for training that brings its own processes."""

from __future__ import annotations

import time
from bdb import BdbQuit
from collections.abc import Sequence

from paceline.events import Job, JobEnded, JobId, Reported, TrialId
from paceline.executors.protocol import Assignment, Deliver
from paceline.worker import TrainingContext, TrainingFunction, TrialHandle, check_training_function, run_job


class InlineExecutor:
    """One slot, in the thread that calls `wait`.

    Breakpoints work and nothing is pickled; Ctrl-C and the debugger's `quit` leave `wait`. A trial is never held in
    memory: each job calls the training function anew.

    Args:
        train: the training function.
        context: of the study.

    Raises:
        TrainingFunctionError: the function cannot be called with a trial.
    """

    slots = 1

    def __init__(self, train: TrainingFunction, context: TrainingContext) -> None:
        check_training_function(train)
        self._train = train
        self._context = context
        self._assignment: Assignment | None = None
        self._running: JobId | None = None
        self._interrupted: JobId | None = None

    def start(self, assignment: Assignment) -> None:
        """Note the job; `wait` trains it."""
        if self._running is not None:
            raise RuntimeError("the only slot is taken")
        self._assignment = assignment
        self._running = assignment.job.id

    def wait(self, deliver: Deliver, timeout_s: float | None) -> None:  # noqa: ARG002 - training cannot be left
        """Train the job that was started, however long it takes; nothing if there is none.

        Raises:
            CheckpointError: a checkpoint cannot be written.
            KeyboardInterrupt: Ctrl-C while it trained, or the debugger's `quit`.
        """
        assignment, self._assignment = self._assignment, None
        if assignment is None:
            return
        try:
            run_job(
                self._call,
                self._context,
                assignment.job,
                assignment.config,
                assignment.checkpoint,
                is_fork=assignment.is_fork,
                channel=_Channel(self, deliver),
            )
        finally:
            self._running = None

    def _call(self, trial: TrialHandle) -> object:
        try:
            return self._train(trial)
        except BdbQuit:  # who leaves the debugger does not want to meet the same breakpoint in the next trial
            raise KeyboardInterrupt from None

    def interrupt(self) -> None:
        """Let the running job end at its next report. Safe in a signal handler."""
        self._interrupted = self._running

    def is_interrupted(self, job: JobId) -> bool:
        """Whether the job is to end at its next report."""
        return self._interrupted == job

    def now(self) -> float:
        """The wall clock."""
        return time.time()

    def close(self) -> None:
        """Forget a job that was not begun; one that runs, in a frame above, ends at its next report."""
        self._assignment = None
        self.interrupt()


class _Channel:
    """Hands each report on before training goes on."""

    def __init__(self, executor: InlineExecutor, deliver: Deliver) -> None:
        self._executor = executor
        self._deliver = deliver

    def send(self, events: Sequence[Reported | JobEnded], *, trouble: str | None = None) -> None:  # noqa: ARG002 - raised, too
        if events:
            self._deliver(events)

    def is_interrupted(self, job: JobId) -> bool:
        return self._executor.is_interrupted(job)

    def next_job(self, trial: TrialId, resource: int) -> Job | None:  # noqa: ARG002 - what comes next is not known yet
        return None
