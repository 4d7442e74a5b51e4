"""One worker process, as its driver sees it: how it is started, spoken to, and how its death is told."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

from paceline.events import Job, JobEnded, Outcome, TrialId
from paceline.executors.protocol import Assignment
from paceline.executors.wire import Assign, Frames, Interrupt, Message, ShutDown, frame

# Not `-m`: this process's sys.path may have been changed since it started, and Paceline itself be found by that only.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; del sys.argv[3:]; "
    "from paceline.executors.worker_process import main; main()"
)

_TAIL_BYTES = 4096
_DYING_S = 5.0
"""How long a process may take from closing its connection to its end."""


class Log:
    """What a slot's workers write, one after the other, and where the newest one's part begins.

    Args:
        path: is appended to.

    Raises:
        OSError: it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._begin = path.stat().st_size if path.exists() else 0

    def open(self) -> BinaryIO:
        """For a process to write to."""
        return self._path.open("ab")

    def end(self) -> str:
        """The end of what was written, introduced; empty if nothing was."""
        with suppress(OSError), self._path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._begin, size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode(errors="replace").strip()
            return f"\n{self._path} ends:\n{text}" if text else ""
        return ""


class Launcher:
    """Starts worker processes that have one training function.

    Args:
        payload: what `shipping.pack` made.
        variables: of the environment, for the worker of each slot.
        log_folder: where each slot's output is appended to a file; `None` mixes it with the driver's own.
    """

    def __init__(
        self, payload: bytes, variables: Sequence[Mapping[str, str]], log_folder: Path | None
    ) -> None:
        self._variables = variables
        self._log_folder = None if log_folder is None else log_folder.absolute()
        self._working_folder = Path.cwd()
        self._path = [str(entry) for entry in sys.path]
        self._payload = tempfile.TemporaryFile()  # noqa: SIM115 - each worker reads it when it starts, however late
        self._payload.write(payload)
        self._payload.flush()

    def launch(self, slot: int) -> LocalWorker:
        """Start a process.

        Raises:
            OSError: the system has no room for it, or the log cannot be written.
        """
        log = None if self._log_folder is None else Log(self._log_folder / f"worker-{slot}.log")
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start(slot, log, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return LocalWorker(slot, process, ours, log)

    def _start(self, slot: int, log: Log | None, connection: int) -> subprocess.Popen[bytes]:
        payload = self._payload.fileno()
        with nullcontext() if log is None else log.open() as output:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-c", _PROGRAM, str(connection), str(payload), *self._path],
                pass_fds=(connection, payload),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                cwd=self._working_folder,
                env={**os.environ, **self._variables[slot]},
                start_new_session=True,  # Ctrl-C reaches the driver only, which then lets the workers land
            )

    def close(self) -> None:
        """Start no more."""
        self._payload.close()


class LocalWorker:
    """A worker process.

    Args:
        slot: which of the executor's slots it fills.
        process: the process, leader of its own group.
        connection: to it.
        log: where its output goes, if not to this process's own.
    """

    def __init__(
        self, slot: int, process: subprocess.Popen[bytes], connection: socket.socket, log: Log | None
    ) -> None:
        self.slot = slot
        self.connection = connection
        self.frames = Frames(connection)
        self.job: Job | None = None
        self.has_begun = False
        self.is_interrupted = False  # its job is to be, as soon as somebody is in a position to tell it
        self.is_ready = False
        self.held: TrialId | None = None  # its last trial, if that may be in memory still
        self.heard_at = time.monotonic()
        self.assigned_at = 0.0
        self._process = process
        self._log = log
        self._is_group_over = False

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def assign(self, assignment: Assignment) -> None:
        """Give it a job.

        Raises:
            ConnectionError: the process has died.
        """
        self._tell(Assign(assignment))
        self.job = assignment.job
        self.has_begun = False
        self.assigned_at = self.heard_at = time.monotonic()

    def take(self, event: JobEnded) -> None:
        """Note that its job has ended."""
        self.job = None
        self.is_interrupted = False
        self.held = event.trial if event.outcome is Outcome.COMPLETED else None

    def interrupt(self) -> None:
        """Let its job end at its next report."""
        self.is_interrupted = False
        if self.job is not None:
            with suppress(ConnectionError):  # it has died, which is told elsewhere
                self._tell(Interrupt(self.job.id))

    def shut_down(self) -> None:
        """Let it exit by itself, once it is idle."""
        with suppress(ConnectionError):
            self._tell(ShutDown())

    def _tell(self, message: Message) -> None:
        self.connection.sendall(frame(message))

    def stop_training(self) -> None:
        """Raise KeyboardInterrupt in it, so that training can clean up."""
        self._process.send_signal(signal.SIGINT)

    def has_exited(self, timeout_s: float) -> bool:
        """Whether it has exited by itself, or does within this time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._end_group()
        return True

    def kill(self) -> None:
        """End it and all that training has started, at once, and free what is held here."""
        self.connection.close()
        self._end_group()
        self._process.wait()

    def _end_group(self) -> None:
        """Kill the process and what training has started: once, and soon, for its id will be another's one day."""
        if not self._is_group_over:
            self._is_group_over = True
            # An empty group does not exist, which macOS says in its own way.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def bury(self) -> str:
        """Free what is held of a process that has closed its connection; the cause of its death, as far as known."""
        self.has_exited(_DYING_S)
        code = self._process.poll()
        self.kill()
        if code is None:
            return f"worker process {self.pid} closed its connection"
        if code >= 0:
            return f"worker process {self.pid} exited with code {code}"
        name = _signal_name(-code)
        usual = "; out of memory is the usual reason" if -code == signal.SIGKILL else ""
        return f"worker process {self.pid} was killed by signal {-code}{name}{usual}"

    def last_words(self) -> str:
        """The end of what it has written to its log; empty without one."""
        return "" if self._log is None else self._log.end()


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return ""
