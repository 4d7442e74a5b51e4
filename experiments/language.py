"""ASHA beside population based training on a language model, 16 workers each (Li et al. 2020, 4.3).

Both hand over the network with the lowest perplexity so far on the text to select by, whatever its age; it is judged by
another text. ASHA trains to R = 64 units, η = 4. Of populations there are two readings, with 20 members each: one that takes
all of the time, so that its members are trained to 2R; and two of them, one after the other, whose members are trained to R.

Both verdicts hold by their margin alone. In the paper ASHA is ahead; here the population ends lower under either reading, by
differences whose intervals exclude 0, and ASHA leads, within its interval, in the first eighth only. Whoever reads the 2 %
should know that perplexity per character has a floor near 1.6 on this text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
from evidence import Finding, Lab, Table, Verdict, estimate, mean, number, ratio
from language_training import Sentences

from paceline import ASHA, PBT, Budget, simulate
from paceline.events import JobIssued, Reported, TrialCreated
from paceline.journal import Entry
from paceline.schedulers.base import SchedulerSettings

WORKERS, MEMBERS = 16, 20
R, TIME, INTERVAL = 64, 160, 4
"""Units of resource; and the virtual time, in which a worker trains so many of them."""
SEEDS = 10
MARKS = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Shares of the time, at which the table looks."""

Method = Literal["ASHA", "one population", "two populations"]
ASHA_, ONE, TWO = METHODS = ("ASHA", "one population", "two populations")


class Cell(msgspec.Struct, frozen=True):
    """A method, and by what all times are divided for a quick look."""

    method: Method
    shorter: int = 1


class Curve(msgspec.Struct, frozen=True):
    """What would be handed over, and what it has cost.

    Args:
        times: at which another network came to be the best, in shares of the time.
        judged: its perplexity on the text to judge by.
        spent: units that all workers had trained when the time was over.
        trials: networks begun, forks included.
    """

    times: tuple[float, ...]
    judged: tuple[float, ...]
    spent: int
    trials: int

    def at(self, share: float) -> float:
        """The perplexity at a share of the time."""
        so_far = [value for time, value in zip(self.times, self.judged, strict=True) if time <= share]
        return so_far[-1] if so_far else math.nan


def outcome(cell: Cell, seed: int) -> Curve:
    """Train for all of the time; the texts are the seed's."""
    scale, time = R // cell.shorter, TIME // cell.shorter
    if cell.method == ASHA_:
        entries = run(ASHA(max_resource=scale, reduction_factor=4), seed, seed, time)
    elif cell.method == ONE:
        entries = run(population(2 * scale), seed, seed, time)
    else:
        first = run(population(scale), seed, seed, time / 2)
        second = run(population(scale), seed, 1000 + seed, time / 2)
        entries = [*first, *((at + time / 2, event) for at, event in second)]
    return curve(entries, time)


def population(max_resource: int) -> PBT:
    """A population."""
    return PBT(max_resource=max_resource, interval=INTERVAL, population_size=MEMBERS)


def run(method: SchedulerSettings, data: int, seed: int, time: float) -> list[Entry]:
    """All that happens in a time.

    Args:
        method: to be given 16 workers.
        data: the seed of the texts.
        seed: of all else.
        time: after which nothing counts.
    """
    end = simulate(
        method,
        Sentences.space,
        Sentences(data),
        workers=WORKERS,
        seed=seed,
        report_every=INTERVAL,
        budget=Budget(minutes=time / 60),
    )
    return [(at, event) for at, event in end.entries if at <= time]


def curve(entries: Sequence[Entry], time: float) -> Curve:
    """Read the facts."""
    best, times, judged = math.inf, [], []
    for at, event in entries:
        if isinstance(event, Reported):
            loss, held_out = event.metrics["loss"], event.metrics["held_out"]
            if loss is not None and loss < best:
                best = loss
                times.append(at / time)
                judged.append(math.nan if held_out is None else held_out)
    trials = sum(isinstance(event, TrialCreated) for _, event in entries)
    return Curve(tuple(times), tuple(judged), sum(_units(entries)), trials)


def _units(entries: Sequence[Entry]) -> Iterator[int]:
    """Those that were reported. A second population numbers its jobs anew."""
    at: dict[int, int] = {}
    for _, event in entries:
        if isinstance(event, JobIssued):
            at[event.job.id] = event.job.start
        elif isinstance(event, Reported):
            yield event.resource - at[event.job]
            at[event.job] = event.resource


def language(lab: Lab) -> Finding:
    """A4: at equal time ASHA's perplexity is at most 1.02 times that of population based training."""
    cells = [Cell(method, lab.choose(1, 16)) for method in METHODS]  # type: ignore[arg-type]
    found = lab.measure(outcome, cells, seeds=lab.choose(SEEDS, 2))
    finals = {cell.method: [one.at(1.0) for one in found[cell]] for cell in cells}
    spent = {cell.method: _range([one.spent for one in found[cell]]) for cell in cells}
    ratios = {method: estimate(ratio(mean), finals[ASHA_], finals[method]) for method in (ONE, TWO)}
    return Finding(
        [
            Verdict(
                f"a language model: ASHA's perplexity over that of {method}, at equal time",
                "Li et al. 2020, 4.3",
                f"× {ratios[method]}; {spent[ASHA_]} and {spent[method]} units",
                "≤ × 1.02",
                ratios[method].value <= 1.02,
                lab.is_decisive,
            )
            for method in (ONE, TWO)
        ],
        [
            Table(
                f"Sentences: perplexity per character of a text that nothing was selected by, {WORKERS} workers",
                (
                    "method",
                    *(f"at {number(share * TIME)}" for share in MARKS),
                    "ASHA less this, at the end",
                    "networks begun",
                    "units in time",
                ),
                tuple(
                    (
                        cell.method,
                        *(estimate(mean, [one.at(share) for one in found[cell]]).brief for share in MARKS),
                        ""
                        if cell.method == ASHA_
                        else estimate(mean, np.subtract(finals[ASHA_], finals[cell.method])).brief,
                        number(float(np.mean([one.trials for one in found[cell]]))),
                        f"{spent[cell.method]} in {TIME // cell.shorter}",
                    )
                    for cell in cells
                ),
            )
        ],
    )


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
