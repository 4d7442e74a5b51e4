"""One call of a training function, as a state machine that turns whatever it does into events.

A session begins with one job. Where the function uses `steps()` it may stay in memory when the job is done, and take up
the trial's next job right there, without loading a checkpoint:

    begin ── report ── ... ── report at the target: COMPLETED ──┬── a job that goes on from here: begin it
                │                                               └── anything else: steps() ends, the function returns
                ├── an interrupt was asked for: checkpoint, LOST
                └── the function raises, exits or returns too early: FAILED

Each job that was begun gets exactly one `JobEnded`. What is wrong with the disk or with `Channel.send` is no fault of
the training: it is kept in `fatal`, whatever the function makes of the exception.
"""

from __future__ import annotations

import logging
import operator
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, SupportsFloat, SupportsIndex, cast

import msgspec

from paceline.checkpoints import CheckpointStore
from paceline.errors import CheckpointError, ReportError
from paceline.events import Checkpoint, Config, Job, JobEnded, JobId, Objective, Outcome, Reported, TrialId
from paceline.metrics import Reportable, metrics_of, require
from paceline.rng import uniforms_for

_log = logging.getLogger(__name__)

_LONGEST_ERROR = 20_000
"""Characters of an error that go into the journal; an exception's message may hold a whole array."""

_HOW_TO_END = (
    "Report it as you go, `for step in trial.steps(): ...; trial.report({metric}=...)`, "
    "or, where all is trained at once, end with `return {metric}`."
)

_CALLERS = ("paceline", "paceline.executors")
"""Packages whose frames stand above the user's in a traceback."""

Save = Callable[[Path], object]


class TrainingPaused(BaseException):
    """Leaves a training function that does not use `steps()` when its run was interrupted.

    Its state is saved by then. It is no `Exception`, so that a function's own error handling lets it through.
    """


class TrainingContext(msgspec.Struct, frozen=True):
    """What all jobs of a study have in common.

    Args:
        study: its name.
        objective: the metric that each report at a target must have.
        folder: of the study's checkpoints.
        checkpoint_every: also save a checkpoint whenever a report's resource passes a multiple of this; `None` saves
            at the end of each job only.
        seed: the study's.
    """

    study: str
    objective: Objective
    folder: Path
    checkpoint_every: int | None = None
    seed: int = 0


class Channel(Protocol):
    """The way from a session to whoever issued its job."""

    def send(self, events: Sequence[Reported | JobEnded], *, trouble: str | None = None) -> None:
        """Give events out, in order and together; none at all are a sign of life.

        Args:
            events: of one job.
            trouble: with the disk, which is why the job ends: the whole run is to end with it.
        """
        ...

    def is_interrupted(self, job: JobId) -> bool:
        """Whether the job is to end at its next report."""
        ...

    def next_job(self, trial: TrialId, resource: int) -> Job | None:
        """Wait for the next job; `None` if it does not go on from where this trial is held in memory."""
        ...


