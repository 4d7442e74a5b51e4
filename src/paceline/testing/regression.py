"""What the victim trains, and what must be true of all that it has left.

A logistic regression, real and cheap, whose state is its weights and their velocity. It is deterministic: whatever was
killed when, each loss that is recorded must be the one of a training that nobody disturbed. A state holds who has trained
each of its units and with which config, so that a fork cannot pretend to come from its donor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.checkpoints import CheckpointStore
from paceline.events import Reported, Trial, TrialCreated, TrialId
from paceline.journal import Entry
from paceline.worker import TrialHandle

_GRADIENTS_PER_UNIT = 20
_N_FEATURES = 16


class Piece(msgspec.Struct):
    """Units that one trial has trained in a row.

    Args:
        trial: which.
        config: its own.
        first: the first of the units, counted from 1.
        last: the last.
    """

    trial: int
    config: dict[str, Any]
    first: int
    last: int


class About(msgspec.Struct, frozen=True):
    """What a checkpoint says that it is.

    Args:
        trial: who has saved it.
        resource: how far that was trained.
        pieces: who has trained it there.
    """

    trial: int
    resource: int
    pieces: list[Piece]


class Model:
    """Logistic regression with momentum: what it is after n units depends on the configs that trained them alone.

    Args:
        config: learning rate, momentum, weight decay.
        trial: whose it is.
    """

    def __init__(self, config: Mapping[str, Any], trial: int = 0) -> None:
        self._features, self._labels = _data()
        self._config = config
        self._trial = trial
        self._weights = np.zeros(_N_FEATURES)
        self._velocity = np.zeros(_N_FEATURES)
        self._pieces: list[Piece] = []
        self.n_units = 0

    def use(self, config: Mapping[str, Any]) -> None:
        """Go on with another config."""
        self._config = config

    def train_one_unit(self) -> float:
        """Some steps of gradient descent; the loss after them."""
        learning_rate, momentum, decay = (float(self._config[name]) for name in ("lr", "momentum", "decay"))
        for _ in range(_GRADIENTS_PER_UNIT):
            errors = 1 / (1 + np.exp(-self._features @ self._weights)) - self._labels
            gradient = self._features.T @ errors / len(errors) + decay * self._weights
            self._velocity = momentum * self._velocity - learning_rate * gradient
            self._weights = self._weights + self._velocity
        self.n_units += 1
        last = self._pieces[-1] if self._pieces else None
        if last is not None and (last.trial, last.last) == (self._trial, self.n_units - 1):
            last.last = self.n_units
        else:
            self._pieces.append(Piece(self._trial, dict(self._config), self.n_units, self.n_units))
        margins = (2 * self._labels - 1) * (self._features @ self._weights)
        return float(np.mean(np.logaddexp(0, -margins)))

    def save(self, folder: Path, *, padding_bytes: int = 0) -> None:
        """Write several files, the last of which says what they are."""
        np.save(folder / "weights.npy", self._weights)
        (folder / "padding").write_bytes(bytes(padding_bytes))
        np.save(folder / "velocity.npy", self._velocity)
        about = About(self._trial, self.n_units, self._pieces)
        (folder / "about.json").write_bytes(msgspec.json.encode(about))

    def load(self, folder: Path, trial: TrialHandle) -> int:
        """Go on from what was saved, if it is as far as the trial was promised; the trial that has saved it."""
        about = _about(folder)
        if about.resource != trial.start:
            raise AssertionError(f"trial {trial.id} was to go on from {trial.start} and was given {about}")
        self._weights = np.load(folder / "weights.npy")
        self._velocity = np.load(folder / "velocity.npy")
        self._pieces = about.pieces
        self.n_units = trial.start
        return about.trial


def _about(folder: Path) -> About:
    return msgspec.json.decode((folder / "about.json").read_bytes(), type=About)


@cache
def _data() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    random = np.random.default_rng(0)
    features = random.normal(size=(256, _N_FEATURES))
    labels = features @ random.normal(size=_N_FEATURES) + random.normal(size=256) > 0
    return features, labels.astype(np.float64)


# What is wrong with what it has left --------------------------------------------------------------------------


def is_whole(folder: Path, key: str) -> bool:
    """Whether a checkpoint holds all that `Model.save` writes, of the trial and the resource that its key names."""
    try:
        about = _about(folder)
        shapes = {np.load(folder / f"{name}.npy").shape for name in ("weights", "velocity")}
    except (OSError, ValueError, EOFError, msgspec.MsgspecError):
        return False
    return shapes == {(_N_FEATURES,)} and key.startswith(f"{about.trial:06d}/{about.resource:08d}-")


def wrong_losses(entries: Sequence[Entry]) -> Iterator[str]:
    """Recorded losses that are not those of a training which nobody has disturbed."""
    trials = _trials(entries)
    reports = [event for _, event in entries if isinstance(event, Reported)]
    reached: dict[TrialId, int] = {}
    for report in reports:
        reached[report.trial] = max(report.resource, reached.get(report.trial, 0))
    expected = {
        trial: undisturbed_losses(pieces_of(trials, trial, n_units)) for trial, n_units in reached.items()
    }
    for report in reports:
        loss, right = report.metrics["loss"], expected[report.trial][report.resource - 1]
        if loss != right:
            yield f"trial {report.trial} reported {loss} at {report.resource}; undisturbed it is {right}"


def wrong_histories(entries: Sequence[Entry], store: CheckpointStore) -> Iterator[str]:
    """Checkpoints whose units were trained by others than their trial and its chain of origins."""
    trials = _trials(entries)
    keys = store.keys()
    for key in keys:
        try:
            about = _about(store.path(key))
        except (OSError, msgspec.MsgspecError):
            continue  # it is not whole
        if about.trial not in trials:
            continue  # the journal does not know of it yet
        expected = pieces_of(trials, TrialId(about.trial), about.resource)
        if about.pieces != expected:
            yield f"checkpoint {key} was trained by {about.pieces}, and had to be by {expected}"


def _trials(entries: Sequence[Entry]) -> dict[TrialId, Trial]:
    return {event.trial.id: event.trial for _, event in entries if isinstance(event, TrialCreated)}


def pieces_of(trials: Mapping[TrialId, Trial], trial: TrialId, n_units: int) -> list[Piece]:
    """Who has to have trained a trial's units up to there: the walk of its chain of origins, oldest first."""
    pieces: list[Piece] = []
    while n_units:
        each = trials[trial]
        begin = 0 if each.origin is None else each.origin.resource
        if begin < n_units:
            pieces.insert(0, Piece(trial, dict(each.config), begin + 1, n_units))
        trial, n_units = (trial, 0) if each.origin is None else (each.origin.trial, begin)
    return pieces


def undisturbed_losses(pieces: Sequence[Piece]) -> list[float]:
    """The losses after 1, 2, ... units of a training that nobody disturbs."""
    model = Model({})
    losses: list[float] = []
    with np.errstate(over="ignore"):
        for piece in pieces:
            model.use(piece.config)
            losses += [model.train_one_unit() for _ in range(piece.first, piece.last + 1)]
    return losses
