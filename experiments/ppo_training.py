"""Proximal policy optimization (Schulman et al. 2017) of a cart with a pole: how many episodes until it balances.

Everything is small and in NumPy: two hidden layers that policy and value share, and the carts of the population's task.
One repetition plays batches of episodes side by side, and learns from each batch in `STEPS` steps of Adam, each on
`SAMPLE` of its moments. It is over when 20 episodes in a row have lasted to the end, or at the cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

import msgspec
import numpy as np
from population_networks import Adam, Array, Rng, sigmoid
from population_tasks import Carts

from paceline import Float, Integer
from paceline.events import Config, Metrics
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for
from paceline.space import Domain

LAST = 100
"""Steps after which an episode ends in any case."""

IN_A_ROW = 20
"""Episodes whose mean return must be `LAST`: all of them have lasted to the end."""

CAP = 400
"""Episodes after which a repetition is given up; the paper has 3,000."""

STEPS, SAMPLE = 20, 128
"""Steps of Adam after each batch, and the moments on which each step is taken."""

REWARD = 0.1
"""Of a step, so that values are not much greater than logits."""


class Played(NamedTuple):
    """Batches of episodes, one for each network; the first axis is the network's, the second the moment's."""

    seen: Array
    is_right: Array
    logits: Array
    values: Array
    gains: Array
    lived: Array
    lengths: Array


class Repetitions(msgspec.Struct):
    """How many episodes each repetition so far has taken, and the seed of their streams."""

    seed: int
    episodes: list[int]


class Policies(StatefulTraining[Repetitions]):
    """A unit of resource is one more repetition; the loss is the mean of all so far.

    Each repetition has a stream of its own, named by the trial's seed and its number: it takes the same course whether
    the trial is trained at once or goes on later, and no two share a number.
    """

    space: ClassVar[dict[str, Domain]] = {
        "units_1": Integer(8, 64, log=True),
        "units_2": Integer(8, 64, log=True),
        "batch": Integer(8, 64, log=True),
        "lr": Float(1e-7, 1e-1, log=True),
        "discount": Float(0.0, 1.0),
        "clip": Float(0.0, 1.0),
        "entropy": Float(0.0, 1.0),
    }

    def begin(self, config: Config, rng: Rng) -> Repetitions:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        return Repetitions(int(rng.integers(2**62)), [])

    def train(
        self,
        state: Repetitions,
        config: Config,
        start: int,
        stop: int,
        rng: Rng,  # noqa: ARG002 - repetitions have streams of their own
    ) -> tuple[Repetitions, Metrics]:
        """See `StatefulTraining.train`."""
        streams = [generator_for(state.seed, "repetition", number) for number in range(start, stop)]
        state.episodes += episodes_needed(config, streams)
        return state, {"loss": float(np.mean(state.episodes))}


Views = list[tuple[Array, Array]]


class Policy:
    """Networks of one shape, side by side: two hidden layers of tanh, to the logit of a push to the right and the value.

    Args:
        units: of the hidden layers.
    """

    def __init__(self, *units: int) -> None:
        sizes = (4, *units, 2)
        self._shapes = list(pairwise(sizes))

    def begin(self, rngs: Sequence[Rng]) -> Array:
        """Weights, one row for each network."""
        rows = []
        for rng in rngs:
            parts: list[Array] = []
            for m, n in self._shapes:
                scale = np.sqrt((0.1 if n == 2 else 1.0) / m)
                parts += [rng.normal(0.0, scale, m * n), np.zeros(n)]
            rows.append(np.concatenate(parts))
        return np.array(rows, dtype=np.float32)

    def views(self, weights: Array) -> Views:
        """The matrix and the bias of each layer, which change as the weights do."""
        views, at, n_networks = [], 0, len(weights)
        for m, n in self._shapes:
            matrix, bias = weights[:, at : at + m * n], weights[:, at + m * n : at + m * n + n]
            views.append((matrix.reshape(n_networks, m, n), bias.reshape(n_networks, 1, n)))
            at += m * n + n
        return views


def forward(layers: Views, x: Array) -> list[Array]:
    """The input `(networks, cases, 4)`, what the hidden layers put out, and the output."""
    found = [x]
    for matrix, bias in layers:
        x = np.matmul(x, matrix)
        x += bias
        if len(found) < len(layers):
            np.tanh(x, out=x)
        found.append(x)
    return found


def backward(layers: Views, found: list[Array], slope: Array, into: Views) -> None:
    """Put the gradient of a loss by the weights where it belongs, from that by the output."""
    for i in reversed(range(len(layers))):
        np.matmul(found[i].transpose(0, 2, 1), slope, out=into[i][0])
        np.sum(slope, axis=1, keepdims=True, out=into[i][1])
        if i:
            slope = np.matmul(slope, layers[i][0].transpose(0, 2, 1))
            slope *= 1.0 - found[i] * found[i]


def episodes_needed(config: Config, rngs: Sequence[Rng]) -> list[int]:
    """Of one repetition for each stream, side by side; `CAP` for one that was given up."""
    policy = Policy(int(config["units_1"]), int(config["units_2"]))  # type: ignore[arg-type]
    adam = Adam(policy.begin(rngs))
    running = list(range(len(rngs)))
    returns: list[list[int]] = [[] for _ in rngs]
    needed = [CAP] * len(rngs)
    with np.errstate(all="ignore"):  # a learning rate may be too high
        for begun in range(0, CAP, int(config["batch"])):  # type: ignore[arg-type]
            n = min(int(config["batch"]), CAP - begun)  # type: ignore[arg-type]
            streams = [rngs[i] for i in running]
            played = play(policy, adam.weights, config, n, streams)
            goes_on = np.ones(len(running), dtype=bool)
            for row, i in enumerate(running):
                returns[i] += played.lengths[row].tolist()
                if (solved := first_streak(returns[i])) is not None:
                    needed[i], goes_on[row] = solved, False
            if not goes_on.any() or begun + n == CAP:
                break
            learn(policy, adam, config, played, streams)
            if not goes_on.all():
                running = [i for i, is_on in zip(running, goes_on, strict=True) if is_on]
                keep(adam, goes_on)
    return needed


def keep(adam: Adam, which: Array) -> None:
    """Some of the networks go on."""
    adam.weights, adam.first, adam.second = (
        np.ascontiguousarray(part[which])  # type: ignore[index]
        for part in (adam.weights, adam.first, adam.second)
    )


def first_streak(returns: list[int]) -> int | None:
    """How many episodes there were when `IN_A_ROW` had lasted to the end, if that has happened."""
    streak = 0
    for i, length in enumerate(returns, 1):
        streak = streak + 1 if length == LAST else 0
        if streak == IN_A_ROW:
            return i
    return None


def play(policy: Policy, weights: Array, config: Config, n: int, rngs: Sequence[Rng]) -> Played:
    """`n` episodes for each network side by side, until the last of them is over."""
    layers, n_networks = policy.views(weights), len(rngs)
    carts = Carts(n * n_networks, np.random.default_rng())
    carts.state = np.concatenate([rng.uniform(-0.05, 0.05, (4, n)) for rng in rngs], axis=1)
    draws = np.concatenate([rng.random((LAST, n)) for rng in rngs], axis=1)
    lengths = np.full(n * n_networks, LAST)
    alive = np.ones(n * n_networks, dtype=bool)
    seen, answers, rights, lived = [], [], [], []
    for step in range(LAST + 1):
        x = carts.state.T.astype(np.float32).reshape(n_networks, n, 4)
        answer = forward(layers, x)[-1].reshape(-1, 2)
        if step == LAST or not alive.any():
            break
        seen.append(x)
        answers.append(answer)
        rights.append(draws[step] < sigmoid(answer[:, 0]))
        lived.append(alive.copy())
        fell = carts.step(rights[-1]) & alive
        lengths[fell] = step + 1
        alive &= ~fell
    gains = discounted(lived, np.where(alive, answer[:, 1], 0.0), float(config["discount"]))  # type: ignore[arg-type]

    def by_network(moments: Array) -> Array:
        return moments.reshape(len(moments), n_networks, n).swapaxes(0, 1).reshape(n_networks, -1)

    logits, values = np.array(answers).transpose(2, 0, 1)
    return Played(
        np.stack(seen, axis=1).reshape(n_networks, -1, 4),
        *(by_network(part) for part in (np.array(rights), logits, values, gains, np.array(lived))),
        lengths.reshape(n_networks, n),
    )


def discounted(lived: list[Array], beyond: Array, discount: float) -> Array:
    """What is gained from each moment on; of those that did not fall in the end, `beyond` is what they would have."""
    gains = np.empty((len(lived), len(beyond)), dtype=np.float32)
    for i in reversed(range(len(lived))):
        beyond = np.where(lived[i], REWARD + discount * beyond, 0.0)
        gains[i] = beyond
    return gains


def learn(policy: Policy, adam: Adam, config: Config, played: Played, rngs: Sequence[Rng]) -> None:
    """Steps on the clipped objective, with an entropy bonus, and on half the squared error of the value."""
    clip, cost, rate = (float(config[name]) for name in ("clip", "entropy", "lr"))  # type: ignore[arg-type]
    gradient = np.empty_like(adam.weights)
    layers, into = policy.views(adam.weights), policy.views(gradient)
    picks = np.stack([_picks(lived, rng) for lived, rng in zip(played.lived, rngs, strict=True)], axis=1)
    where = np.arange(len(rngs))[:, None], picks  # for each step, network and case
    rights, gains, before = (part[where] for part in (played.is_right, played.gains, played.logits))
    sign = np.where(rights, np.float32(1.0), np.float32(-1.0))
    before = -np.log1p(np.exp(-sign * before))  # log of the probability of what was done
    advantages, seen = gains - played.values[where], played.seen[where]
    for i in range(STEPS):
        found = forward(layers, seen[i])
        logit, value = found[-1][..., 0], found[-1][..., 1]
        p, advantage = sigmoid(logit), advantages[i]
        ratio = np.exp(-np.log1p(np.exp(-sign[i] * logit)) - before[i])
        # Beyond the clip, on the side to which the advantage pulls, the objective is flat.
        is_flat = np.where(advantage > 0, ratio > 1 + clip, ratio < 1 - clip)
        by_logit = np.where(is_flat, np.float32(0.0), ratio * advantage) * (rights[i] - p)
        by_logit -= REWARD * cost * logit * p * (1 - p)
        slope = np.stack([-by_logit, 0.5 * (value - gains[i])], axis=-1) / SAMPLE
        backward(layers, found, slope.astype(np.float32), into)
        adam.descend(gradient, rate)


def _picks(lived: Array, rng: Rng) -> Array:
    """For each step, some of the moments at which an episode went on."""
    moments = np.flatnonzero(lived)
    return moments[rng.integers(len(moments), size=(STEPS, SAMPLE))]
