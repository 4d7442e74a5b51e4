"""Virtual time."""

import math
import statistics

import pytest

from paceline.errors import SettingError
from paceline.events import Budget, JobEnded, JobIssued, Outcome, Reported, StudyClosed
from paceline.executors.simulated import SimulatedExecutor, StatefulTraining
from paceline.lineage import schedule
from paceline.schedulers.asha import ASHA
from paceline.schedulers.pbt import PBT
from paceline.schedulers.single_fidelity import RandomSearch
from paceline.simulation import UnitTraining, simulate
from paceline.space import Float
from paceline.space.perturb import Perturb

SPACE = {"x": Float(0, 1)}
LOSSES = [(37 * i) % 101 / 101 for i in range(101)]


def study(scheduler=None, trials=50, **more):
    return simulate(
        scheduler or RandomSearch(max_resource=10),
        SPACE,
        UnitTraining(LOSSES),
        budget=Budget(trials=trials),
        **more,
    )


def running_times(result):
    began, times = {}, []
    for at, event in result.entries:
        if isinstance(event, JobIssued):
            began[event.job.id] = at
        elif isinstance(event, JobEnded):
            times.append(at - began[event.job])
    return times


@pytest.mark.parametrize("workers", [1, 3, 500])
def test_no_more_jobs_run_than_there_are_workers_and_none_idles(workers):
    result = study(ASHA(max_resource=9), workers=workers)
    running, most = 0, 0
    for _, event in result.entries:
        running += isinstance(event, JobIssued) - isinstance(event, JobEnded)
        most = max(most, running)
    assert most == min(workers, 50)


def test_one_worker_trains_one_job_after_the_other():
    result = study(workers=1)
    assert result.ledger.elapsed_s == 50 * 10
    assert result.ledger.trained == 500


def test_time_is_the_work_divided_by_the_workers():
    assert study(workers=10).ledger.elapsed_s == 50


def test_stragglers_take_one_plus_a_half_normal_as_long():
    times = running_times(study(trials=4000, workers=8, straggler_sd=0.5))
    assert min(times) >= 10
    assert statistics.mean(times) == pytest.approx(10 * (1 + 0.5 * 0.798), rel=0.02)


def test_jobs_survive_as_the_drop_rate_says():
    result = study(trials=4000, workers=8, drop_rate=0.02)
    ends = result.ledger.outcomes
    assert ends[Outcome.COMPLETED] == 4000
    assert ends[Outcome.COMPLETED] / sum(ends.values()) == pytest.approx(0.98**10, rel=0.02)


def test_a_dropped_job_can_count_against_its_trial():
    result = study(trials=300, workers=8, drop_rate=0.02, drop_outcome=Outcome.FAILED, retries=0)
    assert result.ledger.outcomes[Outcome.LOST] == 0
    assert (
        sum(state.has_failed for state in result.ledger.trials) == result.ledger.outcomes[Outcome.FAILED] > 0
    )


def test_reports_come_as_often_as_asked():
    result = study(trials=1, report_every=4)
    assert [(at, event.resource) for at, event in result.entries if isinstance(event, Reported)] == [
        (4, 4),
        (8, 8),
        (10, 10),
    ]


def test_virtual_minutes_end_a_study_and_land_its_jobs():
    result = simulate(
        RandomSearch(max_resource=100),
        SPACE,
        UnitTraining(LOSSES),
        workers=2,
        budget=Budget(minutes=2.5),
        report_every=1,
    )
    at, event = result.entries[-1]
    assert event == StudyClosed("the budget of 2.5 minutes is spent")
    assert 150 <= at <= 151
    assert result.ledger.outcomes == {Outcome.COMPLETED: 2, Outcome.LOST: 2}


def test_a_resource_budget_is_never_exceeded():
    for limit in range(1, 60, 7):
        result = simulate(
            ASHA(max_resource=9), SPACE, UnitTraining(LOSSES), workers=3, budget=Budget(resource=limit)
        )
        assert result.ledger.trained <= limit
        assert result.ledger.closed


