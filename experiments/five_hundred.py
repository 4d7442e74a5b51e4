"""The paper's large experiment: 500 workers, nine hyperparameters of a recurrent network, six times time(R).

The network is replaced by curves by a formula over the same space (`CrossingCurves`): r = R/64, costs that differ with
the config (log-normal, σ = 0.4), a full training of about two hours. Vizier, a Gaussian process without early stopping, is
replaced by `GaussianProcess` at full resource, and TPE stands beside it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from evidence import Finding, Lab, Table, Verdict, number
from targets import censored, compared, interval, rare_regret_of, ratio_of_medians, reached, times_to

from paceline import GaussianProcess
from paceline.benchmarks import Benchmark, CrossingCurves
from paceline.comparison import Method
from paceline.comparison.results import Group
from paceline.schedulers.single_fidelity import FullResource

PAPER = "Li et al. 2020, 4.3"
WORKERS = 500
TIMES_R = 6
ONE_IN = 5000
"""At the end of the budget random search has tried 3,000 configs."""
OTHERS = (100, 300, 1000, 2000, ONE_IN)
"""Added after the run, to see what hangs on the target; the verdicts are those of `ONE_IN`."""


def _process(it: Benchmark) -> FullResource:
    return FullResource(max_resource=it.max_resource, sampler=GaussianProcess())


METHODS: dict[str, str | Method] = {
    "ASHA": "asha:reduction_factor=4",
    "asynchronous Hyperband": "asha:reduction_factor=4,brackets=4",
    "Gaussian process": Method("Gaussian process", _process),
    "TPE": "tpe",
    "random": "random",
}
FULL = ("Gaussian process", "TPE")


@cache
def task() -> CrossingCurves:
    """Two hours for a training."""
    return CrossingCurves(64, unit_seconds=100.0)


def five_hundred(lab: Lab) -> Finding:
    """ASHA has a good config after about one time(R), where methods without early stopping take twice as long or more."""
    problem = task()
    one_in = lab.choose(ONE_IN, 300)
    targets = {problem.name: rare_regret_of(problem, one_in, 10 * one_in)}
    group = compared(
        lab,
        list(METHODS.values()),
        [problem],
        workers=lab.choose(WORKERS, 50),
        budget=lab.choose(WORKERS, 50) * TIMES_R,
        seeds=lab.choose(20, 2),
    )
    end = group.end("time")
    found = {
        name: times_to(group, it if isinstance(it, str) else it.name, targets) for name, it in METHODS.items()
    }
    times = {name: censored(its, end) for name, its in found.items()}
    best_full = min(FULL, key=lambda name: float(np.median(times[name])))
    first = interval(lambda sample: np.median(sample, axis=(-2, -1)), times["ASHA"])
    beside_full = interval(ratio_of_medians, times["ASHA"], times[best_full])
    beside_brackets = interval(ratio_of_medians, times["ASHA"], times["asynchronous Hyperband"])
    claims = (
        (
            "500 workers: ASHA's median time to target, in time(R)",
            f"{first}",
            "≤ 1.5",
            first.value <= 1.5,
            False,
        ),
        (
            f"500 workers: ASHA's beside that of the best method at full resource ({best_full})",
            f"× {beside_full}",
            "≤ × 0.5",
            beside_full.value <= 0.5,
            False,
        ),
        (
            "500 workers: ASHA's beside that of asynchronous Hyperband",
            f"× {beside_brackets}",
            "≤ × 1.2",
            beside_brackets.value <= 1.2,
            lab.is_decisive,
        ),
    )
    rows = []
    for name, it in METHODS.items():
        traces = group.traces[problem.name, it if isinstance(it, str) else it.name]
        quartiles = np.quantile(times[name], [0.25, 0.5, 0.75])
        rows.append(
            (
                name,
                " / ".join(number(float(q)) for q in quartiles),
                reached(found[name], end),
                number(float(np.mean([trace.trials for trace in traces]))),
                number(float(np.mean([trace.full for trace in traces]))),
                number(float(np.mean([trace.overheads[-1][1] for trace in traces]))),
            )
        )
    table = Table(
        f"{problem.name}, {group.terms.workers} workers, {TIMES_R} time(R), {len(group.seeds)} seeds; target: regret "
        f"{number(targets[problem.name])}, one in {one_in} random configs",
        (
            "method",
            "time to target in time(R), quartiles",
            "runs that reach it",
            "configs",
            "fully trained",
            "overhead, s",
        ),
        tuple(rows),
    )
    verdicts = [Verdict(claim, PAPER, *rest) for claim, *rest in claims]
    return Finding(verdicts, [table, _by_target(lab, group)])


def _by_target(lab: Lab, group: Group) -> Table:
    """Median times to easier targets."""
    problem = task()
    chosen = lab.choose(OTHERS, OTHERS[:2])
    regrets = [rare_regret_of(problem, one_in, 10 * max(chosen)) for one_in in chosen]
    end = group.end("time")
    rows = []
    for name, it in METHODS.items():
        key = it if isinstance(it, str) else it.name
        times = (censored(times_to(group, key, {problem.name: regret}), end) for regret in regrets)
        rows.append((name, *(number(float(np.median(its))) for its in times)))
    columns = (f"one in {one_in}: {number(regret)}" for one_in, regret in zip(chosen, regrets, strict=True))
    return Table(
        "Median time to other targets, in time(R), by their regret", ("method", *columns), tuple(rows)
    )
