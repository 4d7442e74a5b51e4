"""Networks of a few layers and their optimizer, NumPy only, every gradient written out."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np

Array = np.ndarray
Rng = np.random.Generator


class Network:
    """Fully connected layers, the last of them linear. Its weights are one vector, so that a state is easy to copy.

    Args:
        sizes: units of the input, of each hidden layer, and of the output.
        slope: of the leaky rectifier below 0; `None` is tanh.
    """

    def __init__(self, *sizes: int, slope: float | None = None) -> None:
        self._shapes = list(pairwise(sizes))
        self._slope = slope

    def begin(self, rng: Rng) -> Array:
        """Weights that keep the size of a signal, and no biases."""
        gain = 1.0 if self._slope is None else 2.0
        parts = [
            np.append(rng.normal(0.0, np.sqrt(gain / m), m * n), np.zeros(n)) for m, n in self._shapes[:-1]
        ]
        m, n = self._shapes[-1]
        return np.concatenate([*parts, rng.normal(0.0, np.sqrt(0.1 / m), m * n), np.zeros(n)])

    def forward(self, weights: Array, x: Array, masks: list[Array] | None = None) -> list[Array]:
        """The input, what each hidden layer puts out, and the output.

        Args:
            weights: of all layers.
            x: one row for each case.
            masks: by which the hidden layers are multiplied (dropout); not for tanh.
        """
        layers = [x]
        for i, (matrix, bias) in enumerate(self._views(weights)):
            x = x @ matrix
            x += bias
            if i < len(self._shapes) - 1:
                x = np.tanh(x) if self._slope is None else np.maximum(x, self._slope * x)
                if masks is not None:
                    x *= masks[i]
            layers.append(x)
        return layers

    def backward(
        self, weights: Array, layers: list[Array], slope: Array, masks: list[Array] | None = None
    ) -> tuple[Array, Array]:
        """Gradients of a loss by the weights and by the input.

        Args:
            weights: of all layers.
            layers: of `forward`.
            slope: the loss's gradient by the output.
            masks: of `forward`.
        """
        gradient = np.empty_like(weights)
        wholes, into = self._views(weights), self._views(gradient)
        for i in reversed(range(len(self._shapes))):
            np.matmul(layers[i].T, slope, out=into[i][0])
            np.sum(slope, axis=0, out=into[i][1])
            slope = slope @ wholes[i][0].T
            if i:
                if masks is not None:
                    slope *= masks[i - 1]
                if self._slope is None:
                    slope *= 1.0 - layers[i] * layers[i]
                else:  # a mask is never negative, so the sign is that before it
                    slope *= np.where(layers[i] > 0, 1.0, self._slope)
        return gradient, slope

    def _views(self, weights: Array) -> list[tuple[Array, Array]]:
        views, at = [], 0
        for m, n in self._shapes:
            views.append((weights[at : at + m * n].reshape(m, n), weights[at + m * n : at + m * n + n]))
            at += m * n + n
        return views


class Adam(msgspec.Struct):
    """The optimizer of Kingma and Ba, with the weights that it moves.

    Args:
        weights: one vector.
        decay: of the first moment.
    """

    weights: Array
    decay: float = 0.9
    first: Array | float = 0.0
    second: Array | float = 0.0
    n: int = 0

    def descend(self, gradient: Array, rate: float) -> None:
        """One step."""
        self.n += 1
        self.first = self.decay * self.first + (1 - self.decay) * gradient
        self.second = 0.999 * self.second + 0.001 * (gradient * gradient)
        scale = rate * np.sqrt(1 - 0.999**self.n) / (1 - self.decay**self.n)
        self.weights -= scale * self.first / (np.sqrt(self.second) + 1e-8)


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), of any size of x."""
    return 0.5 + 0.5 * np.tanh(0.5 * x)
