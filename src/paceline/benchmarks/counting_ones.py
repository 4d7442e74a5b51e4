"""Counting ones, the synthetic problem of Falkner et al. 2018 (docs/papers.md#benchmarks), section 5.1.

    f(x) = -(Σ x_cat + Σ E[Bernoulli(x_float)])

with the expectations estimated from as many samples as there are units of resource: more resource, less noise, and the
same order of configs at every resource but for the noise. The loss is f / d, from -1 (all ones) to 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from paceline.benchmarks.base import Benchmark
from paceline.events import Config, TrialId
from paceline.rng import generator_for
from paceline.settings import at_least
from paceline.space import Categorical, Float, Space


class CountingOnes(Benchmark):
    """`n` categorical hyperparameters in {0, 1} and `n` floats in [0, 1]; as many ones as possible.

    Each trial draws new samples at each resource, so `resumes` is False: nothing is carried from rung to rung. A unit of
    resource takes a virtual second.

    Args:
        n: of each kind; d = 2n.
        seed: of the noise.
        min_resource: samples at the lowest resource; 9 in the paper.
        max_resource: samples at the highest; 729 in the paper.

    Raises:
        SettingError: an argument is no whole number of at least 1, or the resources do not rise.
    """

    def __init__(self, n: int = 8, *, seed: int = 0, min_resource: int = 9, max_resource: int = 729) -> None:
        at_least("n", n, 1)
        at_least("min_resource", min_resource, 1)
        at_least("max_resource", max_resource, min_resource)
        self.family = "counting_ones"
        self.name = f"{self.family}/{n}"
        self.unit = "sample"
        self.resumes = False
        self.min_resource = min_resource
        self.max_resource = max_resource
        self.full_seconds = float(max_resource)
        self.best = -1.0
        self.median = -0.5
        self.seed = seed
        self._categorical = tuple(f"cat_{i}" for i in range(n))
        self._continuous = tuple(f"float_{i}" for i in range(n))
        self.space = Space(
            {
                **{name: Categorical([0, 1]) for name in self._categorical},
                **{name: Float(0.0, 1.0) for name in self._continuous},
            }
        )

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:
        """An estimate of f / d from `resource` samples that (seed, trial, resource) names."""
        self.check_resource(resource)
        generator = generator_for(self.seed, "counting ones", trial, resource)
        means = generator.binomial(resource, self._probabilities(config)) / resource
        return -(self._ones(config) + float(means.sum())) / self.space.dimension

    def true_loss(self, config: Config) -> float:
        """The exact expectation of f / d."""
        return -(self._ones(config) + sum(self._probabilities(config))) / self.space.dimension

    def regret_of(self, loss: float) -> float:
        """The paper's: 1 + f / d, from 0 (all ones) to 1 (none). It is not relative to the median."""
        return max(0.0, 1.0 + loss)

    def content(self) -> Sequence[str]:
        """The noise's seed."""
        return (str(self.seed),)

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - all are alike
        """In proportion to the resource."""
        self.check_resource(resource)
        return float(resource)

    def _probabilities(self, config: Config) -> list[float]:
        return [float(config[name]) for name in self._continuous]  # type: ignore[arg-type]

    def _ones(self, config: Config) -> int:
        return sum(config[name] == 1 for name in self._categorical)
