"""A real study as a program, made to be killed: `python -m paceline.testing.victim FOLDER NUMBER SETTINGS`.

What it trains is real and cheap, a logistic regression whose state is its weights and their velocity, and deterministic:
whatever was killed when, each loss that is recorded must be the one of a training that nobody disturbed. Each unit that
is trained is told to a log that Paceline knows nothing of (`WorkLog`), and how far the driver has come to another
(`Marker`). Who starts it, kills it and looks at what is left is `killing.Victim`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline import ASHA, Budget, Float, Study, SuccessiveHalving
from paceline.events import Config, Reported, StudyClosed, TrialCreated, TrialId
from paceline.journal import Entry
from paceline.testing.audit import Work
from paceline.worker import TrialHandle

NAME = "victim"
SPACE = {"lr": Float(1e-3, 1.0, log=True), "momentum": Float(0.0, 0.99), "decay": Float(1e-6, 1e-1, log=True)}

Mark = Literal["opening", "starting", "running", "closing", "ended"]
"""How far a driver has come: before it makes the study; before it runs it; its first facts are durable; the study is
closed; there is nothing left to do."""

_GRADIENTS_PER_UNIT = 20
_N_FEATURES = 16


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of study it is.

    Args:
        scheduler: ASHA promotes whenever it can; successive halving waits for full rungs, so its workers idle.
        max_resource: units.
        trials: the budget.
        workers: processes.
        seed: of the study.
        pace_s: seconds that a unit takes beyond its computing.
        checkpoint_every: see `Study.run`.
        patience_s: see `Study.run`.
        padding_bytes: added to each checkpoint.
    """

    scheduler: Literal["asha", "halving"] = "asha"
    max_resource: int = 27
    trials: int = 80
    workers: int = 2
    seed: int = 0
    pace_s: float = 0.0
    checkpoint_every: int | None = None
    patience_s: float | None = None
    padding_bytes: int = 0


# The study ----------------------------------------------------------------------------------------------------


def storage_url(folder: Path) -> str:
    """Where the journal is."""
    return f"sqlite:///{folder / 'study.db'}"


def make_study(folder: Path, settings: Settings) -> Study:
    """The study, opened; all of its files are in `folder`."""
    asha = ASHA(max_resource=settings.max_resource)
    halving = SuccessiveHalving(max_resource=settings.max_resource, brackets=None, overlap=False)
    return Study(
        NAME,
        SPACE,
        asha if settings.scheduler == "asha" else halving,
        minimize="loss",
        storage=storage_url(folder),
        seed=settings.seed,
        folder=folder,
    )


def train(trial: TrialHandle, *, folder: str, pace_s: float = 0.0, padding_bytes: int = 0) -> None:
    """Train one config; tell each unit to the log before it is reported."""
    log = WorkLog(Path(folder))
    model = Model(trial.config)
    log.note("called", trial)
    if trial.checkpoint is not None:
        model.load(trial.checkpoint, trial)
    for _ in trial.steps():
        loss = model.train_one_unit()
        time.sleep(pace_s)
        log.note("trained", trial, model.n_units)
        trial.report(loss=loss, save=partial(model.save, trial=trial.id, padding_bytes=padding_bytes))
        if model.n_units == trial.target:
            log.note("waiting", trial, model.n_units)


