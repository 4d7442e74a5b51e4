"""What a study will take, before it starts: the scheduler is run in virtual time with made-up losses.

No formula per scheduler: the same loop and the same decisions as in the real run, with random losses that each trial
keeps for life and units that take equally long. How many configs reach which rung depends little on what the losses
are, and not at all on what is in the configs: no model is fitted. What it does not foresee are stragglers, failures, and
a target that ends the study early.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from paceline.events import Budget, JobEnded, JobIssued, Reported
from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.rng import Uniforms
from paceline.samplers.base import Context
from paceline.samplers.random import Random
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import UnitTraining, simulate
from paceline.space import Domain, Space
from paceline.wording import duration

MAX_TRIALS = 20_000
"""A forecast looks this far; what lies beyond is not told."""


class Forecast(msgspec.Struct, frozen=True):
    """What is to be expected.

    Args:
        rungs: (resource, trials trained to it by a finished job), lowest first.
        trials: configs tried.
        jobs: issued.
        resource: units of resource trained, all workers together.
        wall_units: units of resource that one worker could train in the time the study takes.
        first_full_units: the same until the first config is trained to the highest rung.
        seconds_per_unit: of training, if known.
        is_cut: whether the study goes on beyond what was looked at.
        unit: what a unit is.
    """

    rungs: tuple[tuple[int, int], ...]
    trials: int
    jobs: int
    resource: int
    wall_units: float
    first_full_units: float | None
    seconds_per_unit: float | None = None
    is_cut: bool = False
    unit: str = "unit"

    @property
    def wall_s(self) -> float | None:
        """Seconds that the study takes, where it is known how long a unit does."""
        return None if self.seconds_per_unit is None else self.wall_units * self.seconds_per_unit

    @property
    def first_full_s(self) -> float | None:
        """Seconds until the first config is fully trained, likewise."""
        if self.seconds_per_unit is None or self.first_full_units is None:
            return None
        return self.first_full_units * self.seconds_per_unit

    def line(self) -> str:
        """The forecast in one line."""
        at_least = "at least " if self.is_cut else ""
        top = f"{self.rungs[-1][1]} to {self.rungs[-1][0]}" if self.rungs else "none to the end"
        parts = [
            f"forecast: {at_least}{self.trials} configs, {top} {self.unit}s",
            f"{self.resource} {self.unit}s in all",
            f"time for {self.wall_units:.0f} {self.unit}s" if self.wall_s is None else duration(self.wall_s),
        ]
        if self.first_full_units is not None:
            first = (
                f"after {self.first_full_units:.0f} {self.unit}s"
                if self.first_full_s is None
                else f"after {duration(self.first_full_s)}"
            )
            parts.append(f"the first fully trained {first}")
        return "; ".join(parts)


def forecast(
    scheduler: SchedulerSettings,
    space: Space | Mapping[str, Domain],
    *,
    workers: int = 1,
    budget: Budget | None = None,
    seconds_per_unit: float | None = None,
    unit: str = "unit",
    seed: int = 0,
    max_trials: int = MAX_TRIALS,
) -> Forecast | None:
    """What a study with these settings is to be expected to take; `None` where only time limits it, at unknown speed.

    Args:
        scheduler: the method.
        space: the search space.
        workers: jobs that run at once.
        budget: the study's. A target is ignored: nobody knows when it will be reached.
        seconds_per_unit: how long a unit of resource takes to train, if known; needed for a budget in minutes.
        unit: what a unit is, for the text.
        seed: of the made-up losses.
        max_trials: how far to look.

    Raises:
        SettingError: a setting is wrong.
    """
    budget = Budget() if budget is None else budget
    only_time = budget.trials is None and budget.resource is None and scheduler.is_endless
    if only_time and (budget.minutes is None or seconds_per_unit is None):
        return None
    minutes = (
        None if budget.minutes is None or seconds_per_unit is None else budget.minutes / seconds_per_unit
    )
    trials = max_trials if budget.trials is None else min(max_trials, budget.trials)
    losses = Uniforms(f"{seed}/forecast").random(1009)
    space = Space.of(space)
    scheduler = scheduler.without_model
    if scheduler.sampler.build(Context(space, seed, Ledger())).has_model:
        scheduler = msgspec.structs.replace(scheduler, sampler=Random())
    result = simulate(
        scheduler,
        space,
        UnitTraining(losses),  # a unit of resource takes a virtual second
        workers=workers,
        budget=Budget(trials=trials, resource=budget.resource, minutes=minutes),
        seed=seed,
    )
    ledger = result.ledger
    rungs, first_full = _rungs(result.entries)
    return Forecast(
        rungs=rungs,
        trials=len(ledger.trials),
        jobs=ledger.n_jobs,
        resource=ledger.trained,
        wall_units=ledger.elapsed_s,
        first_full_units=first_full,
        seconds_per_unit=seconds_per_unit,
        is_cut=len(ledger.trials) >= max_trials and budget.trials != max_trials,
        unit=unit,
    )


def _rungs(entries: Sequence[Entry]) -> tuple[tuple[tuple[int, int], ...], float | None]:
    """How many trials reached which target, and when the first reached the highest."""
    targets: dict[int, int] = {}
    counts: dict[int, int] = {}
    first: dict[int, float] = {}
    for at, event in entries:
        match event:
            case JobIssued():
                targets[event.job.id] = event.job.target
            case Reported() if event.resource == targets[event.job]:
                counts[event.resource] = counts.get(event.resource, 0) + 1
                first.setdefault(event.resource, at)
            case JobEnded():
                del targets[event.job]
            case _:
                pass
    return tuple(sorted(counts.items())), first[max(first)] if first else None
