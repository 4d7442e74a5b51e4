"""How far `whatif` can be trusted: answers from a record alone, beside the real simulation on the same curves.

    PACELINE_DATA=... python benchmarks/whatif.py                    everything, some minutes on two cores
    ... --seeds 2                                                    a part of it
    ... --markdown docs/whatif.md                                    renew the figures of this page

A record is ASHA (η=3, 8 workers, 100 random configs) on a task whose curves are all known. From it, and from nothing
else, other methods are replayed, with one of two limits: the resource that the record has spent, or all its configs. The
truth is the same methods on the same configs in the same order, with the true curves.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # each process has one core; before NumPy is imported

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

import msgspec
import numpy as np
from evidence import Lab, Table, as_text, estimate, has_place, mean, write_markdown
from real_data import FAMILIES
from whatif_rules import RULES

import paceline as pl
from paceline.benchmarks import Benchmark, load
from paceline.journal import MemoryStorage
from paceline.schedulers.base import SchedulerSettings
from paceline.whatif import Outcome
from paceline.whatif.answers import AsRecorded, outcome
from paceline.whatif.record import read
from paceline.whatif.training import Pool

TRIALS = 100
LIMITS = ("resource", "configs")
WORKERS = 8
ADOPTED = next(iter(RULES))

METHODS: Mapping[str, Callable[..., SchedulerSettings]] = {
    "ASHA η=2": lambda **r: pl.ASHA(reduction_factor=2, **r),
    "ASHA η=4": lambda **r: pl.ASHA(reduction_factor=4, **r),
    "ASHA η=3, stopping": lambda **r: pl.ASHA(variant="stop", **r),
    "SHA η=3": lambda **r: pl.SuccessiveHalving(brackets=None, **r),
    "SHA η=2": lambda **r: pl.SuccessiveHalving(brackets=None, reduction_factor=2, **r),
    "Hyperband η=3": lambda **r: pl.Hyperband(sweeps=None, **r),
    "random": lambda max_resource, **_: pl.FullResource(max_resource=max_resource),
}


class Compared(msgspec.Struct, frozen=True):
    """One method on one record: what was answered, and the truth.

    Args:
        answered: by `whatif`.
        true: by the simulation with the true curves.
        found: regret of the value that was answered; 1 is a median random config, and so is none.
        regret: of the value that is true.
        picked: true regret of the config that was answered.
    """

    answered: Outcome
    true: Outcome
    found: float
    regret: float
    picked: float


class Curves(msgspec.Struct, frozen=True):
    """Values at R of a record's trials that were not trained so far: predicted, and true, as regrets."""

    predicted: tuple[float, ...]
    true: tuple[float, ...]


class Measured(msgspec.Struct, frozen=True):
    """One record, one rule."""

    methods: dict[str, Compared]
    curves: Curves
    check: tuple[float, float]
    """Time and resource of the recorded method, simulated, relative to the record."""


class Cell(msgspec.Struct, frozen=True):
    """What is measured at once."""

    task: str
    limit: str
    rule: str = ADOPTED


@cache
def _benchmarks() -> Mapping[str, Benchmark]:
    return load()


def recorded(benchmark: Benchmark, seed: int) -> pl.Study:
    """A study in virtual time, as real training would leave it."""
    method = pl.ASHA(max_resource=benchmark.max_resource, min_resource=benchmark.min_resource)
    budget = pl.Budget(trials=TRIALS)
    end = pl.simulate(
        method, benchmark.space, benchmark, workers=WORKERS, budget=budget, seed=seed, report_every=1
    )
    storage = MemoryStorage()
    storage.journal("record").append(end.entries)
    return pl.Study.load("record", storage)


