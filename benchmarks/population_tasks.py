"""Small things that really train, whole populations of them in seconds.

Each task is a `StatefulTraining`: its state is what a checkpoint would hold (weights, optimizer, environments), and it
reports two figures. `score` is what methods select by. `held_out` is the same measured on other data, or in other
episodes, which nothing selects by: claims are judged by it.

    Balance      an actor-critic learns to balance a pole on a cart; h = learning rate, entropy cost, unroll length
    Digits       a perceptron reads digits; h = learning rate, dropout
    Mixture      a GAN draws from eight Gaussians on a circle; h = learning rates of generator and discriminator
    Quadratic    gradient descent on a noisy quadratic; h = learning rate
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import ClassVar

import msgspec
import numpy as np
from population_networks import Adam, Array, Network, Rng, sigmoid

from paceline import Float, Integer
from paceline.events import Config, Metrics, Objective
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for
from paceline.space import Domain

R = 40
"""Units of resource to which each member is trained, in every task; how many steps a unit has is the task's."""

INTERVAL = 2
"""Units between two evaluations, and between two comparisons of a population."""


class Task:
    """What all of them have: a space, a direction, steps to a unit of resource, and the seed of their data.

    Args:
        seed: of data that all trials of a study share.
    """

    space: ClassVar[dict[str, Domain]]
    objective: ClassVar[Objective]
    steps: int

    def __init__(self, seed: int) -> None:
        self.seed = seed


# Reinforcement learning ------------------------------------------------------------------------------------------

LONGEST = 500
"""Steps after which an episode ends in any case: the best return."""


class Carts:
    """Carts with a pole each, side by side: the task of Barto, Sutton and Anderson 1983, its usual constants.

    Args:
        n: how many.
        rng: of where they begin.
    """

    def __init__(self, n: int, rng: Rng) -> None:
        self.state = rng.uniform(-0.05, 0.05, (4, n))  # place, speed, angle, angular speed
        self.age = np.zeros(n, dtype=int)

    def step(self, is_right: Array) -> Array:
        """Push each cart to one side for 0.02 s; true for those that left the track or let their pole fall."""
        _, speed, angle, spin = self.state
        sine, cosine = np.sin(angle), np.cos(angle)
        push = (20.0 * is_right - 10.0 + 0.05 * spin * spin * sine) / 1.1
        twist = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - 0.1 / 1.1 * cosine * cosine))
        self.state = self.state + 0.02 * np.array([speed, push - 0.05 / 1.1 * twist * cosine, spin, twist])
        self.age += 1
        return (np.abs(self.state[0]) > 2.4) | (np.abs(self.state[2]) > np.pi / 15)

    def renew(self, which: Array, rng: Rng) -> None:
        """Let some of them begin anew."""
        self.state = np.where(which, rng.uniform(-0.05, 0.05, self.state.shape), self.state)
        self.age[which] = 0


class Agent(msgspec.Struct):
    """An actor-critic, and the carts with which it learns."""

    adam: Adam
    carts: Carts