def test_the_limit_that_comes_first_counts():
    budget = Budget(trials=40, resource=10_000, target=0.02)
    result = simulate(RandomSearch(), SPACE, UnitTraining(LOSSES), budget=budget)
    assert result.ledger.closed == "the target of 0.02 was reached"
    assert len(result.ledger.trials) < 40


def test_what_is_not_finite_is_recorded_as_a_worker_records_it():
    result = simulate(
        ASHA(max_resource=9),
        SPACE,
        UnitTraining([math.nan, 2.0, math.inf, 1.0, -math.inf]),
        budget=Budget(trials=30),
    )
    values = {event.metrics["loss"] for _, event in result.entries if isinstance(event, Reported)}
    assert values == {None, 1.0, 2.0}
    assert (result.ledger.incumbent().resource, result.ledger.incumbent().loss) == (9, 1.0)
    assert [rung.n_results for rung in result.scheduler.view()[0].rungs] == [30, 10, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"straggler_sd": -0.1},
        {"straggler_sd": math.nan},
        {"drop_rate": 1.0},
        {"drop_rate": -0.1},
        {"report_every": 0},
    ],
    ids=repr,
)
def test_a_world_that_cannot_be_is_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        study(**wrong)


class Tally(StatefulTraining):
    """Its state is the list of the configs that each unit was trained with, and draws of what it was given."""

    def begin(self, config, rng):
        return {"units": [], "draws": [float(rng.random())]}

    def train(self, state, config, start, stop, rng):
        assert len(state["units"]) == start
        state["units"] += [config["x"]] * (stop - start)
        state["draws"].append(float(rng.random()))
        return state, {"loss": -sum(state["units"])}


POPULATION = PBT(max_resource=12, interval=3, population_size=6, explore=Perturb(resample=0.0))


@pytest.mark.parametrize("settings", [{}, {"straggler_sd": 1.0, "drop_rate": 0.1}, {"report_every": 1}])
def test_a_state_is_gone_on_from_by_whoever_starts_from_its_checkpoint(settings):
    result = simulate(POPULATION, SPACE, Tally(), workers=4, seed=1, **settings)
    done = [state for state in result.ledger.trials if result.ledger.is_fully_trained(state)]
    assert len(done) == 6
    assert any(state.trial.origin is not None for state in done)
    for state in done:
        chain = [
            piece.config["x"]
            for piece in schedule(result.ledger, state.id)
            for _ in range(piece.stop - piece.start)
        ]
        assert state.loss == -sum(chain)


def test_training_with_a_state_is_the_same_each_time_and_however_often_it_is_repeated():
    def results(**settings):
        ledger = simulate(
            RandomSearch(max_resource=5), SPACE, Draws(), budget=Budget(trials=20), **settings
        ).ledger
        return [state.loss for state in ledger.trials]

    first = results(workers=3)
    assert first == results(workers=3)
    assert first == results(workers=1, drop_rate=0.1)
    assert len(set(first)) == 20


class Draws(Tally):
    def train(self, state, config, start, stop, rng):
        state, _ = super().train(state, config, start, stop, rng)
        return state, {"loss": sum(state["draws"])}


def test_states_that_nobody_will_go_on_from_are_let_go_of(monkeypatch):
    made, most = [], 0

    class Watched(SimulatedExecutor):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            made.append(self)

        def wait(self, *arguments):
            nonlocal most
            super().wait(*arguments)
            most = max(most, len(self.saved))

    monkeypatch.setattr("paceline.simulation.SimulatedExecutor", Watched)
    big = PBT(max_resource=60, interval=3, population_size=6)
    ledger = simulate(big, SPACE, Tally(), workers=6).ledger
    assert len(made[0].saved) == 6
    assert most <= 3 * 6, f"of {ledger.n_reports} that were saved"
