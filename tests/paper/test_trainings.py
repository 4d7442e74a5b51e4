"""The trainings of the papers' experiments really train, go on as if never interrupted, and are judged by other data.

The experiments, with seeds enough to judge: make experiment NAME=bayesian-networks, ppo, convolutions, language.
"""

import copy
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "experiments"))
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import bayesian_training
import convolutions_training
import language_training
import ppo_training
import trained_search
from bayesian_training import Chains, Moments, Posterior
from convolutions_training import DEFAULT, Images
from evidence import Lab
from language_training import ALPHABET, HIDDEN, Parameters, Sentences, Tape, gradient_of
from population_networks import Adam
from ppo_training import Policies, Policy, episodes_needed, first_streak
from threadpoolctl import threadpool_limits
from trained_search import Terms, search

from paceline import Float, simulate
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for
from paceline.schedulers.hyperband import bracket_sizes


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """So small matrices are multiplied faster by one than by several that wait for each other."""
    with threadpool_limits(1):
        yield


WRITER = {
    "lr": 0.02,
    "dropout_input": 0.1,
    "dropout_output": 0.2,
    "weight_decay": 1e-4,
    "batch": 16,
    "length": 16,
}
PLAYER = {
    "units_1": 32,
    "units_2": 32,
    "batch": 8,
    "lr": 0.01,
    "discount": 0.98,
    "clip": 0.2,
    "entropy": 0.01,
}
CHAIN = {"step_size": 1e-3, "burn_in": 0.3, "units_1": 16, "units_2": 16, "mdecay": 0.1}
STATEFUL = {
    "convolutions": (lambda: Images(0), {**DEFAULT, "cutout": 1}),
    "language": (lambda: Sentences(0), WRITER),
}


# They learn ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATEFUL)
def test_training_helps(name):
    make, config = STATEFUL[name]
    task, rng = make(), np.random.default_rng(0)
    state, first = task.train(task.begin(config, rng), config, 0, 2, rng)
    _, last = task.train(state, config, 2, 20, rng)
    for metric in ("loss", "held_out"):
        assert last[metric] < 0.6 * first[metric]


def test_a_policy_learns_to_balance_before_it_is_given_up():
    streams = [generator_for(0, "test", i) for i in range(4)]
    assert max(episodes_needed(PLAYER, streams)) < ppo_training.CAP
    streams = [generator_for(0, "test", i) for i in range(2)]
    assert episodes_needed({**PLAYER, "lr": 1e-7}, streams) == [ppo_training.CAP] * 2


def test_longer_chains_are_nearer_to_the_posterior():
    task = Chains(0)
    constant = 0.5 * np.log(2 * np.pi) + 0.5  # of a Gaussian that knows mean and variance alone
    losses = [task.metrics(0, CHAIN, steps) for steps in (37, 333)]
    for metric in ("loss", "held_out"):
        assert losses[1][metric] < losses[0][metric]
        assert losses[1][metric] < constant - 0.1


def test_a_chain_draws_from_the_posterior(monkeypatch):
    """Where it is known: a mean of Gaussian data with a Gaussian prior, the batch all of the data."""
    n = bayesian_training.N_TRAINING
    data = np.random.default_rng(0).normal(0.3, 1.0, n)

    class Mean:
        n = 400  # as many independent chains

        def __init__(self, *_):
            pass

        def begin(self, rng):
            return np.zeros(self.n)

        def gradient(self, state, batch):
            return state - data.mean() + state / n

        def log_density(self, state, rows):
            drawn.append(state)
            return np.zeros(len(rows[0]))

    drawn = []
    monkeypatch.setattr(bayesian_training, "Posterior", Mean)
    monkeypatch.setattr(Moments, "scales", np.ones(Mean.n))
    Chains(0).chain({**CHAIN, "step_size": 0.02}, 1000, np.random.default_rng(1))
    draws = np.array(drawn)
    assert abs(draws.mean() - data.sum() / (n + 1)) < 0.01
    assert draws.var() == pytest.approx(1 / (n + 1), rel=0.1)


# Gradients -------------------------------------------------------------------------------------------------------


def slope_along(loss, weights, direction, step):
    return (loss(weights + step * direction) - loss(weights - step * direction)) / (2 * step)


def test_gradient_of_the_posterior():
    task = Chains(0)
    x, y = task._x[:30], task._y[:30]
    posterior = Posterior(x, y, CHAIN)
    rng = np.random.default_rng(0)
    state, direction = posterior.begin(rng), rng.normal(size=posterior.n)

    def negative_log(state):
        prior = 0.5 * (posterior._precision * state * state).sum()
        return prior - (posterior.log_density(state, (x, y))).mean()

    slope = slope_along(negative_log, state, direction, 1e-6)
    assert posterior.gradient(state, np.arange(30)) @ direction == pytest.approx(slope, rel=1e-5)


