"""Methods on real data, in virtual time: regret after so many full trainings' worth of worker time, and of resource.

    PACELINE_DATA=... python benchmarks/real_data.py                    everything, 45 minutes on two cores
    ... --workers 8 --seeds 5 --family lcbench                          a part of it
    ... --results FILE                                                  where measurements are kept and taken up again
    ... --markdown docs/model-based.md --picture docs/pictures/real-data.svg        renew the figures of this page

What is compared with what, and by which rules: docs/model-based.md.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # each process has one core; before NumPy is imported

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
from evidence import Estimate, Table, Verdict, as_text, estimate, number, verdict_table, write_markdown
from quantiles import Quantiles

import paceline as pl
from paceline.benchmarks import Benchmark, load
from paceline.events import JobIssued, Reported, TrialCreated
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import Simulation

MARKS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
"""Full trainings, of worker time and of resource, after which regret is noted."""
JUDGED = (10, 30, 100)

FAMILIES = {
    "lcbench": ("146212", "167181", "167185", "168331", "168910", "189862"),
    "taskset": (
        "imdb_patch32_IRNN64_relu_last_bs128",
        "imdb_patch32_LSTM128_bs128",
        "imdb_patch128_LSTM128_embed128_bs64",
        "imdb_patch128_LSTM128_avg_bs64",
        "imdb_patch32_GRU64_avg_bs128",
        "imdb_patch32_VRNN64_relu_avg_bs128",
    ),
    "rbv2_xgboost": ("54", "469", "1468", "1485", "4534", "40701"),
    "rbv2_rpart": ("3", "1056", "1497", "4541", "40670", "40981"),
}
"""Instances; with 1 and 64 workers the first half of them."""

Make = Callable[[Benchmark], SchedulerSettings]


def _asha(**settings: object) -> Make:
    return lambda b: pl.ASHA(
        max_resource=b.max_resource, min_resource=b.min_resource, resume=b.resumes, **settings
    )


def _hyperband(kind: type[pl.Hyperband], **settings: object) -> Make:
    return lambda b: kind(
        max_resource=b.max_resource, min_resource=b.min_resource, resume=b.resumes, sweeps=None, **settings
    )


def _full(sampler: object) -> Make:
    return lambda b: pl.FullResource(max_resource=b.max_resource, sampler=sampler)


def _recommended(b: Benchmark) -> SchedulerSettings:
    return pl.recommended(
        max_resource=b.max_resource, min_resource=b.min_resource, resumes=b.resumes
    ).scheduler


PEERS: Mapping[str, Make] = {
    "random": _full(pl.Random()),
    "TPE": _full(pl.TPE()),
    "ASHA": _asha(),
    "ASHA, stopping": _asha(variant="stop"),
    "Hyperband": _hyperband(pl.Hyperband, bracket_rule="hpbandster"),
    "BOHB": _hyperband(pl.BOHB),
}
"""What the recommended default must not be worse than."""

METHODS: Mapping[str, Make] = {
    **PEERS,
    "ASHA + KDE": _asha(sampler=pl.KDE()),
    "recommended": _recommended,
}

_RESUMED_ONLY: Mapping[str, Make] = {
    "hedged ASHA": _asha(hedge=0.1),
    "ASHA + KDE, no lie": _asha(sampler=pl.KDE(lie=False)),
    "ASHA + KDE, prior kernel": _asha(sampler=pl.KDE(prior_weight=1.0)),
    "ASHA + KDE, truncated": _asha(sampler=pl.KDE(truncate=True)),
    "ASHA + KDE, delay": _asha(sampler=pl.KDE(), delay=True),
    "ASHA + quantile regression": _asha(sampler=Quantiles()),
    "ASHA + trees": _asha(sampler=pl.Trees()),
    "ASHA + Gaussian process": _asha(sampler=pl.GaussianProcess()),
    "ASHA + both in turn": _asha(sampler=pl.Alternating()),
    "ASHA + trees and KDE in turn": _asha(sampler=pl.Alternating(samplers=(pl.Trees(), pl.KDE()))),
    "ASHA + KDE and Gaussian process in turn": _asha(
        sampler=pl.Alternating(samplers=(pl.KDE(), pl.GaussianProcess()))
    ),
}
_FULL_ONLY: Mapping[str, Make] = {
    "KDE at full resource": _full(pl.KDE()),
    "Gaussian process at full resource": _full(pl.GaussianProcess(random_fraction=0.1)),
    "TPE, truncated": _full(pl.TPE(truncate=True)),
    "TPE, prior kernel": _full(pl.TPE(prior_weight=1.0)),
    "TPE, no lie": _full(pl.TPE(lie=False)),
}
_KDE = {"random_fraction": 1 / 3, "top_fraction": 0.15, "candidates": 64, "bandwidth_factor": 3.0}
_VARIED = {
    f"BOHB, {name} × {factor:g}": _hyperband(
        pl.BOHB, sampler=pl.KDE(lie=False, **{name: type(value)(value * factor)})
    )
    for name, value in _KDE.items()
    for factor in (0.5, 2.0)
}

STUDIES: Mapping[str, Mapping[str, Make]] = {
    "main": METHODS,
    "parts-resumed": {
        "ASHA": PEERS["ASHA"],
        "ASHA + KDE": METHODS["ASHA + KDE"],
        **_RESUMED_ONLY,
        "recommended": _recommended,
    },
    "parts-full": {
        "random": PEERS["random"],
        "TPE": PEERS["TPE"],
        **_FULL_ONLY,
        "recommended": _recommended,
    },
    "sensitivity": {"BOHB": PEERS["BOHB"], **_VARIED},
}
TITLES = {
    "main": "Mean regret",
    "parts-resumed": "Parts, where training resumes",
    "parts-full": "Parts, at full resource",
}
EVERYTHING = {name: make for methods in STUDIES.values() for name, make in methods.items()}


class Cell(msgspec.Struct, frozen=True):
    """What is measured at once."""

    method: str
    task: str
    workers: int
    seed: int


class Measured(msgspec.Struct, frozen=True):
    """Regret at each of `MARKS`: 1 is a median random config, or nothing fully trained yet.

    Args:
        cell: of what.
        by_time: after so many full trainings' worth of worker time.
        by_resource: after so many full trainings' worth of resource; `None` where it was not spent.
        trials: started.
        resource: spent, in full trainings.
    """

    cell: Cell
    by_time: tuple[float, ...]
    by_resource: tuple[float | None, ...]
    trials: int
    resource: float


@cache
def _benchmarks() -> Mapping[str, Benchmark]:
    return load()


def measure(cell: Cell) -> Measured:
    """One study in virtual time."""
    benchmark = _benchmarks()[cell.task]
    end = pl.simulate(
        EVERYTHING[cell.method](benchmark),
        benchmark.space,
        benchmark,
        workers=cell.workers,
        seed=cell.seed,
        budget=pl.Budget(minutes=MARKS[-1] * benchmark.full_seconds / cell.workers / 60),
        retries=0,
        saves_checkpoints=benchmark.resumes,
        report_every=1 if benchmark.resumes else None,  # as training does that can be resumed
    )
    path = list(_path(end, benchmark, cell.workers))
    times, resources = [(at, regret) for at, _, regret in path], [(used, regret) for _, used, regret in path]
    spent = resources[-1][0] if resources else 0.0
    return Measured(
        cell,
        tuple(_at(times, mark) for mark in MARKS),
        tuple(_at(resources, mark) if mark <= spent else None for mark in MARKS),
        len(end.ledger.trials),
        spent,
    )


def _path(end: Simulation, benchmark: Benchmark, workers: int) -> Iterator[tuple[float, float, float]]:
    """After each report: worker time and resource in full trainings, regret of the best fully trained config so far."""
    at: dict[int, int] = {}  # by job: what it has reached
    configs: list[dict[str, object]] = []
    best, regret, spent = math.inf, 1.0, 0
    for time, event in end.entries:
        if isinstance(event, TrialCreated):
            configs.append(event.trial.config)
        elif isinstance(event, JobIssued):
            at[event.job.id] = event.job.start
        elif isinstance(event, Reported):
            spent += event.resource - at[event.job]
            at[event.job] = event.resource
            loss = event.metrics["loss"]
            if event.resource == benchmark.max_resource and loss is not None and loss < best:
                best, regret = loss, min(1.0, benchmark.regret(configs[event.trial]))
            yield time * workers / benchmark.full_seconds, spent / benchmark.max_resource, regret


def _at(path: list[tuple[float, float]], mark: float) -> float:
    """The last regret at or before the mark."""
    return next((regret for place, regret in reversed(path) if place <= mark), 1.0)


# Measuring -----------------------------------------------------------------------------------------------------


def cells(study: str, families: Iterable[str], workers: Iterable[int], seeds: int) -> list[Cell]:
    """What a study measures."""
    found = []
    for family, n_workers in product(families, workers):
        if study == "parts-resumed" and family.startswith("rbv2"):
            continue
        if study == "parts-full" and not family.startswith("rbv2"):
            continue
        if study != "main" and n_workers != 8:
            continue
        n_tasks = {"main": 6 if n_workers == 8 else 3, "sensitivity": 1}.get(study, 3)
        tasks = [f"{family}/{instance}" for instance in FAMILIES[family][:n_tasks]]
        found += [
            Cell(method, task, n_workers, seed)
            for task, seed, method in product(tasks, range(seeds), STUDIES[study])
        ]
    return found


def collect(wanted: list[Cell], path: Path, processes: int) -> dict[Cell, Measured]:
    """Each cell's measurement: from the file, or measured now and added to it."""
    known: dict[Cell, Measured] = {}
    if path.exists():
        for line in path.read_bytes().splitlines():
            measured = msgspec.json.decode(line, type=Measured)
            known[measured.cell] = measured
    missing = [cell for cell in wanted if cell not in known]
    with path.open("ab") as file, ProcessPoolExecutor(processes) as pool:
        for done, measured in enumerate(pool.map(measure, missing, chunksize=4), 1):
            known[measured.cell] = measured
            file.write(msgspec.json.encode(measured) + b"\n")
            file.flush()
            if sys.stderr.isatty() or done == len(missing):
                print(f"\r{done} of {len(missing)} ", end="", file=sys.stderr, flush=True)
    return {cell: known[cell] for cell in wanted}