def measure(cell: Cell, seed: int) -> Measured:
    """Answers of one record, and the truth."""
    benchmark = _benchmarks()[cell.task]
    with recorded(benchmark, seed) as study:
        record = read(study.entries(), study.name)
        resources = {"max_resource": benchmark.max_resource, "min_resource": benchmark.min_resource}
        methods = {name: make(**resources) for name, make in METHODS.items()}
        is_by_resource = cell.limit == "resource"
        budget = pl.Budget(resource=study.spent.resource) if is_by_resource else pl.Budget(trials=TRIALS)
        answers = pl.whatif(study, list(methods.values()), budget=budget, rule=RULES[cell.rule])
    target = answers.target
    compared = {}
    for (name, method), answer in zip(methods.items(), answers.answers, strict=True):
        end = pl.simulate(
            msgspec.structs.replace(method, sampler=Pool(configs=record.configs)),
            benchmark.space,
            benchmark,
            workers=WORKERS,
            budget=msgspec.structs.replace(budget, trials=None),  # the pool ends by itself
            retries=0,
            report_every=1,
        )
        true = outcome(end.entries, AsRecorded(), max_resource=benchmark.max_resource, target=target)
        answered = answer.outcomes[0]
        picked = 1.0
        if answered.best_trial is not None:
            picked = min(1.0, benchmark.regret(record.configs[answered.best_trial]))
        compared[name] = Compared(
            answered, true, _regret(benchmark, answered.best), _regret(benchmark, true.best), picked
        )
    real, simulated = answers.recorded.outcomes[0], answers.check.outcomes[0]
    rule = RULES[cell.rule](record.curves)
    short = [curve for curve in record.curves if not curve.covers(benchmark.max_resource)]
    return Measured(
        compared,
        Curves(
            tuple(_regret(benchmark, rule.loss(curve, benchmark.max_resource)) for curve in short),
            tuple(_regret(benchmark, benchmark.true_loss(record.configs[curve.trial])) for curve in short),
        ),
        (simulated.elapsed_s / real.elapsed_s, simulated.resource / real.resource),
    )


def _regret(benchmark: Benchmark, loss: float | None) -> float:
    """From 0 to 1: beyond a median random config, it does not matter how bad."""
    if loss is None or not math.isfinite(loss):
        return 1.0
    return min(1.0, max(0.0, (loss - benchmark.best) / (benchmark.median - benchmark.best)))


# What comes of it ----------------------------------------------------------------------------------------------------


def orders(measured: Measured, value: Callable[[Compared, bool], float]) -> tuple[int, int, int]:
    """Of the pairs of methods that differ in truth: those that the answers order likewise, call equal, order wrongly.

    Args:
        measured: of one record.
        value: less is better; of the answer if its second argument is true, else of the truth.
    """
    counts = [0, 0, 0]
    for one, other in combinations(measured.methods.values(), 2):
        true = value(one, False) - value(other, False)
        answered = value(one, True) - value(other, True)
        if true:
            counts[0 if answered * true > 0 else 1 if answered == 0 else 2] += 1
    return counts[0], counts[1], counts[2]


def by_regret(one: Compared, is_answer: bool) -> float:  # noqa: FBT001
    """Regret at the end."""
    return one.found if is_answer else one.regret


def by_target(one: Compared, is_answer: bool) -> float:  # noqa: FBT001
    """Seconds to the target; never is later than any."""
    found = (one.answered if is_answer else one.true).target_s
    return 1e30 if found is None else found


def _pairs(results: Iterable[Measured], value: Callable[[Compared, bool], float]) -> str:
    """Shares of pairs: right, equal, wrong."""
    counts = np.array([orders(one, value) for one in results]).sum(axis=0)
    return " / ".join(f"{share:.0%}" for share in counts / counts.sum()) + f" of {counts.sum()}"


def _mean(values: Iterable[float]) -> str:
    return estimate(mean, list(values)).brief


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"


def _relative(answered: float | None, true: float | None) -> float:
    return math.nan if answered is None or not true else answered / true - 1


SUMMARY = (
    "record", "error of the best value", "its size", "the config picked", "pairs by best value: right / called equal / wrong",
    "pairs by time to target", "extrapolated", "promotions guessed", "best guessed",
)  # fmt: skip


def summary_row(words: str, results: list[Measured]) -> tuple[str, ...]:
    """The adopted rule, all methods and tasks of a family."""
    compared = [one for measured in results for one in measured.methods.values()]
    answered = [one.answered for one in compared]
    return (
        words,
        _mean(one.found - one.regret for one in compared),
        _mean(abs(one.found - one.regret) for one in compared),
        _mean(one.picked - one.regret for one in compared),
        _pairs(results, by_regret),
        _pairs(results, by_target),
        _percent(sum(one.n_extrapolated for one in answered), sum(one.n_values for one in answered)),
        _percent(
            sum(one.n_guessed_promotions for one in answered), sum(one.n_promotions for one in answered)
        ),
        _percent(sum(one.best_is_extrapolated for one in answered), len(answered)),
    )


