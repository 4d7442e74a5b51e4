"""Alternating's sampler: several samplers take turns, and all of them learn from all results.

Where one model is misled, the others go on: what is lost by it is its share of the proposals.
"""

from __future__ import annotations

import msgspec

from paceline.errors import SettingError
from paceline.events import Config, TrialId
from paceline.samplers.base import Context, Sampler, SamplerSettings
from paceline.samplers.gaussian_process import GaussianProcess
from paceline.samplers.grid import Grid
from paceline.samplers.trees import Trees


def _default() -> tuple[SamplerSettings, ...]:
    return Trees(), GaussianProcess()


class Alternating(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Several samplers in turn.

    Args:
        samplers: at least two; trial `i` gets its config from sampler `i % len(samplers)`. The default needs
            scikit-learn.
    """

    samplers: tuple[SamplerSettings, ...] = msgspec.field(default_factory=_default)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: there are fewer than two samplers, or one of them cannot take turns.
        """
        given: object = self.samplers
        if not isinstance(given, list | tuple) or len(given) < 2:
            raise SettingError(
                "samplers",
                given,
                expected="at least two samplers",
                hint="For instance: Alternating(samplers=(Trees(), GaussianProcess())).",
            )
        for index, sampler in enumerate(given):
            if not isinstance(sampler, SamplerSettings):
                hint = "Make one, with parentheses." if isinstance(sampler, type) else ""
                expected = "a sampler such as GaussianProcess() or Random()"
                raise SettingError(f"samplers[{index}]", sampler, expected=expected, hint=hint)
            if isinstance(sampler, Grid):
                raise SettingError(
                    f"samplers[{index}]",
                    sampler,
                    expected="no Grid, which must have every turn to be complete",
                )
        msgspec.structs.force_setattr(self, "samplers", tuple(given))

    def build(self, context: Context) -> AlternatingSampler:
        """The sampler."""
        return AlternatingSampler(context, self)


class AlternatingSampler(Sampler):
    """See `Alternating`."""

    def __init__(self, context: Context, settings: Alternating) -> None:
        super().__init__(context)
        self.members = [member.build(context) for member in settings.samplers]
        self.has_model = any(member.has_model for member in self.members)

    def propose(self, trial: TrialId) -> Config | None:
        """What the sampler whose turn it is proposes; those that have nothing more are passed over."""
        for turn in range(len(self.members)):
            config = self.members[(trial + turn) % len(self.members)].propose(trial)
            if config is not None:
                return config
        return None

    @property
    def is_exhausted(self) -> bool:
        """Whether none of them has anything more."""
        return all(member.is_exhausted for member in self.members)

    def explain(self, trial: TrialId) -> str:
        """What the sampler whose turn it is says."""
        for turn in range(len(self.members)):
            member = self.members[(trial + turn) % len(self.members)]
            if not member.is_exhausted:
                return member.explain(trial)
        return ""

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """All of them take in each result."""
        for member in self.members:
            member.observe(trial, resource, loss)
