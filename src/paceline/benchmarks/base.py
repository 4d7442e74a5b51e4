"""What a benchmark is: a space, a loss for each config and resource, the time it takes, and what is known of the best.

A benchmark is a `SimulatedTraining`, so `simulate` takes it as it is:

    simulate(ASHA(max_resource=b.max_resource), b.space, b, workers=8, saves_checkpoints=b.resumes, ...)

Questions about one config follow each other: a job asks for seconds twice and for metrics once, at each of its rungs.
So those whose curves cost something (`CurveBenchmark`) compute all of a config's curve at once, and keep it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from array import array
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar, NamedTuple

import msgspec

from paceline.errors import SettingError
from paceline.events import Config, Metrics, TrialId
from paceline.executors.simulated import SimulatedTraining
from paceline.settings import at_least
from paceline.space import Scalar, Space

KEPT_CURVES = 4096
"""Curves that a benchmark keeps, about 1 kB each; beyond that, the oldest makes room."""


class Benchmark(SimulatedTraining, ABC):
    """A problem for `simulate` whose answer is known. Losses are minimized."""

    metric: ClassVar[str] = "loss"
    """The name under which the loss is reported."""
    family: str
    """Which benchmarks have the same space and resource."""
    name: str
    """`family/instance`."""
    space: Space
    """The search space."""
    min_resource: int
    """The lowest resource at which the loss says something; lower ones can be asked for too."""
    max_resource: int
    """The resource at which a config is fully trained."""
    unit: str
    """What one unit of resource is."""
    resumes: bool
    """Whether training can go on from a checkpoint; if not, each resource is a training from nothing."""
    full_seconds: float
    """Virtual seconds of one full training, the mean over random configs."""
    best: float
    """The lowest true loss that is known."""
    median: float
    """The median true loss of random configs."""

    @abstractmethod
    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """What training this config to this resource reports; NaN if it fails.

        Args:
            config: of `space`.
            resource: from 1 to `max_resource`.
            trial: names the stream of the noise, where there is noise.

        Raises:
            SettingError: there is no such resource.
            SpaceError: it is no config of `space`.
        """

    @abstractmethod
    def true_loss(self, config: Config) -> float:
        """The config's loss when fully trained, without noise; finite, and as bad as it gets if training fails."""

    @abstractmethod
    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """Virtual seconds from nothing to this resource; they never fall as the resource rises."""

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:
        """What the trial reports."""
        return {self.metric: self.loss(config, resource, trial)}

    def regret(self, config: Config) -> float:
        """How far the config's true loss is from the best: 0 at `best` and below, 1 at `median`."""
        return max(0.0, (self.true_loss(config) - self.best) / (self.median - self.best))

    def test_loss(self, config: Config) -> float:
        """The loss that an incumbent is held to: on held-out data where the benchmark has such a value, else the true one."""
        return self.true_loss(config)

    @property
    def fingerprint(self) -> str:
        """A hash of all that the benchmark's answers depend on: results with equal ones may be compared, and kept."""
        statement = {
            "class": type(self).__qualname__,
            "name": self.name,
            "space": self.space.to_json(),
            "resources": [self.min_resource, self.max_resource, self.resumes],
            "known": [self.full_seconds, self.best, self.median],
            "content": list(self.content()),
        }
        return blake2b(msgspec.json.encode(statement, order="deterministic"), digest_size=16).hexdigest()

    def content(self) -> Sequence[str]:
        """What else its answers depend on: arguments, and hashes of files."""
        return ()

    def check_resource(self, resource: int) -> None:
        """Refuse a resource that does not exist.

        Raises:
            SettingError: it is not from 1 to `max_resource`.
        """
        if not 1 <= resource <= self.max_resource:
            raise SettingError(
                "resource",
                resource,
                expected=f"a whole number from 1 to {self.max_resource} ({self.name}, unit: {self.unit})",
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Curve(NamedTuple):
    """A config's losses and seconds at some resources, which rise."""

    places: dict[int, int]
    """Resource → place in the two arrays."""
    losses: array[float]
    seconds: array[float]


class CurveBenchmark(Benchmark):
    """A benchmark without noise that computes a config's whole curve at once. Subclasses write `compute`.

    Curves are kept by the config's values in the order of the space.
    """

    worst: float
    """The true loss of a config whose training fails, and a bound on all others."""

    def __init__(self, resources: Sequence[int]) -> None:
        """Prepare to compute curves.

        Args:
            resources: those at which curves are computed at first; others cost a second computation.

        Raises:
            SettingError: `min_resource` is not below `max_resource`, or `best` not below `median`.
        """
        at_least("min_resource", self.min_resource, 1)
        if self.min_resource >= self.max_resource:
            raise SettingError("min_resource", self.min_resource, expected=f"less than {self.max_resource}")
        if not self.best < self.median:
            raise SettingError("best", self.best, expected=f"less than the median, {self.median!r}")
        self._places = {resource: place for place, resource in enumerate(resources)}
        self._all_places = {resource: resource - 1 for resource in range(1, self.max_resource + 1)}
        self._names = self.space.names
        self._curves: dict[tuple[Scalar, ...], Curve] = {}

    @abstractmethod
    def compute(self, config: Config, resources: Sequence[int]) -> tuple[list[float], list[float]]:
        """Losses and seconds of a config, at rising resources. Seconds do not fall, nor depend on which are asked for.

        Raises:
            SpaceError: it is no config of `space`.
        """

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:  # noqa: ARG002 - there is no noise
        """See `Benchmark.loss`."""
        curve = self._curve(config, resource)
        return curve.losses[curve.places[resource]]

    def true_loss(self, config: Config) -> float:
        """See `Benchmark.true_loss`; bounded by `worst`."""
        loss = self.loss(config, self.max_resource)
        return self.worst if math.isnan(loss) else min(loss, self.worst)

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - all are alike
        """See `Benchmark.seconds`."""
        curve = self._curve(config, resource)
        return curve.seconds[curve.places[resource]]

    def _curve(self, config: Config, resource: int) -> Curve:
        key = tuple(map(config.get, self._names))
        curve = self._curves.get(key)
        if curve is None:
            self.check_resource(resource)
            curve = self._keep(key, config, self._places)
        if resource not in curve.places:
            self.check_resource(resource)
            curve = self._keep(key, config, self._all_places)
        return curve

    def _keep(self, key: tuple[Scalar, ...], config: Config, places: dict[int, int]) -> Curve:
        losses, seconds = self.compute(config, tuple(places))
        curve = Curve(places, array("d", losses), array("d", seconds))
        if len(self._curves) >= KEPT_CURVES:
            del self._curves[next(iter(self._curves))]
        self._curves[key] = curve
        return curve


@cache
def file_hash(path: Path) -> str:
    """A hash of a file's bytes, read once in a process."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