# Reading -------------------------------------------------------------------------------------------------------


class Means:
    """Regrets averaged over a family's tasks, one value for each seed."""

    def __init__(self, measured: Mapping[Cell, Measured]) -> None:
        self._by: dict[tuple[str, int, str], dict[int, list[Measured]]] = {}
        for cell, found in measured.items():
            key = cell.task.split("/")[0], cell.workers, cell.method
            self._by.setdefault(key, {}).setdefault(cell.seed, []).append(found)

    def groups(self) -> list[tuple[str, int]]:
        """(family, workers), in order."""
        return list(dict.fromkeys(key[:2] for key in self._by))

    def methods(self, family: str, workers: int) -> list[str]:
        """Those measured there."""
        return [key[2] for key in self._by if key[:2] == (family, workers)]

    def n_tasks(self, family: str, workers: int) -> int:
        """How many there were."""
        return max(
            len(found)
            for key, by in self._by.items()
            if key[:2] == (family, workers)
            for found in by.values()
        )

    def at(self, family: str, workers: int, method: str, mark: int, *, by: str = "time") -> np.ndarray:
        """By seed; NaN where not all tasks have got so far."""
        seeds = self._by[family, workers, method]
        place = MARKS.index(mark)
        regrets = [[getattr(found, f"by_{by}")[place] for found in seeds[seed]] for seed in sorted(seeds)]
        return np.array(regrets, dtype=float).mean(axis=1)  # None is NaN


