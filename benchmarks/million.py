"""A million jobs of ASHA on a surrogate of lcbench, on one core: what the loop takes, and what the surrogate takes.

Seconds are those of the processor, which do not pass while others have it; those of the clock are stated beside them.

PACELINE_DATA=... python benchmarks/million.py                      ten minutes
... --jobs 100000                                                   a tenth of it
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # one core; before NumPy is imported

import argparse
import resource
import sys
import time

from paceline import ASHA, Budget, simulate
from paceline.benchmarks import Benchmark, benchmark
from paceline.events import Config, Metrics, TrialId

JOBS_PER_TRIAL = 1.485
"""Jobs that a trial leads to under ASHA with η = 3 and four rungs, nearly."""


class Timed:
    """A benchmark, and the processor seconds that its answers took."""

    def __init__(self, it: Benchmark) -> None:
        self._it = it
        self.seconds_taken = 0.0

    def metrics(self, trial: TrialId, config: Config, at: int) -> Metrics:
        """See `Benchmark.metrics`."""
        began = time.process_time()
        found = self._it.metrics(trial, config, at)
        self.seconds_taken += time.process_time() - began
        return found

    def seconds(self, trial: TrialId, config: Config, at: int) -> float:
        """See `Benchmark.seconds`."""
        began = time.process_time()
        found = self._it.seconds(trial, config, at)
        self.seconds_taken += time.process_time() - began
        return found


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--benchmark", default="lcbench/167181")
    parser.add_argument("--workers", type=int, default=500)
    options = parser.parse_args()
    it = benchmark(options.benchmark)
    timed = Timed(it)
    began, began_cpu = time.perf_counter(), time.process_time()
    end = simulate(
        ASHA(max_resource=it.max_resource, min_resource=it.min_resource),
        it.space,
        timed,
        workers=options.workers,
        budget=Budget(trials=round(options.jobs / JOBS_PER_TRIAL)),
    )
    all_s, clock_s = time.process_time() - began_cpu, time.perf_counter() - began
    n_jobs, loop_s = end.ledger.n_jobs, all_s - timed.seconds_taken
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{n_jobs} jobs, {len(end.ledger.trials)} trials, {len(end.entries)} facts, {options.workers} workers"
    )
    print(
        f"all {all_s:.1f} s: surrogate {timed.seconds_taken:.1f} s, the rest {loop_s:.1f} s; by the clock {clock_s:.1f} s"
    )
    print(f"{1e6 * loop_s / n_jobs:.1f} µs a job without the surrogate; {memory:.2f} GB at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
