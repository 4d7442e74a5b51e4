"""BOHB on networks that were trained on tabular data: one worker, and up to 32.

The paper's surrogates were fitted to trainings on six data sets, with seconds as resource. Here the trainings themselves
are the table (`paceline tables`), the data sets are those of scikit-learn, and the resource is epochs whose cost differs
with the config. A config that is proposed stands for the nearest one that was trained. Each training counts as a hundred
times as long as it took: of a real second's training, the methods' own time would be a part that it is nowhere else.
"""

from __future__ import annotations

import numpy as np
from evidence import Estimate, Finding, Lab, Table, Verdict, estimate, mean, number
from larger import Larger
from targets import Array, censored, compared, interval, ratio_of_means, reached, times_to

from paceline.comparison.results import Group

PAPER = "Falkner et al. 2018"
TASKS = ("mlp/digits", "mlp/wine", "mlp/breast_cancer", "mlp/diabetes")
METHODS = {
    "random": "random",
    "Hyperband": "hyperband:bracket_rule=hpbandster",
    "BOHB": "bohb",
    "TPE": "tpe",
    "recommended": "recommended",
}
BUDGET = 100.0
EARLY = 3.0
"""Full trainings of random search that "early" stands for."""
MARKS = (0.3, 1, 3, 10, 30, 100)


def networks(lab: Lab) -> Finding:
    """Hyperband is far ahead early; late, BOHB has long had what random search ends with."""
    group = compared(
        lab,
        list(METHODS.values()),
        [Larger(name) for name in lab.choose(TASKS, TASKS[1:2])],
        workers=1,
        budget=lab.choose(BUDGET, 20.0),
        seeds=lab.choose(50, 3),
    )
    early = _speed_up(group, "Hyperband", EARLY)
    late = _speed_up(group, "BOHB", group.end("time"))
    source = f"{PAPER}, 5.3"
    verdicts = [
        Verdict(
            f"networks: how many times sooner Hyperband has random search's mean regret of the first {EARLY:g} full trainings",
            source,
            str(early),
            "≥ 5",
            early.value >= 5,
            lab.is_decisive,
        ),
        Verdict(
            "networks: how many times sooner BOHB has random search's mean regret at the end",
            source,
            str(late),
            "≥ 10",
            late.value >= 10,
            must_hold=False,
        ),
    ]
    return Finding(verdicts, [_regrets(group, task) for task in group.tasks])


def _speed_up(group: Group, name: str, at: float) -> Estimate:
    """How many times sooner a method's mean regret is where random search's comes to until then; geometric mean over tasks.

    What random search has in the end it may have had before: its time is that of when it came there.
    """
    grid = np.geomspace(0.01, at, 600)
    random, mine = _paths(group, "random", grid), _paths(group, METHODS[name], grid)
    n = random.shape[-1]
    picks = [np.arange(n), *np.random.default_rng(0).integers(n, size=(500, n))]
    ratios = []
    for pick in picks:
        baseline, path = random[:, :, pick].mean(axis=-1), mine[:, :, pick].mean(axis=-1)
        levels = baseline[:, -1] + 1e-12
        of_random, of_mine = (_when(it, levels, grid) for it in (baseline, path))
        ratios.append(float(np.exp(np.mean(np.log(of_random / of_mine)))))
    low, high = np.quantile(ratios[1:], [0.025, 0.975])
    return Estimate(ratios[0], float(low), float(high), n)


def _paths(group: Group, method: str, grid: Array) -> Array:
    """Regret of the best at the highest resource so far, as in the paper's figures. Shape (tasks, points, seeds)."""
    place = group.methods.index(method)
    return np.stack([group.regrets("time", at=float(point), rule="any")[:, place] for point in grid], axis=1)


def _when(means: Array, levels: Array, grid: Array) -> Array:
    """When each task's mean comes down to its level; the end of the grid if it does not, which favours it."""
    is_there = means <= levels[:, None]
    return np.where(is_there.any(axis=1), grid[is_there.argmax(axis=1)], grid[-1])


def _regrets(group: Group, task: str) -> Table:
    place = group.tasks.index(task)
    rows = []
    for name, method in METHODS.items():
        samples = [
            group.regrets("time", at=mark, rule="any")[place, group.methods.index(method)] for mark in MARKS
        ]
        rows.append((name, *(estimate(mean, sample).brief for sample in samples)))
    return Table(
        f"{task}: mean regret after so many full trainings of time, of the best at the highest resource so far, "
        f"{len(group.seeds)} seeds",
        ("method", *map(str, MARKS)),
        tuple(rows),
    )


# Parallel ------------------------------------------------------------------------------------------------------------

WORKERS = (1, 2, 4, 8, 16, 32)
ABOVE_BEST = 0.01
"""Of the error, as in the paper's figure."""
PARALLEL_TASK = "mlp/digits"


def parallel(lab: Lab) -> Finding:
    """More workers find a good config sooner: nearly in proportion for few, less so for many."""
    it = Larger(PARALLEL_TASK)
    targets = {it.name: ABOVE_BEST / (it.median - it.best)}
    budget = lab.choose(200.0, 40.0)
    times, rows = {}, []
    for workers in WORKERS:
        group = compared(lab, ["bohb"], [it.name], workers=workers, budget=budget, seeds=lab.choose(50, 3))
        found = times_to(group, "bohb", targets)
        times[workers] = censored(found, group.end("time"))
        speed_up = interval(ratio_of_means, times[1], times[workers])
        rows.append(
            (
                str(workers),
                interval(lambda sample: sample.mean(axis=(-2, -1)), times[workers]).brief,
                speed_up.brief,
                reached(found, group.end("time")),
            )
        )
    verdicts = []
    for workers, least in ((4, 2.5), (32, 8.0)):
        speed_up = interval(ratio_of_means, times[1], times[workers])
        verdicts.append(
            Verdict(
                f"BOHB with {workers} workers: speed-up of the mean time to an error {ABOVE_BEST:g} above the best",
                f"{PAPER}, 5.6",
                str(speed_up),
                f"≥ {number(least)}",
                speed_up.value >= least,
                lab.is_decisive,
            )
        )
    table = Table(
        f"{it.name}: BOHB's time until its incumbent's error is at most {ABOVE_BEST:g} above the best, in time(R)",
        ("workers", "mean time", "speed-up", "runs that reach it within the budget"),
        tuple(rows),
    )
    return Finding(verdicts, [table])
