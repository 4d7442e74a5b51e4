"""One run of a cell: until its time is over and its resource is spent, as two runs would have it."""

import math

import pytest

from paceline.benchmarks import CountingOnes, CrossingCurves
from paceline.comparison import METHODS, measuring
from paceline.comparison.cells import Cell, Terms
from paceline.comparison.traces import trace_of
from paceline.events import Budget
from paceline.simulation import simulate

BUDGET = 12.0


def cell(method, benchmark, *, workers=4, seed=0, straggler_sd=0.0):
    settings = METHODS[method].make(benchmark)
    return Cell(method, benchmark.name, settings, Terms(workers, BUDGET, straggler_sd), workers, seed)


def without_overheads(trace):
    """What a trace says, but for the seconds that methods took, which no two runs share."""

    def steps(of):
        return [(s.seconds, s.spent, s.resource, s.loss, s.regret, s.test_loss, s.trial) for s in of]

    counts = [
        trace.seconds,
        trace.spent,
        trace.trials,
        trace.jobs,
        trace.full,
        trace.failed,
        trace.spent_at_all,
    ]
    return steps(trace.steps), steps(trace.early), counts


def run_twice(it, benchmark):
    """The trace, and whether the second run was needed: it has a budget of resource where the first has one of time."""
    seconds = BUDGET * benchmark.full_seconds / it.terms.workers
    units = math.ceil(BUDGET * benchmark.max_resource)

    def run(budget):
        end = simulate(
            it.settings, benchmark.space, benchmark, workers=it.workers, budget=budget, seed=it.seed, retries=0,
            straggler_sd=it.terms.straggler_sd, saves_checkpoints=benchmark.resumes,
        )  # fmt: skip
        return trace_of(end.entries, [0.0] * len(end.entries), benchmark, until=seconds)

    first = run(Budget(minutes=seconds / 60))
    if first.spent_at_all >= units:
        return first, False
    return run(Budget(resource=units + it.workers * benchmark.max_resource)), True


@pytest.mark.parametrize("straggler_sd", [0.0, 0.5])
@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("method", ["random", "asha", "asha-stop", "hyperband"])
def test_one_run_is_what_two_with_one_limit_each_would_be(method, workers, straggler_sd):
    needed = set()
    for benchmark in (CrossingCurves(64), CrossingCurves(16, cost_sd=1.5), CountingOnes(4)):
        for seed in range(2):
            it = cell(method, benchmark, workers=workers, seed=seed, straggler_sd=straggler_sd)
            expected, is_second = run_twice(it, benchmark)
            needed.add(is_second)
            assert without_overheads(measuring.measure(it, benchmark)) == without_overheads(expected)
    if straggler_sd:
        assert True in needed


def test_a_run_is_simulated_once(monkeypatch):
    calls = []
    monkeypatch.setattr(
        measuring, "simulate", lambda *args, **more: calls.append(1) or simulate(*args, **more)
    )
    benchmark = CrossingCurves(64)
    trace = measuring.measure(cell("asha", benchmark, straggler_sd=0.5), benchmark)
    assert len(calls) == 1
    assert trace.spent_at_all >= BUDGET * 64 > trace.spent  # time was over first, and it went on


def test_what_is_spent_before_time_is_over_ends_with_it():
    benchmark = CountingOnes(4)  # a second for each unit: four workers spend it all in time
    trace = measuring.measure(cell("asha", benchmark), benchmark)
    assert trace.spent_at_all < (BUDGET + 1) * benchmark.max_resource
    assert trace.seconds <= BUDGET * benchmark.full_seconds / 4