class Balance(Task, StatefulTraining[Agent]):
    """Advantage actor-critic: 16 carts, one hidden layer that policy and value share, Adam.

    A unit is 16 steps of all carts. `score` is the mean return of 16 fresh episodes, `held_out` of 48 others.
    """

    space: ClassVar[dict[str, Domain]] = {
        "lr": Float(1e-4, 1e-1, log=True),
        "entropy": Float(1e-4, 1e-1, log=True),
        "unroll": Integer(4, 32, log=True),
    }
    objective = Objective("score", maximize=True)
    network = Network(4, 32, 2)  # to the logit of a push to the right, and the value
    steps = 16
    discount = 0.99
    reward = 0.1

    def begin(self, config: Config, rng: Rng) -> Agent:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        return Agent(Adam(self.network.begin(rng)), Carts(16, rng))

    def train(self, state: Agent, config: Config, start: int, stop: int, rng: Rng) -> tuple[Agent, Metrics]:
        """See `StatefulTraining.train`."""
        left = (stop - start) * self.steps
        while left:
            n = min(int(config["unroll"]), left)  # type: ignore[arg-type]
            self._learn(state, config, n, rng)
            left -= n
        returns = self.returns(state, 64, rng)
        return state, {"score": float(returns[:16].mean()), "held_out": float(returns[16:].mean())}

    def returns(self, agent: Agent, n: int, rng: Rng) -> Array:
        """Lengths of `n` fresh episodes."""
        carts = Carts(n, rng)
        lengths = np.full(n, LONGEST)
        alive = np.arange(n)
        while len(alive) and carts.age[0] < LONGEST:
            logit = self.network.forward(agent.adam.weights, carts.state.T)[-1][:, 0]
            falls = carts.step(rng.random(len(alive)) < sigmoid(logit))
            if falls.any():
                lengths[alive[falls]] = carts.age[0]
                alive = alive[~falls]
                carts.state, carts.age = carts.state[:, ~falls], carts.age[~falls]
        return lengths

    def _learn(self, agent: Agent, config: Config, n: int, rng: Rng) -> None:
        """One update from `n` steps of all carts."""
        weights, carts = agent.adam.weights, agent.carts
        draws = rng.random((n, carts.age.size))
        seen, rights, gains, ends = [], [], [], []
        for draw in draws:
            seen.append(carts.state.T)
            is_right = draw < sigmoid(self.network.forward(weights, seen[-1])[-1][:, 0])
            falls = carts.step(is_right)
            is_old = carts.age >= LONGEST
            gain = np.full(draw.size, self.reward)
            if is_old.any():  # it did not fall: what it would have gained is its value
                gain += self.discount * self._value(weights, carts) * (is_old & ~falls)
            over = falls | is_old
            if over.any():
                carts.renew(over, rng)
            rights.append(is_right)
            gains.append(gain)
            ends.append(over)
        target = self._value(weights, carts)
        targets = np.empty_like(draws)
        for i in reversed(range(n)):
            target = gains[i] + self.discount * np.where(ends[i], 0.0, target)
            targets[i] = target
        layers = self.network.forward(weights, np.concatenate(seen))
        logit, value = layers[-1].T
        advantage = targets.ravel() - value
        p = sigmoid(logit)
        # Of log π(action)·advantage + cost·entropy, by the logit; and of half the squared error, by the value.
        up = (np.concatenate(rights) - p) * advantage - float(config["entropy"]) * logit * p * (1 - p)  # type: ignore[arg-type]
        slope = np.stack([-up, -0.5 * advantage], axis=1) / advantage.size
        agent.adam.descend(self.network.backward(weights, layers, slope)[0], float(config["lr"]))  # type: ignore[arg-type]

    def _value(self, weights: Array, carts: Carts) -> Array:
        value: Array = self.network.forward(weights, carts.state.T)[-1][:, 1]
        return value


# Digits ----------------------------------------------------------------------------------------------------------


class Momentum(msgspec.Struct):
    """Weights, and the velocity by which they move."""

    weights: Array
    velocity: Array


