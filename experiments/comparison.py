"""The large comparison: our methods and the peers on real tasks; and what each method's own settings change.

Nothing here is a paper's claim. It is what a user wants to know: which method to begin with, what it costs, and how much
hangs on its settings. The same comparison with fewer methods is `make compare-quick`.
"""

from __future__ import annotations

import numpy as np
from evidence import Finding, Lab, Table, Verdict, number
from targets import compared

from paceline.benchmarks import benchmark
from paceline.comparison.methods import method, variants
from paceline.comparison.results import Group
from paceline.comparison.statistics import LEVEL, Estimate, Pair, mean_interval

TASKS = (
    "lcbench/146212",
    "lcbench/167181",
    "lcbench/168331",
    "lcbench/189862",
    "taskset/imdb_patch32_GRU64_avg_bs128",
    "taskset/imdb_patch128_LSTM128_avg_bs64",
    "taskset/imdb_patch32_LSTM128_bs128",
    "rbv2_xgboost/54",
    "rbv2_xgboost/1485",
    "rbv2_xgboost/40701",
    "rbv2_rpart/1056",
    "rbv2_rpart/40670",
)
OURS = (
    "random",
    "random-2x",
    "tpe",
    "sha",
    "hyperband",
    "bohb",
    "asha",
    "async-hyperband",
    "asha-kde",
    "recommended",
)
PEERS = (
    "optuna-tpe",
    "optuna-tpe-asha",
    "optuna-tpe-hyperband",
    "syne-tune-asha",
    "dehb",
)
WORKERS = 8
BUDGET = 30.0


def full(lab: Lab) -> Finding:
    """All methods, ours and the peers whose suggestions cost little, on four families of real tasks."""
    return _finding(
        lab,
        compared(
            lab,
            lab.choose([*OURS, *PEERS], ["random", "asha", "recommended"]),
            lab.choose(TASKS, TASKS[4:6]),
            workers=WORKERS,
            budget=BUDGET,
            seeds=lab.choose(20, 3),
        ),
    )


def costly(lab: Lab) -> Finding:
    """The peers whose suggestions take a tenth of a second: fewer tasks and seeds, which the fifteen rules call too few."""
    return _finding(
        lab,
        compared(
            lab,
            lab.choose(
                [
                    "random",
                    "asha",
                    "bohb",
                    "recommended",
                    "hpbandster-bohb",
                    "smac-hyperband",
                    "syne-tune-bohb",
                ],
                ["random", "recommended", "hpbandster-bohb"],
            ),
            lab.choose((*TASKS[:2], *TASKS[4:6]), TASKS[4:5]),
            workers=WORKERS,
            budget=BUDGET,
            seeds=lab.choose(10, 3),
        ),
    )


def _finding(lab: Lab, group: Group) -> Finding:
    pairs = group.pairs(level=LEVEL)
    better = [_winner(it) for it in pairs if it.p < LEVEL and "recommended" in (it.first, it.second)]
    beaten = [it for it in better if it not in {"recommended", "random-2x"}]
    verdict = Verdict(
        "`recommended` is worse than no method with the same workers, by the mean over all tasks",
        "ours",
        f"better than {better.count('recommended')} of {len(group.methods) - 1} methods; worse than "
        f"{', '.join(beaten) or 'none'}",
        f"worse than none at {LEVEL:g}, adjusted",
        not beaten,
        lab.is_decisive,
    )
    return Finding([verdict], [_standings(group), _by_task(group), _pairs(group, pairs)])


def _winner(it: Pair) -> str:
    return it.first if it.difference.value < 0 else it.second


def _standings(group: Group) -> Table:
    by_time, by_resource = group.overall("time"), group.overall("resource")
    ranks = group.ranks()
    spent, jobs = group.spent(), group.count(lambda trace: trace.jobs)
    trials, full_ = group.count(lambda trace: trace.trials), group.count(lambda trace: trace.full)
    overhead = group.count(lambda trace: 1000.0 * trace.overheads[-1][1] / max(1, trace.jobs))
    order = sorted(range(len(group.methods)), key=lambda i: by_time[i].value)
    rows = tuple(
        (
            group.methods[i],
            _brief(by_time[i]),
            _brief(by_resource[i]),
            number(ranks.average[i]),
            number(spent[i]),
            number(trials[i]),
            number(full_[i]),
            number(overhead[i]),
        )
        for i in order
        if jobs[i]
    )
    return Table(
        f"{len(group.tasks)} tasks, {len(group.seeds)} seeds, {group.terms.workers} workers: mean regret after "
        f"{group.terms.budget:g} full trainings of worker time, and of resource; average rank by time (critical difference "
        f"{number(ranks.critical_difference)}); means of a run",
        (
            "method",
            "regret by time",
            "regret by resource",
            "rank",
            "spent, in R",
            "configs",
            "fully trained",
            "overhead of a job, ms",
        ),
        rows,
    )


