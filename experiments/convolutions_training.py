"""A small convolutional network that reads digits of 8 by 8 pixels, in NumPy, every gradient written out."""

from __future__ import annotations

from typing import ClassVar

import msgspec
import numpy as np
from population_networks import Array, Rng
from population_tasks import digits

from paceline import Float, Integer
from paceline.events import Config, Metrics
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for
from paceline.space import Domain

CHANNELS = (1, 6, 12)
SIDE = 8
N_TRAINING, N_CHECK = 400, 400
"""Images to learn from, and for the score; the remaining 997 of 1797 judge."""

DEFAULT: Config = {"lr": 0.1, "batch": 32, "weight_decay": 5e-4, "momentum": 0.9, "cutout": 0}
"""What one begins with where residual networks read small images, but for the batch: 128 would leave 4 updates to an epoch."""


class Learner(msgspec.Struct):
    """Weights (filters and biases of two layers, matrix and bias of the last), and the velocities by which they move."""

    weights: list[Array]
    velocities: list[Array]


class Images(StatefulTraining[Learner]):
    """A unit is a pass through 400 images; stochastic gradient descent with momentum, at a constant rate.

    `loss` is the error in per cent on 400 other images, `held_out` on the remaining 997.

    Args:
        seed: of the split.
    """

    space: ClassVar[dict[str, Domain]] = {
        "lr": Float(1e-3, 1.0, log=True),
        "batch": Integer(32, 256, log=True),
        "weight_decay": Float(1e-5, 1e-3, log=True),
        "momentum": Float(0.1, 0.99),
        "cutout": Integer(0, 3),
    }

    def __init__(self, seed: int) -> None:
        images, labels = digits()
        order = generator_for(seed, "images").permutation(len(labels))
        self.training, self.check, self.test = np.split(order, [N_TRAINING, N_TRAINING + N_CHECK])
        self._images = images.reshape(-1, SIDE, SIDE, 1).astype(np.float32)
        self._labels = labels

    def begin(self, config: Config, rng: Rng) -> Learner:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        first, second, third = CHANNELS
        shapes = ((9 * first, second), (9 * second, third), (4 * third, 10))
        weights: list[Array] = []
        for m, n in shapes:
            weights += [rng.normal(0.0, np.sqrt(2.0 / m), (m, n)), np.zeros(n)]
        weights = [part.astype(np.float32) for part in weights]
        return Learner(weights, [np.zeros_like(part) for part in weights])

    def train(
        self, state: Learner, config: Config, start: int, stop: int, rng: Rng
    ) -> tuple[Learner, Metrics]:
        """See `StatefulTraining.train`."""
        with np.errstate(all="ignore"):  # a learning rate may be too high
            for _ in range(start, stop):
                self._pass(state, config, rng)
            return state, {"loss": self._error(state, self.check), "held_out": self._error(state, self.test)}

    def _pass(self, state: Learner, config: Config, rng: Rng) -> None:
        """Through all images to learn from, in an order and with holes of its own."""
        lr, momentum, decay = (np.float32(config[name]) for name in ("lr", "momentum", "weight_decay"))  # type: ignore[arg-type]
        order = rng.permutation(self.training)
        holes = cut_out(len(order), int(config["cutout"]), rng)  # type: ignore[arg-type]
        batch = int(config["batch"])  # type: ignore[arg-type]
        for begin in range(0, len(order), batch):
            rows = order[begin : begin + batch]
            images = self._images[rows] * holes[begin : begin + batch]
            for i, gradient in enumerate(gradients_of(state.weights, images, self._labels[rows])):
                change = gradient + decay * state.weights[i]
                state.velocities[i] = momentum * state.velocities[i] - lr * change
                state.weights[i] = state.weights[i] + state.velocities[i]

    def _error(self, state: Learner, rows: Array) -> float:
        scores = Tape(state.weights, self._images[rows]).scores
        if not np.isfinite(scores).all():
            return float("nan")
        return 100.0 * float((scores.argmax(axis=1) != self._labels[rows]).mean())


def cut_out(n: int, half: int, rng: Rng) -> Array:
    """For each of `n` images a mask that is 0 in a square of sides `2 * half` around a place of its own, 1 elsewhere."""
    centre = rng.integers(SIDE + 1, size=(n, 2, 1))
    is_near = (np.arange(SIDE) >= centre - half) & (np.arange(SIDE) < centre + half)
    hole = is_near[:, 0, :, None] & is_near[:, 1, None, :]
    return (~hole[..., None]).astype(np.float32)


class Tape:
    """What the network makes of some images: twice a convolution, a rectifier and the mean of each 2 by 2 places; then a matrix.

    Args:
        weights: of a `Learner`.
        images: `(n, 8, 8, 1)`.
    """

    def __init__(self, weights: list[Array], images: Array) -> None:
        self.patches: list[Array] = []
        self.active: list[Array] = []
        x = images
        for layer in (0, 1):
            patches = patches_of(x)
            made = patches @ weights[2 * layer]
            made += weights[2 * layer + 1]
            np.maximum(made, 0.0, out=made)
            self.patches.append(patches)
            self.active.append(made > 0)
            n, side, _, channels = made.shape
            x = made.reshape(n, side // 2, 2, side // 2, 2, channels).mean(axis=(2, 4))
        self.features = x.reshape(len(x), -1)
        self.scores = self.features @ weights[4] + weights[5]


def gradients_of(weights: list[Array], images: Array, labels: Array) -> list[Array]:
    """Of the mean cross-entropy, by all weights."""
    tape = Tape(weights, images)
    slope = np.exp(tape.scores - tape.scores.max(axis=1, keepdims=True))
    slope /= slope.sum(axis=1, keepdims=True)
    slope[np.arange(len(labels)), labels] -= 1.0
    slope /= len(labels)
    found = [tape.features.T @ slope, slope.sum(axis=0)]
    slope = slope @ weights[4].T
    for layer in (1, 0):
        active, patches = tape.active[layer], tape.patches[layer]
        n, side, _, channels = active.shape
        slope = slope.reshape(n, side // 2, 1, side // 2, 1, channels) * np.float32(0.25)
        slope = (
            np.broadcast_to(slope, (n, side // 2, 2, side // 2, 2, channels)).reshape(active.shape) * active
        )
        flat = slope.reshape(-1, channels)
        found = [patches.reshape(len(flat), -1).T @ flat, flat.sum(axis=0), *found]
        if layer:
            slope = images_of(slope @ weights[2].T)
    return found


def patches_of(images: Array) -> Array:
    """For each place its 3 by 3 neighbours, those beyond the border 0: `(n, side, side, 9 * channels)`."""
    n, side, _, channels = images.shape
    padded = np.zeros((n, side + 2, side + 2, channels), dtype=images.dtype)
    padded[:, 1:-1, 1:-1] = images
    patches = np.empty((n, side, side, 9, channels), dtype=images.dtype)
    for i in range(9):
        down, right = divmod(i, 3)
        patches[..., i, :] = padded[:, down : down + side, right : right + side]
    return patches.reshape(n, side, side, -1)


def images_of(patches: Array) -> Array:
    """The transpose of `patches_of`: each place has the sum of its values in all patches."""
    n, side, _, width = patches.shape
    parts = patches.reshape(n, side, side, 9, width // 9)
    padded = np.zeros((n, side + 2, side + 2, width // 9), dtype=patches.dtype)
    for i in range(9):
        down, right = divmod(i, 3)
        padded[:, down : down + side, right : right + side] += parts[..., i, :]
    return padded[:, 1:-1, 1:-1]
