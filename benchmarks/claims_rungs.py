"""What rungs and brackets hold: wrong promotions, the delay rule, the infinite horizon, shares of the resource."""

from __future__ import annotations

import math
from itertools import chain, pairwise
from typing import Any

import msgspec
from evidence import Finding, Lab, Table, Verdict, estimate, mean, number, ratio
from virtual import BestFirst, Rungs, run

from paceline import ASHA, Budget
from paceline.schedulers.rungs import n_halvings

ASHA_PAPER = "Li et al. 2020"


# Wrong promotions -------------------------------------------------------------------------------------------


class Crowd(msgspec.Struct, frozen=True):
    """A bottom rung that fills up with `n` results while the best of it are promoted."""

    n: int
    eta: int
    workers: int


EXPECTED_SHARE = {64: 0.15, 256: 0.09, 1024: 0.05, 4096: 0.03}
"""Of promotions that are wrong, η = 4: an independent simulation (docs/claims.md)."""


def wrong_in_bottom_rung(crowd: Crowd, seed: int) -> tuple[int, int]:
    """Wrong promotions, and all, of the bottom rung; above it there is only the top."""
    asha = ASHA(max_resource=crowd.eta, reduction_factor=crowd.eta)
    # Jobs of equal length would arrive in the order of one worker's.
    stragglers: dict[str, Any] = {"straggler_sd": 0.56} if crowd.workers > 1 else {}
    simulation = run(asha, seed, workers=crowd.workers, budget=Budget(trials=crowd.n), **stragglers)
    return Rungs(simulation, crowd.eta).promotions()


def wrong_promotions(lab: Lab) -> Finding:
    """Promoting at once is wrong about √n times in n: a share that vanishes."""
    sizes = lab.choose((64, 256, 1024, 4096), (64, 256, 1024))
    crowds = [Crowd(n, eta, workers) for workers in (1, 25) for eta in (2, 3, 4) for n in sizes]
    counts = lab.measure(wrong_in_bottom_rung, crowds, seeds=lab.choose(50, 5))
    per_root = {
        crowd: estimate(mean, [n_wrong / math.sqrt(crowd.n) for n_wrong, _ in counts[crowd]])
        for crowd in crowds
    }
    share = {crowd: estimate(ratio(mean), *zip(*counts[crowd], strict=True)) for crowd in crowds}
    worst = max(crowds, key=lambda crowd: per_root[crowd].value)
    falls = all(
        share[small].value > share[large].value for small, large in pairwise(crowds) if small.n < large.n
    )
    example = [share[Crowd(n, 4, 1)] for n in sizes]
    source = f"{ASHA_PAPER}, 3.3"
    table = Table(
        "Wrong promotions from the bottom rung",
        ("η", "workers", "n", "wrong / √n", "share of promotions", "expected share"),
        tuple(
            (
                *(str(c.eta), str(c.workers), str(c.n), per_root[c].brief, str(share[c])),
                number(EXPECTED_SHARE[c.n]) if c.eta == 4 else "",
            )
            for c in crowds
        ),
    )
    return Finding(
        [
            Verdict(
                "ASHA promotes wrongly at most about √n times in n",
                source,
                f"wrong / √n: {per_root[worst]} at worst (n={worst.n}, η={worst.eta}, workers={worst.workers})",
                "mean ≤ 1 for all n, η, workers",
                per_root[worst].value <= 1,
                lab.is_decisive,
            ),
            Verdict(
                "the share of wrong promotions vanishes as n grows",
                source,
                "η=4, 1 worker: " + " → ".join(f"{e.value:.1%}" for e in example),
                "falls with n for all η, workers",
                falls,
                lab.is_decisive,
            ),
        ],
        [table],
    )


# The infinite horizon ---------------------------------------------------------------------------------------


class Ladder(msgspec.Struct, frozen=True):
    """ASHA without a top rung, after `n` bottom results."""

    n: int
    eta: int
    workers: int
    best_first: bool


def height(ladder: Ladder, seed: int) -> tuple[int, int]:
    """By how many rungs the highest one is above ⌊log_η n⌋, and how many promotions were wrong."""
    asha = ASHA(max_resource=None, reduction_factor=ladder.eta)
    training = BestFirst() if ladder.best_first else None
    simulation = run(asha, seed, training=training, workers=ladder.workers, budget=Budget(trials=ladder.n))
    rungs = Rungs(simulation, ladder.eta)
    top, least = (n_halvings(1, n, ladder.eta) for n in (max(rungs.losses), ladder.n))
    return top - least, rungs.promotions()[0]


def infinite_horizon(lab: Lab) -> Finding:
    """Without R, rungs are added as promotions reach them: ⌊log_η n⌋ of them above n bottom results."""
    sizes = {eta: (1, eta - 1, eta**2 - 1, eta**2, eta**3, eta**4 - 1, eta**4, 500) for eta in (2, 3, 4)}
    ladders = [
        Ladder(n, eta, workers, best_first)
        for eta, ns in sizes.items()
        for n in ns
        for workers in (1, 25)
        for best_first in (False, True)
        if workers == 1 or not best_first  # several workers' results arrive in an order of their own
    ]
    outcomes = [
        found for cell in lab.measure(height, ladders, seeds=lab.choose(20, 2)).values() for found in cell
    ]
    excess = [above for above, _ in outcomes]
    faultless = [above for above, n_wrong in outcomes if not n_wrong]
    source = f"{ASHA_PAPER}, 3.3"
    return Finding(
        [
            Verdict(
                "infinite horizon: the highest rung is at least ⌊log_η n⌋",
                source,
                f"{min(excess)} to {max(excess)} rungs above, mean {number(sum(excess) / len(excess))} (n={len(excess)})",
                "never below",
                min(excess) >= 0,
            ),
            Verdict(
                "... and exactly that where no promotion was wrong",
                source,
                f"{faultless.count(0)} of {len(faultless)} such runs",
                "all",
                set(faultless) == {0},
            ),
        ]
    )


