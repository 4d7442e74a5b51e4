"""A small Bayesian neural network on the diabetes data, sampled by stochastic gradient Hamiltonian Monte Carlo.

The sampler is that of Springenberg et al. 2016 (SGHMC of Chen et al. 2014, whose steps are scaled by running moments of
the gradient while the chain burns in), written here from its equations:

    v ← (1 - α) v - η P ∇U/N + N(0, 2 α η P / N)        θ ← θ + v        P = 1 / √(mean of (∇U/N)²)

U is the negative logarithm of the posterior, N the number of its rows, ∇U an estimate from a batch of them. A chain's
answer is the mixture of the predictive densities of the states after its burn-in.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import ClassVar

import numpy as np
from population_networks import Array, Network, Rng

from paceline import Float, Integer
from paceline.events import Config, Metrics
from paceline.rng import generator_for
from paceline.space import Domain

BATCH = 20
"""Rows from which each gradient is estimated."""

KEPT = 50
"""States after the burn-in by which a chain answers, at most, evenly spaced."""

N_TRAINING, N_CHECK = 202, 120
"""Rows for the posterior, and for the score; the remaining 120 of 442 judge."""


@cache
def diabetes() -> tuple[Array, Array]:
    """442 patients: ten measurements of each, and the progress of the disease after a year."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return x, y


class Moments:
    """What scales the steps: running means of the gradient and of its square, over lengths that adapt themselves.

    Args:
        n: parameters.
    """

    def __init__(self, n: int) -> None:
        self._length = np.ones(n)
        self._mean = np.zeros(n)
        self._square = np.ones(n)

    def take_in(self, gradient: Array) -> None:
        """One more gradient."""
        share = 1.0 / (self._length + 1.0)
        self._length += 1.0 - self._length * self._mean * self._mean / self._square
        self._mean += share * (gradient - self._mean)
        self._square += share * (gradient * gradient - self._square)

    @property
    def scales(self) -> Array:
        """P."""
        return 1.0 / (np.sqrt(self._square) + 1e-16)


class Chains:
    """A unit of resource is a step of the chain; each evaluation is a chain of its own, from nothing.

    `loss` is the mean negative log-likelihood of 120 rows, `held_out` of 120 others; targets are in standard deviations of
    the 202 rows of the posterior.

    Args:
        seed: of the split and of all chains.
    """

    space: ClassVar[dict[str, Domain]] = {
        "step_size": Float(1e-6, 1e-1, log=True),
        "burn_in": Float(0.0, 0.8),
        "units_1": Integer(16, 64, log=True),
        "units_2": Integer(16, 64, log=True),
        "mdecay": Float(0.0, 1.0),
    }

    def __init__(self, seed: int) -> None:
        self._seed = seed
        x, y = diabetes()
        order = generator_for(seed, "diabetes").permutation(len(y))
        self.training, self.check, self.test = np.split(order, [N_TRAINING, N_TRAINING + N_CHECK])
        inputs, target = x[self.training], y[self.training]
        self._x = (x - inputs.mean(0)) / inputs.std(0)
        self._y = (y - target.mean()) / target.std()

    def metrics(self, trial: int, config: Config, resource: int) -> Metrics:
        """See `SimulatedTraining.metrics`."""
        densities = self.chain(config, resource, generator_for(self._seed, "chain", trial))
        return {"loss": float(-densities[0].mean()), "held_out": float(-densities[1].mean())}

    def seconds(self, trial: int, config: Config, resource: int) -> float:  # noqa: ARG002
        """See `SimulatedTraining.seconds`."""
        return float(resource)

    def chain(self, config: Config, steps: int, rng: Rng) -> tuple[Array, Array]:
        """The logarithm of the predictive density of each row that checks, and of each that judges."""
        step_size, decay = float(config["step_size"]), float(config["mdecay"])  # type: ignore[arg-type]
        posterior = Posterior(self._x[self.training], self._y[self.training], config)
        burn_in = int(float(config["burn_in"]) * steps)  # type: ignore[arg-type]
        kept_at = set(
            np.linspace(burn_in, steps - 1, min(KEPT, steps - burn_in)).round().astype(int).tolist()
        )
        moments = Moments(posterior.n)
        state, speed = posterior.begin(rng), np.zeros(posterior.n)
        densities = []
        with np.errstate(all="ignore"):  # a step size may be too large
            for step in range(steps):
                gradient = posterior.gradient(state, rng.integers(N_TRAINING, size=BATCH))
                if step < max(1, burn_in):
                    moments.take_in(gradient)
                    scaled = step_size * moments.scales
                    noise = np.sqrt(2.0 * decay * scaled / N_TRAINING)
                speed = (1.0 - decay) * speed - scaled * gradient + noise * rng.standard_normal(posterior.n)
                state = state + speed
                if step in kept_at:
                    densities.append(posterior.log_density(state, self._others))
            check, test = np.split(_log_mean_exp(np.array(densities)), [N_CHECK])
        return check, test

    @property
    def _others(self) -> tuple[Array, Array]:
        rows = np.concatenate([self.check, self.test])
        return self._x[rows], self._y[rows]


class Posterior:
    """Of the weights of a network with two hidden layers of tanh, and of the logarithm of the variance of the noise.

    Priors: weights N(0, 1/inputs of their layer), biases and the logarithm N(0, 1).

    Args:
        x: inputs.
        y: targets.
        config: the units.
    """

    def __init__(self, x: Array, y: Array, config: Config) -> None:
        sizes = (x.shape[1], int(config["units_1"]), int(config["units_2"]), 1)  # type: ignore[arg-type]
        self._network = Network(*sizes)
        self._x, self._y = x, y
        precisions = [np.append(np.full(m * n, float(m)), np.ones(n)) for m, n in pairwise(sizes)]
        self._precision = np.concatenate([*precisions, [1.0]]) / len(y)
        self.n = len(self._precision)

    def begin(self, rng: Rng) -> Array:
        """Where a chain begins."""
        return np.append(self._network.begin(rng), 0.0)

    def gradient(self, state: Array, batch: Array) -> Array:
        """Of U/N, as a batch has it."""
        layers = self._network.forward(state[:-1], self._x[batch])
        error = layers[-1][:, 0] - self._y[batch]
        precision = math.exp(min(-state[-1], 700.0))
        by_weights, _ = self._network.backward(state[:-1], layers, (precision / len(batch) * error)[:, None])
        by_noise = 0.5 - 0.5 * precision * float((error * error).mean())
        return np.append(by_weights, by_noise) + self._precision * state

    def log_density(self, state: Array, rows: tuple[Array, Array]) -> Array:
        """Of targets, by one state."""
        x, y = rows
        error = self._network.forward(state[:-1], x)[-1][:, 0] - y
        return -0.5 * (np.log(2 * np.pi) + state[-1] + error * error * np.exp(-state[-1]))


def _log_mean_exp(logs: Array) -> Array:
    """Over the first axis."""
    most = logs.max(axis=0)
    return most + np.log(np.exp(logs - most).mean(axis=0))