class Session:
    """One call of the training function.

    Args:
        context: of the study.
        job: the first job.
        config: of its trial.
        checkpoint: where it starts from. If its folder is gone, the trial is trained from nothing, and what it reports
            at or below the job's start is a repetition that is not sent.
        channel: where events go.
        clock: in seconds.
    """

    def __init__(
        self,
        context: TrainingContext,
        job: Job,
        config: Config,
        checkpoint: Checkpoint | None,
        *,
        channel: Channel,
        clock: Callable[[], float],
    ) -> None:
        self.trial = job.trial
        self.config = dict(config)
        self.checkpoint: Path | None = None
        self.start = 0
        self.fatal: BaseException | None = None
        self._context = context
        self._channel = channel
        self._clock = clock
        if checkpoint is not None:
            folder = CheckpointStore(context.folder).path(checkpoint.key)
            if folder.is_dir():
                self.checkpoint, self.start = folder, checkpoint.resource
        self._reported = self.start
        self._saved = self.start
        self._trained = self.start  # ahead of what was reported, where not every step is
        self._step: int | None = None
        self._begin(job)

    def _begin(self, job: Job) -> None:
        self.job = job
        self._base = self._reported
        self._is_over = False
        self._since = self._clock()

    @property
    def seed(self) -> int:
        """See `TrialHandle.seed`."""
        return int(uniforms_for(self._context.seed, "training", self.trial).random(1)[0] * 2**31)

    # While it trains -------------------------------------------------------------------------------------------

    def steps(self) -> Iterator[int]:
        """See `TrialHandle.steps`."""
        step = self._reported
        try:
            while self._goes_on() if self._is_over else step < self.job.target:
                self._step = step
                yield step
                step = max(step + 1, self._reported)
                self._trained = max(self._trained, step)
        finally:
            self._step = None

    def _goes_on(self) -> bool:
        """Whether another job continues this session; if so, it has begun."""
        if self.fatal is not None or self._reported < self.job.target:
            return False
        job = self._channel.next_job(self.trial, self._reported)
        if job is None:
            return False
        self._begin(job)
        return True

    def report(
        self,
        given: Reportable | None,
        named: Mapping[str, SupportsFloat],
        resource: SupportsIndex | None,
        save: Save | None,
    ) -> None:
        """See `TrialHandle.report`."""
        seconds = self._clock() - self._since
        job, metric = self.job, self._context.objective.metric
        reached = self._check_resource(resource)
        metrics = metrics_of(metric, given, named)
        if save is not None and not callable(save):
            raise ReportError(
                f"{self._where}: save={save!r}: expected a function that is given a folder, as in "
                "report(..., save=lambda folder: model.save(folder / 'model.pt'))."
            )
        is_last = reached == job.target
        if is_last:
            require(metric, metrics)
        is_pausing = not is_last and self._channel.is_interrupted(job.id)
        events: list[Reported | JobEnded] = []
        if reached > job.start:
            is_due = is_last or is_pausing or self._passes_multiple(reached)
            checkpoint = self._save(reached, save) if save is not None and is_due else None
            events.append(Reported(job.id, self.trial, reached, metrics, round(seconds, 6), checkpoint))
        self._reported = reached
        self._trained = max(self._trained, reached)
        if is_last:
            events.append(self._end_of_job(Outcome.COMPLETED))
        elif is_pausing:
            events.append(self._end_of_job(Outcome.LOST, "paused, since its run was interrupted"))
        self._send(events)
        if events:
            self._since = self._clock()
        if is_pausing and self._step is None:
            raise TrainingPaused

    def _check_resource(self, given: SupportsIndex | None) -> int:
        job, last, where = self.job, self._reported, self._where
        if self._is_over:
            raise ReportError(
                f"{where}: a report after the job ended at resource {last}. Let the training function end where its "
                "target is reached: loop over trial.steps(), or up to trial.target."
            )
        if given is None:
            reached = (last if self._step is None else self._step) + 1
        elif isinstance(given, bool) or not isinstance(given, SupportsIndex):
            raise ReportError(
                f"{where}: resource={given!r}: expected a whole number, as in report(..., resource=3)."
            )
        else:
            reached = operator.index(given)
        if last < reached <= job.target:
            return reached
        expected = f"{where}: resource={reached}: expected one from {last + 1} to {job.target}"
        if reached > job.target:
            raise ReportError(f"{expected}, the job's target. Train no further: loop over trial.steps().")
        raise ReportError(
            f"{expected}, since {last} is {'reported already' if last > self.start else 'where training started'}. "
            "Report once in each step, with a resource that rises."
        )

    @property
    def _where(self) -> str:
        return f"trial {self.trial}, job {self.job.id}"

    def _passes_multiple(self, reached: int) -> bool:
        every = self._context.checkpoint_every
        return every is not None and reached // every > self._saved // every

    def _save(self, reached: int, save: Save) -> Checkpoint:
        store = CheckpointStore(self._context.folder)
        try:
            checkpoint = store.save(self.trial, reached, self.job.id, save)
        except CheckpointError as error:
            self.fatal = error
            self._send([self._end_of_job(Outcome.LOST, str(error))], trouble=str(error))
            raise
        self._saved = reached
        return checkpoint

    # How it ends -----------------------------------------------------------------------------------------------

    def finish(self, result: object) -> None:
        """The training function has returned: what it returns may be the report that it owes."""
        if self._is_over:
            return
        if result is None:
            self.end(
                Outcome.FAILED,
                f"the training function returned None, and resource {self.job.target}, the job's target, was not "
                f"reported (the last report was at {self._reported}). "
                + _HOW_TO_END.format(metric=self._context.objective.metric),
            )
            return
        # Whatever it is: a report checks its metrics, wherever they come from.
        self.report(cast("Reportable", result), {}, self.job.target, None)

    def crash(self, error: BaseException) -> None:
        """The training function has raised."""
        if not self._is_over:
            self.end(Outcome.FAILED, _describe(error))
        elif error is not self.fatal and not isinstance(error, TrainingPaused):
            _log.error("trial %d raised after its job had ended; ignored", self.trial, exc_info=error)

    def end(self, outcome: Outcome, error: str) -> None:
        """End the job, unless it has ended."""
        if not self._is_over:
            self._send([self._end_of_job(outcome, error)])

    def _end_of_job(self, outcome: Outcome, error: str | None = None) -> JobEnded:
        self._is_over = True
        return JobEnded(self.job.id, self.trial, outcome, self._trained - self._base, error)

    def _send(self, events: Sequence[Reported | JobEnded], *, trouble: str | None = None) -> None:
        try:
            self._channel.send(events, trouble=trouble)
        except BaseException as error:
            self.fatal = error
            self._is_over = True
            raise


def _describe(error: BaseException) -> str:
    """The traceback as text, from the user's first frame on: who called that is of no interest."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_globals.get("__package__") in _CALLERS:
        frames = frames.tb_next
    text = "".join(traceback.format_exception(type(error), error, frames))
    if len(text) > _LONGEST_ERROR:
        half = _LONGEST_ERROR // 2
        text = f"{text[:half]}\n[... {len(text) - 2 * half} characters ...]\n{text[-half:]}"
    return text.encode(errors="backslashreplace").decode()  # a file's name may hold what JSON cannot
