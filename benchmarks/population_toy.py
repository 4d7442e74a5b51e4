"""The toy of the paper's figure 2 (Jaderberg et al. 2017): two members, each of which is taught half of the truth.

The metric Q(θ) = 1.2 − (θ₀² + θ₁²) is never differentiated. A member climbs the surrogate 1.2 − (h₀θ₀² + h₁θ₁²) instead,
one begins with h = (1, 0), the other with (0, 1), both at θ = (0.9, 0.9). Neither comes further than 0.39 alone. The paper
does not state the learning rate, the interval and the noise; 0.01, 4 or 10 steps and N(0, 0.1) are those of a known
reproduction. Members take turns on one worker, so both have come to a boundary when either is judged.

Two traps, which rows of their own show:
- The members are exactly symmetric, so Q ties at the first comparison. Whoever copies only what is strictly better copies
  nothing, ever. Paceline's ties go to the older trial: the younger one copies.
- h contains zeros, and a multiple of zero is zero. Additive noise leaves it; so does Paceline's `Perturb()`, which moves
  zero by a share of its range.


    python benchmarks/population_toy.py                                        the table, two minutes
    python benchmarks/population_toy.py --markdown docs/populations.md         and the figures of that page anew
    python benchmarks/population_toy.py --picture docs/pictures/pbt-toy.svg    the figure alone
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from evidence import Finding, Lab, Table, Verdict, estimate, main, mean, number

from paceline import PBT, Explore, Perturb, Replay, simulate
from paceline.benchmarks import PBTToy
from paceline.events import Metrics
from paceline.rng import UniformSource, generator_for
from paceline.samplers.base import Context
from paceline.schedulers.exploit import Boundary, Exploit
from paceline.schedulers.exploit import Verdict as Judgement
from paceline.schedulers.pbt import PBTScheduler
from paceline.schedulers.replay import Piece
from paceline.space import Space
from paceline.space.scalars import Config

PAPER = "Jaderberg et al. 2017, fig. 2"
STEPS = 200
RATE = 0.01
NOISE = 0.1
HIGH = 4.0
"""Where a random walk of at most fifty steps of `NOISE` from 1 does not come to."""

POINTS: list[Config] = [{"h0": 1.0, "h1": 0.0}, {"h0": 0.0, "h1": 1.0}]

Kind = Literal["grid", "explore", "exploit", "pbt"]
Explored = Literal["none", "additive", "multiplicative", "perturb"]


class Multiply(Explore, frozen=True, kw_only=True, tag=True):
    """The paper's factors, and nothing else: zero stays zero."""

    def explore(self, space: Space, config: Config, source: UniformSource) -> Config:
        """Each times 0.8 or 1.2."""
        factors = [0.8 if draw < 0.5 else 1.2 for draw in source.random(2)]
        moved = (float(value or 0.0) * factor for value, factor in zip(config.values(), factors, strict=True))
        return {name: min(value, HIGH) for name, value in zip(space.domains, moved, strict=True)}


class StrictlyBetter(Exploit, frozen=True):
    """A tournament that a tie does not win."""

    def judge(self, boundary: Boundary, trial: Any, draw: float) -> Judgement:
        """See `Exploit.judge`."""
        verdict = super().judge(boundary, trial, draw)
        donor = verdict.donor
        if donor is None or boundary.results[donor].loss < boundary.results[trial].loss:
            return verdict
        return Judgement(None, verdict.text)


class StrictPBT(PBT, frozen=True, kw_only=True, tag=True):
    """PBT that copies only what is strictly better."""

    def build(self, context: Context) -> PBTScheduler:
        """The scheduler, with another rule."""
        scheduler = PBTScheduler(self, context)
        scheduler._exploit = StrictlyBetter("tournament", self.quantile, 2, self.level)  # noqa: SLF001
        return scheduler


class Variant(msgspec.Struct, frozen=True):
    """One row of the table.

    Args:
        kind: what is done.
        explored: how hyperparameters are changed.
        copies: as `PBT` has it.
        is_strict: whether a tie is no reason to copy.
        interval: steps between two comparisons.
    """

    kind: Kind
    explored: Explored = "none"
    copies: Literal["both", "weights"] = "weights"
    is_strict: bool = False
    interval: int = 4

    def __str__(self) -> str:
        match self.kind:
            case "grid":
                return "grid: neither copies nor explores"
            case "explore":
                return f"explores only, {self.explored}"
            case "exploit" | "pbt":
                copied = "θ" if self.copies == "weights" else "θ and h"
                ties = "only what is strictly better" if self.is_strict else "ties too"
                how = "" if self.kind == "exploit" else f", {self.explored}"
                return f"{'PBT' if how else 'copies only'}: {copied}{how}, {ties}"


