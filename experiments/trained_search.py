"""Searches whose trainings are real, beside each other: the same space, seeds, resource and rule of choice.

A search hands over the trial with the lowest `loss` at R; before there is one, at the highest resource that any trial has
reached. What is compared is that trial's `held_out`, by data that nothing selects by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from evidence import Estimate, Table, Verdict, estimate, mean, number

from paceline import BOHB, TPE, Budget, FullResource, Hyperband, RandomSearch, Space, simulate
from paceline.events import Config, JobIssued, Reported, TrialId
from paceline.executors.simulated import SimulatedTraining, StatefulTraining
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import Simulation
from paceline.space import Domain

Method = Literal["BOHB", "Hyperband", "TPE", "random"]
SHARES = (0.125, 0.25, 0.5, 1.0)
"""Of the resource, at which tables look."""


class Terms(msgspec.Struct, frozen=True):
    """What all methods of an experiment are given.

    Args:
        max_resource: R.
        min_resource: at which Hyperband's first bracket begins.
        sweeps: of Hyperband, all brackets once, with the bracket sizes of BOHB's authors: what they cost is what every
            method may spend.
        workers: in virtual time.
        resumes: whether a promotion goes on from a checkpoint, or trains anew.
    """

    max_resource: int
    min_resource: int
    sweeps: int
    workers: int = 1
    resumes: bool = True

    def scheduler(self, method: Method) -> SchedulerSettings:
        """A method with its defaults."""
        if method == "random":
            return RandomSearch(max_resource=self.max_resource)
        if method == "TPE":
            return FullResource(max_resource=self.max_resource, sampler=TPE())
        if method == "BOHB":
            return BOHB(max_resource=self.max_resource, min_resource=self.min_resource, resume=self.resumes)
        return self._hyperband

    @property
    def _hyperband(self) -> Hyperband:
        return Hyperband(
            max_resource=self.max_resource,
            min_resource=self.min_resource,
            bracket_rule="hpbandster",
            sweeps=None,
            resume=self.resumes,
        )

    @property
    def resource(self) -> int:
        """Units that each method may spend."""
        spent = 0
        for shape in self._hyperband.shapes():
            starts = (0, *shape.resources[:-1]) if self.resumes else (0,) * len(shape.sizes)
            spent += sum(
                n * (to - before) for n, to, before in zip(shape.sizes, shape.resources, starts, strict=True)
            )
        return spent * self.sweeps


class Choice(msgspec.Struct, frozen=True):
    """A trial that would be handed over from here on.

    Args:
        spent: units that all jobs had trained when it came to be the one.
        resource: to which it was trained.
        trial: its number.
        loss: by which it was chosen.
        held_out: by which it is judged; NaN if it was not measured with the loss.
    """

    spent: int
    resource: int
    trial: TrialId
    loss: float
    held_out: float


class Found(msgspec.Struct, frozen=True):
    """What came of a search.

    Args:
        choices: one after the other.
        configs: of the trials that were chosen, by number.
        spent: units in all.
        wall: virtual time, in units.
        trials: configs tried.
        full: results at R.
    """

    choices: tuple[Choice, ...]
    configs: dict[TrialId, Config]
    spent: int
    wall: float
    trials: int
    full: int

    def at(self, spent: float) -> Choice | None:
        """What would be handed over once so many units are spent."""
        so_far = [choice for choice in self.choices if choice.spent <= spent]
        return so_far[-1] if so_far else None

    @property
    def last(self) -> Choice:
        """What is handed over."""
        return self.choices[-1]


def search(
    terms: Terms,
    method: Method,
    space: Mapping[str, Domain],
    training: SimulatedTraining | StatefulTraining[Any],
    seed: int,
) -> Found:
    """Search, until the resource is spent."""
    end = simulate(
        terms.scheduler(method),
        Space.of(space),
        training,
        workers=terms.workers,
        seed=seed,
        budget=Budget(resource=terms.resource),
        saves_checkpoints=terms.resumes,
    )
    return found_by(end, terms.max_resource)


def found_by(end: Simulation, max_resource: int) -> Found:
    """Read the facts of a search."""
    starts: dict[int, int] = {}
    spent = full = highest = 0
    best = math.inf
    choices: list[Choice] = []
    for _, event in end.entries:
        if isinstance(event, JobIssued):
            starts[event.job.id] = event.job.start
        if not isinstance(event, Reported):
            continue
        spent += event.resource - starts[event.job]
        starts[event.job] = event.resource
        full += event.resource == max_resource
        loss, held_out = (event.metrics.get(name) for name in ("loss", "held_out"))
        if loss is None or event.resource < highest:
            continue
        if event.resource > highest:
            highest, best = event.resource, math.inf
        if loss < best:
            best = loss
            judged = math.nan if held_out is None else held_out
            choices.append(Choice(spent, event.resource, event.trial, loss, judged))
    trials = end.ledger.trials
    configs = {choice.trial: trials[choice.trial].trial.config for choice in choices}
    return Found(tuple(choices), configs, spent, end.entries[-1][0], len(trials), full)


# Figures ---------------------------------------------------------------------------------------------------------

Figures = Mapping[Method, np.ndarray]
"""What is held out of that which is handed over, by seed."""


def held_out(found: Sequence[Found], spent: float) -> np.ndarray:
    """By seed, once so many units are spent; NaN where there was no result."""
    choices = (one.at(spent) for one in found)
    return np.array([math.nan if choice is None else choice.held_out for choice in choices])


def gap(of: np.ndarray, over: np.ndarray) -> Estimate:
    """The mean difference of paired figures."""
    return estimate(mean, of - over)


def no_worse(claim: str, source: str, gap: Estimate, spent: str, *, must_hold: bool) -> Verdict:
    """One mean is not above another: the verdict is that of the figure, the interval says how sure it is."""
    return Verdict(claim, source, f"{gap}; each {spent}", "≤ 0", gap.value <= 0, must_hold)


def spent_by(found: Sequence[Found]) -> str:
    """Units trained in all, and virtual time: those of the seeds."""
    totals = sorted(one.spent for one in found)
    walls = sorted(one.wall for one in found)
    return f"{_range(totals[0], totals[-1])} in {_range(walls[0], walls[-1])}"


def _range(low: float, high: float) -> str:
    return number(low) if low == high else f"{number(low)} to {number(high)}"


def comparison(
    title: str,
    terms: Terms,
    found: Mapping[Method, Sequence[Found]],
    judged: Callable[[Sequence[Found], float], np.ndarray] = held_out,
) -> Table:
    """A row for each method: what is held out, by shares of the resource spent.

    Args:
        title: of the table.
        terms: of the searches.
        found: by method, in the order of rows.
        judged: by seed, once so many units are spent.
    """
    rows = []
    first = next(iter(found))
    finals = {method: judged(its, terms.resource) for method, its in found.items()}
    for method, its in found.items():
        lead = "" if method == first else gap(finals[first], finals[method]).brief
        means = [estimate(mean, judged(its, terms.resource * share)).brief for share in SHARES]
        low, middle, high = map(number, np.quantile(finals[method], [0.25, 0.5, 0.75]))
        tried = (np.mean([one.trials for one in its]), np.mean([one.full for one in its]))
        rows.append(
            (
                method,
                *means,
                f"{middle} ({low}, {high})",
                lead,
                " / ".join(number(float(it)) for it in tried),
                spent_by(its),
            )
        )
    header = (
        "method",
        *(f"at {share:.0%}" if share < 1 else "at the end" for share in SHARES),
        "median (quartiles)",
        f"{first} less this",
        "configs / at R",
        "units in time",
    )
    return Table(title, header, tuple(rows))
