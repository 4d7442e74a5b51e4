"""How fast and how large Paceline is, beside its peers in the same run: `make bench`.

Each figure is the median of several rounds; where there is a peer, the two take turns and the ratio is printed. Nothing
here is asserted: machines are noisy, and a figure is for people to read. `--only NAME` runs one part, `--json` prints
all figures as JSON at the end.

    local       end-to-end durable throughput of a no-op objective with 27 reports, ASHA η=3, two workers, SQLite;
                peers: Optuna on SQLite and in memory, successive-halving pruner, one process
    simulator   trials per second in virtual time; peer: Syne Tune's simulator
    growth      decide + apply per job with a million trials against a thousand
    memory      peak of a driver with a SQLite journal after a million trials
    open        seconds to open a study of a hundred thousand trials
    import      `import paceline` against a bare interpreter; size of the base install
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paceline import ASHA, Budget, Float, Integer, Space, Study
from paceline.decisions import facts_of
from paceline.driver import Driver, Recorder
from paceline.events import JobEnded, JobIssued, Objective, Outcome, Reported, RunStarted, StudyOpened
from paceline.executors.simulated import SimulatedExecutor
from paceline.journal.sql import SqlStorage
from paceline.ledger import Ledger
from paceline.rng import Uniforms
from paceline.samplers.base import Context
from paceline.simulation import UnitTraining, simulate

SPACE = Space(
    {"lr": Float(1e-4, 1e-1, log=True), "momentum": Float(0.0, 0.99), "width": Integer(16, 512, log=True)}
)
SCHEDULER = ASHA(max_resource=27)
LOSSES = Uniforms("losses").random(100_003)
Figures = dict[str, Any]


def report_27_times(trial: Any) -> None:
    """A no-op objective: what remains is the tuner."""
    loss = trial.config["momentum"]
    for step in trial.steps():
        trial.report(loss=loss + 1 / (step + 1))


# local ---------------------------------------------------------------------------------------------------------


def local(rounds: int) -> Figures:
    """Trials per second, end to end, worker start-up included; Optuna on SQLite is timed on 60 trials only."""
    sizes = (500, 2000, 4000)
    ours: dict[int, list[float]] = {n: [] for n in sizes}
    memory: dict[int, list[float]] = {n: [] for n in sizes}
    sqlite: list[float] = []
    for _ in range(rounds):
        for n in sizes:
            ours[n].append(_paceline_trials_per_s(n))
            if _has("optuna"):
                memory[n].append(_optuna_trials_per_s(n, on_disk=False))
        if _has("optuna"):
            sqlite.append(_optuna_trials_per_s(60, on_disk=True))
    figures = {f"paceline_trials_per_s_{n}_trials": statistics.median(ours[n]) for n in sizes}
    if sqlite:
        figures["optuna_sqlite_trials_per_s"] = statistics.median(sqlite)
        figures |= {f"optuna_memory_per_s_{n}_trials": statistics.median(memory[n]) for n in sizes}
        figures["times_optuna_sqlite"] = _ratio(ours[2000], sqlite)
        figures |= {f"times_optuna_memory_{n}_trials": _ratio(ours[n], memory[n]) for n in sizes}
    return figures


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios round by round: both were slow or fast together."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def _paceline_trials_per_s(n_trials: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        study = Study("bench", SPACE, SCHEDULER, storage=f"sqlite:///{folder}/study.db")
        study.run(report_27_times, workers=2, budget=Budget(trials=n_trials), progress=False)
        rate = len(study.trials) / (time.perf_counter() - began)
        study.close()
        return rate


def _optuna_trials_per_s(n_trials: int, *, on_disk: bool) -> float:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        loss = trial.suggest_float("momentum", 0.0, 0.99)
        trial.suggest_int("width", 16, 512, log=True)
        for step in range(27):
            trial.report(loss + 1 / (step + 1), step + 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/optuna.db" if on_disk else None,
            sampler=optuna.samplers.RandomSampler(seed=0),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        )
        study.optimize(objective, n_trials=n_trials)
        return n_trials / (time.perf_counter() - began)


# simulator -----------------------------------------------------------------------------------------------------


def simulator(rounds: int) -> Figures:
    """Trials per second in virtual time, four workers, ASHA η=3 to 27, a report for every unit trained."""
    ours, theirs = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        simulate(
            SCHEDULER, SPACE, UnitTraining(LOSSES), workers=4, budget=Budget(trials=20_000), report_every=1
        )
        ours.append(20_000 / (time.perf_counter() - began))
        if _has("syne_tune"):
            theirs.append(_syne_tune_trials_per_s(1000))
    figures = {"paceline_trials_per_s": statistics.median(ours)}
    if theirs:
        figures |= {
            "syne_tune_trials_per_s": statistics.median(theirs),
            "times_syne_tune": _ratio(ours, theirs),
        }
    return figures


def _syne_tune_trials_per_s(n_trials: int) -> float:
    from peer_syne_tune import run_simulation

    began = time.perf_counter()
    done = run_simulation(n_trials)
    return done / (time.perf_counter() - began)


# growth --------------------------------------------------------------------------------------------------------


def growth(rounds: int) -> Figures:  # noqa: ARG001 - one pass; each window is itself a median
    """Microseconds of decide + apply per job, with few and with many trials in the study."""
    ledger = Ledger()
    scheduler = SCHEDULER.build(Context(SPACE, 0, ledger))
    jobs: list[float] = []
    windows: dict[int, float] = {}
    for mark in (1_000, 10_000, 100_000, 1_000_000):
        while len(ledger.trials) < mark:
            jobs.append(_one_job(ledger, scheduler))
        windows[mark] = statistics.median(jobs[-(mark // 2) :])
        jobs.clear()
    figures: Figures = {f"us_per_job_at_{mark}": 1e6 * seconds for mark, seconds in windows.items()}
    figures["ratio_1e6_to_1e3"] = windows[1_000_000] / windows[1_000]
    return figures


def _one_job(ledger: Ledger, scheduler: Any) -> float:
    began = time.perf_counter()
    decision = scheduler.decide()
    for fact in facts_of(decision, ledger):
        ledger.apply(fact, 0.0)
        scheduler.apply(fact)
        if isinstance(fact, JobIssued):
            job = fact.job
    loss = LOSSES[job.trial % len(LOSSES)]
    for event in (
        Reported(job.id, job.trial, job.target, {"loss": loss}, 1.0),
        JobEnded(job.id, job.trial, Outcome.COMPLETED),
    ):
        ledger.apply(event, 0.0)
        scheduler.apply(event)
    return time.perf_counter() - began


# memory and open -----------------------------------------------------------------------------------------------


def memory(rounds: int) -> Figures:  # noqa: ARG001 - a peak is a peak
    """Peak memory of a process that drives a million trials, its journal in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        return json.loads(_child("fill", f"{folder}/study.db", "1000000"))


