"""What a benchmark is: a space, a loss for each config and resource, the time it takes, and what is known of the best.

A benchmark is a `SimulatedTraining`, so `simulate` takes it as it is:

    simulate(ASHA(max_resource=b.max_resource), b.space, b, workers=8, saves_checkpoints=b.resumes, ...)

Questions about one config follow each other: a job asks for seconds twice and for metrics once, at each of its rungs.
So those whose curves cost something (`CurveBenchmark`) keep what they have computed. They compute a curve in pieces, from
its beginning on and no further than is asked: most configs never come beyond their first rung.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec

from paceline.errors import SettingError
from paceline.events import Config, Metrics, TrialId
from paceline.executors.simulated import SimulatedTraining
from paceline.settings import at_least
from paceline.space import Scalar, Space

KEPT_CURVES = 4096
"""Curves that a benchmark keeps, about 1 kB each; beyond that, the oldest makes room."""

LEAST_SECONDS = 1e-3
"""Of a training: networks sometimes say less than nothing, clocks nothing at all."""


# No ABC beside it, which the protocol is already: a benchmark that really trains is a `StatefulTraining` too.
class Benchmark(SimulatedTraining):
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
        """How far the config's true loss is from the best; see `regret_of`."""
        return self.regret_of(self.true_loss(config))

    def regret_of(self, loss: float) -> float:
        """The regret of a true loss: 0 at `best` and below, 1 at `median`."""
        return max(0.0, (loss - self.best) / (self.median - self.best))

    def test_loss(self, config: Config) -> float:
        """The loss that an incumbent is held to: on held-out data where the benchmark has such a value, else the true one."""
        return self.true_loss(config)

    def scored(self, config: Config, observed: float) -> tuple[float, float]:
        """The regret and the test loss of an incumbent, which is what a comparison is about.

        Args:
            config: of the incumbent.
            observed: the loss for which it is the incumbent. Where training is real it tells more than the config does: a
                fork's weights come from another trial.
        """
        del observed
        return self.regret(config), self.test_loss(config)

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
    """As much of a config's curve as was asked for."""

    prepared: Any
    """What `CurveBenchmark.prepare` made of the config."""
    losses: array[float]
    """In the order of `CurveBenchmark._places`, like `seconds`."""
    seconds: array[float]


class CurveBenchmark(Benchmark):
    """A benchmark without noise that computes a config's curve piece by piece. Subclasses write `compute`.

    Where a piece begins and ends is settled beforehand, and a piece is computed at once: so an answer does not depend on
    what was asked before, though a network says something else, by 1e-6, of one row than of many. Curves are kept by the
    config's values in the order of the space.
    """

    worst: float
    """The true loss of a config whose training fails, and a bound on all others."""

    def __init__(self, *pieces: Sequence[int], between: Sequence[int] = ()) -> None:
        """Prepare to compute curves.

        Args:
            pieces: resources that are computed together; all of them rise.
            between: other resources, each between two of those; they are computed together, after all pieces.

        Raises:
            SettingError: `min_resource` is not below `max_resource`, or `best` not below `median`.
        """
        at_least("min_resource", self.min_resource, 1)
        if self.min_resource >= self.max_resource:
            raise SettingError("min_resource", self.min_resource, expected=f"less than {self.max_resource}")
        if not self.best < self.median:
            raise SettingError("best", self.best, expected=f"less than the median, {self.median!r}")
        grid = tuple(chain.from_iterable(pieces))
        self._grid = grid
        self._places = {resource: place for place, resource in enumerate((*grid, *between))}
        self._pieces: dict[int, tuple[int, ...]] = {}  # what comes next, by how many resources were computed
        for piece in filter(None, (*map(tuple, pieces), tuple(between))):
            self._pieces[self._places[piece[0]]] = piece
        self._names = self.space.names
        self._curves: dict[tuple[Scalar, ...], Curve] = {}

    def prepare(self, config: Config) -> Any:
        """What `compute` needs of a config, worked out once.

        Raises:
            SpaceError: it is no config of `space`.
        """
        return self.space.validate(config)

    @abstractmethod
    def compute(self, prepared: Any, resources: tuple[int, ...]) -> tuple[list[float], list[float]]:
        """Losses and seconds at the resources of a piece. Seconds that fall will be raised to those before.

        Args:
            prepared: the config, by `prepare`.
            resources: of a piece.
        """

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:  # noqa: ARG002 - there is no noise
        """See `Benchmark.loss`."""
        place = self._place(resource)
        return self._curve(config, place).losses[place]

    def true_loss(self, config: Config) -> float:
        """See `Benchmark.true_loss`; bounded by `worst`."""
        return bounded(self.loss(config, self.max_resource), self.worst)

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - all are alike
        """See `Benchmark.seconds`."""
        place = self._place(resource)
        return self._curve(config, place).seconds[place]

    def _place(self, resource: int) -> int:
        """Where a resource stands in a curve's arrays."""
        place = self._places.get(resource)
        if place is None:
            self.check_resource(resource)
            raise AssertionError(f"{self.name} computes no resource {resource}")
        return place

    def _curve(self, config: Config, place: int) -> Curve:
        """The config's curve, at least up to a place."""
        key = tuple(map(config.get, self._names))
        curve = self._curves.get(key)
        if curve is None:
            curve = Curve(self.prepare(config), array("d"), array("d"))
            if len(self._curves) >= KEPT_CURVES:
                del self._curves[next(iter(self._curves))]
            self._curves[key] = curve
        while place >= len(curve.losses):
            self._extend(curve)
        return curve

    def _extend(self, curve: Curve) -> None:
        """Compute the next piece."""
        piece = self._pieces[len(curve.losses)]
        losses, seconds = self.compute(curve.prepared, piece)
        if len(curve.losses) < len(self._grid):
            reached = curve.seconds[-1] if curve.seconds else 0.0
            curve.seconds.extend(islice(accumulate(seconds, max, initial=reached), 1, None))
        else:
            curve.seconds.extend(self._fitted(curve.seconds, piece, seconds))
        curve.losses.extend(losses)

    def _fitted(self, known: Sequence[float], piece: Sequence[int], seconds: Sequence[float]) -> list[float]:
        """Seconds between those that are known, which stay as they are."""
        fitted: list[float] = []
        reached = 0.0
        for resource, value in zip(piece, seconds, strict=True):
            above = bisect_left(self._grid, resource)
            reached = min(max(known[above - 1], reached, value), known[above])
            fitted.append(reached)
        return fitted


def bounded(loss: float, worst: float) -> float:
    """A loss that is at most the worst, which a training that failed has too."""
    return worst if math.isnan(loss) else min(loss, worst)


def existing(path: Path, hint: str) -> Path:
    """The path of a file of data.

    Raises:
        SettingError: it is not there; the hint says where it comes from.
    """
    if not path.is_file():
        raise SettingError("path", str(path), expected="a file that exists", hint=hint)
    return path


@cache
def file_hash(path: Path) -> str:
    """A hash of a file's bytes, read once in a process."""
    return blake2b(path.read_bytes(), digest_size=16).hexdigest()