def _mean(sample: np.ndarray) -> np.ndarray:
    return np.asarray(sample.mean(-1))


def _difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((first - second).mean(-1))


def tables(means: Means, title: str) -> list[Table]:
    """Mean regrets, for each family and number of workers."""
    found = []
    for family, workers in means.groups():
        rows = []
        for method in means.methods(family, workers):
            by_time = [_brief(means.at(family, workers, method, mark)) for mark in JUDGED]
            by_resource = [_brief(means.at(family, workers, method, mark, by="resource")) for mark in JUDGED]
            rows.append((method, *by_time, *by_resource))
        n = means.n_tasks(family, workers)
        header = ("method", *(f"time {m}" for m in JUDGED), *(f"resource {m}" for m in JUDGED))
        name = (
            f"{title}: {family}, {n} task{'s' if n > 1 else ''}, {workers} worker{'s' if workers > 1 else ''}"
        )
        found.append(Table(name, header, tuple(rows)))
    return found


def _brief(sample: np.ndarray) -> str:
    if np.isnan(sample).any():
        return "-"
    return estimate(_mean, sample).brief


def _judge(claim: str, source: str, difference: Estimate, *, strictly: bool = False) -> Verdict:
    """That the first of two is no worse than the second: the interval of the difference reaches 0 or lies below it."""
    holds = difference.high < 0 if strictly else difference.low <= 0
    required = "interval below 0" if strictly else "interval not above 0"
    return Verdict(claim, source, difference.brief, required, holds, must_hold=False)


def verdicts(means: Means) -> list[Verdict]:
    """What the papers and the default are held to. Differences are paired by seed."""
    found = []
    for family, workers in means.groups():
        where = f"{family}, {workers} worker{'s' if workers > 1 else ''}"
        for mark in JUDGED:
            ours = means.at(family, workers, "recommended", mark)
            best = min(PEERS, key=lambda name: means.at(family, workers, name, mark).mean())
            theirs = means.at(family, workers, best, mark)
            claim = f"{where}, time {mark}: recommended no worse than the best peer, {best}"
            found.append(_judge(claim, "ours", estimate(_difference, ours, theirs)))
    for family, workers in means.groups():
        if workers != 8:
            continue
        for mark in JUDGED:
            for (first, second), by in product(
                (("BOHB", "Hyperband"), ("Hyperband", "random")), ("time", "resource")
            ):
                one, other = (means.at(family, workers, name, mark, by=by) for name in (first, second))
                if not (np.isnan(one).any() or np.isnan(other).any()):
                    claim = f"{family}, 8 workers, {by} {mark}: {first} below {second}"
                    found.append(_judge(claim, "bohb", estimate(_difference, one, other), strictly=True))
            one, other = (means.at(family, workers, name, mark) for name in ("ASHA + KDE", "ASHA"))
            claim = f"{family}, 8 workers, time {mark}: ASHA + KDE no worse than ASHA"
            found.append(_judge(claim, "ours", estimate(_difference, one, other)))
    return found