def methods_table(title: str, results: list[Measured]) -> Table:
    """The adopted rule, by method."""
    rows = []
    for name in METHODS:
        compared = [one.methods[name] for one in results]
        rows.append(
            (
                name,
                _mean(one.regret for one in compared),
                _mean(one.found - one.regret for one in compared),
                _mean(abs(one.found - one.regret) for one in compared),
                _mean(one.picked - one.regret for one in compared),
                _mean(abs(_relative(one.answered.resource, one.true.resource)) for one in compared),
                _mean(abs(_relative(one.answered.elapsed_s, one.true.elapsed_s)) for one in compared),
                _mean(abs(_relative(one.answered.target_s, one.true.target_s)) for one in compared),
                _mean(
                    float((one.answered.target_s is None) == (one.true.target_s is None)) for one in compared
                ),
                _percent(
                    sum(one.answered.n_extrapolated for one in compared),
                    sum(one.answered.n_values for one in compared),
                ),
                _percent(sum(one.answered.best_is_extrapolated for one in compared), len(compared)),
            )
        )
    header = (
        "method", "true regret", "error of the best value", "its size", "the config picked", "trained", "time",
        "time to target", "reaches it: agrees", "extrapolated", "guessed best",
    )  # fmt: skip
    return Table(title, header, tuple(rows))


def rules_table(title: str, by_rule: Mapping[str, list[Measured]]) -> Table:
    """All rules."""
    rows = []
    for rule, results in by_rule.items():
        compared = [one for measured in results for one in measured.methods.values()]
        rows.append(
            (
                rule,
                _mean(one.found - one.regret for one in compared),
                _mean(abs(one.found - one.regret) for one in compared),
                _mean(one.picked - one.regret for one in compared),
                _pairs(results, by_regret),
                _pairs(results, by_target),
                _mean(_bias(one.curves) for one in results),
                _mean(_spearman(one.curves) for one in results),
            )
        )
    header = (
        "rule", "error of the best value", "its size", "the config picked", "pairs by best value: right / called equal / wrong",
        "pairs by time to target", "bias of curves at R", "their rank correlation",
    )  # fmt: skip
    return Table(title, header, tuple(rows))


def _bias(curves: Curves) -> float:
    return float(np.mean(np.array(curves.predicted) - np.array(curves.true)))


def _spearman(curves: Curves) -> float:
    return float(np.corrcoef(_ranks(curves.predicted), _ranks(curves.true))[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    """Equal values share the mean of their ranks."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2.0


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="How far what-if answers can be trusted.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--family", action="append", choices=["lcbench", "taskset"])
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures of this page")
    options = parser.parse_args()
    if options.markdown and not has_place(options.markdown, "whatif.py"):
        parser.error(f"{options.markdown} has no lines that mark a place for whatif.py")
    try:
        load()
    except pl.SettingError as error:
        parser.error(str(error))
    shown: list[Table] = []
    summary: list[tuple[str, ...]] = []
    with Lab(processes=options.processes) as lab:
        for family in options.family or ("taskset", "lcbench"):
            tasks = [f"{family}/{instance}" for instance in FAMILIES[family]]
            by_limit = {limit: [Cell(task, limit) for task in tasks] for limit in LIMITS}
            by_rule = {rule: [Cell(task, "resource", rule) for task in tasks] for rule in RULES}
            cells = [cell for group in (*by_limit.values(), *by_rule.values()) for cell in group]
            results = lab.measure(measure, cells, options.seeds)
            for limit, group in by_limit.items():
                measured = [one for cell in group for one in results[cell]]
                words = f"{family}, limited by {limit}"
                summary.append(summary_row(words, measured))
                shown.append(methods_table(f"{words}: answers less the truth", measured))
            ruled = {
                rule: [one for cell in group for one in results[cell]] for rule, group in by_rule.items()
            }
            shown.append(rules_table(f"{family}, limited by resource: rules", ruled))
            checks = np.array([one.check for cell in cells for one in results[cell]])
            print(
                f"{family}: as recorded, simulated, relative to the record: {checks.min()} to {checks.max()}"
            )
    shown.insert(0, Table("All methods together", SUMMARY, tuple(summary)))
    for table in shown:
        print(as_text(table, 180))
    if options.markdown is not None:
        write_markdown(options.markdown, "whatif.py", shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