def test_gradient_of_the_recurrent_network():
    rng = np.random.default_rng(0)
    weights = Parameters.begin(rng)
    text = rng.integers(len(ALPHABET), size=(6, 3))
    hidden = rng.normal(0, 0.3, (3, HIDDEN)).astype(np.float32)
    masks = [
        (rng.random((5, 3, n)) < 0.7).astype(np.float32) / 0.7 for n in (language_training.EMBEDDING, HIDDEN)
    ]
    direction = rng.normal(size=weights.shape)

    def loss(weights):
        tape = Tape(weights.astype(np.float32), text[:-1], hidden, masks)
        return -np.take_along_axis(tape.logs, text[1:, :, None], 2).mean(dtype=float)

    gradient, _ = gradient_of(weights, text, hidden, masks)
    slope = slope_along(loss, weights, direction / np.linalg.norm(direction), 0.1)
    assert gradient @ direction / np.linalg.norm(direction) == pytest.approx(slope, rel=0.01)


def test_gradient_of_the_convolutions():
    task = Images(0)
    rng = np.random.default_rng(0)
    weights = [part + rng.normal(0, 0.1, part.shape) for part in task.begin({}, rng).weights]
    images, labels = task._images[:7].astype(float), task._labels[:7]

    def loss(weights):
        scores = convolutions_training.Tape(weights, images).scores
        return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(7), labels]).mean()

    gradients = convolutions_training.gradients_of(weights, images, labels)
    for i, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)

        def moved(part, i=i):
            return loss([*weights[:i], part, *weights[i + 1 :]])

        slope = slope_along(moved, weights[i], direction, 1e-6)
        assert (gradient * direction).sum() == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_gradient_of_the_policy():
    rng = np.random.default_rng(0)
    policy = Policy(5, 4)
    weights = policy.begin([rng, rng]).astype(float)
    x, towards = rng.normal(size=(2, 6, 4)), rng.normal(size=(2, 6, 2))
    gradient = np.empty_like(weights)
    found = ppo_training.forward(policy.views(weights), x)
    ppo_training.backward(policy.views(weights), found, towards, policy.views(gradient))
    direction = rng.normal(size=weights.shape)

    def loss(weights):
        return (ppo_training.forward(policy.views(weights), x)[-1] * towards).sum()

    assert (gradient * direction).sum() == pytest.approx(
        slope_along(loss, weights, direction, 1e-6), rel=1e-5
    )


# They go on as if never interrupted ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STATEFUL)
def test_going_on_from_a_copy_is_training_at_once(name):
    make, config = STATEFUL[name]
    task, rng = make(), np.random.default_rng(0)
    begun = task.begin(config, rng)
    rngs = copy.deepcopy(rng), rng
    _, at_once = task.train(copy.deepcopy(begun), config, 0, 4, rngs[0])
    for start in (0, 1, 3):
        begun, _ = task.train(copy.deepcopy(begun), config, start, start + 1 + (start == 1), rngs[1])
    _, again = task.train(copy.deepcopy(begun), config, 4, 4, rngs[1])
    assert again == at_once


def test_repetitions_are_the_same_whenever_they_are_made_and_not_alike():
    task = Policies()
    config = {**PLAYER, "lr": 0.03}
    begun = task.begin(config, np.random.default_rng(0))
    at_once, metrics = task.train(copy.deepcopy(begun), config, 0, 6, np.random.default_rng(1))
    for start, stop in ((0, 1), (1, 3), (3, 6)):
        begun, last = task.train(copy.deepcopy(begun), config, start, stop, np.random.default_rng(stop))
    assert begun.episodes == at_once.episodes
    assert last == metrics == {"loss": np.mean(at_once.episodes)}
    assert len(set(at_once.episodes)) > 3
    other, _ = task.train(
        task.begin(config, np.random.default_rng(2)), config, 0, 6, np.random.default_rng(1)
    )
    assert other.episodes != at_once.episodes


def test_a_policy_that_balances_leaves_the_others_as_they_were():
    adam = Adam(np.arange(12.0).reshape(3, 4))
    adam.descend(np.ones((3, 4)), 0.1)
    before = [part[[0, 2]].copy() for part in (adam.weights, adam.first, adam.second)]
    ppo_training.keep(adam, np.array([True, False, True]))
    for part, was in zip((adam.weights, adam.first, adam.second), before, strict=True):
        np.testing.assert_array_equal(part, was)