def sensitivity(means: Means) -> Table:
    """BOHB's own settings, each halved and doubled: the difference to BOHB."""
    rows = []
    groups = means.groups()
    for method in _VARIED:
        cells_ = []
        for mark in JUDGED:
            pairs = [
                (means.at(*group, method, mark), means.at(*group, "BOHB", mark))
                for group in groups
                if method in means.methods(*group)
            ]
            one, other = (np.mean([pair[i] for pair in pairs], axis=0) for i in (0, 1))
            cells_.append(estimate(_difference, one, other).brief)
        rows.append((method, *cells_))
    base = [number(float(np.mean([means.at(*g, "BOHB", m).mean() for g in groups]))) for m in JUDGED]
    title = (
        f"Sensitivity: difference to BOHB, whose regret is {', '.join(base)}; {len(groups)} tasks, 8 workers"
    )
    return Table(title, ("setting", *(f"time {m}" for m in JUDGED)), tuple(rows))


LINES = {
    "random": ("#999999", "-"),
    "TPE": ("#009e73", "-."),
    "Hyperband": ("#56b4e9", "--"),
    "BOHB": ("#0072b2", "--"),
    "ASHA": ("#e69f00", ":"),
    "ASHA + KDE": ("#d55e00", ":"),
    "recommended": ("#000000", "-"),
}
"""Colour (of Okabe and Ito, for all kinds of sight) and stroke."""


def draw(means: Means, workers: int, path: Path) -> None:
    """Mean regret by worker time and by resource, with 95 % intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "real data"  # equal figures give equal files
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    families = [family for family, n in means.groups() if n == workers]
    figure, panels = plt.subplots(2, len(families), figsize=(3.3 * len(families), 6.4), layout="constrained")
    for row, by in enumerate(("time", "resource")):
        for family, panel in zip(families, panels[row], strict=True):
            for method, (colour, stroke) in LINES.items():
                samples = [means.at(family, workers, method, mark, by=by) for mark in MARKS]
                known = [i for i, sample in enumerate(samples) if np.isfinite(sample).all()]
                found = [estimate(_mean, samples[i]) for i in known]
                at = [MARKS[i] for i in known]
                panel.plot(at, [m.value for m in found], color=colour, linestyle=stroke, label=method)
                low, high = [m.low for m in found], [m.high for m in found]
                panel.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
            panel.set(xscale="log", yscale="log", xlabel=f"{by}, in full trainings")
            panel.set_title(family if row == 0 else "")
            panel.xaxis.set_major_locator(FixedLocator([1, 3, 10, 30, 100]))
            panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.xaxis.set_minor_formatter(NullFormatter())
            panel.yaxis.set_major_locator(FixedLocator([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1]))
            panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.grid(linewidth=0.3, alpha=0.6)
        panels[row][0].set_ylabel(f"mean regret, {workers} workers")
    panels[0][0].legend(frameon=False, fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.suffix == ".svg" else None)


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="Methods on real data, in virtual time.")
    parser.add_argument(
        "--study", action="append", choices=list(STUDIES), help="may be repeated; default all"
    )
    parser.add_argument("--family", action="append", choices=list(FAMILIES))
    parser.add_argument("--workers", action="append", type=int, choices=[1, 8, 64])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--results", type=Path, default=Path("real-data.jsonl"), metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="of 8 workers; needs matplotlib")
    options = parser.parse_args()
    try:
        load()
    except pl.SettingError as error:
        parser.error(str(error))
    shown: list[Table] = []
    for study in options.study or STUDIES:
        seeds = min(options.seeds, 10) if study.startswith("parts") else options.seeds
        wanted = cells(study, options.family or FAMILIES, options.workers or (8, 64, 1), seeds)
        if not wanted:
            continue
        means = Means(collect(wanted, options.results, options.processes))
        if study == "main":
            shown.append(verdict_table("Real data: verdicts", verdicts(means)))
            if options.picture is not None:
                draw(means, 8, options.picture)
        shown += [sensitivity(means)] if study == "sensitivity" else tables(means, TITLES[study])
    for table in shown:
        print(as_text(table, 150))
    if options.markdown is not None:
        write_markdown(options.markdown, "real_data.py", shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
