"""What samplers with a model share: some draws stay random, the others are the candidate that the model likes best.

A random draw is exactly the one that `Random` would make for that trial, unless a finite space has that config already.
The coin that decides is tossed by (seed, trial) alone. The model's answer depends on the results so far, on what runs,
and on a stream of its own, named by (seed, trial).
"""

from __future__ import annotations

from abc import abstractmethod

import msgspec

from paceline.density import Array
from paceline.errors import SpaceError
from paceline.events import Config, TrialId
from paceline.rng import uniforms_for
from paceline.samplers.base import Context, Sampler
from paceline.samplers.known import KnownConfigs


class Ranking(msgspec.Struct, frozen=True):
    """What a model has to say.

    Args:
        points: candidates, best first: `(n, dimension)` points of the unit cube; inactive coordinates do not matter.
        reason: what the model is made of, for people.
    """

    points: Array
    reason: str


class ModelSampler(Sampler):
    """Proposes the candidate that a model likes best. Subclasses write `_ranking`.

    Args:
        context: space, seed and ledger.
        random_fraction: the share of proposals that are drawn at random; with 1, there is no model.
    """

    has_model = True

    def __init__(self, context: Context, random_fraction: float) -> None:
        super().__init__(context)
        self._known = KnownConfigs(context)
        self._random_fraction = random_fraction

    def propose(self, trial: TrialId) -> Config:
        """The best candidate that is allowed and was not tried yet, or a random draw."""
        return self._proposal(trial)[0]

    def explain(self, trial: TrialId) -> str:
        """What the model is made of, or that there is none; empty where constraints are missing, as in a loaded study."""
        try:
            return self._proposal(trial)[1]
        except SpaceError:
            return ""

    def _proposal(self, trial: TrialId) -> tuple[Config, str]:
        source = uniforms_for(self.seed, "config", trial)
        if self._random_fraction == 1:  # random search, and what is built on it, event for event
            return self.space.sample(source), "its config is drawn at random"
        if uniforms_for(self.seed, "model or prior", trial).random(1)[0] < self._random_fraction:
            share = f"as {self._random_fraction:.0%} of all are"
            return self._known.draw_new(source), f"its config is drawn at random, {share}"
        ranking = self._ranking(trial)
        if ranking is None:
            return self._known.draw_new(source), "its config is drawn at random, while there are few results"
        for point in ranking.points:
            config = self.space.decode(point)
            if config not in self._known and not self.space.refusals(config):
                return config, ranking.reason
        reason = "its config is drawn at random, as no candidate was new and allowed"
        return self._known.draw_new(source), reason

    @abstractmethod
    def _ranking(self, trial: TrialId) -> Ranking | None:
        """The model's candidates for a trial; `None` while there are too few results."""