def opening(rounds: int) -> Figures:
    """Seconds from the URL to a study that can decide, a hundred thousand trials."""
    with tempfile.TemporaryDirectory() as folder:
        _child("fill", f"{folder}/study.db", "100000")
        return {
            "seconds": statistics.median(float(_child("load", f"{folder}/study.db")) for _ in range(rounds))
        }


def _fill(path: str, n_trials: int) -> None:
    """Child: drive a study of so many trials in virtual time, with a journal on disk."""
    storage = SqlStorage(f"sqlite:///{path}")
    ledger = Ledger()
    recorder = Recorder(storage.journal("bench"), ledger, SCHEDULER.build(Context(SPACE, 0, ledger)))
    opened = StudyOpened(0, Objective("loss"), SPACE.to_json(), SCHEDULER.to_json())
    recorder.record([opened, RunStarted("bench", 64, "simulated")], 0.0)
    began = time.perf_counter()
    executor = SimulatedExecutor(UnitTraining(LOSSES), slots=64, report_every=1)
    driver = Driver(recorder, _Batched(executor))
    from paceline.events import BudgetSet

    recorder.record([BudgetSet(Budget(trials=n_trials))], 0.0)
    driver.run()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "trials": len(ledger.trials),
                "peak_mb": peak_mb,
                "bytes_per_trial": peak_mb * 2**20 / len(ledger.trials),
                "trials_per_s": len(ledger.trials) / (time.perf_counter() - began),
                "journal_mb": Path(path).stat().st_size / 2**20,
            }
        )
    )


class _Batched:
    """Hands a thousand events on at a time: the disk's part of the work is not what is measured here."""

    def __init__(self, executor: SimulatedExecutor) -> None:
        self.slots = executor.slots
        self.start, self.interrupt, self.close, self.now = (
            executor.start,
            executor.interrupt,
            executor.close,
            executor.now,
        )
        self._executor = executor

    def wait(self, deliver: Callable[[Any], None], timeout_s: float | None) -> None:
        news: list[Any] = []
        for _ in range(32):
            self._executor.wait(news.extend, timeout_s)
        deliver(news)


def _load(path: str) -> None:
    """Child: open a study and say how long it took."""
    began = time.perf_counter()
    study = Study.load("bench", f"sqlite:///{path}")
    assert study.status != "new"
    print(time.perf_counter() - began)


# import --------------------------------------------------------------------------------------------------------


def importing(rounds: int) -> Figures:
    """Seconds of `import paceline` beyond a bare interpreter, and megabytes of the base install."""

    def seconds(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - began

    times = [seconds("import paceline") - seconds("pass") for _ in range(max(rounds, 7))]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(__file__).parents[1]
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--target",
            folder,
        ]
        subprocess.run([*pip, "--constraint", root / "constraints.txt", root], check=True)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {"import_s": statistics.median(times), "base_install_mb": size / 2**20}


# -----------------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[int], Figures]] = {
    "local": local,
    "simulator": simulator,
    "growth": growth,
    "memory": memory,
    "open": opening,
    "import": importing,
}


def _has(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        print(f"  ({module} is not installed, so there is no comparison with it)")
        return False
    return True


def _child(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, __file__, "--child", *arguments], check=True, capture_output=True, text=True
    ).stdout


def main() -> None:
    """Run the parts and print their figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        verb, path, *rest = arguments.child
        _fill(path, int(rest[0])) if verb == "fill" else _load(path)
        return
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    sys.path.insert(0, str(Path(__file__).parent))
    found: dict[str, Figures] = {}
    for name in arguments.only or PARTS:
        print(f"{name}: {(PARTS[name].__doc__ or '').strip()}", flush=True)
        found[name] = PARTS[name](arguments.rounds)
        for figure, value in found[name].items():
            print(f"  {figure:32} {value:12,.4g}", flush=True)
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
