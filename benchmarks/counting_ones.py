"""Counting ones, the synthetic experiment of Falkner et al. 2018: BOHB beside random search, Hyperband and TPE.

    python benchmarks/counting_ones.py                                 50 seeds, 15 minutes on two cores
    python benchmarks/counting_ones.py --quick                         3 seeds: for a look, not for a verdict
    python benchmarks/counting_ones.py --markdown docs/model-based.md --picture docs/pictures/counting-ones.svg

One worker; budgets from 9 to 729 samples, η = 3; every job is paid in full, from nothing. Regret is that of the
incumbent's true value, and the incumbent is the best observed at the largest resource so far, for all methods.

Runs are kept in `.make/counting-ones/`, named by all that they depend on, so that a second call measures only what is
missing. The exit status is 1 if a claim fails that is not known to fail. Needs the extra `peers`.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported: every core has a run of its own

import argparse
import math
import shutil
import sys
import time
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from evidence import (
    Finding,
    Lab,
    Table,
    Verdict,
    as_text,
    estimate,
    has_place,
    mean,
    number,
    ratio,
    to_json,
    verdict_table,
    write_markdown,
)

import paceline
from paceline import BOHB, KDE, Budget, FullResource, Hyperband, RandomSearch, simulate
from paceline.benchmarks import CountingOnes
from paceline.events import Config, Reported
from paceline.schedulers.base import SchedulerSettings

R_MIN, R = 9, 729
END = 268
"""Full budgets that the paper's 64 brackets cost: 12 sweeps of 5 + 4 + 3 + 4 + 5, and 5 + 4 + 3 + 4."""
SIZES = (8, 32)
"""Hyperparameters of each kind, categorical and continuous."""
MARKS = (2, 10, 30, 100, END)
KEPT = Path(__file__).parents[1] / ".make" / "counting-ones"

RANDOM, RANDOM_2X, HYPERBAND, BOHB_, TPE, OPTUNA = (
    "random",
    "random, twice the budget",
    "Hyperband",
    "BOHB",
    "TPE",
    "Optuna's TPE",
)


def _bohb(**settings: Any) -> BOHB:
    return BOHB(min_resource=R_MIN, max_resource=R, resume=False, sampler=KDE(lie=False, **settings))


GREEDY: dict[str, Any] = {
    "top_fraction": 0.1,
    "max_good": 25,
    "spread": 0.19,
    "min_points": 4,
    "bandwidth_factor": 1,
}
METHODS: dict[str, SchedulerSettings | None] = {
    RANDOM: RandomSearch(max_resource=R),
    HYPERBAND: Hyperband(
        min_resource=R_MIN, max_resource=R, bracket_rule="hpbandster", sweeps=None, resume=False
    ),
    BOHB_: BOHB(min_resource=R_MIN, max_resource=R, resume=False),
    TPE: FullResource(max_resource=R, sampler=paceline.TPE()),
    OPTUNA: None,
}
"""`None` is a peer's: `TPESampler(multivariate=True)`."""
VARIANTS: dict[str, SchedulerSettings | None] = {
    "a model from N_min + 2 results on": _bohb(min_points_rule="paper"),
    "ρ = 0.1": _bohb(random_fraction=0.1),
    "b_w = 1": _bohb(bandwidth_factor=1),
    "all three": _bohb(min_points_rule="paper", random_fraction=0.1, bandwidth_factor=1),
    "σ = 0.19": _bohb(spread=0.19),
    "σ = 0.19, N_min = 16": _bohb(spread=0.19, min_points=16),
    "as TPE, but for ρ": _bohb(**GREEDY),
}
"""BOHB at the larger size, to find out what holds it up there."""


class Cell(msgspec.Struct, frozen=True):
    """A method on a problem.

    Args:
        method: its name.
        n: hyperparameters of each kind.
    """

    method: str
    n: int

    @property
    def budget(self) -> int:
        """In full evaluations. Random search goes on, to be compared at twice the budget too."""
        return 2 * END if self.method == RANDOM else END


class Curve(msgspec.Struct, frozen=True):
    """The incumbent's true regret, as steps.

    Args:
        spent: full budgets spent when the incumbent changed, rising.
        regrets: from then on.
    """

    spent: list[float]
    regrets: list[float]

    def at(self, budget: float) -> float:
        """The regret once so many full budgets are spent; NaN before the first result."""
        index = bisect_right(self.spent, budget)
        return self.regrets[index - 1] if index else math.nan


# Runs ----------------------------------------------------------------------------------------------------------

Result = tuple[float, int, float, Config]
"""Full budgets spent until then, resource, observed loss, config."""


