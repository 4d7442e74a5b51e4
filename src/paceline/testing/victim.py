"""A real study as a program, made to be killed: `python -m paceline.testing.victim FOLDER NUMBER SETTINGS`.

What it trains is in `regression.py`. Each unit that is trained is told to a log that Paceline knows nothing of
(`WorkLog`), and how far the driver has come to another (`Marker`). Who starts it, kills it and looks at what is left is
`killing.Victim`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from paceline import ASHA, PBT, Budget, Float, Study, SuccessiveHalving
from paceline.events import StudyClosed
from paceline.journal import Entry
from paceline.schedulers.base import SchedulerSettings
from paceline.testing.audit import Work
from paceline.testing.regression import Model
from paceline.worker import TrialHandle

NAME = "victim"
SPACE = {"lr": Float(1e-3, 1.0, log=True), "momentum": Float(0.0, 0.99), "decay": Float(1e-6, 1e-1, log=True)}

Mark = Literal["opening", "starting", "running", "closing", "ended"]
"""How far a driver has come: before it makes the study; before it runs it; its first facts are durable; the study is
closed; there is nothing left to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What kind of study it is.

    Args:
        scheduler: ASHA promotes whenever it can; successive halving waits for full rungs, so its workers idle; in a
            population members fork each other.
        max_resource: units.
        trials: the budget; a population has none, and ends when it is trained.
        members: of the population.
        interval: units between two comparisons in it.
        mortality: how likely it is that a unit kills its process; one in four of these does so each time.
        workers: processes.
        seed: of the study.
        pace_s: seconds that a unit takes beyond its computing.
        checkpoint_every: see `Study.run`.
        patience_s: see `Study.run`.
        padding_bytes: added to each checkpoint.
    """

    scheduler: Literal["asha", "halving", "population"] = "asha"
    max_resource: int = 27
    trials: int = 80
    members: int = 6
    interval: int = 2
    mortality: float = 0.0
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
    top = settings.max_resource
    scheduler: SchedulerSettings
    match settings.scheduler:
        case "asha":
            scheduler = ASHA(max_resource=top)
        case "halving":
            scheduler = SuccessiveHalving(max_resource=top, brackets=None, overlap=False)
        case "population":
            scheduler = PBT(
                max_resource=top,
                interval=settings.interval,
                population_size=settings.members,
                quantile=0.25,
            )
    return Study(
        NAME,
        SPACE,
        scheduler,
        minimize="loss",
        storage=storage_url(folder),
        seed=settings.seed,
        folder=folder,
    )


def training_of(
    folder: Path, settings: Settings, training: Callable[..., object]
) -> Callable[[TrialHandle], object]:
    """The training function of such a study."""
    return partial(
        training,
        folder=str(folder),
        pace_s=settings.pace_s,
        padding_bytes=settings.padding_bytes,
        mortality=settings.mortality,
    )


def budget_of(settings: Settings) -> Budget:
    """What ends such a study."""
    return Budget() if settings.scheduler == "population" else Budget(trials=settings.trials)


def train(
    trial: TrialHandle, *, folder: str, pace_s: float = 0.0, padding_bytes: int = 0, mortality: float = 0.0
) -> None:
    """Train one config; tell each unit to the log before it is reported."""
    log = WorkLog(Path(folder))
    model = Model(trial.config, trial.id)
    log.note("called", trial)
    if trial.checkpoint is not None:
        source = model.load(trial.checkpoint, trial)
        log.note("loaded", trial, model.n_units, source)
    for _ in trial.steps():
        loss = model.train_one_unit()
        time.sleep(pace_s)
        log.note("trained", trial, model.n_units)
        if _is_deadly(trial, model.n_units, mortality, Path(folder)):
            log.note("died", trial, model.n_units)
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(loss=loss, save=partial(model.save, padding_bytes=padding_bytes))
        if model.n_units == trial.target:
            log.note("waiting", trial, model.n_units)


def _is_deadly(trial: TrialHandle, unit: int, mortality: float, folder: Path) -> bool:
    """Whether this unit kills its process now: most of the deadly ones do so once, every fourth always."""
    draw = Random(f"{trial.seed} {unit}").random()  # noqa: S311 - nothing secret
    if draw >= mortality:
        return False
    try:
        (folder / f"death-{trial.id}-{unit}").touch(exist_ok=False)
    except FileExistsError:
        return draw < mortality / 4
    return True


# Its logs -----------------------------------------------------------------------------------------------------


class WorkLog:
    """What was really trained, told by the training itself: no kill tears a line or takes one back.

    Args:
        folder: the study's.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "work.log"

    def note(
        self,
        what: Literal["called", "loaded", "trained", "died", "waiting"],
        trial: TrialHandle,
        resource: int = 0,
        source: int | None = None,
    ) -> None:
        """Add a line."""
        job = trial._session.job  # noqa: SLF001 - training functions are not told their job; an audit needs it
        numbers = [os.getpid(), job.id, trial.id, resource, *([] if source is None else [source])]
        _append(self._path, f"{what} {' '.join(map(str, numbers))}")

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
            training_of(folder, settings, training),
            workers=settings.workers,
            budget=budget_of(settings),
            checkpoint_every=settings.checkpoint_every,
            patience_s=settings.patience_s,
            observers=[mark.observe],
            progress=False,
        )
    mark("ended")


if __name__ == "__main__":
    drive(sys.argv[1:])
