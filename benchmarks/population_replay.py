"""Schedule replay: whether it is the schedule that is worth having, or the last hyperparameters."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from evidence import Finding, Lab, Table, Verdict, estimate, mean
from population_claims import PAPER
from population_methods import Cell, gap, made, outcome, standard_error, usual
from population_tasks import INTERVAL, R

from paceline.events import Config
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for

AFRESH = 10
"""Trainings from nothing by which a schedule is judged, each with weights and noise of its own."""


class Replay(msgspec.Struct, frozen=True):
    """What is held out, of one study's seed.

    Args:
        member: of PBT's chosen member.
        again: mean of trainings afresh, with that member's schedule.
        best: likewise, of the one of these with the best score: the member has been chosen as well.
        last: likewise, with the last config of the schedule.
        constant: likewise, with the best constant of a random search of the same resource.
    """

    member: float
    again: float
    best: float
    last: float
    constant: float


def replay(cell: Cell, seed: int) -> Replay:
    """Run PBT and random search, and train afresh with what they have found."""
    pbt, random = (
        outcome(msgspec.structs.replace(cell, method=method), seed) for method in ("PBT", "random")
    )
    task = made(cell, seed)

    def afresh(configs: tuple[Config, ...]) -> list[tuple[float, float]]:
        return [trained(task, configs, generator_for(seed, "afresh", i)) for i in range(AFRESH)]

    again = afresh(pbt.configs)
    last = afresh(pbt.configs[-1:] * len(pbt.configs))
    constant = afresh(random.configs)
    return Replay(pbt.held_out, _mean(again), min(again)[1], _mean(last), _mean(constant))


def trained(
    task: StatefulTraining[Any], configs: tuple[Config, ...], rng: np.random.Generator
) -> tuple[float, float]:
    """The score and what is held out, after one training with a config for each interval."""
    state = task.begin(configs[0], rng)
    metrics: dict[str, float | None] = {}
    for start, config in zip(range(0, R, INTERVAL), configs, strict=True):
        state, metrics = task.train(state, config, start, start + INTERVAL, rng)
    return metrics["score"] or 0.0, metrics["held_out"] or 0.0


def _mean(results: list[tuple[float, float]]) -> float:
    return float(np.mean([held_out for _, held_out in results]))


LOSSES = {"quadratic": "noisy quadratic, log₁₀ loss", "digits": "digits, test error in per cent"}


def replays(lab: Lab) -> Finding:
    """P7: the schedule is what is worth having; its last hyperparameters are not."""
    verdicts: list[Verdict] = []
    rows: list[tuple[str, ...]] = []
    n = usual(lab, "digits").n
    for task, title in LOSSES.items():
        seeds = lab.choose({"quadratic": 50, "digits": 12}[task], 2)
        cell = usual(lab, task)
        found = lab.measure(replay, [cell], seeds=seeds)[cell]
        member, again, best, last, constant = np.array([msgspec.structs.astuple(one) for one in found]).T
        worse, lag, lead = gap(last, again), gap(again, member), gap(constant, again)
        error = standard_error(again - member)
        source = f"{PAPER}, 5 (ablations)"
        verdicts += [
            Verdict(
                f"{title}: trained with PBT's last hyperparameters, less trained with its schedule",
                source,
                str(worse),
                "> 0",
                worse.value > 0,
                lab.is_decisive,
            ),
            Verdict(
                "... trained with its schedule, less PBT's own member",
                source,
                str(lag),
                f"≤ 1 standard error, {error:.2g}",
                lag.value <= error,
                must_hold=False,
            ),
            Verdict(
                "... trained with random search's best constant, less trained with PBT's schedule",
                "ours",
                str(lead),
                "> 0",
                lead.value > 0,
                lab.is_decisive,
            ),
        ]
        rows += [
            (title, name, str(estimate(mean, sample)), f"{units} in {wall}")
            for name, sample, units, wall in (
                ("PBT's member", member, n * R, 2 * R),
                ("its schedule, afresh", again, R, R),
                (f"its schedule, the best of {AFRESH} by the score", best, AFRESH * R, R),
                ("its last hyperparameters, afresh", last, R, R),
                ("random search's best constant, afresh", constant, R, R),
            )
        ]
    return Finding(
        verdicts,
        [
            Table(
                f"Replay: losses of trainings afresh ({AFRESH} for each seed), after a search with {n} members",
                ("task", "trained by", "loss", "units in time"),
                tuple(rows),
            )
        ],
    )