def _by_task(group: Group) -> Table:
    families = sorted({task.split("/")[0] for task in group.tasks})
    values = group.regrets().mean(axis=-1)  # (tasks, methods)
    order = np.argsort(values.mean(axis=0), kind="stable")
    rows = tuple(
        (group.methods[i], *(number(float(values[t, i])) for t in range(len(group.tasks)))) for i in order
    )
    return Table(
        f"Mean regret after {group.terms.budget:g} full trainings of worker time, by task ({', '.join(families)})",
        ("method", *(task.split("/")[1].removeprefix("imdb_") for task in group.tasks)),
        rows,
    )


def _pairs(group: Group, pairs: list[Pair]) -> Table:
    """Who is better than whom: a row for each method."""
    better: dict[str, list[str]] = {name: [] for name in group.methods}
    for it in pairs:
        if it.p < LEVEL:
            loser = it.second if _winner(it) == it.first else it.first
            better[_winner(it)].append(loser)
    rows = tuple(
        (name, ", ".join(losers) or "none")
        for name, losers in sorted(better.items(), key=lambda it: -len(it[1]))
    )
    return Table(
        f"Better by the mean over tasks (Wilcoxon over seeds, Holm over all pairs and tasks, {LEVEL:g})",
        ("method", "is better than"),
        rows,
    )


# Sensitivity ---------------------------------------------------------------------------------------------------------

RUNGS = {"reduction_factor": ["2", "3", "4"], "sampler.random_fraction": ["0.1", "0.5"]}
SHARES = {"hedge": ["0.05", "0.2"]}
METHODS = ("sha", "asha", "async-hyperband", "hyperband", "bohb", "asha-kde", "recommended")
HEDGED = ("asha-hedged", "recommended")
SENSITIVE_TASKS = (*TASKS[:2], *TASKS[4:6])
"""Those whose low resources are cheap: where they are not, `recommended` and others have no rungs to set."""


def sensitivity(lab: Lab) -> Finding:
    """What a method's own settings change, one at a time: the study that the ASHA paper does not have."""
    tasks = lab.choose(SENSITIVE_TASKS, SENSITIVE_TASKS[2:4])
    any_task = benchmark(tasks[0])
    entrants = [
        *variants(map(method, lab.choose(METHODS, METHODS[1:2])), RUNGS, any_task),
        *variants(map(method, lab.choose(HEDGED, HEDGED[:1])), SHARES, any_task),
    ]
    by_name = {it.name: it for it in entrants}
    group = compared(
        lab, list(by_name.values()), tasks, workers=WORKERS, budget=BUDGET, seeds=lab.choose(20, 3)
    )
    values = group.regrets().mean(axis=0)  # (methods, seeds)
    place = {name: i for i, name in enumerate(group.methods)}
    rows, largest = [], (0.0, "")
    for it in group.contestants:
        if it.varied is None:
            continue
        difference = mean_interval(values[place[it.name]] - values[place[it.base]])
        largest = max(largest, (abs(difference.value), it.name))
        rows.append(
            (
                it.base,
                f"{it.varied[0]} = {it.varied[1]}",
                _brief(mean_interval(values[place[it.base]])),
                _brief(difference),
                "yes" if difference.low > 0 or difference.high < 0 else "no",
            )
        )
    verdict = Verdict(
        "no setting that is varied moves a method's mean regret by more than 0.1",
        "ours",
        f"{number(largest[0])} at most ({largest[1]})",
        "≤ 0.1",
        largest[0] <= 0.1,
        must_hold=False,
    )
    table = Table(
        f"Mean regret with one setting changed, {len(group.tasks)} tasks, {len(group.seeds)} seeds, {WORKERS} workers, after "
        f"{BUDGET:g} full trainings of worker time",
        ("method", "setting", "regret by default", "less that of the default", "interval without 0"),
        tuple(rows),
    )
    return Finding([verdict], [table])


def _brief(it: Estimate) -> str:
    if it.low == it.high:
        return number(it.value)
    return f"{number(it.value)} [{number(it.low)}, {number(it.high)}]"
