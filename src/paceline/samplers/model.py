"""What samplers with a model share: some draws stay random, the others are the best of many candidates.

A random draw is exactly the one that `Random` would make for that trial; the coin that decides is tossed by (seed,
trial) alone. The model's answer depends on the results so far and on a stream of its own, named by (seed, trial).
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from paceline.errors import SettingError
from paceline.events import AnyEvent, Config, TrialId
from paceline.rng import uniforms_for
from paceline.samplers.base import Context, Sampler
from paceline.samplers.results import Results
from paceline.settings import at_least


def check_model(random_fraction: object, min_results: object) -> None:
    """Refuse settings that every sampler with a model has, if they are wrong.

    Raises:
        SettingError: they are.
    """
    is_number = isinstance(random_fraction, int | float) and not isinstance(random_fraction, bool)
    if not (is_number and 0 <= random_fraction <= 1):  # type: ignore[operator]
        raise SettingError("random_fraction", random_fraction, expected="a number from 0 to 1")
    at_least("min_results", min_results, 2)


class ModelSampler(Sampler):
    """Proposes the candidate that a model likes best.

    Args:
        context: space, seed and ledger.
        random_fraction: the share of proposals that are drawn at random.
        min_results: with fewer, there is no model.
    """

    learns = True

    def __init__(self, context: Context, random_fraction: float, min_results: int) -> None:
        super().__init__(context)
        self.results = Results(context.space, context.ledger)
        self._random_fraction = random_fraction
        self._min_results = min_results

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        self.results.apply(event)

    def propose(self, trial: TrialId) -> Config:
        """The best candidate that is allowed and was not tried yet, or a random draw."""
        if uniforms_for(self.seed, "explore", trial).random(1)[0] >= self._random_fraction:
            ranked = self._ranked(trial)
            if ranked is not None:
                for point in ranked:
                    config = self.space.decode(point)
                    if not self.results.knows(config) and not self.space.refusals(config):
                        return config
        return self.space.sample(uniforms_for(self.seed, "config", trial))

    @abstractmethod
    def _ranked(self, trial: TrialId) -> NDArray[np.float64] | None:
        """Candidates, best first, as an `(n, dimension)` array; `None` while there are too few results."""
