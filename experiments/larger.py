"""A benchmark whose trainings take longer: tables of trainings that are over in a fraction of a second.

On them a method's own milliseconds would decide how it compares in time, which they do not where methods are needed.
"""

from __future__ import annotations

from collections.abc import Sequence

from paceline.benchmarks import Benchmark, benchmark
from paceline.events import Config, TrialId

FACTOR = 100.0


class Larger(Benchmark):
    """A benchmark of a name, with its seconds multiplied; all else is as it was.

    Args:
        name: of the benchmark.
        factor: of its seconds.
    """

    def __init__(self, name: str, factor: float = FACTOR) -> None:
        self._it = it = benchmark(name)
        self._factor = factor
        self.family, self.name, self.space = it.family, it.name, it.space
        self.min_resource, self.max_resource = it.min_resource, it.max_resource
        self.unit, self.resumes = it.unit, it.resumes
        self.full_seconds = it.full_seconds * factor
        self.best, self.median = it.best, it.median

    def __reduce__(self) -> tuple[type[Larger], tuple[str, float]]:
        """Another process reads the table itself."""
        return Larger, (self.name, self._factor)

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """See `Benchmark.loss`."""
        return self._it.loss(config, resource, trial)

    def true_loss(self, config: Config) -> float:
        """See `Benchmark.true_loss`."""
        return self._it.true_loss(config)

    def test_loss(self, config: Config) -> float:
        """See `Benchmark.test_loss`."""
        return self._it.test_loss(config)

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """See `Benchmark.seconds`."""
        return self._it.seconds(trial, config, resource) * self._factor

    def content(self) -> Sequence[str]:
        """The table's, and the factor."""
        return [self._it.fingerprint, repr(self._factor)]
