"""Grid search's sampler: every combination of a few values for each hyperparameter, in order, once."""

from __future__ import annotations

from paceline.events import Config, TrialId
from paceline.samplers.base import Context, Sampler, SamplerSettings
from paceline.settings import at_least


class Grid(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Every combination.

    Args:
        resolution: values for each continuous hyperparameter, ends included; by name, or one number for all. Discrete
            ones take all their values, integer ranges at most this many.
    """

    resolution: int | dict[str, int] = 5

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a resolution is not a whole number of at least 1.
        """
        by_name = self.resolution if isinstance(self.resolution, dict) else {"": self.resolution}
        for name, count in by_name.items():
            at_least(f"resolution[{name!r}]" if name else "resolution", count, 1)

    def build(self, context: Context) -> GridSampler:
        """The sampler."""
        return GridSampler(context, self)


class GridSampler(Sampler):
    """See `Grid`."""

    def __init__(self, context: Context, settings: Grid) -> None:
        super().__init__(context)
        self._remaining = context.space.grid(settings.resolution)
        self._drawn: list[Config] = []  # grows when asked: a grid of millions costs only what is used of it

    def propose(self, trial: TrialId) -> Config | None:  # noqa: ARG002 - a grid goes by its own count
        """The next combination, or `None` after the last."""
        index = self.ledger.n_sampled
        while len(self._drawn) <= index:
            config = next(self._remaining, None)
            if config is None:
                return None
            self._drawn.append(config)
        return self._drawn[index]

    @property
    def is_exhausted(self) -> bool:
        """Whether every combination was handed out."""
        return self.propose(self.ledger.next_trial) is None
