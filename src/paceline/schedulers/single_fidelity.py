"""Search at full resource: each config is trained to `max_resource`, and nothing is stopped early.

With the random sampler this is random search (Bergstra and Bengio 2012), with a grid grid search, with a
low-discrepancy sequence quasi-random search. The baselines of every comparison: same space, same resource.
"""

from __future__ import annotations

from typing import Literal

from paceline.decisions import Decision, StartTrial
from paceline.samplers.base import Context
from paceline.samplers.grid import Grid
from paceline.samplers.quasirandom import QuasiRandom
from paceline.samplers.random import Random
from paceline.schedulers.base import Explanation, Scheduler, SchedulerSettings
from paceline.settings import at_least


class FullResource(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Train every config that the sampler proposes to `max_resource`.

    Args:
        max_resource: R, in the study's unit. 1 for training functions that have no resource.
        sampler: where configs come from.
    """

    max_resource: int = 1

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        at_least("max_resource", self.max_resource, 1)

    def build(self, context: Context) -> FullResourceScheduler:
        """The scheduler."""
        return FullResourceScheduler(self, context)

    @property
    def is_endless(self) -> bool:
        """Whether the sampler never runs out."""
        return not isinstance(self.sampler, Grid)


def RandomSearch(*, max_resource: int = 1) -> FullResource:  # noqa: N802 - read as a scheduler's name
    """Independent random configs, each trained to `max_resource`."""
    return FullResource(max_resource=max_resource, sampler=Random())


def GridSearch(*, max_resource: int = 1, resolution: int | dict[str, int] = 5) -> FullResource:  # noqa: N802
    """Every combination of values, each trained to `max_resource`; see `Grid` for `resolution`."""
    return FullResource(max_resource=max_resource, sampler=Grid(resolution=resolution))


def QuasiRandomSearch(  # noqa: N802
    *, max_resource: int = 1, sequence: Literal["sobol", "halton"] = "sobol"
) -> FullResource:
    """Evenly spread configs, each trained to `max_resource`; see `QuasiRandom` for `sequence`."""
    return FullResource(max_resource=max_resource, sampler=QuasiRandom(sequence=sequence))


class FullResourceScheduler(Scheduler):
    """See `FullResource`."""

    def __init__(self, settings: FullResource, context: Context) -> None:
        super().__init__(settings, context)
        self._target = settings.max_resource

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """Repeat what is due, else start a new config."""
        if (repetition := self._repeat()) is not None:
            return repetition
        config = self._new_config(may_start=may_start)
        return None if config is None else StartTrial(config, self._target)

    def _explain(self, decision: Decision) -> Explanation:  # noqa: ARG002 - always the same reason
        return Explanation(f"a new config, trained to the full {self._target}")
