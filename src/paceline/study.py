"""The user's API: a study is a space, a scheduler, an objective and a journal.

    study = Study("digits", space, ASHA(max_resource=81), maximize="accuracy", storage="sqlite:///digits.db")
    study.run(train, workers=4, budget=Budget(minutes=10))
    print(study.incumbent)

Creating the object checks everything and writes nothing. Running it again continues where it was, whatever ended the
run before. Reading on: `driver.py`, `events.py`, `schedulers/asha.py`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, SupportsFloat

import msgspec

from paceline.arguments import (
    check_budget,
    check_executor,
    check_is_writable,
    check_name,
    check_observers,
    check_scheduler,
    check_unit,
    folder_of,
    objective_of,
    points_of,
)
from paceline.asking import AskedJob, Asker, not_open
from paceline.checkpoints import CheckpointStore
from paceline.driver import Driver, Observer, Recorder, lost_jobs
from paceline.errors import SettingError
from paceline.events import Budget, Config, Job, Reported, TrialId
from paceline.executors.protocol import Executor
from paceline.folders import study_folder
from paceline.forecast import forecast
from paceline.history import Reason, ReplayReport, check, reasons
from paceline.importance import TOP, Importance, importance
from paceline.journal import Entry, Journal, Storage, not_found
from paceline.ledger import Ledger
from paceline.lineage import Descent, lineage, schedule
from paceline.metrics import Reportable
from paceline.opening import Plan, check_same, opening, recorded
from paceline.retention import CheckpointJanitor
from paceline.samplers.base import Context
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import BracketView, Explanation, Scheduler, SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pb2 import PB2
from paceline.schedulers.pbt import PBT
from paceline.schedulers.replay import Piece, Replay
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

BUILT_IN = (ASHA, FullResource, Hyperband, PB2, PBT, Replay, SuccessiveHalving)
"""Imported here so that a journal which names them can be opened."""

FORECAST_TRIALS = 2000
"""How far the line that is shown before a run looks ahead: a tenth of a second's work."""


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
        keep_checkpoints: how many checkpoints to keep, those that cannot be spared (of running jobs, and the
            incumbent's) and then the most promising; `None` is all that may be needed. A promoted trial whose
            checkpoint is gone trains from 0; a fork fails.
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
        _as_recorded: bool = False,
    ) -> None:
        check_name(name)
        check_scheduler(scheduler)
        check_unit(unit)
        for setting, value in {"seed": seed, "keep_checkpoints": keep_checkpoints,
                               "max_checkpoint_bytes": max_checkpoint_bytes}.items():  # fmt: skip
            if value is not None:
                at_least(setting, value, 0)
        at_least("retries", retries, 0)
        space = Space.of(space)
        objective = objective_of(maximize, minimize)
        self._plan = Plan(name, space, scheduler, objective, seed, unit, retries, points_of(points, space))
        self._keep = keep_checkpoints
        self._max_bytes = max_checkpoint_bytes
        base = folder_of(folder)
        with opening(storage) as self._storage:
            self._folder = study_folder(name, self._storage.url, base)
            self._asker: Asker | None = None
            opened = recorded(name, self._storage)
            if opened is not None and not _as_recorded:
                check_same(self._plan, opened, opened.scheduler, self._storage)
            self._opened = self._plan.opened() if opened is None else opened
            self._recorder = self._replayed()
            if opened is not None and _as_recorded:
                latest = SchedulerSettings.from_json(self._ledger.scheduler_settings)
                self._plan = msgspec.structs.replace(self._plan, settings=latest)
            elif opened is not None:
                check_same(self._plan, opened, self._ledger.scheduler_settings, self._storage)

    @classmethod
    def load(
        cls, name: str, storage: str | os.PathLike[str] | Storage = "sqlite:///paceline.db", **more: Any
    ) -> Self:
        """An existing study, from its journal alone: to look at, explain, export, or run on.

        Args:
            name: the study.
            storage: where it is.
            more: `folder`, `keep_checkpoints`, `max_checkpoint_bytes`, as for `Study`.

        Raises:
            StudyNotFoundError: there is none of that name.
            StorageError: the storage cannot be opened.
        """
        with opening(storage) as place:
            opened = recorded(name, place)
            if opened is None:
                raise not_found(name, place)
            goal: dict[str, Any] = {
                "maximize" if opened.objective.maximize else "minimize": opened.objective.metric
            }
            return cls(
                name,
                Space.from_json(opened.space),
                SchedulerSettings.from_json(opened.scheduler),
                storage=place,
                unit=opened.unit,
                retries=opened.retries,
                _as_recorded=True,
                **goal,
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
        progress: bool = True,
    ) -> None:
        """Tune until the budget is spent, the scheduler has nothing left to do, or Ctrl-C.

        Called again, it continues: jobs that were running when the last driver ended are issued again from their last
        checkpoints; nothing that was recorded is lost and no finished job runs again. The first Ctrl-C lets running
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
            progress: show on stderr what goes on: a live display on a terminal, plain lines elsewhere.

        Raises:
            SettingError: a setting is wrong; nothing was written.
            TrainingFunctionError: the function cannot be called or shipped, or has failed every time.
            JournalConflict: somebody else drives this study.
            StorageError: the storage failed; what was recorded is intact.
            CheckpointError: checkpoints cannot be written.
        """
        at_least("workers", workers, 1)
        if budget is not None:
            check_budget(budget)
        check_executor(executor)
        check_observers(observers)
        self._check_ends(budget)
        self.refresh()
        if self._ledger.closed is not None and not self._plan.news(self._ledger, budget):
            return
        self._check_goes_on()
        place = self._executor(
            train,
            executor,
            workers=workers,
            checkpoint_every=checkpoint_every,
            patience_s=patience_s,
            gpus=gpus,
            gpus_per_worker=gpus_per_worker,
            threads_per_worker=threads_per_worker,
        )
        with (
            closing(place),
            self._driving(place, budget, observers) as recorder,
            closing(place),  # before the study is let go: the next driver must find no worker at work
            self._shown(recorder, progress, place),
        ):
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
        with self._asking() as asker:
            return asker.ask()

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
        if self._asker is None:
            raise not_open(job)
        with self._asking() as asker:
            if failed is None:
                asker.tell(job, metrics, named, resource, seconds)
            else:
                asker.tell_failure(job, failed, metrics, named)

    def set_budget(self, budget: Budget) -> None:
        """Set the study's budget, for a loop of your own; `run` takes one itself."""
        check_budget(budget)
        with self._asking() as asker:
            asker.set_budget(budget)

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
        return [trial_view(state, self._ledger) for state in self._ledger.trials]

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
    def name(self) -> str:
        """The study's name."""
        return self._plan.name

    @property
    def storage(self) -> Storage:
        """Where its journal is."""
        return self._storage

    @property
    def space(self) -> Space:
        """The search space."""
        return self._plan.space

    @property
    def settings(self) -> SchedulerSettings:
        """The scheduler's."""
        return self._plan.settings

    @property
    def unit(self) -> str:
        """What one unit of resource is."""
        return self._opened.unit

    def rungs(self) -> Sequence[BracketView]:
        """The scheduler's brackets and rungs as they are now."""
        return self._scheduler.view()

    def reports(self, trial: int | None = None) -> Iterator[ReportView]:
        """All reports as they were recorded, or those of one trial: its learning curve. Read from the journal."""
        if trial is not None:
            self._check_trial(trial)
        for at, event in self._storage.journal(self.name).read():
            if isinstance(event, Reported) and trial in {None, event.trial}:
                yield ReportView(event.trial, event.job, event.resource, event.metrics, event.seconds, at)

    def entries(self) -> Iterator[Entry]:
        """Everything that was recorded: (seconds since the epoch, event)."""
        return self._storage.journal(self.name).read()

    def refresh(self) -> None:
        """Take in what another process has recorded since."""
        if self._asker is not None:
            return
        if self._ledger.opened is None:
            self._recorder = self._replayed()
        else:
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

    def lineage(self) -> list[Descent]:
        """Of each trial, by id: from which it was forked, at which resource, and what was changed in its config."""
        return lineage(self._ledger)

    def schedule(self, trial: int | None = None) -> list[Piece]:
        """The hyperparameters that a trial's weights were trained with, as pieces from resource 0 on.

        Args:
            trial: the trial; `None` is the incumbent, and no pieces before there is one.
        """
        if trial is None:
            incumbent = self._ledger.incumbent()
            return [] if incumbent is None else schedule(self._ledger, incumbent.trial)
        self._check_trial(trial)
        return schedule(self._ledger, TrialId(trial))

    def replay(self) -> ReplayReport:
        """Derive all recorded decisions again from the events before them; report the first difference, if any."""
        ledger = Ledger()
        return check(self.entries(), ledger, self._build(ledger))

    def importance(self, *, resource: int | None = None, top: float = TOP) -> Importance:
        """Which hyperparameters mattered, how sure that is, and where the good values lie; by PED-ANOVA.

        Compares the values among the best results at one resource with those among all results there, and not with the
        space. Promoted trials have been selected already, so at a high resource a hyperparameter may matter little
        because the lower ones have settled it. Where the sampler has a model, only its random draws are compared, if
        they are enough. A conditional hyperparameter is judged among the results in which it is active.

        Args:
            resource: whose results are compared; `None` is the highest with at least 20, and 2 (d + 1) for d
                hyperparameters. What was not finite, or failed on its way there, ranks last.
            top: the share of the results that are the best.

        Raises:
            SettingError: a setting is wrong, or there are too few results.
        """
        has_model = self._scheduler.sampler.has_model
        return importance(self.entries(), self.space, resource=resource, top=top, has_model=has_model)

    def to_dataframe(self, what: Literal["trials", "reports"] = "trials") -> pd.DataFrame:
        """A pandas table (the extra `frame`) of the trials, or of all reports.

        Configs become columns `config.NAME`, metrics columns `metric.NAME`; inactive and absent ones are missing.
        """
        from paceline.export import dataframe  # noqa: PLC0415 - pandas is an extra

        return dataframe(self, what)

    @property
    def checkpoint_folder(self) -> Path:
        """Where this study's checkpoints are."""
        return self._folder / "checkpoints"

    @property
    def log_folder(self) -> Path:
        """Where its workers' output goes."""
        return self._folder / "logs"

    def close(self) -> None:
        """Let go of the storage. Needed after `ask`, so that another process may drive the study."""
        if self._asker is not None:
            self._asker.let_go()
            self._asker = None
        self._storage.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<Study {self.name!r} at {self._storage.url}: {self.status}, {len(self._ledger.trials)} trials>"
        )

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

    def _build(self, ledger: Ledger) -> Scheduler:
        """A scheduler before the first fact; what was raised since comes with the facts."""
        settings = SchedulerSettings.from_json(self._opened.scheduler)
        return settings.build(Context(self.space, self._opened.seed, ledger))

    def _replayed(self, observers: Sequence[Observer] = (), journal: Journal | None = None) -> Recorder:
        """A recorder that has taken in all that the journal holds."""
        opened = recorded(self.name, self._storage)
        if opened is not None and opened != self._opened:  # by somebody else, since this object was made
            check_same(self._plan, opened, opened.scheduler, self._storage)
            self._opened = opened
        ledger = Ledger()
        recorder = Recorder(
            self._storage.journal(self.name) if journal is None else journal,
            ledger,
            self._build(ledger),
            observers,
        )
        recorder.replay()
        return recorder

    def _check_ends(self, budget: Budget | None) -> None:
        limits = self._ledger.budget if budget is None else budget
        if limits.is_unlimited and self.settings.is_endless:
            raise SettingError(
                "budget",
                budget,
                expected=f"a limit, because {type(self.settings).__name__} goes on for ever by itself",
                hint="For example budget=Budget(trials=100), Budget(minutes=10), Budget(resource=2000), or several.",
            )

    def _check_goes_on(self) -> None:
        """Ask for a config before anything is recorded: no more can be had where a constraint refuses all, or fails."""
        self._scheduler.sampler.propose(self._ledger.next_trial)

    def _check_trial(self, trial: int) -> None:
        n_trials = len(self._ledger.trials)
        if not isinstance(trial, int) or isinstance(trial, bool) or not 0 <= trial < n_trials:
            known = (
                f"a trial's id, from 0 to {n_trials - 1}"
                if n_trials
                else "a trial's id; the study has none yet"
            )
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
            objective=self._plan.objective,
            folder=self.checkpoint_folder,
            checkpoint_every=checkpoint_every,
            seed=self._opened.seed,
        )
        check_is_writable(self._folder)
        if executor == "inline":
            from paceline.executors.inline import InlineExecutor  # noqa: PLC0415 - `import paceline` stays fast

            if workers > 1:
                raise SettingError("workers", workers, expected='1 with executor="inline"')
            for name in ("patience_s", "gpus", "threads_per_worker"):
                if process_settings[name] is not None:
                    expected = 'None with executor="inline", which has no worker processes'
                    raise SettingError(name, process_settings[name], expected=expected)
            return InlineExecutor(train, context)
        from paceline.executors.processes import ProcessExecutor  # noqa: PLC0415 - likewise

        return ProcessExecutor(
            train, context, workers=workers, log_folder=self.log_folder, **process_settings
        )

    @contextmanager
    def _driving(
        self, place: Executor, budget: Budget | None, observers: Sequence[Observer]
    ) -> Iterator[Recorder]:
        """Hold the study, with everything replayed and what this run brings recorded."""
        if self._asker is not None:
            raise SettingError("run", self.name, expected="a study that is not being asked; close() it first")
        recorder = self._held(observers)
        try:
            facts = self._plan.first_facts(
                recorder.ledger, slots=place.slots, executor=type(place).__name__, budget=budget
            )
            recorder.record(facts, place.now())
            recorder.record(lost_jobs(recorder.ledger, "its driver ended"), place.now())
            recorder.commit()
            store = CheckpointStore(self.checkpoint_folder)
            recorder.employ(
                CheckpointJanitor(
                    recorder.ledger,
                    store,
                    keep=self._keep,
                    max_bytes=self._max_bytes,
                    needed=lambda: recorder.scheduler.needed_checkpoints if recorder.scheduler else {},
                )
            )
            yield recorder
        finally:
            try:
                recorder.journal.release()
            finally:
                if recorder.is_ahead:  # a commit failed: what is in memory never happened
                    self._recorder = self._replayed()

    @contextmanager
    def _asking(self) -> Iterator[Asker]:
        """The asker, whose process holds the study from the first call until `close`.

        If what it records does not become durable, it never happened, and may be asked or told again.
        """
        asker = self._new_asker() if self._asker is None else self._asker
        try:
            yield asker
        finally:
            if self._recorder.is_ahead:
                journal = self._recorder.journal  # it is the study's holder
                self._recorder = self._replayed()
                self._recorder.journal = journal
                self._asker = Asker(self._recorder)

    def _new_asker(self) -> Asker:
        self.refresh()
        self._check_goes_on()
        recorder = self._held(())
        try:
            recorder.record(
                self._plan.first_facts(recorder.ledger, slots=1, executor="ask/tell", budget=None),
                time.time(),
            )
            recorder.record(lost_jobs(recorder.ledger, "its asker ended"), time.time())
            recorder.commit()
        except BaseException:
            recorder.journal.release()
            self._recorder = self._replayed()
            raise
        self._asker = Asker(recorder)
        return self._asker

    def _held(self, observers: Sequence[Observer]) -> Recorder:
        """A recorder by which this process alone writes to the study."""
        journal = self._storage.journal(self.name)
        journal.acquire()
        try:
            recorder = self._replayed(observers, journal)
            if recorder.ledger.opened is not None:  # its settings may have grown since this object was made
                check_same(self._plan, self._opened, recorder.ledger.scheduler_settings, self._storage)
        except BaseException:
            journal.release()
            raise
        self._recorder = recorder
        return recorder

    @contextmanager
    def _shown(self, recorder: Recorder, progress: bool, place: Executor) -> Iterator[None]:  # noqa: FBT001
        """Show what is to be expected, then what goes on."""
        if not progress:
            yield
            return
        from paceline.progress import progress_for  # noqa: PLC0415 - rich is imported when something is shown

        expected = forecast(
            self.settings,
            self.space,
            workers=place.slots,
            budget=recorder.ledger.budget,
            unit=self.unit,
            max_trials=FORECAST_TRIALS,
        )
        if expected is not None:
            print(expected.line(), file=sys.stderr)  # noqa: T201 - what the user asked to be shown
        with progress_for(sys.stderr)(self.name, recorder.ledger, self._scheduler) as display:
            recorder.observe(display)
            yield
