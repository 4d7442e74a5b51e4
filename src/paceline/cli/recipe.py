"""What a script or a TOML file amounts to: a study, a training function, and how to run it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from paceline.events import Budget
from paceline.study import Study, TrainingFunction


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of `Study.run` that can be written down; `None` is not given.

    In a TOML file this is the table `[run]`; each field has a flag of the same name, which wins.
    """

    workers: int | None = None
    executor: Literal["processes", "inline"] | None = None
    checkpoint_every: int | None = None
    patience_s: float | None = None
    gpus: int | list[int | str] | None = None
    gpus_per_worker: int | None = None
    threads_per_worker: int | None = None

    def given(self) -> dict[str, Any]:
        """Those that were given, as keywords."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


class Recipe(msgspec.Struct, frozen=True):
    """All that `run` and `plan` need.

    Args:
        study: the study.
        train: the training function; `None` where only a plan is wanted.
        settings: how to run it.
        budget: the study's limits, if any are given.
    """

    study: Study
    train: TrainingFunction | None
    settings: RunSettings
    budget: Budget | None = None

    def overridden(self, settings: RunSettings, budget: Budget) -> Recipe:
        """The same with what flags say in the place of what the file says; a budget's limits count one by one."""
        limits = _given(Budget() if self.budget is None else self.budget) | _given(budget)
        return msgspec.structs.replace(
            self,
            settings=RunSettings(**self.settings.given() | settings.given()),
            budget=Budget(**limits) if limits else None,
        )


def _given(budget: Budget) -> dict[str, Any]:
    return {name: value for name, value in msgspec.structs.asdict(budget).items() if value is not None}
