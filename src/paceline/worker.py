"""What a training function sees: the `trial` that it is given; and the runner that calls it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import SupportsFloat, SupportsIndex

from paceline.errors import TrainingFunctionError
from paceline.events import Checkpoint, Config, Job, Outcome
from paceline.metrics import Reportable
from paceline.session import Channel, Save, Session, TrainingContext, TrainingPaused

__all__ = [
    "Channel",
    "TrainingContext",
    "TrainingFunction",
    "TrainingPaused",
    "TrialHandle",
    "check_training_function",
    "run_job",
]


class TrialHandle:
    """The trial that a training function trains.

        def train(trial):
            model = Net(**trial.config)
            if trial.checkpoint:
                model.load(trial.checkpoint / "net.pt")
            for epoch in trial.steps():
                model.fit_one_epoch()
                trial.report(accuracy=model.validate(), save=lambda folder: model.save(folder / "net.pt"))

    Resources are counted in the study's own unit: here, epochs.
    """

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __repr__(self) -> str:
        return f"<trial {self.id}, {self.start} to {self.target}: {self.config}>"

    @property
    def id(self) -> int:
        """The trial's number in its study, from 0."""
        return self._session.trial

    @property
    def config(self) -> Config:
        """The hyperparameters by name, as a plain dict: `Net(**trial.config)`. Inactive ones are absent."""
        return self._session.config

    @property
    def checkpoint(self) -> Path | None:
        """The folder that an earlier job of this trial, or its donor, has saved, to be loaded now; `None` is from nothing."""
        return self._session.checkpoint

    @property
    def start(self) -> int:
        """The resource to which the checkpoint was trained; 0 without one."""
        return self._session.start

    @property
    def target(self) -> int:
        """The resource to train to. It rises when the trial goes on while it is held in memory."""
        return self._session.job.target

    @property
    def seed(self) -> int:
        """For your framework's random generators: below 2**31, and the same in each job of this trial."""
        return self._session.seed

    def steps(self) -> Iterator[int]:
        """The units that are still to be trained, counted from 0: like `range(trial.start, trial.target)`.

        Report at the end of each, or at least of the last. Once the target is reached, the trial may be held in memory
        and go on later in this same loop, to a higher target; what stands after the loop runs when it no longer does.
        """
        return self._session.steps()

    def report(
        self,
        metrics: Reportable | None = None,
        /,
        *,
        resource: SupportsIndex | None = None,
        save: Save | None = None,
        **named: SupportsFloat,
    ) -> None:
        """Tell how good the trial is by now: `trial.report(loss=0.3, accuracy=0.9)`.

        Args:
            metrics: values by name, for names that cannot be keywords; or one number, for the study's metric.
            resource: how far the trial is trained. It rises from report to report, up to `target`. By default it is the
                end of the current step of `steps()`, and outside of it one more than was last reported.
            save: called at once with an empty folder if a checkpoint is due. What it writes there, a later job finds in
                `trial.checkpoint`; where nothing is ever saved, later jobs start from nothing.
            **named: values by name. Any real number will do, and any scalar or array of one element of NumPy, PyTorch
                and their like. NaN and infinities count as worst.

        Raises:
            ReportError: something about the report is wrong; the message says what came and what was expected.
            CheckpointError: the checkpoint cannot be written. This ends the run; the trial is not to blame.
        """
        self._session.report(metrics, named, resource, save)


TrainingFunction = Callable[[TrialHandle], object]


def run_job(
    train: TrainingFunction,
    context: TrainingContext,
    job: Job,
    config: Config,
    checkpoint: Checkpoint | None,
    *,
    is_fork: bool = False,
    channel: Channel,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Call the training function once, for this job and for those that go on from it in memory; see `Session`.

    A fork whose checkpoint is gone fails at once: trained from nothing, it would be another trial than its origin says.

    Raises:
        CheckpointError: a checkpoint cannot be written; the job has ended `LOST`.
        KeyboardInterrupt: somebody interrupted training by hand; the job has ended `LOST`.
    """
    session = Session(context, job, config, checkpoint, channel=channel, clock=clock)
    if is_fork and checkpoint is not None and session.checkpoint is None:
        session.end(
            Outcome.FAILED,
            f"the checkpoint {context.folder / checkpoint.key}, from which this fork was to go on, is gone. Trained from "
            "nothing it would not be what its origin says.",
        )
        return
    try:
        session.finish(train(TrialHandle(session)))
    except KeyboardInterrupt:
        session.end(Outcome.LOST, "interrupted by hand")
        raise
    except BaseException as error:  # noqa: BLE001 - whatever training raises is a fact about its config
        session.crash(error)
    if session.fatal is not None:
        raise session.fatal


def check_training_function(train: object) -> None:
    """See that a training function can be called with a trial, and trains when it is called.

    Raises:
        TrainingFunctionError: it cannot, or does not; the message says what to change.
    """
    if isinstance(train, type):
        raise TrainingFunctionError(
            f"the training function is the class {train.__qualname__}: write a function `def train(trial): ...` "
            "that makes an instance and trains it."
        )
    if not callable(train):
        raise TrainingFunctionError(
            f"the training function is {train!r}: expected a function `def train(trial): ...`."
        )
    name = getattr(train, "__qualname__", None) or repr(train)
    for function in (train, getattr(train, "__call__", None)):  # noqa: B004 - an object's own may be asynchronous
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TrainingFunctionError(
                f"{name} is asynchronous, so that calling it trains nothing: remove `async`."
            )
        if inspect.isgeneratorfunction(function):
            raise TrainingFunctionError(
                f"{name} is a generator, so that calling it trains nothing: remove `yield`; use trial.report() instead."
            )
    try:
        signature = inspect.signature(train)
    except ValueError:  # some built-in functions have none
        return
    try:
        signature.bind(None)
    except TypeError as error:
        raise TrainingFunctionError(
            f"{name}{signature} cannot be called with a trial alone ({error}): write `def train(trial): ...`, and give "
            "what else it needs through functools.partial."
        ) from None
