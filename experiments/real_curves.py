"""Real learning curves with 16 workers: ASHA beside synchronous methods, on six tables of TaskSet.

The paper searches architectures of DARTS for days. Here each curve is one of 1,000 real trainings of recurrent networks on
text by Adam, 51 checkpoints each, some of which diverge.
"""

from __future__ import annotations

import numpy as np
from evidence import Finding, Lab, Table, Verdict, number
from targets import censored, compared, interval, rare_regret, ratio_of_medians, reached, times_to

from paceline.benchmarks import names

PAPER = "Li et al. 2020, 4.2"
WORKERS = 16
ONE_IN = 300
BUDGET = 160.0
METHODS = {
    "ASHA": "asha:reduction_factor=4",
    "SHA": "sha:reduction_factor=4",
    "BOHB": "bohb",
    "ASHA + KDE": "asha-kde:reduction_factor=4",
    "random": "random",
}


def real_curves(lab: Lab) -> Finding:
    """ASHA has a good config sooner than SHA, which waits for whole rungs, and than BOHB."""
    tasks = lab.choose(names("taskset/*"), names("taskset/*")[:2])
    targets = {task: max(0.01, rare_regret(task, ONE_IN)) for task in tasks}
    group = compared(
        lab,
        list(METHODS.values()),
        tasks,
        workers=WORKERS,
        budget=lab.choose(BUDGET, 40.0),
        seeds=lab.choose(20, 2),
    )
    end = group.end("time")
    found = {name: times_to(group, method, targets) for name, method in METHODS.items()}
    times = {name: censored(its, end) for name, its in found.items()}
    verdicts = []
    for other, most, is_known_to_fail in (("SHA", 0.7, True), ("BOHB", 1.0, False)):
        beside = interval(ratio_of_medians, times["ASHA"], times[other])
        verdicts.append(
            Verdict(
                f"real curves, 16 workers: ASHA's median time to target beside {other}'s",
                PAPER,
                f"× {beside}",
                f"≤ × {number(most)}",
                beside.value <= most,
                lab.is_decisive and not is_known_to_fail,
            )
        )
    rows = tuple(
        (name, *(number(float(np.median(of_task))) for of_task in times[name]), reached(found[name], end))
        for name in METHODS
    )
    stated = ", ".join(f"{task.split('/')[1]} {number(targets[task])}" for task in tasks)
    table = Table(
        f"Median time to target in time(R), {len(group.seeds)} seeds; targets are the regret of one in {ONE_IN} random "
        f"configs, at least 0.01: {stated}",
        ("method", *(task.split("/")[1] for task in tasks), "runs that reach it"),
        rows,
    )
    return Finding(verdicts, [table])