@cache
def digits() -> tuple[Array, Array]:
    """1797 images of 8 by 8 pixels, and what they show."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16.0, labels


def constant(share: float) -> float:  # noqa: ARG001
    """The rate that is multiplied by 1, whatever share of the training is over."""
    return 1.0


def cosine(share: float) -> float:
    """From 1 to 0."""
    return 0.5 + 0.5 * float(np.cos(np.pi * share))


class Digits(Task, StatefulTraining[Momentum]):
    """A perceptron with one hidden layer of 64 and dropout, stochastic gradient descent with momentum 0.9, batches of 32.

    A unit is 25 updates, about one pass through the 797 images that the study's seed chooses. `score` is the error on
    500 others, `held_out` on the remaining 500, both in per cent.

    Args:
        seed: of the split.
        decay: by what the learning rate is multiplied when so large a share of the training is over.
    """

    space: ClassVar[dict[str, Domain]] = {"lr": Float(1e-3, 1.0, log=True), "dropout": Float(0.0, 0.8)}
    objective = Objective("score")
    network = Network(64, 64, 10, slope=0.0)
    steps = 25

    def __init__(self, seed: int, decay: Callable[[float], float] = constant) -> None:
        super().__init__(seed)
        self._decay = decay
        images, labels = digits()
        order = generator_for(seed, "digits").permutation(len(labels))
        train, check, test = order[:797], order[797:1297], order[1297:]
        self._train = images[train], labels[train]
        self._check = images[check], labels[check]
        self._test = images[test], labels[test]

    def begin(self, config: Config, rng: Rng) -> Momentum:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        weights = self.network.begin(rng)
        return Momentum(weights, np.zeros_like(weights))

    def train(
        self, state: Momentum, config: Config, start: int, stop: int, rng: Rng
    ) -> tuple[Momentum, Metrics]:
        """See `StatefulTraining.train`."""
        images, labels = self._train
        lr, keep = float(config["lr"]), 1.0 - float(config["dropout"])  # type: ignore[arg-type]
        rows = np.arange(32)
        with np.errstate(all="ignore"):  # a learning rate may be too high
            for step in range(start * self.steps, stop * self.steps):
                batch = rng.integers(len(labels), size=32)
                masks = [(rng.random((32, 64)) < keep) / keep]
                layers = self.network.forward(state.weights, images[batch], masks)
                slope = np.exp(layers[-1] - layers[-1].max(axis=1, keepdims=True))
                slope /= slope.sum(axis=1, keepdims=True)
                slope[rows, labels[batch]] -= 1.0
                gradient, _ = self.network.backward(state.weights, layers, slope / 32, masks)
                state.velocity = 0.9 * state.velocity - lr * self._decay(step / (R * self.steps)) * gradient
                state.weights = state.weights + state.velocity
            return state, {
                "score": self._error(state, *self._check),
                "held_out": self._error(state, *self._test),
            }

    def _error(self, state: Momentum, images: Array, labels: Array) -> float:
        found = self.network.forward(state.weights, images)[-1].argmax(axis=1)
        return 100.0 * float((found != labels).mean())


# A generative adversarial network --------------------------------------------------------------------------------

CENTRES = np.stack([f(np.arange(8) * np.pi / 4) for f in (np.cos, np.sin)], axis=1)
SPREAD = 0.05


def eight_gaussians(n: int, rng: Rng) -> Array:
    """Points around eight centres on the unit circle."""
    points: Array = CENTRES[rng.integers(8, size=n)] + rng.normal(0.0, SPREAD, (n, 2))
    return points


def mean_distance(first: Array, second: Array) -> float:
    """Of all pairs."""
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return float(np.sqrt(np.maximum(squares, 0.0)).mean())


def energy_distance(points: Array, real: Array) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'|, without bias: 0 on average where the distributions are equal."""
    n, m = len(points), len(real)
    return (
        2 * mean_distance(points, real)
        - mean_distance(points, points) * n / (n - 1)
        - mean_distance(real, real) * m / (m - 1)
    )


class Pair(msgspec.Struct):
    """A generator and a discriminator."""

    generator: Adam
    discriminator: Adam