class Model:
    """Logistic regression with momentum: what it is after n units depends on its config alone.

    Args:
        config: learning rate, momentum, weight decay.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._features, self._labels = _data()
        self._config = config
        self._weights = np.zeros(_N_FEATURES)
        self._velocity = np.zeros(_N_FEATURES)
        self.n_units = 0

    def train_one_unit(self) -> float:
        """Some steps of gradient descent; the loss after them."""
        learning_rate, momentum, decay = (float(self._config[name]) for name in ("lr", "momentum", "decay"))
        for _ in range(_GRADIENTS_PER_UNIT):
            errors = 1 / (1 + np.exp(-self._features @ self._weights)) - self._labels
            gradient = self._features.T @ errors / len(errors) + decay * self._weights
            self._velocity = momentum * self._velocity - learning_rate * gradient
            self._weights = self._weights + self._velocity
        self.n_units += 1
        margins = (2 * self._labels - 1) * (self._features @ self._weights)
        return float(np.mean(np.logaddexp(0, -margins)))

    def save(self, folder: Path, *, trial: int, padding_bytes: int = 0) -> None:
        """Write several files, the last of which says what they are."""
        np.save(folder / "weights.npy", self._weights)
        (folder / "padding").write_bytes(bytes(padding_bytes))
        np.save(folder / "velocity.npy", self._velocity)
        (folder / "about.json").write_text(json.dumps({"trial": trial, "resource": self.n_units}))

    def load(self, folder: Path, trial: TrialHandle) -> None:
        """Go on from what was saved, if it is what the trial was promised."""
        about = json.loads((folder / "about.json").read_text())
        if about != {"trial": trial.id, "resource": trial.start}:
            raise AssertionError(f"trial {trial.id} was to go on from {trial.start} and was given {about}")
        self._weights = np.load(folder / "weights.npy")
        self._velocity = np.load(folder / "velocity.npy")
        self.n_units = trial.start


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
        about = json.loads((folder / "about.json").read_text())
        shapes = {np.load(folder / f"{name}.npy").shape for name in ("weights", "velocity")}
    except (OSError, ValueError, EOFError):
        return False
    return shapes == {(_N_FEATURES,)} and key.startswith(f"{about['trial']:06d}/{about['resource']:08d}-")


def wrong_losses(entries: Sequence[Entry]) -> Iterator[str]:
    """Recorded losses that are not those of a training which nobody has disturbed."""
    configs = {event.trial.id: event.trial.config for _, event in entries if isinstance(event, TrialCreated)}
    reports = [event for _, event in entries if isinstance(event, Reported)]
    reached: dict[TrialId, int] = {}
    for report in reports:
        reached[report.trial] = max(report.resource, reached.get(report.trial, 0))
    expected = {trial: undisturbed_losses(configs[trial], n_units) for trial, n_units in reached.items()}
    for report in reports:
        loss, right = report.metrics["loss"], expected[report.trial][report.resource - 1]
        if loss != right:
            yield f"trial {report.trial} reported {loss} at {report.resource}; undisturbed it is {right}"


def undisturbed_losses(config: Config, n_units: int) -> list[float]:
    """The losses after 1, 2, ... units of a training that nobody disturbs."""
    model = Model(config)
    with np.errstate(over="ignore"):
        return [model.train_one_unit() for _ in range(n_units)]


# Its logs -----------------------------------------------------------------------------------------------------


class WorkLog:
    """What was really trained, told by the training itself: no kill tears a line or takes one back.

    Args:
        folder: the study's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "work.log"

    def note(
        self, what: Literal["called", "trained", "waiting"], trial: TrialHandle, resource: int = 0
    ) -> None:
        """Add a line."""
        job = trial._session.job  # noqa: SLF001 - training functions are not told their job; an audit needs it
        _append(self._path, f"{what} {os.getpid()} {job.id} {trial.id} {resource}")

    def read(self) -> list[Work]:
        """All lines so far."""
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [Work(what, *map(int, numbers)) for what, *numbers in map(str.split, lines)]


class Marker:
    """How far a driver has come, told to a file that outlives it.

    Args:
        folder: the study's.
        number: of the driver, from 1.
    """

    def __init__(self, folder: Path, number: int) -> None:
        self._path = folder / "marks.log"
        self._number = str(number)
        self._n_durable = 0

    def __call__(self, mark: Mark) -> None:
        """Pass a mark."""
        _append(self._path, f"{self._number} {mark}")

    def observe(self, entries: Sequence[Entry]) -> None:
        """Take note of what has just become durable."""
        if not self._n_durable:
            self("running")
        self._n_durable += len(entries)
        _append(self._path, f"{self._number} durable {self._n_durable}")
        if isinstance(entries[-1][1], StudyClosed):
            self("closing")

    def marks(self) -> list[str]:
        """Those that were passed, in order."""
        return [words[1] for words in self._lines() if words[1] != "durable"]

    def n_durable(self) -> int:
        """How many of its own events the driver was told to be durable."""
        return max((int(words[2]) for words in self._lines() if words[1] == "durable"), default=0)

    def _lines(self) -> list[list[str]]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [words for words in map(str.split, lines) if words[0] == self._number]


def _append(path: Path, line: str) -> None:
    """One write to a file that is only appended to: what several processes write does not mix."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, f"{line}\n".encode())
    finally:
        os.close(descriptor)


# The program --------------------------------------------------------------------------------------------------


def drive(arguments: Sequence[str], training: Callable[..., object] = train) -> None:
    """Open the study and run it, or run it on; the arguments are those of the command line."""
    folder, settings = Path(arguments[0]), msgspec.json.decode(arguments[2], type=Settings)
    mark = Marker(folder, int(arguments[1]))
    mark("opening")
    with make_study(folder, settings) as study:
        mark("starting")
        study.run(
            partial(
                training, folder=str(folder), pace_s=settings.pace_s, padding_bytes=settings.padding_bytes
            ),
            workers=settings.workers,
            budget=Budget(trials=settings.trials),
            checkpoint_every=settings.checkpoint_every,
            patience_s=settings.patience_s,
            observers=[mark.observe],
            progress=False,
        )
    mark("ended")


if __name__ == "__main__":
    drive(sys.argv[1:])
