"""Random search's sampler: independent draws from the space, each trial from a stream of its own.

Bergstra and Bengio 2012. What is drawn for a trial depends on the seed and the trial's id alone.
"""

from __future__ import annotations

from paceline.events import Config, TrialId
from paceline.rng import uniforms_for
from paceline.samplers.base import Context, Sampler, SamplerSettings


class Random(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Independent draws from the space."""

    def build(self, context: Context) -> RandomSampler:
        """The sampler."""
        return RandomSampler(context)


class RandomSampler(Sampler):
    """See `Random`."""

    def propose(self, trial: TrialId) -> Config:
        """A config drawn from the stream that (seed, trial) names."""
        return self.space.sample(uniforms_for(self.seed, "config", trial))