def curve(cell: Cell, seed: int) -> Curve:
    """A run, from the files of those that were kept if it is there."""
    settings = (METHODS | VARIANTS)[cell.method]
    by = (
        f"optuna {version('optuna')}"
        if settings is None
        else f"{settings.to_json()!r} {_digest_of_package()}"
    )
    name = blake2b(f"{by} {cell.n} {cell.budget} {seed}".encode(), digest_size=12).hexdigest()
    path = KEPT / f"{name}.json"
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Curve)
    problem = CountingOnes(cell.n, seed=seed, min_resource=R_MIN, max_resource=R)
    results = _optuna(problem, cell, seed) if settings is None else _paceline(settings, problem, cell, seed)
    found = _incumbents(problem, results)
    unfinished = path.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(msgspec.json.encode(found))
    unfinished.rename(path)
    return found


@cache
def _digest_of_package() -> str:
    """Of the library's source: another version may choose other configs."""
    digest = blake2b(digest_size=12)
    root = Path(paceline.__file__).parent
    for path in sorted(root.rglob("*.py")):
        if path.relative_to(root).parts[0] not in {"cli", "progress", "testing"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _paceline(settings: SchedulerSettings, problem: CountingOnes, cell: Cell, seed: int) -> Iterator[Result]:
    """A study in virtual time: with one worker, a virtual second is a sample."""
    end = simulate(
        settings,
        problem.space,
        problem,
        seed=seed,
        budget=Budget(minutes=cell.budget * R / 60),
        saves_checkpoints=problem.resumes,
    )
    for at, event in end.entries:
        if isinstance(event, Reported):
            loss = event.metrics[problem.metric]
            assert loss is not None
            yield at / R, event.resource, loss, end.ledger.trials[event.trial].trial.config


def _optuna(problem: CountingOnes, cell: Cell, seed: int) -> Iterator[Result]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    names = problem.space.names
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution([0, 1])
        if name.startswith("cat")
        else optuna.distributions.FloatDistribution(0.0, 1.0)
        for name in names
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=seed))
    for count in range(cell.budget):
        trial = study.ask(distributions)
        loss = problem.loss(trial.params, R, trial.number)
        study.tell(trial, loss)
        yield count + 1.0, R, loss, trial.params


def _incumbents(problem: CountingOnes, results: Iterator[Result]) -> Curve:
    best = (0, math.inf)
    found = Curve([], [])
    for spent, resource, loss, config in results:
        if resource > best[0] or (resource == best[0] and loss < best[1]):
            best = (resource, loss)
            found.spent.append(spent)
            found.regrets.append(problem.regret(config))
    return found


class Runs:
    """All curves.

    Args:
        lab: where to measure.
    """

    def __init__(self, lab: Lab) -> None:
        self.must_hold = lab.is_decisive
        cells = (Cell(method, n) for n in SIZES for method in METHODS)
        self._found = lab.measure(curve, cells, seeds=lab.choose(50, 3))
        variants = (Cell(name, SIZES[-1]) for name in VARIANTS)
        self._found |= lab.measure(curve, variants, seeds=lab.choose(10, 3))

    def at(self, method: str, n: int, budget: float) -> list[float]:
        """The regret of each seed once so many full budgets are spent."""
        if method == RANDOM_2X:
            return self.at(RANDOM, n, 2 * budget)
        return [found.at(budget) for found in self._found[Cell(method, n)]]


# Claims --------------------------------------------------------------------------------------------------------

PAPER = "Falkner et al. 2018, 5.1"
BESIDE_HYPERBAND = "at 100 full budgets, BOHB beside Hyperband"
BESIDE_RANDOM = "at the end, BOHB beside random search"
TPE_BESIDE_OPTUNA = "at the end, TPE beside Optuna's TPE"
KNOWN_TO_FAIL = {(BESIDE_HYPERBAND, 32), (BESIDE_RANDOM, 32), (TPE_BESIDE_OPTUNA, 32)}
"""(Claim, n): why, says docs/model-based.md."""


def counting_ones(runs: Runs) -> Finding:
    """Hyperband is fast at first and then flat; BOHB overtakes it and keeps up with TPE."""
    tables = [_table(runs, n, (RANDOM, RANDOM_2X, *list(METHODS)[1:])) for n in SIZES]
    variants = _table(runs, SIZES[-1], tuple(VARIANTS), "BOHB with other settings, 10 seeds")
    return Finding([verdict for n in SIZES for verdict in _verdicts(runs, n)], [*tables, variants])


