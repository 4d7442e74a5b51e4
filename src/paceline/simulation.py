"""A study in virtual time: the same loop, scheduler and ledger, with nothing trained and nothing stored.

For trying a scheduler before spending a GPU on it, for forecasts, for comparing methods, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from paceline.driver import Driver, Gate, Recorder
from paceline.events import (
    AnyEvent,
    Budget,
    BudgetSet,
    Config,
    Objective,
    PointsGiven,
    RunStarted,
    StudyOpened,
)
from paceline.executors.simulated import SimulatedExecutor, SimulatedTraining, StatefulTraining
from paceline.journal import Entry, MemoryJournal
from paceline.ledger import Ledger
from paceline.retention import Retention
from paceline.samplers.base import Context
from paceline.schedulers.base import Scheduler, SchedulerSettings
from paceline.space import Domain, Space


class Simulation(msgspec.Struct, frozen=True):
    """What a simulated study amounts to.

    Args:
        ledger: its final state.
        scheduler: its final state.
        entries: all that happened, with virtual times in seconds.
    """

    ledger: Ledger
    scheduler: Scheduler
    entries: list[Entry]


def simulate(
    scheduler: SchedulerSettings,
    space: Space | Mapping[str, Domain],
    training: SimulatedTraining | StatefulTraining[Any],
    *,
    workers: int = 1,
    budget: Budget | None = None,
    seed: int = 0,
    objective: Objective | None = None,
    retries: int = 2,
    points: Sequence[Config] = (),
    gate: Callable[[Ledger], Gate] = Gate,
    **executor_settings: Any,
) -> Simulation:
    """Run a study in virtual time. Two calls with equal arguments give equal journals.

    Args:
        scheduler: the method.
        space: the search space.
        training: what jobs report, and how many virtual seconds they take; a `StatefulTraining` really trains.
        workers: jobs that can run at once.
        budget: as for a real study; `minutes` are virtual ones.
        seed: of everything random.
        objective: the metric and its direction; by default `loss` is minimized.
        retries: how often a failed job is tried again.
        points: configs to try first.
        gate: makes another rule of what may be spent, out of the ledger; by default it is the budget.
        executor_settings: stragglers, drops and reports: see `SimulatedExecutor`.

    Raises:
        SettingError: a setting is wrong.
    """
    space = Space.of(space)
    executor = SimulatedExecutor(training, slots=workers, seed=seed, **executor_settings)
    ledger = Ledger()
    machine = scheduler.build(Context(space, seed, ledger))
    journal = MemoryJournal()
    recorder = Recorder(journal, ledger, machine)
    opened = StudyOpened(
        seed=seed,
        objective=Objective("loss") if objective is None else objective,
        space=space.to_json(),
        scheduler=scheduler.to_json(),
        retries=retries,
    )
    recorder.record([opened, RunStarted("simulation", workers, "simulated")], 0.0)
    if budget is not None:
        recorder.record([BudgetSet(budget)], 0.0)
    if points:
        recorder.record([PointsGiven(tuple(space.validate(point) for point in points))], 0.0)
    if isinstance(training, StatefulTraining):
        recorder.employ(_StateJanitor(ledger, executor, machine))
    Driver(recorder, executor, gate(ledger)).run()
    return Simulation(ledger, machine, journal.entries)


class _StateJanitor:
    """Lets go of states that nobody will go on from, by the rule for real checkpoints."""

    def __init__(self, ledger: Ledger, executor: SimulatedExecutor, scheduler: Scheduler) -> None:
        self._executor = executor
        self._retention = Retention(ledger, needed=lambda: scheduler.needed_checkpoints)
        self._freed: list[str] = []

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        self._freed += self._retention.apply(event)

    def tidy(self) -> None:
        """Let go of what the facts have freed."""
        for key in self._freed:
            self._executor.forget(key)
        self._freed.clear()


class UnitTraining:
    """The plainest training: each trial has one loss for life, and a unit of resource takes a second.

    Args:
        losses: by trial id; beyond the end they begin again.
        seconds_per_unit: of resource.
        metric: the name under which the loss is reported.
    """

    def __init__(
        self, losses: Sequence[float], *, seconds_per_unit: float = 1.0, metric: str = "loss"
    ) -> None:
        self._losses = losses
        self._seconds_per_unit = seconds_per_unit
        self._metric = metric

    def metrics(self, trial: int, config: Config, resource: int) -> dict[str, float | None]:  # noqa: ARG002
        """The trial's loss."""
        return {self._metric: self._losses[trial % len(self._losses)]}

    def seconds(self, trial: int, config: Config, resource: int) -> float:  # noqa: ARG002
        """In proportion to the resource."""
        return resource * self._seconds_per_unit
