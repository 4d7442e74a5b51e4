"""The user's API: a study is a space, a scheduler, an objective and a journal.

    study = Study("digits", space, ASHA(max_resource=81), maximize="accuracy", storage="sqlite:///digits.db")
    study.run(train, workers=4, budget=Budget(minutes=10))
    print(study.incumbent)

Creating the object checks everything and writes nothing. Running it again continues where it was, whatever ended the
run before. Reading on: `driver.py`, `events.py`, `schedulers/asha.py`.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, SupportsFloat
from urllib.parse import quote

from paceline.checkpoints import CheckpointStore
from paceline.decisions import facts_of
from paceline.driver import Driver, Gate, Observer, Recorder, lost_jobs
from paceline.errors import ReportError, SchemaError, SettingError, StudyMismatchError
from paceline.events import (
    Budget,
    BudgetSet,
    Config,
    Job,
    JobEnded,
    JobIssued,
    Objective,
    Outcome,
    PointsGiven,
    Reported,
    RunStarted,
    SchedulerChanged,
    StudyClosed,
    StudyOpened,
    TrialId,
)
from paceline.executors.inline import InlineExecutor
from paceline.executors.processes import ProcessExecutor
from paceline.executors.protocol import Executor
from paceline.history import Reason, ReplayReport, check, reasons
from paceline.journal import Entry, Holder, Storage, not_found, open_storage
from paceline.ledger import Ledger
from paceline.metrics import Reportable, metrics_of, require
from paceline.retention import CheckpointJanitor
from paceline.samplers.base import Context
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import BracketView, Explanation, Scheduler, SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.settings import at_least
from paceline.signals import interrupts
from paceline.space import Domain, Space
from paceline.views import IncumbentView, ReportView, Spent, TrialView, incumbent_view, spent, trial_view
from paceline.worker import TrainingContext, TrialHandle, check_training_function

if TYPE_CHECKING:
    import pandas as pd

TrainingFunction = Callable[[TrialHandle], object]

BUILT_IN = (ASHA, FullResource, Hyperband, SuccessiveHalving)
"""Imported here so that a journal which names them can be opened."""


MAX_NAME = 200


class AskedJob(Job, frozen=True):
    """A job for a loop of the user's own: train `config` from `start` to `target`, then `Study.tell` the metrics.

    Args:
        config: the trial's hyperparameters.
    """

    config: Config = {}  # noqa: RUF012 - a frozen record's default; msgspec copies it


class Study:
    """Tunes one training function.

    Args:
        name: of the study, unique in its storage.
        space: domains by name, or a `Space`.
        scheduler: the method and its settings, such as `ASHA(max_resource=81)`.
        maximize: the metric to maximize ...
        minimize: ... or to minimize. One of the two; `"loss"` is minimized if neither is given.
        storage: a database URL, a path ending in `.db`, or `"memory:"`, which lasts as long as the process.
        seed: of everything random. Opened again without one, a study keeps its own.
        unit: what one unit of resource is, for people: `"epoch"`, `"step"`, ...
        retries: how often a job that failed is tried again before its trial ranks last.
        points: configs to try first, in this order.
        folder: where checkpoints and workers' logs go; beside the database if not given.
        keep_checkpoints: how many checkpoints of trials that may go on to keep at most, the most promising; `None` is
            all. A promoted trial whose checkpoint is gone trains from 0.
        max_checkpoint_bytes: how much disk they may take together; `None` is no limit.

    Raises:
        SettingError: a setting is wrong.
        SpaceError: the space is wrong, or a point does not belong to it.
        StorageError: the storage cannot be opened.
        StudyMismatchError: the study exists, with another space, scheduler or objective.
    """

    def __init__(
        self,
        name: str,
        space: Space | Mapping[str, Domain],
        scheduler: SchedulerSettings,
        *,
        maximize: str | None = None,
        minimize: str | None = None,
        storage: str | os.PathLike[str] | Storage = "sqlite:///paceline.db",
        seed: int | None = None,
        unit: str = "unit",
        retries: int = 2,
        points: Sequence[Config] = (),
        folder: str | os.PathLike[str] | None = None,
        keep_checkpoints: int | None = None,
        max_checkpoint_bytes: int | None = None,
    ) -> None:
        _check_name(name)
        if not isinstance(scheduler, SchedulerSettings):
            hint = "Write ASHA(max_resource=...), with parentheses." if isinstance(scheduler, type) else ""
            raise SettingError("scheduler", scheduler, expected="a scheduler such as ASHA(max_resource=81)", hint=hint)
        at_least("retries", retries, 0)
        if seed is not None:
            at_least("seed", seed, 0)
        for setting, value in (("keep_checkpoints", keep_checkpoints), ("max_checkpoint_bytes", max_checkpoint_bytes)):
            if value is not None:
                at_least(setting, value, 0)
        self.name = name
        self.space = Space.of(space)
        self._settings = scheduler
        self._objective = _objective(maximize, minimize)
        self._points = tuple(self.space.validate(point) for point in points)
        self._retries = retries
        self._unit = unit
        self._keep = keep_checkpoints
        self._max_bytes = max_checkpoint_bytes
        self._storage = open_storage(storage)
        self._folder = None if folder is None else Path(folder)
        self._seed = 0 if seed is None else seed
        self._asking = False
        self._opened = self._first_event()
        if self._opened is not None:
            self._check_same(self._opened, seed=seed)
            self._seed = self._opened.seed
        self._recorder = self._replayed()
        if self._opened is not None:
            self._check_growth(self._ledger)

    @classmethod
    def load(cls, name: str, storage: str | os.PathLike[str] | Storage = "sqlite:///paceline.db", **more: Any) -> Self:
        """An existing study, from its journal alone: to look at, explain, export, or run on.

        Args:
            name: the study.
            storage: where it is.
            more: `folder`, `keep_checkpoints`, `max_checkpoint_bytes`, as for `Study`.

        Raises:
            StudyNotFoundError: there is none of that name.
            StorageError: the storage cannot be opened.
        """
        place = open_storage(storage)
        opened, settings = None, {}
        for _, event in place.journal(name).read():
            if isinstance(event, StudyOpened):
                opened, settings = event, event.scheduler
            elif isinstance(event, SchedulerChanged):
                settings = event.scheduler
        if opened is None:
            raise not_found(name, place)
        metric = {"maximize" if opened.objective.maximize else "minimize": opened.objective.metric}
        return cls(
            name,
            Space.from_json(opened.space),
            SchedulerSettings.from_json(settings),
            storage=place,
            unit=opened.unit,
            retries=opened.retries,
            **metric,
            **more,
        )

    # Running ---------------------------------------------------------------------------------------------------

    def run(
        self,
        train: TrainingFunction,
        *,
        workers: int = 1,
        budget: Budget | None = None,
        executor: Literal["processes", "inline"] | Executor = "processes",
        checkpoint_every: int | None = None,
        patience_s: float | None = None,
        gpus: int | Sequence[int | str] | None = None,
        gpus_per_worker: int = 1,
        threads_per_worker: int | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        """Tune until the budget is spent, the scheduler has nothing left to do, or Ctrl-C.

        Called again, it continues: jobs that were running when the last driver ended are issued again from their last
        checkpoints; nothing that was reported is lost and no finished job runs again. The first Ctrl-C lets running
        jobs end at their next report, with a checkpoint; the second ends everything at once.

        Args:
            train: called with a `TrialHandle`; see there.
            workers: processes that train at the same time.
            budget: totals for the whole study; without one, the study's own stays.
            executor: `"processes"`; `"inline"` trains in this very process, one job at a time, for a debugger; or any
                object that is an `Executor`, which then has its own workers and training function.
            checkpoint_every: save in the middle of a job too, each time so many units have been trained.
            patience_s: seconds without a report after which a worker counts as hanging and is killed.
            gpus: how many of the visible GPUs, or which, are shared out by CUDA_VISIBLE_DEVICES.
            gpus_per_worker: how many each worker gets.
            threads_per_worker: for NumPy, PyTorch and the like; by default the cores are shared out.
            observers: called with the entries that have just become durable.

        Raises:
            SettingError: a setting is wrong; nothing was written.
            TrainingFunctionError: the function cannot be called or shipped, or has failed every time.
            JournalConflict: somebody else drives this study.
            StorageError: the storage failed; what was recorded is intact.
            CheckpointError: checkpoints cannot be written.
        """
        at_least("workers", workers, 1)
        if budget is not None and not isinstance(budget, Budget):
            raise SettingError("budget", budget, expected="a Budget, such as Budget(trials=100) or Budget(minutes=10)")
        self._check_ends(budget)
        self.refresh()
        if not self._has_news(budget):
            return
        store = CheckpointStore(self.checkpoint_folder)
        with closing(
            self._executor(
                train,
                executor,
                workers=workers,
                checkpoint_every=checkpoint_every,
                patience_s=patience_s,
                gpus=gpus,
                gpus_per_worker=gpus_per_worker,
                threads_per_worker=threads_per_worker,
            )
        ) as place:
            with self._driving(place.slots, type(place).__name__, place.now(), budget, observers, store) as recorder:
                driver = Driver(recorder, place)
                with interrupts(driver.interrupt):
                    driver.run()

    def ask(self) -> AskedJob | None:
        """The next job for a training loop of your own, or `None` when there is nothing to do now.

        Ask as often as you have workers; each job wants its `tell`. `None` while jobs are open means: tell first.
        Jobs of an earlier process that were never told are lost and handed out again.

        Raises:
            JournalConflict: somebody else drives this study.
            StorageError: the storage failed; what was recorded is intact.
        """
        recorder = self._asked_recorder()
        gate = Gate(self._ledger)
        now = time.time()
        if self._ledger.closed is not None:
            return None
        reason = gate.reached(now)
        decision = None if reason else self._scheduler.decide(may_start=gate.may_start)
        while decision is not None and gate.admits(decision):
            facts = facts_of(decision, self._ledger)
            recorder.record(facts, now)
            if isinstance(facts[-1], JobIssued):
                recorder.commit()
                job = facts[-1].job
                config = self._ledger.trials[job.trial].trial.config
                return AskedJob(job.id, job.trial, job.start, job.target, job.attempt, config)
            decision = self._scheduler.decide(may_start=gate.may_start)
        if not self._ledger.running:
            recorder.record([StudyClosed(reason or gate.reason_to_close())], now)
        recorder.commit()
        return None

    def tell(
        self, job: Job, metrics: Reportable | None = None, /, *, resource: int | None = None,
        failed: str | None = None, seconds: float = 0.0, **named: SupportsFloat,
    ) -> None:  # fmt: skip
        """What became of a job that `ask` handed out.

        Args:
            job: the job.
            metrics: by name, or the objective's value; or as keywords.
            resource: where they were measured; the job's target if not given. Below the target the job stays open.
            failed: instead of metrics, what went wrong.
            seconds: of training since the last report, for the record.
            named: metrics by name.

        Raises:
            ReportError: the job is not open, or the metrics cannot be recorded.
        """
        recorder = self._asked_recorder()
        if job.id not in self._ledger.running:
            raise ReportError(
                f"job {job.id} of trial {job.trial} is not open: it was told already, or was asked for by a process "
                "that has ended. Ask for a new one; nothing was recorded."
            )
        now = time.time()
        if failed is not None:
            recorder.record([JobEnded(job.id, job.trial, Outcome.FAILED, error=failed)], now)
            recorder.commit()
            return
        at = job.target if resource is None else resource
        objective = self._ledger.objective
        values = metrics_of(objective.metric, metrics, named)
        if at == job.target:
            require(objective.metric, values)
        report = Reported(job.id, job.trial, at, values, seconds)
        if not self._ledger.accepts(report):
            reached = self._ledger.running[job.id].resource
            raise ReportError(
                f"job {job.id} of trial {job.trial}: resource={at!r} does not count up: it is at {reached} and goes "
                f"to {job.target}. Nothing was recorded."
            )
        recorder.record([report], now)
        if at == job.target:
            recorder.record([JobEnded(job.id, job.trial, Outcome.COMPLETED)], now)
        recorder.commit()

    def set_budget(self, budget: Budget) -> None:
        """Set the study's budget, for a loop of your own; `run` takes one itself."""
        recorder = self._asked_recorder()
        if budget != self._ledger.budget:
            recorder.record([BudgetSet(budget)], time.time())
            recorder.commit()

    # Looking ---------------------------------------------------------------------------------------------------

    @property
    def incumbent(self) -> IncumbentView | None:
        """The best trial: the best finite result at the largest resource at which any job has reached its target."""
        return self.best()

    def best(self, at: Literal["max_resource", "any"] = "max_resource") -> IncumbentView | None:
        """The best trial by a stated rule; `None` before the first finite result.

        Args:
            at: `"max_resource"` is `incumbent`; `"any"` compares all reports at any resource, which favours luck.
        """
        if at not in {"max_resource", "any"}:
            raise SettingError("at", at, expected="'max_resource' or 'any'")
        return incumbent_view(self._ledger, self._ledger.incumbent(at), self.checkpoint_folder)

    @property
    def trials(self) -> list[TrialView]:
        """All trials, by id."""
        objective = self._ledger.objective
        return [trial_view(state, objective) for state in self._ledger.trials]

    @property
    def spent(self) -> Spent:
        """What the study has cost so far."""
        return spent(self._ledger)

    @property
    def status(self) -> str:
        """`"new"`, `"open"`, or `"closed: "` and why."""
        if self._ledger.opened is None:
            return "new"
        return "open" if self._ledger.closed is None else f"closed: {self._ledger.closed}"

    @property
    def ledger(self) -> Ledger:
        """The state that everything here is read from; do not change it."""
        return self._ledger

    @property
    def settings(self) -> SchedulerSettings:
        """The scheduler's."""
        return self._settings

    @property
    def unit(self) -> str:
        """What one unit of resource is."""
        return self._unit

    def rungs(self) -> Sequence[BracketView]:
        """The scheduler's brackets and rungs as they are now."""
        return self._scheduler.view()

    def reports(self, trial: int | None = None) -> Iterator[ReportView]:
        """All reports as they were recorded, or those of one trial: its learning curve. Read from the journal."""
        for at, event in self._storage.journal(self.name).read():
            if isinstance(event, Reported) and trial in {None, event.trial}:
                yield ReportView(event.trial, event.job, event.resource, event.metrics, event.seconds, at)

    def entries(self) -> Iterator[Entry]:
        """Everything that was recorded: (seconds since the epoch, event)."""
        return self._storage.journal(self.name).read()

    def refresh(self) -> None:
        """Take in what another process has recorded since."""
        if not self._asking:
            self._recorder.replay()

    def explain(self, trial: int) -> list[Reason]:
        """Every decision about a trial, oldest first: which rung, which rank, which cut-off, which peers."""
        self._check_trial(trial)
        ledger = Ledger()
        return reasons(self.entries(), ledger, self._build(ledger), TrialId(trial))

    def standing(self, trial: int) -> Explanation:
        """Where a trial stands now, and what it waits for."""
        self._check_trial(trial)
        return self._scheduler.standing(TrialId(trial))

    def replay(self) -> ReplayReport:
        """Derive all recorded decisions again from the events before them; report the first difference, if any."""
        ledger = Ledger()
        return check(self.entries(), ledger, self._build(ledger))

    def to_dataframe(self, what: Literal["trials", "reports"] = "trials") -> pd.DataFrame:
        """A pandas table (the extra `frame`) of the trials, or of all reports.

        Configs become columns `config.NAME`, metrics columns `metric.NAME`; inactive and absent ones are missing.
        """
        from paceline.export import dataframe  # noqa: PLC0415 - pandas is an extra

        return dataframe(self, what)

    @property
    def checkpoint_folder(self) -> Path:
        """Where this study's checkpoints are."""
        return self._study_folder() / "checkpoints"

    @property
    def log_folder(self) -> Path:
        """Where its workers' output goes."""
        return self._study_folder() / "logs"

    def close(self) -> None:
        """Let go of the storage. Needed after `ask`, so that another process may drive the study."""
        if self._asking:
            self._recorder.journal.release()
            self._asking = False
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Study {self.name!r} at {self._storage.url}: {self.status}, {len(self._ledger.trials)} trials>"

    # Inside ----------------------------------------------------------------------------------------------------

    @property
    def _ledger(self) -> Ledger:
        return self._recorder.ledger

    @property
    def _scheduler(self) -> Scheduler:
        scheduler = self._recorder.scheduler
        if scheduler is None:
            raise AssertionError("a study's recorder has a scheduler")
        return scheduler

    def _first_event(self) -> StudyOpened | None:
        _, event = next(iter(self._storage.journal(self.name).read()), (0.0, None))
        if event is not None and not isinstance(event, StudyOpened):
            raise SchemaError(
                f"{self._storage.url}: the journal of study {self.name!r} begins with {type(event).__name__}, not with "
                "StudyOpened; it is damaged or no journal. Restore it from a copy; nothing was changed."
            )
        return event

    def _build(self, ledger: Ledger) -> Scheduler:
        """A scheduler before the first fact; what was raised since comes with the facts."""
        opened = self._opened
        settings = self._settings if opened is None else SchedulerSettings.from_json(opened.scheduler)
        return settings.build(Context(self.space, self._seed, ledger))

    def _replayed(self, observers: Sequence[Observer] = ()) -> Recorder:
        """A recorder that has taken in all that the journal holds."""
        ledger = Ledger()
        recorder = Recorder(self._storage.journal(self.name), ledger, self._build(ledger), observers)
        recorder.replay()
        return recorder

    def _check_same(self, opened: StudyOpened, *, seed: int | None) -> None:
        """Raises StudyMismatchError if the study was opened with anything else than what is asked for now."""
        problems = list(Space.from_json(opened.space).differences(self.space))
        if opened.objective != self._objective:
            problems.append(f"it {_goal(opened.objective)}, not {_goal(self._objective)}")
        if opened.retries != self._retries:
            problems.append(f"retries was {opened.retries}, not {self._retries}")
        if seed is not None and seed != opened.seed:
            problems.append(f"the seed was {opened.seed}, not {seed}")
        try:
            SchedulerSettings.from_json(opened.scheduler).check_growth(self._settings)
        except SettingError as error:
            problems.append(str(error))
        if problems:
            raise self._mismatch(problems)

    def _check_growth(self, ledger: Ledger) -> None:
        """Raises StudyMismatchError if a setting that was raised meanwhile is asked for with its old value."""
        try:
            SchedulerSettings.from_json(ledger.scheduler_settings).check_growth(self._settings)
        except SettingError as error:
            raise self._mismatch([str(error)]) from error

    def _mismatch(self, problems: list[str]) -> StudyMismatchError:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        return StudyMismatchError(
            f"{self._storage.url}: study {self.name!r} exists and differs from the one asked for; nothing was "
            f"changed.\n{lines}\nUse another name, the same settings, or delete the study."
        )

    def _has_news(self, budget: Budget | None) -> bool:
        """Whether running a closed study again would change anything."""
        ledger = self._ledger
        return (
            ledger.closed is None
            or (budget is not None and budget != ledger.budget)
            or self._settings.to_json() != ledger.scheduler_settings
            or any(point not in ledger.given_points for point in self._points)
        )

    def _check_ends(self, budget: Budget | None) -> None:
        limits = self._ledger.budget if budget is None else budget
        if limits.is_unlimited and self._settings.is_endless:
            raise SettingError(
                "budget",
                budget,
                expected=f"a limit, because {type(self._settings).__name__} goes on for ever by itself",
                hint="For example budget=Budget(trials=100), Budget(minutes=10), Budget(resource=2000), or several.",
            )

    def _check_trial(self, trial: int) -> None:
        n_trials = len(self._ledger.trials)
        if not isinstance(trial, int) or isinstance(trial, bool) or not 0 <= trial < n_trials:
            known = f"a trial's id, from 0 to {n_trials - 1}" if n_trials else "a trial's id; the study has none yet"
            raise SettingError("trial", trial, expected=known)

    def _executor(self, train: TrainingFunction, executor: str | Executor, *, workers: int,
                  checkpoint_every: int | None, **process_settings: Any) -> Executor:  # fmt: skip
        if not isinstance(executor, str):
            return executor
        check_training_function(train)
        if checkpoint_every is not None:
            at_least("checkpoint_every", checkpoint_every, 1)
        context = TrainingContext(
            study=self.name,
            objective=self._objective,
            folder=self.checkpoint_folder,
            checkpoint_every=checkpoint_every,
            seed=self._seed,
        )
        if executor == "inline":
            if workers > 1:
                raise SettingError("workers", workers, expected='1 with executor="inline"')
            return InlineExecutor(train, context)
        if executor == "processes":
            return ProcessExecutor(train, context, workers=workers, log_folder=self.log_folder, **process_settings)
        raise SettingError("executor", executor, expected='"processes", "inline" or an Executor')

    @contextmanager
    def _driving(self, slots: int, executor: str, now: float, budget: Budget | None, observers: Sequence[Observer],
                 store: CheckpointStore) -> Iterator[Recorder]:  # fmt: skip
        """This process holds the study; everything is replayed; the settings of this run are recorded."""
        if self._asking:
            raise SettingError("run", self.name, expected="a study that is not being asked; close() it first")
        recorder = self._replayed(observers)
        self._recorder = recorder
        recorder.journal.acquire()
        try:
            recorder.replay()  # what was written before this process became the holder
            self._open(recorder, slots, executor, now, budget)
            recorder.employ(CheckpointJanitor(recorder.ledger, store, keep=self._keep, max_bytes=self._max_bytes))
            yield recorder
        finally:
            try:
                recorder.journal.release()
            finally:
                if recorder.is_ahead:  # a commit failed: what is in memory never happened
                    self._recorder = self._replayed()

    def _open(self, recorder: Recorder, slots: int, executor: str, now: float, budget: Budget | None) -> None:
        """Record what this run brings: the study itself, if it is new, and what was raised."""
        ledger = recorder.ledger
        if ledger.opened is None:
            opened = StudyOpened(
                seed=self._seed,
                objective=self._objective,
                space=self.space.to_json(),
                scheduler=self._settings.to_json(),
                unit=self._unit,
                retries=self._retries,
            )
            recorder.record([opened], now)
            self._opened = opened
        recorder.record([RunStarted(str(Holder.me()), slots, executor)], now)
        settings = self._settings.to_json()
        if settings != ledger.scheduler_settings:
            recorder.record([SchedulerChanged(settings)], now)
        if budget is not None and budget != ledger.budget:
            recorder.record([BudgetSet(budget)], now)
        new_points = [point for point in self._points if point not in ledger.given_points]
        if new_points:
            recorder.record([PointsGiven(tuple(new_points))], now)
        recorder.commit()

    def _asked_recorder(self) -> Recorder:
        """The recorder for ask and tell, whose process holds the study from the first call to `close`."""
        if not self._asking:
            self._recorder = self._replayed()
            self._recorder.journal.acquire()
            try:
                self._recorder.replay()
                self._open(self._recorder, 1, "ask/tell", time.time(), None)
                self._recorder.record(lost_jobs(self._ledger, "its asker ended"), time.time())
                self._recorder.commit()
            except BaseException:
                self._recorder.journal.release()
                raise
            self._asking = True
        return self._recorder

    def _study_folder(self) -> Path:
        if self._folder is None:
            self._folder = _default_folder(self._storage.url)
        return self._folder / quote(self.name, safe=" ")


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise SettingError("name", name, expected=f"a name of 1 to {MAX_NAME} printable characters")


def _objective(maximize: str | None, minimize: str | None) -> Objective:
    if maximize is not None and minimize is not None:
        raise SettingError("maximize", maximize, expected=f"None, because minimize={minimize!r} was given too")
    metric = maximize if minimize is None else minimize
    if metric is None:
        return Objective("loss")
    if not isinstance(metric, str) or not metric:
        name = "maximize" if minimize is None else "minimize"
        raise SettingError(name, metric, expected='the name of a metric, such as "accuracy"')
    return Objective(metric, maximize=maximize is not None)


def _goal(objective: Objective) -> str:
    return f"{'maximizes' if objective.maximize else 'minimizes'} {objective.metric!r}"


def _default_folder(url: str) -> Path:
    """Beside the database, where there is a file; a folder of the process for memory; the working folder otherwise."""
    if url == "memory:":
        return Path(_temporary_folder())
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///").partition("?")[0])
        return file.with_name(f"{file.stem}-files")
    return Path("paceline-files")


@cache
def _temporary_folder() -> str:
    """One for the process, removed when it ends."""
    folder = tempfile.mkdtemp(prefix="paceline-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
