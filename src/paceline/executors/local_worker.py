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
from contextlib import suppress
from pathlib import Path

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
        self._log_folder = log_folder
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
        log = None if self._log_folder is None else self._log_folder / f"worker-{slot}.log"
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = self._start(slot, log, theirs.fileno())
        except BaseException:
            ours.close()
            raise
        return LocalWorker(slot, process, ours, log)

    def _start(self, slot: int, log: Path | None, connection: int) -> subprocess.Popen[bytes]:
        payload = self._payload.fileno()
        output = None
        if log is not None:
            log.parent.mkdir(parents=True, exist_ok=True)
            output = log.open("ab")
        try:
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
        finally:
            if output is not None:
                output.close()

    def close(self) -> None:
        """Start no more."""
        self._payload.close()


class LocalWorker:
    """A worker process.

    Args:
        slot: which of the executor's slots it fills.
        process: the process, leader of its own group.
        connection: to it.
        log: the file that its output goes to.
    """

    def __init__(
        self, slot: int, process: subprocess.Popen[bytes], connection: socket.socket, log: Path | None
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
        self._log_begins = log.stat().st_size if log is not None else 0

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
        return True

    def kill(self) -> None:
        """End it and all that training has started, at once, and free what is held here."""
        self.connection.close()
        with suppress(
            ProcessLookupError, PermissionError
        ):  # its group is empty; macOS says so in its own way
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

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
        """The end of what it has written to its log, introduced; empty without a log, or where it wrote nothing."""
        if self._log is None:
            return ""
        with suppress(OSError), self._log.open("rb") as file:
            file.seek(max(self._log_begins, self._log.stat().st_size - _TAIL_BYTES))
            text = file.read(_TAIL_BYTES).decode(errors="replace").strip()
            return f"\n{self._log} ends:\n{text}" if text else ""
        return ""


def _signal_name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:  # a real-time signal
        return ""
