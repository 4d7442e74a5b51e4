"""Populations, and the baselines that they are compared with: the same resource, evaluations, seeds and rule of choice.

Each method trains `n` members to R, on n / 2 workers, and evaluates each of them at the same resources. It then chooses
the one with the best `score` at R. What is compared is its `held_out`, which nobody selects by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product
from typing import Any, Literal

import msgspec
import numpy as np
from evidence import Estimate, Lab, estimate, mean, number
from population_tasks import INTERVAL, Balance, Digits, Mixture, Quadratic, R, Task, cosine

from paceline import PBT, Budget, RandomSearch, simulate
from paceline.events import Config, Reported, TrialId
from paceline.executors.simulated import StatefulTraining
from paceline.lineage import schedule
from paceline.schedulers.exploit import Kind
from paceline.simulation import Simulation

Method = Literal["PBT", "random", "grid", "grid, cosine"]
"""Random and grid train constants; under "cosine" the learning rate falls to 0, whatever it begins with."""

TASKS: dict[str, type[Task]] = {
    "balance": Balance,
    "digits": Digits,
    "mixture": Mixture,
    "quadratic": Quadratic,
}


class Cell(msgspec.Struct, frozen=True):
    """A task, and how `n` members are trained on it. The defaults are PBT's own."""

    task: str
    method: Method = "PBT"
    n: int = 16
    exploit: Kind = "truncation"
    copies: Literal["both", "weights", "hyperparameters"] = "both"
    interval: int = INTERVAL
    shorter: int = 1  # by which the steps of a unit are divided, for a quick look

    @property
    def workers(self) -> int:
        """Half as many as members: each boundary has results when its first member is judged."""
        return max(1, self.n // 2)


def usual(lab: Lab, task: str, method: Method = "PBT") -> Cell:
    """As large a population as this lab has time for."""
    return Cell(task, method, n=lab.choose(16, 4), shorter=lab.choose(1, 8))


class Outcome(msgspec.Struct, frozen=True):
    """What comes of a cell and a seed.

    Args:
        held_out: of the chosen member, at R.
        metrics: all others of its last evaluation.
        curve: after each interval, what is held out of the one that would be chosen there.
        configs: by which the chosen member's weights were trained, in each interval.
        trained: units of resource, of all members together.
        wall: virtual time, in units of resource.
    """

    held_out: float
    metrics: dict[str, float | None]
    curve: tuple[float, ...]
    configs: tuple[Config, ...]
    trained: int
    wall: float

    @property
    def area(self) -> float:
        """Below the curve, over its length."""
        return sum(self.curve) / len(self.curve)


def made(cell: Cell, seed: int) -> StatefulTraining[Any]:
    """The cell's task."""
    make: Callable[..., Any] = TASKS[cell.task]
    task = make(seed, cosine) if cell.method == "grid, cosine" else make(seed)
    task.steps //= cell.shorter
    return task  # type: ignore[no-any-return]


def populate(cell: Cell, seed: int) -> Simulation:
    """Train a cell's members."""
    task = TASKS[cell.task]
    common: dict[str, Any] = {
        "workers": cell.workers,
        "seed": seed,
        "objective": task.objective,
        "report_every": INTERVAL,
    }
    if cell.method == "PBT":
        pbt = PBT(
            max_resource=R,
            interval=cell.interval,
            population_size=cell.n,
            exploit=cell.exploit,
            copies=cell.copies,
        )
        return simulate(pbt, task.space, made(cell, seed), **common)
    if cell.method != "random":
        common["points"] = grid(task, cell.n)
    constants = RandomSearch(max_resource=R)
    return simulate(constants, task.space, made(cell, seed), budget=Budget(trials=cell.n), **common)


def grid(task: type[Task], n: int) -> list[Config]:
    """`n` configs: half as many values of the first hyperparameter as configs, and two of the second, evenly spaced."""
    (first, rates), (second, others) = task.space.items()
    places = product((np.arange(n // 2) + 0.5) / (n // 2), (0.25, 0.75))
    return [{first: rates.scale.decode(float(x)), second: others.scale.decode(y)} for x, y in places]


def outcome(cell: Cell, seed: int) -> Outcome:
    """Train, choose, and say what came of it."""
    simulation = populate(cell, seed)
    objective = TASKS[cell.task].objective
    best: dict[int, tuple[float, TrialId]] = {}
    reports: dict[tuple[int, TrialId], Reported] = {}
    for _, event in simulation.entries:
        if isinstance(event, Reported):
            reports[event.resource, event.trial] = event
            rank = (objective.loss(event.metrics), event.trial)
            best[event.resource] = min(best.get(event.resource, rank), rank)
    chosen = best[R][1]
    metrics = reports[R, chosen].metrics
    return Outcome(
        _value(metrics.get("held_out")),
        metrics,
        tuple(_value(reports[at, best[at][1]].metrics.get("held_out")) for at in sorted(best)),
        tuple(configs(simulation, chosen)),
        simulation.ledger.trained,
        simulation.entries[-1][0],
    )


def configs(simulation: Simulation, trial: TrialId) -> list[Config]:
    """By which a trial's weights were trained, in each interval."""
    pieces = schedule(simulation.ledger, trial)
    starts = range(0, R, INTERVAL)
    return [next(piece.config for piece in pieces if piece.start <= at < piece.stop) for at in starts]


def _value(value: float | None) -> float:
    return math.nan if value is None else value


# Figures ---------------------------------------------------------------------------------------------------------


def held_out(outcomes: list[Outcome]) -> np.ndarray:
    """By seed."""
    return np.array([outcome.held_out for outcome in outcomes])


def gap(of: np.ndarray, over: np.ndarray) -> Estimate:
    """The mean difference of paired figures."""
    return estimate(mean, of - over)


def standard_error(differences: np.ndarray) -> float:
    """Of the mean of paired differences."""
    return float(differences.std(ddof=1) / math.sqrt(len(differences)))


def resource(outcomes: list[Outcome]) -> str:
    """Units trained in all, and virtual time: those of each seed, which are to be equal."""
    totals = sorted({outcome.trained for outcome in outcomes})
    walls = sorted({outcome.wall for outcome in outcomes})
    return " to ".join(map(str, totals)) + " in " + " to ".join(map(number, walls))