EXPLORES: dict[Explored, Explore | None] = {
    "none": None,
    "additive": Perturb(factors=(1.0,), noise=NOISE / HIGH, resample=0.0, at_bounds="clip"),
    "multiplicative": Multiply(),
    "perturb": Perturb(resample=0.0),
}

EXPECTED: dict[Variant, tuple[float, float]] = {
    Variant("grid"): (0.390, 0.390),
    Variant("explore", "multiplicative"): (0.386, 0.389),
    Variant("explore", "additive"): (1.139, 1.033),
    Variant("exploit"): (1.167, 1.167),
    Variant("exploit", copies="both"): (0.390, 0.390),
    Variant("pbt", "additive"): (1.180, 1.176),
    Variant("pbt", "multiplicative"): (1.108, 1.148),
    Variant("pbt", "additive", "both"): (1.137, 1.061),
    Variant("pbt", "multiplicative", "both"): (0.390, 0.390),
    Variant("exploit", is_strict=True): (0.390, 0.390),
    Variant("pbt", "additive", is_strict=True): (0.390, 0.390),
}
"""Best Q at the end with an interval of 4 and of 10 steps, by an independent simulation (docs/populations.md)."""

OURS = Variant("pbt", "perturb")
"""Paceline's own way to leave a zero."""


def climbed(variant: Variant, seed: int) -> list[list[tuple[float, float]]]:
    """θ after each step, of each of the two members' last weights, from the beginning on."""
    if variant.kind == "explore":
        return [_wandered(variant, point, (seed, member)) for member, point in enumerate(POINTS)]
    settings: dict[str, Any] = {
        "max_resource": STEPS,
        "interval": variant.interval,
        "population_size": 2,
        "exploit": "tournament",
        "copies": variant.copies,
        "explore": EXPLORES[variant.explored],
    }
    if variant.kind == "grid":
        settings |= {"exploit": "truncation", "quantile": 0.0}
    method = StrictPBT if variant.is_strict else PBT
    training = _Kept()
    simulate(method(**settings), training.space, training, points=POINTS, seed=seed)
    return [_pairs(path) for path in training.finished]


class _Kept(PBTToy):
    """Remembers the paths that have come to their end."""

    def __init__(self) -> None:
        super().__init__(STEPS, rate=RATE, high=HIGH)
        self.finished: list[np.ndarray] = []

    def train(
        self, state: np.ndarray, config: Config, start: int, stop: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, Metrics]:
        """See `PBTToy.train`."""
        path, metrics = super().train(state, config, start, stop, rng)
        if stop == STEPS:
            self.finished.append(path)
        return path, metrics


def _wandered(variant: Variant, point: Config, seed: tuple[int, int]) -> list[tuple[float, float]]:
    """A member whose hyperparameters change at each boundary, whatever the others do: a schedule drawn beforehand."""
    explore = EXPLORES[variant.explored]
    training = _Kept()
    space, config, pieces = training.space, point, []
    for start in range(0, STEPS, variant.interval):
        pieces.append(Piece(start, start + variant.interval, config))
        if explore is not None:
            source = generator_for(seed[0], "explore only", seed[1], start)
            config = space.validate(explore.explore(space, config, source))
    simulate(Replay(schedule=pieces), space, training, seed=seed[0])
    return _pairs(training.finished[0])


def _pairs(path: np.ndarray) -> list[tuple[float, float]]:
    return [(float(first), float(second)) for first, second in path]


def quality(theta: tuple[float, float]) -> float:
    """Q."""
    return 1.2 - theta[0] ** 2 - theta[1] ** 2


def best_at_end(variant: Variant, seed: int) -> float:
    """Q of the better of the two members."""
    return max(quality(path[-1]) for path in climbed(variant, seed))


