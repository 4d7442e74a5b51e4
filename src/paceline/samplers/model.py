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
from paceline.samplers.base import Context, Sampler, SamplerSettings
from paceline.samplers.results import Results
from paceline.settings import at_least


class ModelSettings(SamplerSettings, frozen=True, kw_only=True):
    """What the settings of samplers with a model share.

    Args:
        random_fraction: the share of proposals that are drawn at random, so that no region is given up for ever.
        min_results: with fewer, all are.
    """

    random_fraction: float = 1 / 3
    min_results: int = 8

    def __post_init__(self) -> None:
        """Validate; a subclass calls this first.

        Raises:
            SettingError: a setting is wrong.
        """
        value: object = self.random_fraction
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SettingError("random_fraction", value, expected="a number from 0 to 1")
        at_least("min_results", self.min_results, 2)


class ModelSampler(Sampler):
    """Proposes the candidate that a model likes best.

    Args:
        context: space, seed and ledger.
        settings: the user's.
    """

    learns = True

    def __init__(self, context: Context, settings: ModelSettings) -> None:
        super().__init__(context)
        self.results = Results(context.space, context.ledger)
        self._random_fraction = settings.random_fraction
        self._min_results = settings.min_results

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
