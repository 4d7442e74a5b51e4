"""Training in processes on this machine: the default, and it needs nothing installed.

Workers live as long as the executor. Each is a fresh interpreter with a socket to this process, which loads the training
function once and then trains one job after another (`worker_process.py`); what the two say is in `wire.py`.

What a death means is told by what the worker last said. A job that it had begun is to blame: FAILED. One that it had been
given but not begun, because the function was still busy after the job before, is not: LOST.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import assert_never

import msgspec

from paceline.errors import CheckpointError, PacelineError, SettingError, TrainingFunctionError
from paceline.events import JobEnded, Outcome, TrialId
from paceline.executors.devices import gpu_variables, thread_variables
from paceline.executors.local_worker import Launcher, LocalWorker
from paceline.executors.protocol import Assignment, Deliver, ExecutorEvent
from paceline.executors.shipping import pack
from paceline.executors.wire import Began, Happened, Ready, Unloadable, from_worker
from paceline.settings import at_least
from paceline.signals import signals_wait
from paceline.worker import TrainingContext, TrainingFunction, check_training_function

_START_UP_S = 300.0
"""The least patience with a worker that is still loading the training function: imports over a network are slow."""

_MOST_STILLBORN = 3
"""Workers in a row that may die before they are ready, once any was: more is no accident."""

_IDLE_GRACE_S = 10.0
"""For workers without a job to exit by themselves: a function that held its trial in memory may have an end to do."""

_TRAINING_GRACE_S = 2.0
"""For training that was stopped to clean up."""


class ProcessExecutor:
    """Runs jobs in worker processes.

    Workers start with the first job. Not for Windows; not thread-safe, except for `interrupt`.

    Args:
        train: the training function, sent to each worker once, by cloudpickle.
        context: of the study.
        workers: processes, and so jobs that run at once.
        patience_s: seconds without a report after which a worker counts as hanging and is killed; `None` is for ever.
        gpus: shared out among the workers by CUDA_VISIBLE_DEVICES: the first so many that are visible, or which.
        gpus_per_worker: how many each worker gets.
        threads_per_worker: for numerical libraries; `None` shares out the cores, unless the environment says otherwise.
        log_folder: where the workers' output is appended to `worker-<slot>.log`; `None` mixes it with this process's.

    Raises:
        SettingError: a setting is wrong.
        TrainingFunctionError: the function cannot be called with a trial, or cannot be pickled.
    """

    def __init__(
        self,
        train: TrainingFunction,
        context: TrainingContext,
        *,
        workers: int,
        patience_s: float | None = None,
        gpus: int | Sequence[int | str] | None = None,
        gpus_per_worker: int = 1,
        threads_per_worker: int | None = None,
        log_folder: Path | None = None,
    ) -> None:
        if os.name != "posix":
            raise SettingError(
                "executor", "processes", expected="a POSIX system", hint='Use WSL, or executor="inline".'
            )
        at_least("workers", workers, 1)
        is_number = isinstance(patience_s, int | float) and not isinstance(patience_s, bool)
        if patience_s is not None and not (is_number and patience_s > 0):
            raise SettingError("patience_s", patience_s, expected="a number of seconds above 0, or None")
        check_training_function(train)
        threads = thread_variables(threads_per_worker, workers=workers, environment=os.environ)
        gpu_groups = gpu_variables(gpus, per_worker=gpus_per_worker, workers=workers, environment=os.environ)
        absolute = msgspec.structs.replace(context, folder=context.folder.absolute())
        self.slots = workers
        self._patience_s = patience_s
        self._launcher = Launcher(
            pack(train, absolute), [{**threads, **group} for group in gpu_groups], log_folder
        )
        self._workers: list[LocalWorker | None] = [None] * workers
        self._has_started = False
        self._is_closed = False
        self._was_ready = False
        self._n_stillborn = 0
        self._trouble: PacelineError | None = None
        self._selector = DefaultSelector()
        self._wake_up, self._woken = socket.socketpair()
        self._wake_up.setblocking(False)
        self._selector.register(self._woken, EVENT_READ)

    # The protocol ----------------------------------------------------------------------------------------------

    def start(self, assignment: Assignment) -> None:
        """Give a job to the free worker that suits it best.

        Raises:
            OSError: no process can be started.
        """
        if not self._has_started:
            self._has_started = True
            for slot in range(self.slots):
                self._launch(slot)
        while True:
            worker = self._choose(assignment.job.trial)
            try:
                worker.assign(assignment)
            except ConnectionError:  # it died while it was idle
                self._bury(worker, [])
                if self._trouble is not None:
                    raise self._trouble from None
            else:
                return

    def wait(self, deliver: Deliver, timeout_s: float | None) -> None:
        """Wait until something has happened, `timeout_s` at most, and deliver all of it at once.

        Returns at once if no job is running.

        Raises:
            CheckpointError: a checkpoint cannot be written; its job has been delivered as `LOST`.
            TrainingFunctionError: workers cannot load the training function.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while any(worker.job for worker in self._alive()):
            events: list[ExecutorEvent] = []
            for key, _ in self._selector.select(self._time_left_s(deadline)):
                if key.data is None:
                    self._interrupt_workers()
                else:
                    self._hear(key.data, events)
            self._end_hanging(events)
            if events:
                deliver(events)
            if self._trouble is not None:
                trouble, self._trouble = self._trouble, None
                raise trouble
            if events or (deadline is not None and time.monotonic() >= deadline):
                return

    def interrupt(self) -> None:
        """Let each running job end at its next report. Safe in a signal handler, and from other threads."""
        for worker in self._alive():
            worker.is_interrupted = worker.job is not None
        with suppress(OSError):  # closed; or so many bytes wait there that one more says nothing new
            self._wake_up.send(b"!")

    def now(self) -> float:
        """The wall clock."""
        return time.time()

    def close(self) -> None:
        """End all workers: idle ones exit by themselves, those that train by KeyboardInterrupt; then SIGKILL."""
        if self._is_closed:
            return
        self._is_closed = True
        for key, _ in self._selector.select(0):  # who has become ready, idle or dead, unheard
            if key.data is not None:
                self._hear(key.data, [])
        workers = self._alive()
        training = [worker for worker in workers if worker.job is not None]
        for worker in workers:
            if worker.is_ready:
                worker.shut_down()
            else:  # it has nothing to clean up yet
                worker.kill()
        for worker in training:
            worker.stop_training()
        late = _not_exited([worker for worker in workers if worker.job is None], _IDLE_GRACE_S)
        for worker in late:
            worker.stop_training()
        _not_exited(training + late, _TRAINING_GRACE_S)
        for worker in workers:
            worker.kill()
        self._workers = [None] * self.slots
        self._launcher.close()
        self._selector.close()
        self._wake_up.close()
        self._woken.close()

    # Workers ---------------------------------------------------------------------------------------------------

    def _alive(self) -> list[LocalWorker]:
        return [worker for worker in self._workers if worker is not None]

    def _launch(self, slot: int) -> LocalWorker:
        with signals_wait():  # a worker is known from its first moment, or it could not be ended
            worker = self._launcher.launch(slot)
            self._workers[slot] = worker
            self._selector.register(worker.connection, EVENT_READ, worker)
        return worker

    def _choose(self, trial: TrialId) -> LocalWorker:
        """The worker that holds the trial in memory, or else one that holds none, or else the one idle for longest."""
        free = [worker for worker in self._alive() if worker.job is None]
        for worker in free:
            if worker.held == trial:
                return worker
        for worker in free:
            if worker.held is None:
                return worker
        for slot, taken in enumerate(self._workers):
            if taken is None:
                return self._launch(slot)
        if not free:
            raise RuntimeError(f"all {self.slots} slots are taken")
        return min(free, key=lambda worker: worker.assigned_at)

    def _interrupt_workers(self) -> None:
        self._woken.recv(4096)
        for worker in self._alive():
            if worker.is_interrupted:
                worker.interrupt()

    def _hear(self, worker: LocalWorker, events: list[ExecutorEvent]) -> None:
        """Take in what a worker has said."""
        try:
            contents = worker.frames.receive()
        except EOFError:
            self._bury(worker, events)
            return
        worker.heard_at = time.monotonic()
        for content in contents:
            message = from_worker.decode(content)
            match message:
                case Happened():
                    events.extend(message.events)
                    if message.events and isinstance(message.events[-1], JobEnded):
                        worker.take(message.events[-1])
                    if message.trouble is not None:
                        self._trouble = CheckpointError(message.trouble)
                case Began():
                    worker.has_begun = True
                case Ready():
                    worker.is_ready = self._was_ready = True
                    self._n_stillborn = 0
                case Unloadable():
                    self._trouble = TrainingFunctionError(
                        f"worker process {worker.pid} could not load the training function:\n{message.error}"
                    )
                    self._end_job(worker, "its worker could not load the training function", events)
                case _:
                    assert_never(message)

    def _bury(self, worker: LocalWorker, events: list[ExecutorEvent], cause: str | None = None) -> None:
        """A worker has died, or must: end its job, and free its slot for a fresh one."""
        self._selector.unregister(worker.connection)
        self._workers[worker.slot] = None
        if cause is None:
            cause = worker.bury()
        else:
            worker.kill()
        cause += worker.last_words()
        if not worker.is_ready:
            self._n_stillborn += 1
            if self._trouble is None and (not self._was_ready or self._n_stillborn >= _MOST_STILLBORN):
                self._trouble = TrainingFunctionError(f"while it loaded the training function, {cause}")
        self._end_job(worker, cause, events)

    def _end_job(self, worker: LocalWorker, cause: str, events: list[ExecutorEvent]) -> None:
        if worker.job is None:
            return
        outcome = Outcome.FAILED if worker.has_begun else Outcome.LOST
        event = JobEnded(worker.job.id, worker.job.trial, outcome, error=cause)
        worker.take(event)
        events.append(event)

    # Patience --------------------------------------------------------------------------------------------------

    def _silent_at(self, worker: LocalWorker, patience_s: float) -> float:
        """When the worker will have been silent for too long."""
        return worker.heard_at + (patience_s if worker.is_ready else max(patience_s, _START_UP_S))

    def _time_left_s(self, deadline: float | None) -> float | None:
        """Until `wait` has to look up: seconds, or `None` for no limit."""
        limits = [] if deadline is None else [deadline]
        if self._patience_s is not None:
            limits += [self._silent_at(worker, self._patience_s) for worker in self._alive() if worker.job]
        return max(0.0, min(limits) - time.monotonic()) if limits else None

    def _end_hanging(self, events: list[ExecutorEvent]) -> None:
        """Kill the workers that patience is over with."""
        if self._patience_s is None:
            return
        now = time.monotonic()
        for worker in self._alive():
            if worker.job is not None and now >= self._silent_at(worker, self._patience_s):
                self._bury(
                    worker,
                    events,
                    f"worker process {worker.pid} was killed, because it had not reported for {now - worker.heard_at:.1f} s "
                    f"(patience_s={self._patience_s:g})",
                )


def _not_exited(workers: Sequence[LocalWorker], timeout_s: float) -> list[LocalWorker]:
    """Those that have not exited by themselves within this time, all of them together."""
    deadline = time.monotonic() + timeout_s
    return [worker for worker in workers if not worker.has_exited(max(0.0, deadline - time.monotonic()))]
