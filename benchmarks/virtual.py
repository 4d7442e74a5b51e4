"""The simulated world in which claims are measured: trainings, and what is read off a study's journal afterwards.

Everything here asks the library's own loop, schedulers and virtual-time executor; nothing of them is written anew.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from paceline.events import Budget, Config, JobEnded, JobIssued, Outcome, Reported
from paceline.executors.simulated import SimulatedTraining
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import Simulation, simulate
from paceline.space import Float

SPACE = {"x": Float(0.0, 1.0)}
GOAL = -1.0
"""A loss below all others: trainings report it for what a study is to end with."""
UNTIL_GOAL = Budget(target=GOAL)


class Constant:
    """A trial's loss is its config's x, at every rung: independent, uniform, without ties. A unit takes a second.

    Args:
        goal: the resource at which the first result ends a study whose budget is `UNTIL_GOAL`.
    """

    def __init__(self, goal: int | None = None) -> None:
        self._goal = goal

    def metrics(self, trial: int, config: Config, resource: int) -> dict[str, float | None]:  # noqa: ARG002
        """The loss."""
        x = float(config["x"])  # type: ignore[arg-type]  # the space says that it is a number
        return {"loss": GOAL if resource == self._goal else x}

    def seconds(self, trial: int, config: Config, resource: int) -> float:  # noqa: ARG002
        """A second for each unit."""
        return float(resource)


class BestFirst(Constant):
    """The first trial is the best, each one after it worse: no promotion is ever wrong."""

    def metrics(self, trial: int, config: Config, resource: int) -> dict[str, float | None]:  # noqa: ARG002
        """The loss."""
        return {"loss": float(trial)}


def run(
    scheduler: SchedulerSettings, seed: int, *, training: SimulatedTraining | None = None, **settings: Any
) -> Simulation:
    """A study in virtual time, by default with constant losses; see `simulate` for the settings."""
    return simulate(scheduler, SPACE, training or Constant(), seed=seed, retries=0, **settings)


def horizon(units: float) -> Budget:
    """A budget of virtual time. Jobs that run at its end are finished later: see `reported_at`'s `until`."""
    return Budget(minutes=units / 60)


def reported_at(
    simulation: Simulation, resource: int, *, until: float = math.inf
) -> Iterator[tuple[float, Reported]]:
    """The results at this resource, with their times, up to and including `until`."""
    for at, event in simulation.entries:
        if at > until:
            return
        if isinstance(event, Reported) and event.resource == resource:
            yield at, event


class Rungs:
    """The rungs of a study with one bracket, read off its journal alone: no scheduler is asked.

    Args:
        simulation: a study whose jobs report at their targets only.
        eta: its reduction factor.
    """

    def __init__(self, simulation: Simulation, eta: int) -> None:
        self._eta = eta
        self.losses: Mapping[int, dict[int, float]] = defaultdict(dict)  # resource → trial → loss
        self.entered: Mapping[int, set[int]] = defaultdict(
            set
        )  # resource → trials that reached it or are under way
        self.fullest = 0.0
        """The largest that η·(trials in, or on their way to, a rung) / (results in the rung below) has ever been."""
        self._targets: dict[int, int] = {}  # job → resource
        for _, event in simulation.entries:
            self._apply(event)

    def _apply(self, event: object) -> None:
        match event:
            case JobIssued(job=job):
                self._targets[job.id] = job.target
                self.entered[job.target].add(job.trial)
                if below := self.losses.get(job.target // self._eta):
                    self.fullest = max(self.fullest, self._eta * len(self.entered[job.target]) / len(below))
            case Reported():
                self.losses[event.resource][event.trial] = float(event.metrics["loss"] or 0.0)
            case JobEnded(outcome=Outcome.LOST):
                self.entered[self._targets[event.job]].discard(event.trial)
            case _:
                pass

    def promotions(self) -> tuple[int, int]:
        """How many promotions were wrong, and how many there were.

        Wrong is one of a trial that is not among the best ⌊n/η⌋ of its rung once all n results are there.
        """
        n_wrong = n_promotions = 0
        for resource, losses in self.losses.items():
            best = sorted(losses, key=lambda trial: (losses[trial], trial))[: len(losses) // self._eta]
            promoted = self.entered.get(resource * self._eta, set())
            n_wrong += len(promoted.difference(best))
            n_promotions += len(promoted)
        return n_wrong, n_promotions