class Mixture(Task, StatefulTraining[Pair]):
    """The non-saturating GAN: two hidden layers of 32 in each network, batches of 64, Adam with β₁ = 0.5.

    A unit is 50 updates of both. `score` is the energy distance of 500 points from 500 real ones, `held_out` of 1000 from
    1000 others, both times 1000; `modes` is how many of the eight have a twentieth of the 1000 within three σ.
    """

    space: ClassVar[dict[str, Domain]] = {
        "lr_generator": Float(1e-5, 1e-1, log=True),
        "lr_discriminator": Float(1e-5, 1e-1, log=True),
    }
    objective = Objective("score")
    generator = Network(4, 32, 32, 2, slope=0.1)
    discriminator = Network(2, 32, 32, 1, slope=0.1)
    steps = 50

    def begin(self, config: Config, rng: Rng) -> Pair:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        return Pair(Adam(self.generator.begin(rng), 0.5), Adam(self.discriminator.begin(rng), 0.5))

    def train(self, state: Pair, config: Config, start: int, stop: int, rng: Rng) -> tuple[Pair, Metrics]:
        """See `StatefulTraining.train`."""
        with np.errstate(all="ignore"):
            for _ in range((stop - start) * self.steps):
                self._step(state, config, rng)
            points = self._points(state, 500, rng)
            metrics: dict[str, float | None] = {
                "score": 1000 * energy_distance(points, eight_gaussians(500, rng))
            }
            if stop == R:  # it takes long
                points = self._points(state, 1000, rng)
                metrics["held_out"] = 1000 * energy_distance(points, eight_gaussians(1000, rng))
                near = ((points[:, None] - CENTRES) ** 2).sum(2) < (3 * SPREAD) ** 2
                metrics["modes"] = float((near.mean(axis=0) > 0.05).sum())
            return state, metrics

    def _points(self, pair: Pair, n: int, rng: Rng) -> Array:
        return self.generator.forward(pair.generator.weights, rng.normal(size=(n, 4)))[-1]

    def _step(self, pair: Pair, config: Config, rng: Rng) -> None:
        """One update of both, from the same points."""
        drawn = self.generator.forward(pair.generator.weights, rng.normal(size=(64, 4)))
        judge = pair.discriminator.weights
        layers = self.discriminator.forward(judge, np.concatenate([eight_gaussians(64, rng), drawn[-1]]))
        p = sigmoid(layers[-1])
        slope = p.copy()  # of -log p of the real, -log(1 - p) of the drawn
        slope[:64] -= 1.0
        by_judge, _ = self.discriminator.backward(judge, layers, slope / 64)
        fooled = [layer[64:] for layer in layers]
        _, by_point = self.discriminator.backward(
            judge, fooled, (p[64:] - 1.0) / 64
        )  # of -log p of the drawn
        by_maker, _ = self.generator.backward(pair.generator.weights, drawn, by_point)
        pair.discriminator.descend(by_judge, float(config["lr_discriminator"]))  # type: ignore[arg-type]
        pair.generator.descend(by_maker, float(config["lr_generator"]))  # type: ignore[arg-type]


# A noisy quadratic -----------------------------------------------------------------------------------------------


class Quadratic(Task, StatefulTraining[Array]):
    """Gradient descent on Σ λx²/2 in 100 dimensions, λ from 0.01 to 1, with noise of variance λ in the gradient.

    The best learning rate falls with time: what is left of the start is to be removed first, and then the noise. A unit is
    10 steps. `score` is the loss's logarithm, to base 10; it has no noise of its own, so `held_out` is the same.
    """

    space: ClassVar[dict[str, Domain]] = {"lr": Float(1e-3, 1.0, log=True)}
    objective = Objective("score")
    steps = 10
    curvature = np.logspace(-2, 0, 100)

    def begin(self, config: Config, rng: Rng) -> Array:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        return rng.normal(0.0, 3.0, 100)

    def train(self, state: Array, config: Config, start: int, stop: int, rng: Rng) -> tuple[Array, Metrics]:
        """See `StatefulTraining.train`."""
        lr = float(config["lr"])  # type: ignore[arg-type]
        for noise in rng.normal(0.0, np.sqrt(self.curvature), ((stop - start) * self.steps, 100)):
            state = state - lr * (self.curvature * state + noise)
        loss = float(np.log10((self.curvature * state**2).sum() / 2))
        return state, {"score": loss, "held_out": loss}