def _verdicts(runs: Runs, n: int) -> Iterator[Verdict]:
    def compare(
        claim: str, method: str, to: str, budgets: tuple[int, ...], most: float, *, source: str = PAPER
    ) -> Verdict:
        """The largest of the ratios of mean regrets at these budgets."""
        ratios = {
            budget: estimate(ratio(mean), runs.at(method, n, budget), runs.at(to, n, budget))
            for budget in budgets
        }
        worst = max(ratios, key=lambda budget: ratios[budget].value)
        at = f" at {worst}" if len(budgets) > 1 else ""
        return Verdict(
            f"{n}+{n}: {claim}",
            source,
            f"× {ratios[worst]}{at}",
            f"≤ × {number(most)}",
            ratios[worst].value <= most,
            runs.must_hold and (claim, n) not in KNOWN_TO_FAIL,
        )

    late = (50, 100, 200, END)
    yield compare("at 2 full budgets, Hyperband beside random search", HYPERBAND, RANDOM, (2,), 1.0)
    yield compare(BESIDE_HYPERBAND, BOHB_, HYPERBAND, (100,), 0.5)
    yield compare("from 50 full budgets on, BOHB beside Hyperband", BOHB_, HYPERBAND, late, 1.0)
    yield compare("from 50 full budgets on, BOHB beside random search", BOHB_, RANDOM, late, 1.0)
    yield compare(BESIDE_RANDOM, BOHB_, RANDOM, (END,), 1 / 3)
    yield compare("at the end, BOHB beside Optuna's TPE", BOHB_, OPTUNA, (END,), 1.5)
    yield compare(TPE_BESIDE_OPTUNA, TPE, OPTUNA, (END,), 1.0, source="ours")


def _table(runs: Runs, n: int, methods: tuple[str, ...], what: str = "mean regret") -> Table:
    rows = []
    for method in methods:
        quartiles = np.quantile(runs.at(method, n, END), [0.25, 0.5, 0.75])
        low, middle, high = map(number, quartiles)
        means = (estimate(mean, runs.at(method, n, mark)).brief for mark in MARKS)
        rows.append((method, *means, f"{middle} ({low}, {high})"))
    header = ("method", *(f"at {mark}" for mark in MARKS), f"median (quartiles) at {END}")
    return Table(f"{n}+{n}: {what}, by full budgets spent", header, tuple(rows))


# The picture ---------------------------------------------------------------------------------------------------

LINES = {
    RANDOM: ("#999999", (0, (1, 1))),
    HYPERBAND: ("#0072b2", "--"),
    BOHB_: ("#d55e00", "-"),
    TPE: ("#009e73", "-."),
    OPTUNA: ("#cc79a7", (0, (5, 1))),
}
"""Colour (of Okabe and Ito, for all kinds of sight) and stroke."""


def draw(runs: Runs, path: Path) -> None:
    """Mean regret over budget, with 95 % intervals of the mean."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "counting ones"  # equal figures give equal files
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    budgets = np.geomspace(0.1, END, 60)
    figure, panels = plt.subplots(1, len(SIZES), figsize=(9.6, 4.2), layout="constrained")
    for n, panel in zip(SIZES, panels, strict=True):
        for method, (colour, stroke) in LINES.items():
            samples = [runs.at(method, n, budget) for budget in budgets]
            known = [i for i, sample in enumerate(samples) if np.isfinite(sample).all()]
            means = [estimate(mean, samples[i]) for i in known]
            label = "TPE (Paceline)" if method == TPE else method
            panel.plot(budgets[known], [m.value for m in means], color=colour, linestyle=stroke, label=label)
            panel.fill_between(
                budgets[known],
                [m.low for m in means],
                [m.high for m in means],
                color=colour,
                alpha=0.2,
                linewidth=0,
            )
        panel.set(xscale="log", yscale="log", xlabel="budget spent, in full evaluations")
        panel.set_title(f"{n} categorical + {n} continuous")
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_major_locator(FixedLocator([0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5]))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(which="both", linewidth=0.3, alpha=0.6)
    panels[0].set_ylabel("regret of the incumbent, mean of 50 seeds")
    panels[0].legend(frameon=False)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)


def main() -> int:
    """Measure, print, write; 1 if a claim fails that must hold."""
    parser = argparse.ArgumentParser(description="BOHB's synthetic experiment.")
    parser.add_argument("--quick", action="store_true", help="3 seeds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures in this page")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw to this file, .svg or .png")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cores to use")
    arguments = parser.parse_args()
    if arguments.quick and arguments.markdown:
        parser.error("--markdown renews the figures of a page: leave out --quick")
    if arguments.markdown and not has_place(arguments.markdown, Path(__file__).name):
        parser.error(f"{arguments.markdown} has no lines that mark a place for {Path(__file__).name}")

    KEPT.mkdir(parents=True, exist_ok=True)
    os.nice(10)
    began = time.perf_counter()
    with Lab(quick=arguments.quick, processes=arguments.processes) as lab:
        runs = Runs(lab)
    print(f"counting ones: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    finding = counting_ones(runs)
    tables = [verdict_table("Counting ones: verdicts", finding.verdicts), *finding.tables]
    width = shutil.get_terminal_size((160, 24)).columns
    for table in tables:
        print(as_text(table, width))
    if arguments.json:
        arguments.json.write_bytes(to_json({"counting ones": finding}))
    if arguments.markdown:
        write_markdown(arguments.markdown, Path(__file__).name, tables)
    if arguments.picture:
        draw(runs, arguments.picture)
    return int(any(verdict.must_hold and not verdict.holds for verdict in finding.verdicts))


if __name__ == "__main__":
    sys.exit(main())
