"""The tasks of `benchmarks/populations.py` are what they say, the comparison is fair, and each claim can be measured.

All claims, with seeds enough to judge: make populations.
"""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from evidence import Lab
from msgspec.structs import replace
from population_methods import TASKS, Cell, grid, made, outcome, populate
from population_networks import Network
from population_tasks import INTERVAL, Carts, Mixture, R, eight_gaussians, energy_distance
from populations import CLAIMS
from threadpoolctl import threadpool_limits

from paceline import PBT, simulate
from paceline.executors.simulated import StatefulTraining


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """So small matrices are multiplied faster by one than by several that wait for each other."""
    with threadpool_limits(1):
        yield


SMALL = {name: Cell(name, n=4, shorter=8) for name in TASKS}


# Networks, the cart, the mixture ---------------------------------------------------------------------------------


@pytest.mark.parametrize("slope", [None, 0.0, 0.1])
def test_gradients_are_those_of_small_differences(slope):
    rng = np.random.default_rng(0)
    network = Network(3, 5, 4, 2, slope=slope)
    weights, x, towards = network.begin(rng), rng.normal(size=(6, 3)), rng.normal(size=(6, 2))
    weights += rng.normal(0, 0.1, weights.shape)
    masks = None if slope is None else [(rng.random((6, n)) < 0.7) / 0.7 for n in (5, 4)]

    def loss(weights, x):
        return (network.forward(weights, x, masks)[-1] * towards).sum()

    def slopes(f, at):
        steps = 1e-6 * np.eye(at.size).reshape(at.size, *at.shape)
        return np.array([(f(at + step) - f(at - step)) / 2e-6 for step in steps]).reshape(at.shape)

    gradient, by_input = network.backward(weights, network.forward(weights, x, masks), towards.copy(), masks)
    np.testing.assert_allclose(gradient, slopes(lambda w: loss(w, x), weights), atol=1e-7)
    np.testing.assert_allclose(by_input, slopes(lambda x: loss(weights, x), x), atol=1e-7)


def test_the_cart_obeys_the_equations_of_motion():
    rng = np.random.default_rng(0)
    carts = Carts(1000, rng)
    carts.state = rng.uniform(-1, 1, (4, 1000))
    before, is_right = carts.state, rng.random(1000) < 0.5
    carts.step(is_right)
    np.testing.assert_allclose(carts.state[[0, 2]], before[[0, 2]] + 0.02 * before[[1, 3]])
    _, _, angle, spin = before
    push, twist = (carts.state[[1, 3]] - before[[1, 3]]) / 0.02
    force = np.where(is_right, 10, -10)
    pole = 0.1 * 0.5  # mass times half of its length
    np.testing.assert_allclose(
        1.1 * push + pole * twist * np.cos(angle), force + pole * spin**2 * np.sin(angle)
    )
    np.testing.assert_allclose(4 / 3 * 0.5 * twist + push * np.cos(angle), 9.8 * np.sin(angle), atol=1e-12)


def test_an_episode_ends_when_the_pole_falls_or_the_cart_leaves_the_track():
    carts = Carts(5, np.random.default_rng(0))
    carts.state = np.zeros((4, 5))
    carts.state[0, :2] = 2.39, 2.45
    carts.state[2, 2:4] = 0.20, 0.22
    np.testing.assert_array_equal(carts.step(np.ones(5)), [False, True, False, True, False])


def test_the_energy_distance_is_0_for_what_it_is_to_be_and_large_for_one_mode():
    rng = np.random.default_rng(0)
    real, same = eight_gaussians(2000, rng), eight_gaussians(2000, rng)
    assert abs(energy_distance(same, real)) < 0.005
    one_mode = np.array([1.0, 0.0]) + rng.normal(0, 0.05, (2000, 2))
    assert energy_distance(one_mode, real) > 0.5


@pytest.mark.parametrize("name", ["balance", "digits", "quadratic"])
def test_training_helps(name):
    task = TASKS[name](0)
    config = {"lr": 0.03, "entropy": 0.01, "unroll": 8, "dropout": 0.2}
    rng = np.random.default_rng(0)
    state, first = task.train(task.begin(config, rng), config, 0, INTERVAL, rng)
    for start in range(INTERVAL, R, INTERVAL):
        state, last = task.train(state, config, start, start + INTERVAL, rng)
    for metric in ("score", "held_out"):
        if TASKS[name].objective.maximize:
            assert last[metric] > 2 * first[metric]
        else:
            assert last[metric] < first[metric]


# Fairness --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TASKS)
def test_without_copying_pbt_is_random_search(name):
    cell = SMALL[name]
    pbt = PBT(max_resource=R, interval=INTERVAL, population_size=cell.n, quantile=0.0)
    task = TASKS[name]
    alone = simulate(
        pbt, task.space, made(cell, 1), workers=2, seed=1, objective=task.objective, report_every=INTERVAL
    )
    random = populate(replace(cell, method="random"), 1)
    assert [(state.trial.config, state.loss) for state in alone.ledger.trials] == [
        (state.trial.config, state.loss) for state in random.ledger.trials
    ]


def test_all_methods_spend_the_same_and_evaluate_as_often():
    cells = [replace(SMALL["digits"], method=method) for method in ("PBT", "random", "grid", "grid, cosine")]
    found = [outcome(cell, 0) for cell in cells]
    assert {(one.trained, one.wall, len(one.curve)) for one in found} == {(4 * R, 2 * R, R // INTERVAL)}
    reports = [populate(cell, 0).ledger.n_reports for cell in cells]
    assert set(reports) == {4 * R // INTERVAL}


def test_what_is_chosen_is_chosen_by_the_score_alone():
    class Misleading(StatefulTraining):
        def begin(self, config, rng):
            return 0

        def train(self, state, config, start, stop, rng):
            return state, {"score": config["lr"], "held_out": -config["lr"]}

    cell = replace(SMALL["quadratic"], method="random")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("population_methods.made", lambda *_: Misleading())
        least = min(state.trial.config["lr"] for state in populate(cell, 0).ledger.trials)
        assert outcome(cell, 0).held_out == -least


def test_a_grid_covers_the_space_evenly():
    configs = grid(TASKS["digits"], 16)
    assert {round(config["dropout"], 9) for config in configs} == {0.2, 0.6}
    rates = sorted({config["lr"] for config in configs})
    assert len(rates) == 8
    np.testing.assert_allclose(np.diff(np.log10(rates)), 3 / 8)


# Claims ----------------------------------------------------------------------------------------------------------


def test_each_claim_can_be_measured():
    lab = Lab(quick=True)
    for measure in CLAIMS.values():
        found = measure(lab)
        assert found.verdicts
        assert not any(verdict.must_hold for verdict in found.verdicts)
        for table in found.tables:
            assert all(len(row) == len(table.header) for row in table.rows)


def test_modes_are_counted():
    task = Mixture(0)
    state = task.begin({}, np.random.default_rng(0))
    config = {"lr_generator": 1e-5, "lr_discriminator": 1e-5}
    _, metrics = task.train(state, config, R - 1, R, np.random.default_rng(0))
    assert metrics["modes"] == 0
