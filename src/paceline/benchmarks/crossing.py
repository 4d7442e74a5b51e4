"""Learning curves that cross: parametric, over the nine hyperparameters of a recurrent network on text.

    loss(t) = a + crossing · b · (t^-c - R^-c) + noise

a, b and c are smooth functions of the config, each of other hyperparameters, so that the order at a low resource is not
that at R. The last term in the brackets makes a the loss at R, whose best is known: 0. The space is that of the
500-worker experiment of Li et al. 2020, section 4.3, from memory (docs/papers.md#benchmarks); the curves are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from paceline.benchmarks.base import CurveBenchmark
from paceline.errors import SettingError
from paceline.events import Config
from paceline.rng import generator_for, uniforms_for
from paceline.settings import at_least
from paceline.space import Float, Integer, Space

SPACE = {
    "batch_size": Integer(10, 80),
    "time_steps": Integer(10, 80),
    "hidden_nodes": Integer(200, 1500),
    "learning_rate": Float(0.01, 100.0, log=True),
    "decay_rate": Float(0.01, 0.99),
    "decay_epochs": Integer(1, 10),
    "clip_gradients": Float(1.0, 10.0),
    "dropout": Float(0.1, 1.0),
    "init_range": Float(0.001, 1.0, log=True),
}

_BEST = (0.2, 0.4, 0.8, 0.6, 0.7, 0.5, 0.4, 0.5, 0.3)
"""Where a is 0, in the unit cube."""
_WEIGHTS = (0.05, 0.04, 0.2, 0.3, 0.12, 0.05, 0.04, 0.15, 0.05)
"""What leaving it costs, by hyperparameter; their sum is 1."""
_SLOW = (0.1, -0.2, 0.5, -0.7, 0.3, 0.2, 0.0, -0.3, 0.0)
"""Large networks and small steps learn slowly."""
_COSTLY = (-0.5, 0.2, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Large networks and small batches take long."""
_REFERENCES = 4096
"""Random configs from which the median and time(R) are computed."""


class CrossingCurves(CurveBenchmark):
    """See above.

    Args:
        max_resource: R.
        crossing: how far curves begin from where they end. With R = 64, Spearman's correlation of losses at resource 1
            with those at R is 0.96 for 0.1, 0.78 for 0.25 and 0.56 for 0.4.
        cost_sd: of the logarithm of a unit's seconds over random configs; 0 is `unit_seconds` for each.
        noise_sd: of each report, drawn anew for each trial and resource.
        seed: of the noise.
        unit_seconds: the median seconds of a unit.

    Raises:
        SettingError: an argument is out of its range.
    """

    def __init__(
        self,
        max_resource: int = 64,
        *,
        crossing: float = 0.25,
        cost_sd: float = 0.4,
        noise_sd: float = 0.0,
        seed: int = 0,
        unit_seconds: float = 1.0,
    ) -> None:
        at_least("max_resource", max_resource, 2)
        for name, value in {"crossing": crossing, "cost_sd": cost_sd, "noise_sd": noise_sd}.items():
            if not 0 <= value < math.inf:
                raise SettingError(name, value, expected="a number of at least 0")
        if not 0 < unit_seconds < math.inf:
            raise SettingError("unit_seconds", unit_seconds, expected="a number above 0")
        self.family = "crossing"
        self.name = f"{self.family}/{max_resource}"
        self.unit = "unit"
        self.resumes = True
        self.space = Space(SPACE)
        self.min_resource, self.max_resource = 1, max_resource
        self.crossing, self.cost_sd, self.noise_sd, self.seed = crossing, cost_sd, noise_sd, seed
        self.unit_seconds = unit_seconds
        self.best, self.worst = 0.0, 1.0
        points = _references()
        costs = points @ np.array(_COSTLY)
        self._cost_mean, self._cost_spread = float(costs.mean()), float(costs.std())
        self.median = float(np.median([_asymptote(point) for point in points]))
        self.full_seconds = float(np.mean([self._unit_seconds(point) for point in points])) * max_resource
        super().__init__(range(1, max_resource + 1))

    def content(self) -> Sequence[str]:
        """Its arguments."""
        return [repr((self.crossing, self.cost_sd, self.noise_sd, self.seed, self.unit_seconds))]

    def prepare(self, config: Config) -> np.ndarray:
        """See `CurveBenchmark.prepare`: where the config lies in the unit cube."""
        return self.space.encode(config)

    def compute(self, point: np.ndarray, resources: tuple[int, ...]) -> tuple[list[float], list[float]]:
        """See `CurveBenchmark.compute`."""
        at_end = _asymptote(point)
        slow = float(point @ np.array(_SLOW))
        power = 0.2 + 0.8 / (1.0 + math.exp(4.0 * slow))
        height = self.crossing * (0.5 + 0.5 * math.sin(5.0 * slow + 3.0 * point[3]) ** 2)
        rest = float(self.max_resource) ** -power
        losses = [at_end + height * (resource**-power - rest) for resource in resources]
        unit = self._unit_seconds(point)
        return losses, [resource * unit for resource in resources]

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """See `Benchmark.loss`."""
        loss = super().loss(config, resource)
        if self.noise_sd:
            loss += (
                self.noise_sd * generator_for(self.seed, "crossing noise", trial, resource).standard_normal()
            )
        return loss

    def true_loss(self, config: Config) -> float:
        """See `Benchmark.true_loss`."""
        return super().loss(config, self.max_resource)

    def _unit_seconds(self, point: np.ndarray) -> float:
        standard = (float(point @ np.array(_COSTLY)) - self._cost_mean) / self._cost_spread
        return self.unit_seconds * math.exp(self.cost_sd * standard)


@cache
def _references() -> np.ndarray:
    """Random configs in the unit cube, the same for all problems. Shape (n, 9)."""
    space = Space(SPACE)
    return space.encode_many(space.sample(uniforms_for(0, "crossing curves", i)) for i in range(_REFERENCES))


def _asymptote(point: np.ndarray) -> float:
    """a: the weighted distance from the best, at most about 1."""
    distance = float((np.array(_WEIGHTS) * np.abs(point - np.array(_BEST))).sum())
    return distance * math.sqrt(distance)
