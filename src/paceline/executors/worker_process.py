"""A worker process: loads the training function once, then trains one job after another until it is told to stop.

The main thread trains. Another one listens, so that an interrupt is noticed while training runs, and so that the end of
the driver is: the process group goes with it, and with the group whatever training has started.
"""

from __future__ import annotations

import faulthandler
import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import NoReturn, assert_never

from paceline.errors import CheckpointError
from paceline.events import Job, JobEnded, JobId, Reported, TrialId
from paceline.executors.protocol import Assignment
from paceline.executors.shipping import unpack
from paceline.executors.wire import (
    Assign,
    Began,
    Frames,
    Happened,
    Interrupt,
    Message,
    Ready,
    ShutDown,
    Unloadable,
    frame,
    to_worker,
)
from paceline.worker import TrainingContext, TrainingFunction, run_job

_CHUNK_BYTES = 1 << 24


class Link:
    """The worker's end of the connection: the `Channel` of its sessions.

    Args:
        connection: to the driver.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._inbox: SimpleQueue[Assignment | None] = SimpleQueue()
        self._left_over: list[Assignment | None] = []
        self._job: JobId | None = None
        self._interrupted: JobId | None = None

    def listen(self) -> NoReturn:
        """Take in what the driver says, for as long as it lives."""
        frames = Frames(self._connection)
        while True:
            try:
                contents = frames.receive()
            except (EOFError, OSError):
                _follow_the_driver()
            for content in contents:
                message = to_worker.decode(content)
                match message:
                    case Assign():
                        self._inbox.put(message.assignment)
                    case Interrupt():
                        self._interrupted = message.job
                    case ShutDown():
                        self._inbox.put(None)
                    case _:
                        assert_never(message)

    def tell(self, message: Message) -> None:
        """Send a message to the driver."""
        try:
            self._connection.sendall(frame(message))
        except ConnectionError:  # noticed before the listener has
            _follow_the_driver()

    def next_assignment(self) -> Assignment | None:
        """Wait for the next job; `None` when there are no more."""
        assignment = self._left_over.pop() if self._left_over else self._inbox.get()
        if assignment is not None:
            self._begin(assignment.job.id)
        return assignment

    def _begin(self, job: JobId) -> None:
        self._job = job
        self.tell(Began(job))

    def land(self) -> None:
        """End the running job at its next report: a cluster is about to take this machine away."""
        self._interrupted = self._job

    def leave_to_parent(self) -> None:
        """In a process that training has forked: it is no worker, and must not keep the connection open."""
        self._connection.close()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    # The channel of a session

    def send(self, events: Sequence[Reported | JobEnded], *, trouble: str | None = None) -> None:
        """Send events together, and with what ended them: nobody must see the one without the other."""
        self.tell(Happened(tuple(events), trouble))

    def is_interrupted(self, job: JobId) -> bool:
        """Whether the job is to end at its next report."""
        return self._interrupted == job

    def next_job(self, trial: TrialId, resource: int) -> Job | None:
        """Wait for the next job; `None` if it does not go on from here, and then it is still to be done."""
        assignment = self._inbox.get()
        if assignment is None or not assignment.continues(trial, resource):
            self._left_over.append(assignment)
            return None
        self._begin(assignment.job.id)
        return assignment.job


def main() -> None:
    """Work, for the driver that started this process with the descriptors of a socket and a file as arguments."""
    descriptors = [int(argument) for argument in sys.argv[1:3]]
    del sys.argv[1:]
    connection = socket.socket(fileno=descriptors[0])
    connection.set_inheritable(False)  # what training starts must not keep it open
    faulthandler.enable()
    sys.breakpointhook = _refuse_breakpoint
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            line_buffering=True
        )  # a process that is killed leaves its last words in the log
    link = Link(connection)
    os.register_at_fork(after_in_child=link.leave_to_parent)
    signal.signal(signal.SIGTERM, lambda *_: link.land())
    Thread(target=link.listen, name="paceline-listener", daemon=True).start()
    try:
        train, context = unpack(_read(descriptors[1]))
    except BaseException:  # noqa: BLE001 - loading it imports the user's modules, which may do anything
        link.tell(Unloadable(traceback.format_exc()))
        sys.exit(1)
    try:
        link.tell(Ready())
        _work(train, context, link)
    except KeyboardInterrupt:  # by somebody else than the terminal: this process is in no session of one
        sys.exit(128 + signal.SIGINT)


def _work(train: TrainingFunction, context: TrainingContext, link: Link) -> None:
    while (assignment := link.next_assignment()) is not None:
        with suppress(CheckpointError):  # the driver was told, and ends the run
            run_job(
                train,
                context,
                assignment.job,
                assignment.config,
                assignment.checkpoint,
                is_fork=assignment.is_fork,
                channel=link,
            )


def _refuse_breakpoint(*_: object, **__: object) -> NoReturn:
    raise RuntimeError('a worker process has no terminal for breakpoint(): run with executor="inline"')


def _read(descriptor: int) -> bytes:
    """All of the file, by position: its offset is shared among the workers."""
    content = bytearray()
    while chunk := os.pread(descriptor, _CHUNK_BYTES, len(content)):
        content += chunk
    os.close(descriptor)
    return bytes(content)


def _follow_the_driver() -> NoReturn:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)  # with it goes what training has started
    os._exit(1)
