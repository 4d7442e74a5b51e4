"""What is read off a run, on facts written by hand."""

import math

from paceline import Float, Space
from paceline.benchmarks import Benchmark
from paceline.comparison.cells import Terms
from paceline.comparison.results import Group, Problem
from paceline.comparison.traces import trace_of
from paceline.events import Job, JobEnded, JobIssued, Outcome, Reported, Trial, TrialCreated


class Line(Benchmark):
    """The true loss is x; what is reported is whatever the facts say."""

    family, name, unit = "line", "line/1", "step"
    space = Space({"x": Float(0.0, 1.0)})
    min_resource, max_resource, resumes = 1, 4, True
    full_seconds, best, median = 4.0, 0.0, 0.5

    def loss(self, config, resource, trial=0):
        return config["x"] + 1 / resource

    def true_loss(self, config):
        return config["x"]

    def seconds(self, trial, config, resource):
        return float(resource)


def _facts():
    def job(number, trial, start, target, at, loss, *, created=True):  # noqa: PLR0917
        if created:
            yield 0.0, TrialCreated(Trial(trial, {"x": xs[trial]}))
        yield 0.0, JobIssued(Job(number, trial, start, target))
        yield at, Reported(number, trial, target, {"loss": loss}, 1.0)
        yield at, JobEnded(number, trial, Outcome.COMPLETED)

    xs = [0.4, 0.1, 0.2]
    yield from job(0, 0, 0, 4, 4.0, 0.9)
    yield from job(1, 1, 0, 1, 5.0, 0.1)
    yield from job(2, 1, 1, 4, 8.0, math.nan, created=False)
    yield from job(3, 2, 0, 4, 12.0, 0.3)
    yield from job(4, 1, 1, 4, 20.0, 0.2, created=False)


def test_the_incumbent_is_the_best_observed_at_the_highest_resource():
    trace = trace_of(_facts(), [0.1, 0.2, 0.3, 0.4, 0.5], Line(), until=15.0)
    assert [(step.trial, step.seconds, step.spent, step.loss) for step in trace.steps] == [
        (0, 4.0, 4, 0.9),
        (2, 12.0, 12, 0.3),
        (1, 20.0, 15, 0.2),
    ]
    assert [step.regret for step in trace.steps] == [0.8, 0.4, 0.2]
    assert [step.overhead_s for step in trace.steps] == [0.1, 0.4, 0.5]


def test_a_result_after_the_end_of_time_is_not_counted_and_what_is_not_finite_never_leads():
    trace = trace_of(_facts(), [0.0] * 5, Line(), until=15.0)
    assert (trace.spent, trace.spent_at_all, trace.full, trace.failed, trace.trials) == (12, 15, 3, 1, 3)
    longer = trace_of(_facts(), [0.0] * 5, Line(), until=20.0)
    assert longer.steps[-1].trial == 1
    assert (longer.spent, longer.full) == (15, 4)


def test_the_early_incumbent_is_never_from_a_lower_resource_than_one_before():
    trace = trace_of(_facts(), [0.0] * 5, Line(), until=20.0)
    assert [step.trial for step in trace.early] == [0, 2, 1]


def test_regret_is_1_before_the_first_incumbent_and_overhead_moves_it():
    trace = trace_of(_facts(), [2.0] * 5, Line(), until=15.0)
    problem = Problem("line/1", 1, 1, 4, "step", 4.0, True, 0.0, 0.5, "")
    from paceline.comparison.results import Contestant

    group = Group(Terms(1, 5.0), [problem], [Contestant("m", {})], [0], {("line/1", "m"): [trace]})
    at = {time: group.regrets("time", time)[0, 0, 0] for time in (1.0, 1.49, 1.5, 3.49, 3.5)}
    assert at == {1.0: 1.0, 1.49: 1.0, 1.5: 0.8, 3.49: 0.8, 3.5: 0.4}
    assert group.regrets("resource", 3.0)[0, 0, 0] == 0.4
    assert group.regrets("resource", 2.9)[0, 0, 0] == 0.8
