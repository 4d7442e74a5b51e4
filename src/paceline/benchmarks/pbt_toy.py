"""The toy of population based training (Jaderberg et al. 2017, figure 2), as a problem: it really trains.

    Q(θ) = 1.2 - (θ₀² + θ₁²)                          what counts, and is never differentiated
    θ ← θ + rate · ∇(1.2 - (h₀ θ₀² + h₁ θ₁²))        what a step climbs, from θ = (0.9, 0.9)

The loss is -Q. A config that is kept from the beginning on shrinks each θ by 1 - 2 · rate · h in each step, so that its
loss is known in closed form; that of a fork is not, because its weights are another's. No step shrinks θ by more than the
largest h does: so the best is known, over all schedules too. The paper does not state the rate; 0.01 is a known
reproduction's, and the range of h our own choice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.base import Benchmark
from paceline.errors import SettingError
from paceline.events import Config, Metrics, TrialId
from paceline.executors.simulated import StatefulTraining
from paceline.rng import uniforms_for
from paceline.settings import at_least
from paceline.space import Float, Space

Path = NDArray[np.float64]
"""θ after each step so far, from the beginning on. Shape (steps + 1, 2)."""

_BEGINNING = 0.9
_HEIGHT = 1.2
_REFERENCES = 4096
"""Random configs from which the median is computed."""


class PBTToy(Benchmark, StatefulTraining[Path]):
    """See above. A step takes a virtual second.

    A trial is scored by the loss that it reported, at whatever resource: there is no noise, and a fork's weights are
    another's, so its config does not say what it is worth.

    Args:
        max_resource: steps of a full training.
        rate: of learning.
        high: both hyperparameters lie between 0 and this.

    Raises:
        SettingError: an argument is out of its range.
    """

    def __init__(self, max_resource: int = 200, *, rate: float = 0.01, high: float = 1.0) -> None:
        at_least("max_resource", max_resource, 5)
        if not 0 < high < float("inf"):
            raise SettingError("high", high, expected="a number above 0")
        if not 0 < 2 * rate * high < 1:
            raise SettingError(
                "rate", rate, expected=f"above 0 and below {0.5 / high:g}, so that no step goes too far"
            )
        self.family = "pbt_toy"
        self.name = f"{self.family}/{max_resource}"
        self.space = Space({"h0": Float(0.0, high), "h1": Float(0.0, high)})
        self.unit = "step"
        self.resumes = True
        self.min_resource, self.max_resource = 4, max_resource
        self.full_seconds = float(max_resource)
        self.rate, self.high = rate, high
        self.best = self._loss(high, high, max_resource)
        draws = (uniforms_for(0, "toy", i).random(2) for i in range(_REFERENCES))
        self.median = float(np.median([self._loss(high * a, high * b, max_resource) for a, b in draws]))

    def begin(self, config: Config, rng: np.random.Generator) -> Path:  # noqa: ARG002 - all begin alike
        """θ, as the only row of the path so far."""
        return np.full((1, 2), _BEGINNING)

    def train(
        self, state: Path, config: Config, start: int, stop: int, rng: np.random.Generator
    ) -> tuple[Path, Metrics]:
        """So many steps; -Q afterwards."""
        del rng
        h = np.array([config["h0"], config["h1"]], dtype=np.float64)
        factors = (1 - 2 * self.rate * h) ** np.arange(1, stop - start + 1)[:, None]
        path = np.concatenate([state, state[-1] * factors])
        return path, {self.metric: float(np.sum(path[-1] ** 2) - _HEIGHT)}

    def loss(self, config: Config, resource: int, trial: int = 0) -> float:  # noqa: ARG002 - there is no noise
        """That of a trial which has had this config from the beginning on."""
        self.check_resource(resource)
        valid = self.space.validate(config)
        return self._loss(float(valid["h0"]), float(valid["h1"]), resource)  # type: ignore[arg-type]

    def true_loss(self, config: Config) -> float:
        """Likewise, at the end."""
        return self.loss(config, self.max_resource)

    def scored(self, config: Config, observed: float) -> tuple[float, float]:
        """See `Benchmark.scored`: by what was observed."""
        del config
        return self.regret_of(observed), observed

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - all are alike
        """In proportion to the resource."""
        self.check_resource(resource)
        return float(resource)

    def content(self) -> Sequence[str]:
        """Its arguments."""
        return [repr((self.rate, self.high))]

    def _loss(self, h0: float, h1: float, steps: int) -> float:
        """In closed form, with these from the beginning on."""
        factors = ((1 - 2 * self.rate * h) ** (2 * steps) for h in (h0, h1))
        return _BEGINNING**2 * sum(factors) - _HEIGHT
