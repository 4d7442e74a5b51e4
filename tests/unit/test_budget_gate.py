"""The study's budget: what it lets through, what it never lets through, and what closes the study."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paceline.errors import SettingError
from paceline.events import Budget, BudgetSet, JobIssued, Objective, Reported, StudyClosed
from paceline.journal import MemoryJournal
from paceline.samplers.grid import Grid
from paceline.schedulers.asha import ASHA
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.single_fidelity import FullResource, RandomSearch
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.simulation import UnitTraining, simulate
from paceline.testing.studies import SPACE, drive

LOSSES = [(37 * i) % 101 / 101 for i in range(101)]
SCHEDULERS = [
    RandomSearch(max_resource=7),
    ASHA(max_resource=27),
    ASHA(max_resource=9, brackets=2, resume=False),
    ASHA(max_resource=9, variant="stop"),
    ASHA(max_resource=None, reduction_factor=2),
    SuccessiveHalving(max_resource=9, brackets=None),
    Hyperband(max_resource=9, sweeps=None),
]


def study(scheduler, budget, **more):
    return simulate(scheduler, SPACE, UnitTraining(LOSSES), budget=budget, **more)


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=repr)
def test_trials(scheduler):
    ledger = study(scheduler, Budget(trials=20), workers=3).ledger
    assert len(ledger.trials) == 20
    assert ledger.closed == "the budget of 20 trials is spent"


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=repr)
@settings(max_examples=15, deadline=None)
@given(limit=st.integers(1, 120), workers=st.integers(1, 9), drop_rate=st.sampled_from([0.0, 0.05]))
def test_resource_is_never_exceeded(scheduler, limit, workers, drop_rate):
    result = study(
        scheduler, Budget(resource=limit), workers=workers, drop_rate=drop_rate, report_every=1, seed=limit
    )
    ledger = result.ledger
    assert ledger.trained <= limit
    assert ledger.committed == 0
    decision = result.scheduler.decide()
    cost = decision.target - getattr(decision, "start", 0)
    assert ledger.trained + cost > limit  # what is left is too little for what would come next
    assert ledger.closed == f"the rest of the budget of {limit} units is too small for the next job"


@pytest.mark.parametrize("minutes", [1e-9, 0.1, 1 / 3, 7.7, 1e5 + 1 / 7])
@pytest.mark.parametrize("workers", [1, 3])
def test_minutes_are_virtual_in_virtual_time(minutes, workers):
    """No job begins after the time is over; those that run then end at their next report."""
    unit_s = minutes * 60 / 50.3
    result = simulate(
        ASHA(max_resource=9),
        SPACE,
        UnitTraining(LOSSES, seconds_per_unit=unit_s),
        budget=Budget(minutes=minutes),
        workers=workers,
        report_every=1,
    )
    ends_at = minutes * 60
    assert result.ledger.closed == f"the budget of {minutes:g} minutes is spent"
    assert all(at < ends_at for at, event in result.entries if isinstance(event, JobIssued))
    assert ends_at <= result.entries[-1][0] <= ends_at + unit_s * 1.001
    assert result.ledger.trained == pytest.approx(51 * workers, abs=workers)


@pytest.mark.parametrize(("maximize", "target"), [(False, 0.05), (True, 0.95)])
def test_a_target_ends_the_study_once_it_is_reported(maximize, target):
    result = study(
        ASHA(max_resource=9), Budget(target=target), objective=Objective("loss", maximize=maximize), workers=3
    )
    reported = [event.metrics["loss"] for _, event in result.entries if isinstance(event, Reported)]
    reached = [value >= target if maximize else value <= target for value in reported]
    assert result.ledger.closed == f"the target of {target:g} was reached"
    assert reached.index(True) >= len(reported) - 3  # what ran beside it reported once more at most


def test_the_limit_that_is_reached_first_counts():
    budget = Budget(trials=10, resource=1000, minutes=60, target=-1.0)
    assert study(ASHA(max_resource=9), budget).ledger.closed == "the budget of 10 trials is spent"
    budget = Budget(trials=1000, resource=30, minutes=60, target=-1.0)
    assert study(ASHA(max_resource=9), budget).ledger.trained <= 30
    budget = Budget(trials=1000, resource=1000, minutes=0.5, target=-1.0)
    assert study(ASHA(max_resource=9), budget).ledger.closed == "the budget of 0.5 minutes is spent"
    budget = Budget(trials=1000, resource=1000, minutes=60, target=0.5)
    assert study(ASHA(max_resource=9), budget).ledger.closed == "the target of 0.5 was reached"


@pytest.mark.parametrize(
    "scheduler",
    [SuccessiveHalving(max_resource=3), FullResource(sampler=Grid(resolution={"x": 1, "n": 3}))],
    ids=["sha", "grid"],
)
@pytest.mark.parametrize("budget", [Budget(trials=3), Budget(trials=99), Budget(resource=99), None], ids=repr)
def test_a_scheduler_that_has_finished_is_not_put_down_to_the_budget(scheduler, budget):
    assert study(scheduler, budget).ledger.closed == "the scheduler has nothing left to do"


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=repr)
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Budget(trials=10), Budget(trials=25)),
        (Budget(resource=40), Budget(resource=100)),
        (Budget(minutes=0.5), Budget(minutes=1.5)),
        (Budget(target=0.5), Budget(trials=30)),
    ],
    ids=["trials", "resource", "minutes", "target"],
)
def test_a_closed_study_goes_on_with_a_higher_budget(scheduler, low, high):
    journal = MemoryJournal()
    first = drive(journal, scheduler, UnitTraining(LOSSES), slots=2, budget=low)
    n_before, n_trials = len(journal.entries), len(first.ledger.trials)
    last = drive(MemoryJournal(journal.entries), scheduler, UnitTraining(LOSSES), slots=2, budget=high)
    after = [event for _, event in journal.entries[n_before:]]
    assert isinstance(journal.entries[n_before - 1][1], StudyClosed)
    assert any(event == BudgetSet(high) for event in after)
    assert any(isinstance(event, JobIssued) for event in after)
    assert isinstance(after[-1], StudyClosed)
    assert last.ledger.closed != first.ledger.closed
    assert len(last.ledger.trials) >= n_trials
    if high.resource is not None:
        assert last.ledger.trained <= high.resource
    if high.trials is not None:
        assert len(last.ledger.trials) == high.trials
    if high.minutes is not None:  # those of both runs together; a last job lasts 27 s at most
        assert 90 <= last.ledger.elapsed_s <= 90 + 64


def test_in_two_steps_as_in_one():
    """A budget is a gate, nothing more: with one worker, raising it gives what a higher one had given at once."""

    def jobs(*budgets):
        journal = MemoryJournal()
        for budget in budgets:
            drive(MemoryJournal(journal.entries), ASHA(max_resource=27), UnitTraining(LOSSES), budget=budget)
        return [event.job for _, event in journal.entries if isinstance(event, JobIssued)]

    one, two = jobs(Budget(resource=300)), jobs(Budget(resource=100), Budget(resource=300))
    assert one == two


@pytest.mark.parametrize(
    "limits",
    [
        {"trials": 0},
        {"trials": 1.5},
        {"trials": True},
        {"resource": -1},
        {"minutes": 0},
        {"minutes": math.inf},
        {"minutes": "ten"},
        {"target": math.nan},
        {"target": True},
    ],
    ids=repr,
)
def test_a_budget_that_no_study_could_keep_is_refused(limits):
    with pytest.raises(SettingError, match=next(iter(limits))):
        Budget(**limits)
