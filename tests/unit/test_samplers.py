"""Where configs come from: nothing but the seed and the trial decides, and nothing is drawn twice."""

import math
from collections import Counter

import numpy as np
import pytest

from paceline.events import Budget, PointsGiven
from paceline.ledger import Ledger
from paceline.samplers.base import Context
from paceline.samplers.grid import Grid
from paceline.samplers.quasirandom import QuasiRandom
from paceline.samplers.random import Random
from paceline.schedulers.single_fidelity import GridSearch, QuasiRandomSearch, RandomSearch
from paceline.simulation import UnitTraining, simulate
from paceline.space import Categorical, Constant, Constraint, Float, Integer, Space

SPACE = Space({"x": Float(0, 1), "k": Integer(1, 4), "c": Categorical(["a", "b"]), "one": Constant(7)})


def configs(scheduler, n, **more):
    result = simulate(
        scheduler, more.pop("space", SPACE), UnitTraining([1.0]), budget=Budget(trials=n), **more
    )
    return [state.trial.config for state in result.ledger.trials]


@pytest.mark.parametrize(
    "scheduler", [RandomSearch(), GridSearch(), QuasiRandomSearch(), QuasiRandomSearch(sequence="halton")]
)
def test_workers_do_not_change_what_is_drawn(scheduler):
    assert configs(scheduler, 30, workers=1) == configs(scheduler, 30, workers=7)


def test_random_draws_do_not_depend_on_history():
    sampler = Random().build(Context(SPACE, 5, Ledger()))
    forwards = [sampler.propose(trial) for trial in range(20)]
    assert [sampler.propose(trial) for trial in reversed(range(20))] == forwards[::-1]


def test_random_draws_are_uniform():
    drawn = configs(RandomSearch(), 4000)
    x = np.array([config["x"] for config in drawn])
    assert abs(x.mean() - 0.5) < 0.02
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.05
    counts = Counter(config["k"] for config in drawn)
    assert all(abs(counts[k] - 1000) < 130 for k in (1, 2, 3, 4))


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_quasi_random_points_are_more_even_than_random_ones(sequence):
    """Every sixteenth holds exactly, or nearly, as many of 512 points as any other; past the first block as well."""
    drawn = configs(QuasiRandomSearch(sequence=sequence), 1024)
    for part in (drawn[:512], drawn[512:]):
        counts = Counter(math.floor(config["x"] * 16) for config in part)
        assert all(abs(counts[cell] - 32) <= (0 if sequence == "sobol" else 2) for cell in range(16))
    assert len({config["x"] for config in drawn}) == 1024


def test_a_refused_quasi_random_point_is_replaced_by_a_random_one():
    space = Space({"x": Float(0, 1)}, [Constraint("small", lambda config: config["x"] < 0.3)])
    assert all(config["x"] < 0.3 for config in configs(QuasiRandomSearch(), 50, space=space))


def test_a_grid_is_walked_once():
    drawn = configs(GridSearch(resolution=3), 10_000)
    assert len(drawn) == 3 * 3 * 2
    assert len({tuple(config.items()) for config in drawn}) == 18


def test_given_points_come_before_the_sampler_and_take_nothing_from_it():
    points = [{"x": 0.5, "k": 1, "c": "a", "one": 7}, {"x": 0.25, "k": 2, "c": "b", "one": 7}]
    drawn = configs(GridSearch(resolution=3), 10_000, points=points)
    assert drawn[:2] == points
    assert drawn[2:] == configs(GridSearch(resolution=3), 10_000)


def test_asking_twice_changes_nothing():
    for settings in (Random(), Grid(), QuasiRandom()):
        ledger = Ledger()
        sampler = settings.build(Context(SPACE, 0, ledger))
        first = sampler.propose(ledger.next_trial)
        assert [sampler.propose(ledger.next_trial) for _ in range(3)] == [first] * 3
        ledger.apply(PointsGiven(()), 0.0)
        assert sampler.propose(ledger.next_trial) == first
