"""A network of fully connected layers that learns by momentum, in NumPy and single precision, its gradient written out.

All weights are one vector, and so is their gradient: a step of the optimizer is a few operations, however many layers
there are.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Network:
    """Rectified linear units with dropout, and a linear output.

    Args:
        sizes: units of the input, of each hidden layer, and of the output.
        dropout: the share of the hidden units that is left out in each step of training.
        rng: of the first weights (He et al. 2015) and of dropout.
    """

    def __init__(self, sizes: list[int], dropout: float, rng: np.random.Generator) -> None:
        shapes = list(pairwise(sizes))
        self.n_weights = sum(m * n for m, n in shapes)
        self._weights = np.zeros(self.n_weights + sum(sizes[1:]), dtype=np.float32)
        self._gradient = np.zeros_like(self._weights)
        self._velocity = np.zeros_like(self._weights)
        self._layers = list(zip(_views(self._weights, shapes), _views(self._gradient, shapes), strict=True))
        for ((matrix, _), _), (m, _) in zip(self._layers, shapes, strict=True):
            matrix[:] = rng.normal(0.0, np.sqrt(2.0 / m), matrix.shape)
        self._dropout = dropout
        self._rng = rng

    def outputs(self, inputs: Floats) -> Floats:
        """What the trained network puts out, a row for each row."""
        values = inputs
        for (matrix, bias), _ in self._layers[:-1]:
            values = values @ matrix
            values += bias
            np.maximum(values, 0.0, out=values)
        (matrix, bias), _ = self._layers[-1]
        found: Floats = values @ matrix + bias
        return found

    def learn(
        self, inputs: Floats, targets: Floats, *, rate: float, momentum: float, is_number: bool
    ) -> None:
        """One step down the gradient of the mean loss over some rows.

        Args:
            inputs: `(n, features)`.
            targets: `(n, outputs)`: a 1 for the right class, where the loss is the cross-entropy; for a number, where it
                is half the squared error, the number.
            rate: the learning rate.
            momentum: what is kept of the velocity (Polyak 1964).
            is_number: which of the two losses.
        """
        values, masks = [inputs], []
        for (matrix, bias), _ in self._layers[:-1]:
            put_out = values[-1] @ matrix
            put_out += bias
            np.maximum(put_out, 0.0, out=put_out)
            masks.append(self._mask(put_out.shape))
            put_out *= masks[-1]
            values.append(put_out)
        (matrix, bias), _ = self._layers[-1]
        slope = values[-1] @ matrix + bias
        if not is_number:
            slope = softmax(slope)
        slope -= targets
        slope /= len(inputs)
        for i in range(len(self._layers) - 1, -1, -1):
            (matrix, _), (by_matrix, by_bias) = self._layers[i]
            np.matmul(values[i].T, slope, out=by_matrix)
            np.sum(slope, axis=0, out=by_bias)
            if i:
                slope = slope @ matrix.T
                slope *= masks[i - 1]
                slope *= values[i] > 0  # a unit that was left out is 0, and so is its mask
        self._velocity *= np.float32(momentum)
        self._gradient *= np.float32(rate)
        self._velocity -= self._gradient
        self._weights += self._velocity

    @property
    def is_finite(self) -> bool:
        """Whether training has not diverged to where numbers end."""
        return bool(np.isfinite(self._weights).all())

    def _mask(self, shape: tuple[int, ...]) -> Floats:
        """0 for what is left out; what is left in is scaled up, so that sums keep their mean (Srivastava et al. 2014)."""
        drawn = self._rng.random(shape, dtype=np.float32)
        mask: Floats = (drawn >= self._dropout) * np.float32(1.0 / (1.0 - self._dropout))
        return mask


def softmax(logits: Floats) -> Floats:
    """Probabilities of the classes, a row for each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Floats = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def _views(vector: Floats, shapes: list[tuple[int, int]]) -> list[tuple[Floats, Floats]]:
    """Matrix and bias of each layer, as parts of one vector."""
    views, at = [], 0
    for m, n in shapes:
        views.append((vector[at : at + m * n].reshape(m, n), vector[at + m * n : at + m * n + n]))
        at += m * n + n
    return views