def test_a_streak_is_counted_in_episodes():
    best, n = ppo_training.LAST, ppo_training.IN_A_ROW
    assert first_streak([best] * (n - 1)) is None
    assert first_streak([3] + [best] * (n - 1) + [7] + [best] * (n + 5)) == 2 * n + 1


# What judges selects nothing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [Images, Chains])
def test_no_row_has_two_uses(make):
    for seed in (0, 1):
        task = make(seed)
        rows = np.concatenate([task.training, task.check, task.test])
        assert len(set(rows)) == len(rows)
    assert set(make(0).test) != set(make(1).test)


def test_texts_have_streams_of_their_own():
    purposes = ("text to learn from", "text to select by", "text to judge by")
    texts = [language_training.characters(0, purpose, 500) for purpose in purposes]
    assert len({text.tobytes() for text in texts}) == 3


class Misleading(StatefulTraining):
    """What is better by the loss is worse by what is held out."""

    def begin(self, config, rng):
        return 0

    def train(self, state, config, start, stop, rng):
        return state, {"loss": config["x"] + 1 / stop, "held_out": -config["x"]}


@pytest.mark.parametrize("method", ["BOHB", "Hyperband", "TPE", "random"])
def test_what_is_handed_over_is_chosen_by_the_loss_at_the_highest_resource(method):
    terms = Terms(max_resource=9, min_resource=1, sweeps=1)
    found = search(terms, method, {"x": Float(0.0, 1.0)}, Misleading(), 0)
    assert found.last.resource == 9
    assert found.last.loss == pytest.approx(found.configs[found.last.trial]["x"] + 1 / 9)
    assert found.last.held_out == -found.configs[found.last.trial]["x"]
    assert [choice.spent for choice in found.choices] == sorted(choice.spent for choice in found.choices)
    assert terms.resource - 9 < found.spent <= terms.resource
    assert found.at(0) is None
    assert found.at(terms.resource) == found.last


@pytest.mark.parametrize("resumes", [True, False])
def test_the_resource_is_what_sweeps_cost(resumes):
    terms = Terms(max_resource=27, min_resource=1, sweeps=2, resumes=resumes)
    end = simulate(
        terms._hyperband.__class__(max_resource=27, bracket_rule="hpbandster", sweeps=2, resume=resumes),
        {"x": Float(0.0, 1.0)},
        Misleading(),
        saves_checkpoints=resumes,
    )
    assert end.ledger.trained == terms.resource
    assert len(end.ledger.trials) == 2 * sum(bracket_sizes(27, 3, rule="hpbandster"))


def test_a_policy_is_judged_by_repetitions_of_its_own(monkeypatch):
    import ppo

    seen = []

    def episodes(config, streams):
        seen.append([stream.random() for stream in streams])
        return [100] * len(streams)

    monkeypatch.setattr(ppo_training, "episodes_needed", episodes)
    monkeypatch.setattr(ppo, "episodes_needed", episodes)
    found = ppo.outcome(ppo.Cell("random", Terms(max_resource=3, min_resource=1, sweeps=1)), 0)
    drawn = [value for streams in seen for value in streams]
    assert len(set(drawn)) == len(drawn)
    assert found.last.held_out == 100
    assert len(seen[-1]) == ppo.JUDGED_BY


def test_all_methods_of_a_comparison_have_a_row():
    terms = Terms(max_resource=3, min_resource=1, sweeps=1)
    found = {
        method: [search(terms, method, {"x": Float(0.0, 1.0)}, Misleading(), seed) for seed in (0, 1)]
        for method in ("BOHB", "random")
    }
    table = trained_search.comparison("title", terms, found)
    assert [row[0] for row in table.rows] == ["BOHB", "random"]
    assert all(len(row) == len(table.header) for row in table.rows)


# The experiments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bayesian-networks", "ppo", "convolutions", "language"])
def test_each_experiment_can_be_measured(name, monkeypatch):
    from catalogue import EXPERIMENTS

    monkeypatch.setattr(ppo_training, "CAP", 24)
    monkeypatch.setattr(bayesian_training, "KEPT", 4)
    monkeypatch.setattr(language_training, "UNIT", 128)
    monkeypatch.setattr(language_training, "LENGTH", 10)
    found = EXPERIMENTS[name].measure(Lab(quick=True))
    assert found.verdicts
    assert not any(verdict.must_hold for verdict in found.verdicts)
    for table in found.tables:
        assert all(len(row) == len(table.header) for row in table.rows)