# The delay rule ---------------------------------------------------------------------------------------------


class Delay(msgspec.Struct, frozen=True):
    """`n` configs of ASHA with or without the delay rule; 25 workers have stragglers and lost jobs."""

    n: int
    eta: int
    workers: int
    delay: bool


def delayed(cell: Delay, seed: int) -> tuple[int, int, float]:
    """Wrong promotions, all promotions, and how full a rung ever was: see `Rungs.fullest`."""
    asha = ASHA(max_resource=cell.eta**4, reduction_factor=cell.eta, delay=cell.delay)
    troubles: dict[str, Any] = {"straggler_sd": 0.56, "drop_rate": 0.005} if cell.workers > 1 else {}
    simulation = run(asha, seed, workers=cell.workers, budget=Budget(trials=cell.n), **troubles)
    rungs = Rungs(simulation, cell.eta)
    return *rungs.promotions(), rungs.fullest


def delay_rule(lab: Lab) -> Finding:
    """D-ASHA never lets a rung hold more than 1/η of the one below, and promotes wrongly less often."""
    n = lab.choose(1000, 250)
    pairs = [
        tuple(Delay(n, eta, workers, delay) for delay in (False, True))
        for eta in (2, 3, 4)
        for workers in (1, 25)
    ]
    found = lab.measure(delayed, chain.from_iterable(pairs), seeds=lab.choose(50, 3))
    share = {
        cell: estimate(ratio(mean), [n_wrong for n_wrong, _, _ in counts], [n_all for _, n_all, _ in counts])
        for cell, counts in found.items()
    }
    fullest = [max(full for pair in pairs for *_, full in found[pair[delay]]) for delay in (False, True)]
    plain, delayed_ = pairs[-1]
    source = "Li et al. 2022 (Hyper-Tune)"
    return Finding(
        [
            Verdict(
                "D-ASHA: trials in or on their way to a rung, as a multiple of 1/η of the results in the one below",
                source,
                f"{number(fullest[1])} at most; without the rule {number(fullest[0])}",
                "≤ 1 at every instant of every run",
                fullest[1] <= 1,
            ),
            Verdict(
                "D-ASHA promotes wrongly less often than ASHA",
                source,
                f"η=4, 25 workers: {share[delayed_]} of promotions, ASHA {share[plain]}",
                "less for all η, workers",
                all(share[with_rule].value < share[without].value for without, with_rule in pairs),
                lab.is_decisive,
            ),
        ],
        [
            Table(
                f"Share of promotions that are wrong, of {n} configs, with and without the delay rule",
                ("η", "workers", "ASHA", "D-ASHA"),
                tuple((str(a.eta), str(a.workers), str(share[a]), str(share[b])) for a, b in pairs),
            )
        ],
    )


# Shares of brackets -----------------------------------------------------------------------------------------


class Sharing(msgspec.Struct, frozen=True):
    """Asynchronous Hyperband, R/r = 256, η = 4, 25 workers."""

    brackets: int
    rule: str


def shares(cell: Sharing, seed: int) -> list[float]:
    """Each bracket's part of the resource trained."""
    asha = ASHA(max_resource=256, reduction_factor=4, brackets=cell.brackets, bracket_rule=cell.rule)  # type: ignore[arg-type]
    simulation = run(asha, seed, workers=25, budget=Budget(resource=51200), straggler_sd=0.56)
    trained = [0] * cell.brackets
    for state in simulation.ledger.trials:
        trained[state.trial.bracket or 0] += state.trained
    return [part / sum(trained) for part in trained]


def bracket_shares(lab: Lab) -> Finding:
    """Hyperband spends the same on each bracket; so does the rule "resource"."""
    cells = [Sharing(brackets, rule) for rule in ("resource", "trained") for brackets in (2, 3, 4, 5)]
    found = lab.measure(shares, cells, seeds=lab.choose(10, 1))
    off = {c: max(abs(part * c.brackets - 1) for parts in found[c] for part in parts) for c in cells}
    worst = max(off[cell] for cell in cells if cell.rule == "resource")

    def mean_shares(cell: Sharing) -> str:
        return ", ".join(f"{sum(parts) / len(parts):.1%}" for parts in zip(*found[cell], strict=True))

    table = Table(
        "Asynchronous Hyperband: resource by bracket, the one that starts lowest first",
        ("brackets", "rule", "mean shares", "largest deviation from equal, any seed"),
        tuple((str(c.brackets), c.rule, mean_shares(c), f"{off[c]:.1%}") for c in cells),
    )
    return Finding(
        [
            Verdict(
                'asynchronous Hyperband, rule "resource": each bracket gets the same resource',
                "Li et al. 2018, 2020",
                f"{worst:.1%} off at most, 2 to 5 brackets",
                "each within 5 % of its share",
                worst <= 0.05,
            )
        ],
        [table],
    )
