"""What another library's optimizer has to answer so that it can run in our virtual time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar

import msgspec

from paceline.benchmarks import Benchmark
from paceline.events import Config
from paceline.settings import Settings


class Work(msgspec.Struct, frozen=True):
    """What a worker trains next.

    Args:
        key: which of the peer's trials.
        config: in Paceline's terms: of the benchmark's space, inactive hyperparameters absent.
        start: the resource from which it goes on; 0 is from nothing.
        resource: to which it trains, and reports.
    """

    key: int
    config: Config
    start: int
    resource: int


class Peer(ABC):
    """An optimizer at work."""

    @abstractmethod
    def ask(self) -> Work | None:
        """What a free worker does now; `None` if it has to wait for a result."""

    @abstractmethod
    def tell(self, work: Work, loss: float) -> Work | None:
        """Take in a result, NaN for a training that failed; what the same worker does next, or `None` if it is free."""

    @property
    def elsewhere_s(self) -> float:
        """Processor seconds that its answers have taken in other processes so far, beside this one's."""
        return 0.0

    def close(self) -> None:
        """Let go of what it holds outside of this process's memory. It is not asked any more."""


class PeerSettings(Settings, frozen=True, kw_only=True):
    """Chooses a peer; `make` sets it to work."""

    library: ClassVar[str]
    """The distribution's name."""
    others: ClassVar[tuple[str, ...]] = ()
    """Distributions that its results depend on too."""

    @abstractmethod
    def make(self, benchmark: Benchmark, *, seed: int, workers: int) -> Peer:
        """The optimizer, for a benchmark.

        Raises:
            SettingError: the library is not installed.
        """

    @abstractmethod
    def describe(self) -> str:
        """What it is, and which of its settings are not the library's defaults, in a sentence or two."""

    def versions(self) -> Mapping[str, str]:
        """The library's and those of `others`, as they are installed."""
        try:
            return {name: version(name) for name in (self.library, *self.others)}
        except PackageNotFoundError:
            return {self.library: "not installed"}
