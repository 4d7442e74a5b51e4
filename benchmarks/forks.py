"""What a population costs besides training: decisions of a thousand members, and forks of large checkpoints.

    python benchmarks/forks.py          a minute; a gigabyte of disk in the temporary folder, for a while

Decisions are taken in virtual time: the processor's time for all that the scheduler does between two decisions, for the
facts as well. A fork is a real one, on this file system: from the end of the last report of one job to the first line of
the next, the journal's commit included. The deletion of checkpoints that nobody needs any more, which happens in between,
is counted apart. Beside it what a copy of the same folder takes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import numpy as np

from paceline import PBT, Float, Integer, Study, TrialHandle, simulate
from paceline.checkpoints import CheckpointStore
from paceline.decisions import Decision
from paceline.events import AnyEvent, Config
from paceline.samplers.base import Context
from paceline.schedulers.pbt import PBTScheduler
from paceline.simulation import UnitTraining

MEMBERS = 1000
MEGABYTES = 100
MILLISECONDS = 1e3


class Timed(PBTScheduler):
    """Adds up its own time, and notes it at each decision."""

    spent: float = 0.0
    noted: list[float]

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """See `PBTScheduler.decide`."""
        began = time.thread_time()
        decision = super().decide(may_start=may_start)
        self.spent += time.thread_time() - began
        if decision is not None:
            self.noted.append(self.spent)
            self.spent = 0.0
        return decision

    def apply(self, event: AnyEvent) -> None:
        """See `PBTScheduler.apply`."""
        began = time.thread_time()
        super().apply(event)
        self.spent += time.thread_time() - began


class TimedPBT(PBT, frozen=True, kw_only=True, tag=True):
    """PBT with a watch."""

    def build(self, context: Context) -> Timed:
        """The scheduler."""
        scheduler = Timed(self, context)
        scheduler.noted = []
        return scheduler


class Uneven(UnitTraining):
    """Members of different speed, so that none comes to a boundary with another."""

    def seconds(self, trial: int, config: Config, resource: int) -> float:
        """Up to twice as long for some."""
        return super().seconds(trial, config, resource) * (1 + trial % 13 / 13)


def decisions(exploit: Literal["truncation", "tournament", "t_test"], workers: int) -> list[float]:
    """Milliseconds of each decision, with the facts before it."""
    method = TimedPBT(max_resource=100, interval=5, population_size=MEMBERS, exploit=exploit)
    space = {"x": Float(0.0, 1.0), "y": Float(1e-4, 1.0, log=True), "n": Integer(1, 100)}
    training = Uneven([(37 * i) % 997 / 997 for i in range(997)])
    simulation = simulate(method, space, training, workers=workers)
    scheduler: Any = simulation.scheduler
    return [seconds * MILLISECONDS for seconds in scheduler.noted]


def forks(folder: Path) -> dict[str, list[float]]:
    """Milliseconds from the last line of one job to the first line of the next, by what that is."""
    gaps: dict[str, list[float]] = defaultdict(list)
    ended = deleting = 0.0
    delete = CheckpointStore.delete
    blob = os.urandom(MEGABYTES << 20)

    def train(trial: TrialHandle) -> None:
        nonlocal ended, deleting
        began = time.perf_counter()
        if ended:
            what = "new trial" if trial.checkpoint is None else "fork" if new(trial) else "same trial goes on"
            gaps[what].append((began - ended - deleting) * MILLISECONDS)
            if deleting:
                gaps["deletions between two jobs"].append(deleting * MILLISECONDS)
        for _ in trial.steps():
            trial.report(loss=float(trial.id), save=lambda path: (path / "weights").write_bytes(blob))
            ended, deleting = time.perf_counter(), 0.0

    def timed(store: CheckpointStore, key: str) -> None:
        nonlocal deleting
        began = time.perf_counter()
        delete(store, key)
        deleting += time.perf_counter() - began

    def new(trial: TrialHandle) -> bool:
        is_new = trial.id not in seen
        seen.add(trial.id)
        return is_new

    seen: set[int] = set()
    method = PBT(max_resource=12, interval=1, population_size=4, quantile=0.25)
    space = {"x": Float(0.0, 1.0)}
    with (
        Study("forks", space, method, storage=folder / "forks.db") as study,
        patch.object(CheckpointStore, "delete", timed),
    ):
        study.run(train, executor="inline", progress=False)
    source = folder / "copied"
    source.mkdir()
    (source / "weights").write_bytes(blob)
    for i in range(5):
        began = time.perf_counter()
        shutil.copytree(source, folder / f"copy-{i}")
        gaps[f"copy of {MEGABYTES} MB, for comparison"].append((time.perf_counter() - began) * MILLISECONDS)
    return gaps


def row(name: str, values: list[float]) -> str:
    """Median, 99th percentile, number."""
    high = float(np.percentile(values, 99))
    return f"{name:<44}{statistics.median(values):>10.3f}{high:>10.3f}{len(values):>9}\n"


def main() -> None:
    """Measure and print."""
    out = sys.stdout.write
    out(f"{'milliseconds':<44}{'median':>10}{'99 %':>10}{'n':>9}\n")
    kinds: tuple[Literal["truncation", "tournament", "t_test"], ...] = ("truncation", "tournament", "t_test")
    for exploit in kinds:
        for workers in (8, MEMBERS):
            out(row(f"{exploit}, {MEMBERS} members, {workers} workers", decisions(exploit, workers)))
    with tempfile.TemporaryDirectory() as folder:
        for name, values in sorted(forks(Path(folder)).items()):
            out(row(name, values))


if __name__ == "__main__":
    main()
