"""Who starts a real study, kills it or its workers, and looks at what is left.

    victim = Victim(folder)
    while not victim.has_closed():
        victim.start()                                # always the same command
        victim.wait_for("running")
        victim.kill()                                 # SIGKILL
        assert not victim.survivors()
        assert not victim.audit()

The study itself is in `victim.py`, what is looked at in `audit.py` and `regression.py`. Needs /proc, to find processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

import msgspec

from paceline.checkpoints import CheckpointStore
from paceline.errors import PacelineError
from paceline.events import StudyClosed
from paceline.journal import Entry, open_storage
from paceline.testing.audit import Audit, Work
from paceline.testing.regression import is_whole, wrong_histories, wrong_losses
from paceline.testing.victim import NAME, Mark, Marker, Settings, WorkLog, make_study, storage_url

DEADLINE_S = 60.0
"""What has not happened by then never will."""

_TAG = "PACELINE_VICTIM"
_POLL_S = 0.004


class Victim:
    """A study driven by a process that is started, killed, and started again.

    Args:
        folder: its own, empty or with what was there before.
        settings: what kind of study it is; they may be changed from one driver to the next.
        program: run with the same arguments instead of `victim.py`.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings | None = None,
        *,
        program: Sequence[str | os.PathLike[str]] = ("-m", "paceline.testing.victim"),
    ) -> None:
        self.folder = folder
        self.settings = Settings() if settings is None else settings
        self.n_starts = 0
        self._program = program
        self._tag = f"{_TAG}={uuid4().hex}"
        self._driver: subprocess.Popen[bytes] | None = None
        self._read: list[Entry] = []
        self._length_at_start = 0
        folder.mkdir(parents=True, exist_ok=True)

    # What is done to it ----------------------------------------------------------------------------------------

    def start(self, before_exec: Callable[[], None] | None = None) -> None:
        """Start a driver.

        Args:
            before_exec: called in its process first, to lower its limits.
        """
        self._length_at_start = len(self.entries())
        self.n_starts += 1
        settings = msgspec.json.encode(self.settings).decode()
        tag, _, value = self._tag.partition("=")
        with (self.folder / "output.log").open("ab") as output:
            self._driver = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, *self._program, str(self.folder), str(self.n_starts), settings],
                env={**os.environ, tag: value},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=before_exec,  # noqa: PLW1509 - this process has one thread
            )

    def signal(self, number: int) -> None:
        """Send a signal to the driver."""
        self.driver.send_signal(number)

    def kill(self) -> None:
        """End the driver by SIGKILL."""
        self.driver.kill()
        self.driver.wait()

    def wait(self, timeout_s: float = DEADLINE_S) -> int:
        """Wait until the driver has ended by itself; its exit code, negative for a signal."""
        return self.driver.wait(timeout_s)

    def run_to_end(self) -> None:
        """Start a driver and let it come to its end, which must be a good one."""
        self.start()
        code = self.wait()
        if code != 0:
            raise AssertionError(f"the driver ended with code {code}:\n{self.output()[-4000:]}")

    # What is seen of it ----------------------------------------------------------------------------------------

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        """The last one that was started."""
        if self._driver is None:
            raise AssertionError("start() it first")
        return self._driver

    @property
    def is_running(self) -> bool:
        """Whether the last driver runs."""
        return self._driver is not None and self._driver.poll() is None

    def output(self) -> str:
        """What all drivers have printed."""
        return (self.folder / "output.log").read_text()

    def marks(self) -> list[str]:
        """Those that the last driver has passed, in order."""
        return self._marker.marks()

    def phase(self) -> str:
        """How far the last driver has come."""
        marks = self.marks()
        return marks[-1] if marks else "importing"

    def wait_for(self, mark: Mark) -> bool:
        """Wait until the last driver has passed a mark; false if it has ended before."""
        return self.wait_until(lambda: mark in self.marks())

    def wait_until(self, has_happened: Callable[[], bool]) -> bool:
        """Wait for a fact; false if the driver has ended before."""
        deadline = time.monotonic() + DEADLINE_S
        while not has_happened():
            if not self.is_running:
                return has_happened()
            if time.monotonic() > deadline:
                raise AssertionError(f"it has not happened within {DEADLINE_S:g} s:\n{self.output()[-4000:]}")
            time.sleep(_POLL_S)
        return True

    def workers(self) -> list[int]:
        """The ids of all processes but the last driver, whichever driver has started them."""
        return [pid for pid in self._processes() if self._driver is None or pid != self._driver.pid]

    def survivors(self, timeout_s: float = DEADLINE_S / 2) -> list[int]:
        """The processes that outlive the last driver by this time; empty as soon as there are none."""
        deadline = time.monotonic() + timeout_s
        while (alive := self.workers()) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return alive

    def work(self) -> list[Work]:
        """What was really trained."""
        return WorkLog(self.folder).read()

    def entries(self) -> list[Entry]:
        """The journal as it is now."""
        with closing(open_storage(storage_url(self.folder))) as storage:
            return list(storage.journal(NAME).read())

    def has_closed(self) -> bool:
        """Whether the study has come to its end."""
        entries = self.entries()
        return bool(entries) and isinstance(entries[-1][1], StudyClosed)

    @property
    def store(self) -> CheckpointStore:
        """Its checkpoints."""
        return CheckpointStore(self.folder / NAME / "checkpoints")

    # Whether all is well ---------------------------------------------------------------------------------------

    def audit(self) -> list[str]:
        """What is wrong with it while nobody drives it, and with its end where it has come to that."""
        try:
            entries = self.entries()
            problems = list(self._lost_history(entries))
            if not entries:
                return problems
            with make_study(self.folder, self.settings) as study:
                replay = study.replay()
        except PacelineError as error:
            return [f"it cannot be opened: {error}"]
        audit = Audit(entries, self.work(), self.store)
        problems += [*audit.at_rest(), *self._torn_checkpoints(), *wrong_losses(entries)]
        problems += wrong_histories(entries, self.store)
        if not replay.is_equal:
            problems.append(f"event {replay.seq} was {replay.recorded} and is derived as {replay.derived}")
        if isinstance(entries[-1][1], StudyClosed):
            problems += audit.at_end()
        return problems

    def _lost_history(self, entries: list[Entry]) -> Iterator[str]:
        """What anybody has read is there as it was, and what the driver was told to be durable is."""
        if entries[: len(self._read)] != self._read:
            yield f"the journal does not begin with the {len(self._read)} events that were read from it before"
        self._read = entries
        n_durable = self._marker.n_durable()
        if len(entries) < self._length_at_start + n_durable:
            yield f"the driver was told that {n_durable} of its events are durable, and the journal has fewer"

    def look(self) -> None:
        """Read the journal while it is being written, for `audit` to find all of it again."""
        self._read = max(self._read, self.entries(), key=len)

    def _torn_checkpoints(self) -> Iterator[str]:
        keys = self.store.keys()
        for key in keys:
            if not is_whole(self.store.path(key), key):
                yield f"checkpoint {key} is there and not whole"

    @property
    def _marker(self) -> Marker:
        return Marker(self.folder, self.n_starts)

    def _processes(self) -> Iterator[int]:
        tag = self._tag.encode()
        for path in Path("/proc").iterdir():
            with suppress(
                OSError
            ):  # it is somebody else's, or gone meanwhile; that of a dead process is empty
                if path.name.isdecimal() and tag in (path / "environ").read_bytes().split(b"\0"):
                    yield int(path.name)


def state_of(worker: int, work: Sequence[Work]) -> str:
    """What a worker process is doing, by the log: starting, training, or idle."""
    last = next((item for item in reversed(work) if item.pid == worker), None)
    if last is None:
        return "starting"
    return "idle" if last.what == "waiting" else "training"
