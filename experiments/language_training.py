"""A gated recurrent network that predicts the next character of made-up sentences, in NumPy.

The text is by a small grammar, that of `examples/population_sequence.py`: verbs agree with their subjects, over clauses in
between. There is so little of it that it can be learned by heart, so what is held out is the measure.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import ClassVar

import msgspec
import numpy as np
from population_networks import Adam, Array, Rng, sigmoid

from paceline import Categorical, Float
from paceline.events import Config, Metrics
from paceline.executors.simulated import StatefulTraining
from paceline.rng import generator_for
from paceline.space import Domain

ALPHABET = " .abcdefghijklmnopqrstuvwxyz"
HIDDEN, EMBEDDING = 48, 24
TEXT, UNIT = 2048, 1024
"""Characters of the text to learn from; and of a unit of resource, half a pass."""
PIECES, LENGTH = (16, 48), 80
"""Of other texts: so many pieces to select by, and to judge by; characters of each."""


class Grammar:
    """Random sentences such as "the old cats that the girl sees follow the dog."."""

    NOUNS = ("cat", "dog", "girl", "boy", "teacher", "farmer", "bird", "horse")
    ADJECTIVES = ("old", "young", "small", "tall", "happy", "tired")
    TRANSITIVE = ("see", "like", "follow", "hear", "help")
    INTRANSITIVE = ("sleep", "run", "smile", "wait")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng

    def text(self, length: int) -> str:
        """So many characters of sentences, the last one cut off."""
        sentences: list[str] = []
        while sum(map(len, sentences)) < length:
            is_plural = self._is(0.5)
            sentences.append(f"{self._nouns(is_plural, 2)} {self._verbs(is_plural, 1)}. ")
        return "".join(sentences)[:length]

    def _nouns(self, is_plural: bool, depth: int) -> str:  # noqa: FBT001 - the only thing that verbs agree with
        """The old cats, perhaps with a clause about them."""
        words = ["the", *([self._one(self.ADJECTIVES)] if self._is(0.4) else [])]
        words.append(self._one(self.NOUNS) + ("s" if is_plural else ""))
        if depth and self._is(0.4):
            words += ["that", self._clause(is_plural, depth - 1)]
        return " ".join(words)

    def _clause(self, is_plural: bool, depth: int) -> str:  # noqa: FBT001
        """What the nouns do, or what is done to them."""
        if self._is(0.5):
            return self._verbs(is_plural, depth)
        are_others = self._is(0.5)
        return f"{self._nouns(are_others, depth)} {self._verb(self.TRANSITIVE, are_others)}"

    def _verbs(self, is_plural: bool, depth: int) -> str:  # noqa: FBT001
        """A verb, and its object if it takes one."""
        if self._is(0.4):
            return self._verb(self.INTRANSITIVE, is_plural)
        verb = self._verb(self.TRANSITIVE, is_plural)
        return f"{verb} {self._nouns(self._is(0.5), depth)}"

    def _verb(self, verbs: tuple[str, ...], is_plural: bool) -> str:  # noqa: FBT001
        return self._one(verbs) + ("" if is_plural else "s")

    def _one(self, words: tuple[str, ...]) -> str:
        return words[int(self._rng.integers(len(words)))]

    def _is(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)


@cache
def characters(seed: int, purpose: str, length: int) -> Array:
    """A text of its own for each seed and purpose, as numbers."""
    text = Grammar(generator_for(seed, purpose)).text(length)
    return np.array([ALPHABET.index(character) for character in text])


class Parameters:
    """Matrices and biases in one vector, so that they are easy to copy and to descend."""

    SHAPES = (
        (len(ALPHABET), EMBEDDING),
        (EMBEDDING, 3 * HIDDEN),
        (1, 3 * HIDDEN),
        (HIDDEN, 3 * HIDDEN),
        (1, HIDDEN),
        (HIDDEN, len(ALPHABET)),
        (1, len(ALPHABET)),
    )
    ENDS = np.cumsum([0, *(m * n for m, n in SHAPES)])

    @classmethod
    def begin(cls, rng: Rng) -> Array:
        """Weights that keep the size of a signal, and no biases."""
        scales = [1.0, *(m**-0.5 if m > 1 else 0.0 for m, _ in cls.SHAPES[1:])]
        parts = [rng.normal(0.0, scale, m * n) for scale, (m, n) in zip(scales, cls.SHAPES, strict=True)]
        return np.concatenate(parts).astype(np.float32)

    @classmethod
    def views(cls, vector: Array) -> Iterator[Array]:
        """Embedding; input to gates, and bias; state to gates, and bias of the candidate; state to output, and bias."""
        for (begin, end), shape in zip(pairwise(cls.ENDS), cls.SHAPES, strict=True):
            yield vector[begin:end].reshape(shape)


class Learner(msgspec.Struct):
    """A network and its optimizer."""

    adam: Adam


class Sentences(StatefulTraining[Learner]):
    """A unit is half a pass through the text, whatever the batch; Adam, gradients clipped at a norm of 1.

    `loss` is the perplexity per character of pieces of another text, `held_out` of pieces of a third one.

    Args:
        seed: of the texts.
    """

    space: ClassVar[dict[str, Domain]] = {
        "lr": Float(1e-4, 1e-1, log=True),
        "dropout_input": Float(0.0, 0.5),
        "dropout_output": Float(0.0, 0.7),
        "weight_decay": Float(1e-6, 1e-2, log=True),
        "batch": Categorical([16, 32, 64]),
        "length": Categorical([16, 32, 64]),
    }

    def __init__(self, seed: int) -> None:
        self.text = characters(seed, "text to learn from", TEXT)
        texts = [
            characters(seed, purpose, n * LENGTH).reshape(n, LENGTH).T
            for purpose, n in zip(("text to select by", "text to judge by"), PIECES, strict=True)
        ]
        self._others = np.concatenate(texts, axis=1)

    def begin(self, config: Config, rng: Rng) -> Learner:  # noqa: ARG002
        """See `StatefulTraining.begin`."""
        return Learner(Adam(Parameters.begin(rng)))

    def train(
        self, state: Learner, config: Config, start: int, stop: int, rng: Rng
    ) -> tuple[Learner, Metrics]:
        """See `StatefulTraining.train`."""
        with np.errstate(all="ignore"):  # a learning rate may be too high
            for _ in range(start, stop):
                self._half_pass(state.adam, config, rng)
            losses = -self._log_likelihoods(state.adam.weights, self._others)
            check, test = (float(np.exp(part.mean())) for part in np.split(losses, PIECES[:1], axis=1))
        return state, {"loss": check, "held_out": test}

    def _half_pass(self, adam: Adam, config: Config, rng: Rng) -> None:
        """From wherever chance says, in as many strands as a batch has."""
        batch, length = int(config["batch"]), int(config["length"])  # type: ignore[arg-type]
        text = np.roll(self.text, int(rng.integers(TEXT)))[:UNIT].reshape(batch, -1).T
        keeps = [1.0 - float(config[name]) for name in ("dropout_input", "dropout_output")]  # type: ignore[arg-type]
        rate = float(config["lr"])  # type: ignore[arg-type]
        hidden = np.zeros((batch, HIDDEN), dtype=np.float32)
        for begin in range(0, len(text) - 1, length):
            piece = text[begin : begin + length + 1]
            shapes = [(len(piece) - 1, batch, width) for width in (EMBEDDING, HIDDEN)]
            masks = [
                (rng.random(shape, dtype=np.float32) < keep).astype(np.float32) / np.float32(keep)
                for shape, keep in zip(shapes, keeps, strict=True)
            ]
            gradient, hidden = gradient_of(adam.weights, piece, hidden, masks)
            gradient /= max(1.0, float(np.sqrt(gradient @ gradient)))
            adam.weights *= np.float32(1.0 - rate * float(config["weight_decay"]))  # type: ignore[arg-type]
            adam.descend(gradient, rate)

    @staticmethod
    def _log_likelihoods(weights: Array, text: Array) -> Array:
        """Of each character but the first, given those before it."""
        tape = Tape(weights, text[:-1], np.zeros((text.shape[1], HIDDEN), dtype=np.float32), None)
        return np.take_along_axis(tape.logs, text[1:, :, None], axis=2)[..., 0]


class Tape:
    """What the network does along some strands of text, step after step.

    Args:
        weights: of the network.
        text: `(steps, strands)`.
        hidden: the state before, `(strands, units)`.
        masks: of dropout, on what goes in and what comes out; or none.
    """

    def __init__(self, weights: Array, text: Array, hidden: Array, masks: list[Array] | None) -> None:
        embedding, into, bias, recurrent, candidate_bias, out, out_bias = Parameters.views(weights)
        self.inputs = embedding[text]
        if masks is not None:
            self.inputs *= masks[0]
        given = self.inputs @ into + bias
        n, steps = 2 * HIDDEN, len(text)
        self.states = np.empty((steps + 1, *hidden.shape), dtype=np.float32)
        self.gates = np.empty((steps, len(hidden), n), dtype=np.float32)
        self.candidates, self.recalled = np.empty((2, steps, *hidden.shape), dtype=np.float32)
        self.states[0] = hidden
        for i in range(steps):
            ahead = hidden @ recurrent
            gates = self.gates[i] = sigmoid(given[i, :, :n] + ahead[:, :n])  # of reset and of keeping
            recalled = self.recalled[i] = ahead[:, n:] + candidate_bias
            new = self.candidates[i] = np.tanh(given[i, :, n:] + gates[:, :HIDDEN] * recalled)
            hidden = self.states[i + 1] = new + gates[:, HIDDEN:] * (hidden - new)
        self.outputs = self.states[1:] if masks is None else self.states[1:] * masks[1]
        scores = self.outputs @ out + out_bias
        scores -= scores.max(axis=2, keepdims=True)
        self.logs = scores - np.log(np.exp(scores).sum(axis=2, keepdims=True))


def gradient_of(weights: Array, text: Array, hidden: Array, masks: list[Array]) -> tuple[Array, Array]:
    """Of the mean loss of predicting each character of a piece from those before it; and the state at its end.

    Args:
        weights: of the network.
        text: `(steps + 1, strands)`.
        hidden: the state before, beyond which nothing is propagated back.
        masks: of dropout.
    """
    tape = Tape(weights, text[:-1], hidden, masks)
    _, into, _, recurrent, _, out, _ = Parameters.views(weights)
    gradient = np.empty_like(weights)
    embedding_, into_, bias_, recurrent_, candidate_bias_, out_, out_bias_ = Parameters.views(gradient)
    steps, batch = text[:-1].shape
    n = 2 * HIDDEN
    by_scores = np.exp(tape.logs)
    np.put_along_axis(
        by_scores, text[1:, :, None], np.take_along_axis(by_scores, text[1:, :, None], 2) - 1.0, 2
    )
    by_scores /= steps * batch
    _collect(tape.outputs, by_scores, out_, out_bias_)
    by_states = (by_scores @ out.T) * masks[1]
    by_gates = np.empty((steps, batch, 3 * HIDDEN), dtype=np.float32)  # by what goes into them from the input
    by_ahead = np.empty_like(by_gates)  # and from the state before
    by_hidden = np.zeros_like(hidden)
    for i in reversed(range(steps)):
        by_hidden += by_states[i]
        reset, keeping = tape.gates[i, :, :HIDDEN], tape.gates[i, :, HIDDEN:]
        by_new = by_hidden * (1.0 - keeping) * (1.0 - tape.candidates[i] ** 2)
        by_gates[i, :, n:] = by_new
        by_gates[i, :, :HIDDEN] = by_new * tape.recalled[i] * reset * (1.0 - reset)
        by_gates[i, :, HIDDEN:n] = (
            by_hidden * (tape.states[i] - tape.candidates[i]) * keeping * (1.0 - keeping)
        )
        by_ahead[i] = by_gates[i]
        by_ahead[i, :, n:] *= reset
        by_hidden = by_hidden * keeping + by_ahead[i] @ recurrent.T
    _collect(tape.inputs, by_gates, into_, bias_)
    _collect(tape.states[:-1], by_ahead, recurrent_, None)
    np.sum(by_ahead[:, :, n:].reshape(-1, HIDDEN), axis=0, keepdims=True, out=candidate_bias_)
    by_inputs = (by_gates @ into.T) * masks[0]
    embedding_[:] = 0.0
    np.add.at(embedding_, text[:-1].ravel(), by_inputs.reshape(-1, EMBEDDING))
    return gradient, tape.states[-1]


def _collect(inputs: Array, slope: Array, into: Array, bias: Array | None) -> None:
    """The gradient by a matrix, and by a bias, over all steps and strands."""
    flat = slope.reshape(-1, slope.shape[-1])
    np.matmul(inputs.reshape(-1, inputs.shape[-1]).T, flat, out=into)
    if bias is not None:
        np.sum(flat, axis=0, keepdims=True, out=bias)
