"""Peers in an interpreter of their own: a library that needs older versions of what Paceline needs, at a pipe's other end.

An environment variable names it, or it is this one in a process of its own. `children` has what runs there; the messages
are in `children/serving.py`.
The processor seconds of the other process count as the peer's, as if it had run here.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import tempfile
import weakref
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any, ClassVar, cast

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.comparison.peers.spaces import describe, read
from paceline.comparison.peers.trials import Trials
from paceline.errors import SettingError

_CHILDREN = Path(__file__).with_name("children")
_PATIENCE_S = 10.0
"""For an interpreter to end by itself; then it is ended."""


class ElsewhereSettings(PeerSettings, frozen=True, kw_only=True):
    """Chooses a peer that runs in an interpreter of its own."""

    child: ClassVar[str]
    """The file in `children`."""
    others: ClassVar[tuple[str, ...]]
    """Distributions that its results depend on, beside the library itself."""

    def make(self, benchmark: Benchmark, *, seed: int, workers: int) -> ElsewherePeer:  # noqa: ARG002 - it need not know
        """See `PeerSettings.make`; the interpreter starts with the first question."""
        task = {"space": describe(benchmark, self.library), "seed": seed, **self.task(benchmark)}
        return ElsewherePeer(Child(self.interpreter(), self.child, task), benchmark)

    @abstractmethod
    def task(self, benchmark: Benchmark) -> dict[str, Any]:
        """What else the other end has to know.

        Raises:
            SettingError: the library has no such task.
        """

    @abstractmethod
    def python(self) -> str | None:
        """The interpreter, if one is named; whether the library is there is another question."""

    @abstractmethod
    def missing(self) -> SettingError:
        """What to say where there is no interpreter with the library."""

    def interpreter(self) -> str:
        """The Python that has the library.

        Raises:
            SettingError: there is none.
        """
        named = self.python()
        if not named or self.library not in _versions(named, (self.library, *self.others)):
            raise self.missing()
        return named

    def versions(self) -> Mapping[str, str]:
        """The library's and those of what it stands on, as they are installed there."""
        named = self.python()
        found = _versions(named, (self.library, *self.others)) if named else {}
        return found if self.library in found else {self.library: "not installed"}


class NamedSettings(ElsewhereSettings, frozen=True, kw_only=True):
    """Chooses a peer whose interpreter is named by an environment variable."""

    variable: ClassVar[str]
    stamp: ClassVar[str]
    """What `make` calls its environment."""

    def python(self) -> str | None:
        """What the variable says."""
        return os.environ.get(self.variable)

    def missing(self) -> SettingError:
        """How to make one."""
        return SettingError(
            self.variable,
            self.python(),
            expected=f"the Python of an environment with {self.library}, which needs versions of its own",
            hint=f"In Paceline's checkout run: make {self.stamp}, then {self.variable}={self.stamp}/bin/python paceline "
            "compare ...",
        )


class ElsewherePeer(Peer):
    """What answers for a child.

    Args:
        child: the other end.
        benchmark: whose terms are kept.
    """

    def __init__(self, child: Child, benchmark: Benchmark) -> None:
        self._child = child
        self._benchmark = benchmark
        self._trials = Trials(resumes=benchmark.resumes)
        self._tokens: dict[int, int] = {}  # by the trial at work

    def ask(self) -> Work | None:
        """Whatever it says."""
        answer = self._child.say({"ask": True})
        if "config" not in answer:
            return None
        # Resources are whole here: the nearest one.
        resource = max(1, round(answer["resource"]))
        work = self._trials.begin(answer["name"], read(self._benchmark.space, answer["config"]), resource)
        self._tokens[work.key] = answer["token"]
        return work

    def tell(self, work: Work, loss: float) -> Work | None:
        """Hand it on; the worker is free."""
        self._trials.end(work)
        token = self._tokens.pop(work.key)
        self._child.say({"tell": {"token": token, "loss": None if math.isnan(loss) else loss}})
        return None

    @property
    def elsewhere_s(self) -> float:
        """See `Peer.elsewhere_s`."""
        return self._child.seconds

    def close(self) -> None:
        """End the interpreter."""
        self._child.close()


class Child:
    """A library in another interpreter. It starts when it is first spoken to, and ends with this object at the latest.

    Args:
        interpreter: its Python.
        file: what it runs, in `children`.
        task: what it begins with. What that takes is not counted, as little as what importing takes here.
    """

    def __init__(self, interpreter: str, file: str, task: Mapping[str, Any]) -> None:
        self._command = [interpreter, str(_CHILDREN / file)]
        self._task = task
        self._pipes: _Pipes | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self.seconds = 0.0

    def say(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer; the processor seconds that it took are added to `seconds`.

        Raises:
            RuntimeError: the library failed, with the traceback of there.
        """
        if self._pipes is None:
            self._pipes = _Pipes(self._command)
            self._end = weakref.finalize(self, self._pipes.close)
            self._pipes.exchange({"begin": self._task})
        answer = self._pipes.exchange(message)
        self.seconds += answer["seconds"]
        return answer

    def close(self) -> None:
        """End it, if it runs."""
        if self._end is not None:
            self._end()


class _Pipes:
    """A process under way."""

    def __init__(self, command: list[str]) -> None:
        # Nothing of this interpreter's may get into that one; the order of its sets must be the same each time.
        own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(  # noqa: S603 - the user named it
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**own, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._command = command
        self._to = cast("IO[str]", self._process.stdin)
        self._from = cast("IO[str]", self._process.stdout)

    def exchange(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """An answer for a message."""
        line = ""
        with contextlib.suppress(BrokenPipeError):
            self._to.write(json.dumps(message) + "\n")
            self._to.flush()
            line = self._from.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"{' '.join(self._command)} has ended:\n{self._errors.read()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"in {Path(self._command[1]).name}:\n{answer['error']}")
        return answer

    def close(self) -> None:
        """End it: it ends by itself when nothing comes any more."""
        with contextlib.suppress(BrokenPipeError):
            self._to.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._from.close()
        self._errors.close()


@cache
def _versions(interpreter: str, distributions: Sequence[str]) -> Mapping[str, str]:
    """The versions that an interpreter has, of those that it has."""
    code = (
        "import json, sys\n"
        "from importlib.metadata import distributions\n"
        "found = {it.metadata['Name'].lower(): it.version for it in distributions()}\n"
        "print(json.dumps({name: found[name.lower()] for name in sys.argv[1:] if name.lower() in found}))\n"
    )
    try:
        answer = subprocess.run(  # noqa: S603 - the user named it
            [interpreter, "-I", "-c", code, *distributions], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = json.loads(answer.stdout)
    return found