def toy(lab: Lab) -> Finding:
    """All rows, with their intervals."""
    seeds = lab.choose(100, 10)
    variants = [*EXPECTED, OURS]
    cells = [msgspec.structs.replace(it, interval=interval) for it in variants for interval in (4, 10)]
    measured = lab.measure(best_at_end, cells, seeds)
    rows, verdicts = [], []
    for variant in variants:
        both = [measured[msgspec.structs.replace(variant, interval=interval)] for interval in (4, 10)]
        expected = EXPECTED.get(variant)
        rows.append((str(variant), *map(_spread, both), "-" if expected is None else _expected(expected)))

    def row(variant: Variant, interval: int = 4) -> Any:
        return estimate(mean, measured[msgspec.structs.replace(variant, interval=interval)])

    grid, copies = row(Variant("grid")), row(Variant("exploit"))
    pbt, walk = row(Variant("pbt", "additive")), row(Variant("explore", "additive"))
    strict = row(Variant("pbt", "additive", is_strict=True))
    zeros = row(Variant("explore", "multiplicative"))
    for claim, figure, required, holds in (
        ("A grid cannot find what neither member is taught", grid, "≤ 0.40", grid.high <= 0.40),
        ("Copying weights alone combines the halves", copies, "≥ 1.15", copies.low >= 1.15),
        ("PBT (copies θ, additive noise) finds the optimum of 1.2", pbt, "≥ 1.15", pbt.low >= 1.15),
        ("PBT is better than exploring alone", pbt, f"> {walk}", pbt.low > walk.high),
        ("Trap: strictly better only, and nothing is ever copied", strict, "≤ 0.40", strict.high <= 0.40),
        ("Trap: multiplied, zero stays zero", zeros, "≤ 0.40", zeros.high <= 0.40),
        ("Paceline's Perturb leaves zero", row(OURS), "> 0.40", row(OURS).low > 0.40),
    ):
        verdicts.append(Verdict(claim, PAPER, f"Q = {figure}", required, holds, lab.is_decisive))
    table = Table(
        f"The toy of figure 2: best Q after {STEPS} steps of each of two members, mean [95 %], 5 to 95 % of {seeds} seeds",
        ("variant", "interval 4", "interval 10", "expected"),
        tuple(rows),
    )
    return Finding(verdicts, [table])


def _spread(values: Sequence[float]) -> str:
    low, high = np.quantile(values, [0.05, 0.95])
    return f"{estimate(mean, values).brief}; {number(float(low))} to {number(float(high))}"


def _expected(pair: tuple[float, float]) -> str:
    return " / ".join(f"{value:.3f}" for value in pair)


PICTURED: tuple[Variant, ...] = (
    Variant("grid"),
    Variant("explore", "additive"),
    Variant("exploit"),
    Variant("pbt", "additive"),
)


def draw(file: Path) -> None:
    """The paper's picture: where θ goes, and Q over the steps, for four variants (interval 4, seed 0)."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "toy"  # equal figures give equal files
    figure = Figure(figsize=(11, 5.4), layout="constrained", dpi=110)
    panels = figure.subplots(2, len(PICTURED), sharex="row", sharey="row")
    axis = np.linspace(0, 1, 60)
    level = 1.2 - axis[None] ** 2 - axis[:, None] ** 2
    for column, variant in enumerate(PICTURED):
        plane, course = panels[:, column]
        plane.contour(axis, axis, level, levels=12, colors="#d5dce2", linewidths=0.7)
        looks = (
            {"color": "#c8102e", "linewidth": 2.2},
            {"color": "#1f4e79", "linewidth": 1.1, "dashes": (3, 2)},
        )
        for path, look in zip(climbed(variant, 0), looks, strict=True):
            points = np.array(path)
            plane.plot(*points.T, **look)
            course.plot(1.2 - np.sum(points**2, axis=1), **look)
        course.axhline(1.2, color="#d5dce2", linewidth=0.8, zorder=0)
        plane.set_title(str(variant), fontsize=8)
        plane.set_xlabel("θ₀")
        course.set_xlabel("steps")
    panels[0, 0].set_ylabel("θ₁")
    panels[1, 0].set_ylabel("Q")
    figure.savefig(file, metadata={"Date": None, "Creator": None} if file.suffix == ".svg" else None)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--picture"] and len(sys.argv) == 3:
        draw(Path(sys.argv[2]))
    else:
        sys.exit(main({"toy": toy}, Path(__file__).name, "The toy of figure 2 of the paper on PBT."))
