"""Whether a study's journal, its checkpoints and what was really trained agree.

An audit trusts nothing that it can count for itself: the facts are folded by brute force beside the ledger, and what was
trained is told by a log that Paceline knows nothing of. It holds for studies whose training function uses `steps()`,
reports each of them with a `save`, and fails by dying only; whose scheduler resumes from checkpoints; and which keep all
checkpoints that may be needed. Of a population, no member was given up. See `victim.py`; what is looked at in forks is in
`population.py`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from paceline.checkpoints import CheckpointStore
from paceline.events import (
    AnyEvent,
    Checkpoint,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Outcome,
    Reported,
    StudyClosed,
    StudyOpened,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.journal import Entry
from paceline.ledger import Incumbent, Ledger
from paceline.retention import retained
from paceline.samplers.base import Context
from paceline.schedulers.base import Scheduler, SchedulerSettings
from paceline.space import Space
from paceline.testing.population import Population


class Work(msgspec.Struct, frozen=True):
    """One line of the log that training writes.

    Args:
        what: `"called"`, `"loaded"` (a checkpoint), `"trained"` (one unit, not yet reported), `"died"` (by its own hand),
            or `"waiting"` (the target is reported).
        pid: the process.
        job: which job it was for.
        trial: which trial.
        resource: how far it was trained then.
        source: the trial that had saved what was loaded.
    """

    what: str
    pid: int
    job: int
    trial: int
    resource: int
    source: int | None = None


class JobRecord(msgspec.Struct):
    """All that is known of one job.

    Args:
        job: the job.
        issued_at: the seq of the event that issued it.
        expected_start: where it had to start, from the events before.
        source: which trial has saved what it had to start from; `None` is from nothing.
        is_last_try: it starts from nothing, since its checkpoint may be to blame.
        reports: its own.
        end: how it ended, if it has.
        ended_at: the seq of that.
        units: what it really trained.
        is_called: the training function was called for it; otherwise it went on in memory, or was never begun.
        loads: what was loaded for it: whose state, and how far that was trained.
    """

    job: Job
    issued_at: int
    expected_start: int
    source: TrialId | None = None
    is_last_try: bool = False
    reports: list[Reported] = []
    end: JobEnded | None = None
    ended_at: int | None = None
    units: list[int] = []
    is_called: bool = False
    loads: list[tuple[int | None, int]] = []

    @property
    def is_completed(self) -> bool:
        """Whether it reported at its target."""
        return self.end is not None and self.end.outcome is Outcome.COMPLETED

    @property
    def has_failed(self) -> bool:
        """Whether it ended as a failure, without a report at its target."""
        return self.end is not None and self.end.outcome is Outcome.FAILED and not self.has_reached_target

    @property
    def has_reached_target(self) -> bool:
        """Whether it reported there, however it then ended."""
        return bool(self.reports) and self.reports[-1].resource == self.job.target

    def __str__(self) -> str:
        job = self.job
        return f"job {job.id} (trial {job.trial}, {job.start} to {job.target}, attempt {job.attempt})"


class Audit:
    """One look at a study that nobody drives at the moment.

    Args:
        entries: its journal.
        work: what was really trained.
        store: its checkpoints.
    """

    def __init__(self, entries: Sequence[Entry], work: Sequence[Work], store: CheckpointStore) -> None:
        self._entries = entries
        self._store = store
        self._ledger = Ledger()
        self._problems: list[str] = []
        self._jobs: dict[JobId, JobRecord] = {}
        self._of_trial: dict[TrialId, list[JobRecord]] = defaultdict(list)
        self._newest: dict[TrialId, Checkpoint] = {}
        self._savers: dict[str, tuple[Checkpoint, TrialId]] = {}
        self._n_trials = 0
        self._population = Population(entries, self._has_failed)
        self._scheduler: Scheduler | None = None
        for seq, (at, event) in enumerate(entries):
            if self._is_legal(seq, event):
                self._count(seq, event)
                self._ledger.apply(event, at)
                self._schedule(seq, event)
        self._assign(work)

    def at_rest(self) -> list[str]:
        """What is wrong, whenever the study was left: driven, killed, or ended."""
        return [
            *self._problems,
            *self._population.problems,
            *self._fold(),
            *self._incumbent(),
            *self._completed_once(),
            *self._starts(),
            *self._loads(),
            *self._training(),
            *self._repetitions(),
            *self._missing_checkpoints(),
        ]

    def at_end(self) -> list[str]:
        """What is wrong besides, once the study is closed."""
        settings = self._ledger.scheduler_settings
        return [
            *self._closed(),
            *self._retries(),
            *self._population.shrunken(settings),
            *self._leftovers(),
        ]

    @property
    def n_units(self) -> int:
        """Units that were trained."""
        return sum(len(record.units) for record in self._jobs.values())

    @property
    def n_repeated(self) -> int:
        """Units that were trained although the same trial had been trained to there before."""
        times = Counter(
            (trial, unit)
            for trial, records in self._of_trial.items()
            for record in records
            for unit in record.units
        )
        return sum(count - 1 for count in times.values())

    @property
    def n_interrupted(self) -> int:
        """Jobs that did not complete."""
        return sum(not record.is_completed for record in self._jobs.values())

    @property
    def n_forks(self) -> int:
        """Trials that began from another one's checkpoint."""
        return len(self._population.origins)

    @property
    def needed(self) -> set[str]:
        """The keys of the checkpoints that may still be needed."""
        scheduler = self._scheduler
        if scheduler is None:
            return retained(self._ledger)
        return retained(self._ledger, needed=lambda: scheduler.needed_checkpoints)

    @property
    def jobs(self) -> list[JobRecord]:
        """All jobs, in the order of issue."""
        return list(self._jobs.values())

    # Counting --------------------------------------------------------------------------------------------------

    def _is_legal(self, seq: int, event: AnyEvent) -> bool:
        """Whether one fact may follow those before; what may not is noted and otherwise left out."""
        problem = None
        match event:
            case TrialCreated() if event.trial.id != self._n_trials:
                problem = f"{self._n_trials} trials were there"
            case JobIssued(job=job):
                running = [record for record in self._of_trial.get(job.trial, ()) if record.end is None]
                if job.id != len(self._jobs) or job.trial >= self._n_trials or running:
                    problem = (
                        f"{len(self._jobs)} jobs and {self._n_trials} trials were there; running: {running}"
                    )
            case Reported() | JobEnded():
                record = self._jobs.get(event.job)
                if record is None or record.end is not None or record.job.trial != event.trial:
                    problem = "its job was not running"
            case _:
                pass
        if problem is not None:
            self._problems.append(f"event {seq}, {event}, makes no sense: {problem}")
        return problem is None

    def _count(self, seq: int, event: AnyEvent) -> None:
        match event:
            case TrialCreated(trial=trial):
                self._n_trials += 1
                self._population.create(seq, trial)
                if trial.origin is not None:
                    self._newest[trial.id] = trial.origin.checkpoint
            case TrialStopped():
                self._population.stop(seq, event.trial)
            case JobIssued():
                self._issue(seq, event.job)
                self._population.issue(event.job)
            case Reported() | JobEnded():
                self._hear(seq, event)
            case _:
                pass

    def _schedule(self, seq: int, event: AnyEvent) -> None:
        """Fold the scheduler, which alone knows from which checkpoints it may yet let trials begin."""
        try:
            if isinstance(event, StudyOpened):
                settings = SchedulerSettings.from_json(event.scheduler)
                space = Space.from_json(event.space)
                self._scheduler = settings.build(Context(space, event.seed, self._ledger))
            elif self._scheduler is not None:
                self._scheduler.apply(event)
        except Exception as error:  # noqa: BLE001 - facts that never were may lead it anywhere
            self._problems.append(f"event {seq}, {event}, cannot be folded by the scheduler: {error!r}")
            self._scheduler = None

    def _has_failed(self, trial: TrialId) -> bool:
        """Whether it has failed for good by now."""
        records = self._of_trial.get(trial)
        if not records:
            return False
        return _failures(records, records[-1].job.target) > self._ledger.retries

    def _issue(self, seq: int, job: Job) -> None:
        before = self._of_trial[job.trial]
        checkpoint = self._newest.get(job.trial)
        is_fork = job.trial in self._population.origins
        is_last_try = not is_fork and 0 < self._ledger.retries <= _failures(before, job.target)
        start, source = 0, None
        if checkpoint is not None and not is_last_try:
            start = checkpoint.resource
            source = self._savers[checkpoint.key][1] if checkpoint.key in self._savers else None
        record = JobRecord(job, seq, start, source, is_last_try, [], units=[], loads=[])
        self._jobs[job.id] = record
        before.append(record)

    def _hear(self, seq: int, event: Reported | JobEnded) -> None:
        record = self._jobs[event.job]
        if isinstance(event, JobEnded):
            record.end, record.ended_at = event, seq
            return
        last = record.reports[-1].resource if record.reports else record.job.start
        if not last < event.resource <= record.job.target:
            self._problems.append(f"{record} reported at {event.resource} after {last}")
        record.reports.append(event)
        if event.checkpoint is not None:
            self._newest[event.trial] = event.checkpoint
            self._savers[event.checkpoint.key] = event.checkpoint, event.trial
        self._population.report(event, self._ledger.objective.loss(event.metrics))

    def _assign(self, work: Sequence[Work]) -> None:
        for item in work:
            record = self._jobs.get(JobId(item.job))
            if record is None or record.job.trial != item.trial:
                self._problems.append(f"{item} is of a job that is not recorded: it was carried out before")
            elif item.what == "trained":
                record.units.append(item.resource)
            elif item.what == "called":
                record.is_called = True
            elif item.what == "loaded":
                record.loads.append((item.source, item.resource))

    # At rest ---------------------------------------------------------------------------------------------------

    def _fold(self) -> Iterator[str]:
        """The ledger says what counting says."""
        ledger = self._ledger
        running = {job for job, record in self._jobs.items() if record.end is None}
        ends = [record.end for record in self._jobs.values() if record.end is not None]
        counted = {
            "trials": (len(ledger.trials), self._n_trials),
            "jobs": (ledger.n_jobs, len(self._jobs)),
            "running jobs": (set(ledger.running), running),
            "reports": (ledger.n_reports, sum(len(record.reports) for record in self._jobs.values())),
            "outcomes": (ledger.outcomes, Counter(end.outcome for end in ends)),
            "committed units": (
                ledger.committed,
                sum(self._jobs[job].job.target - self._jobs[job].job.start for job in running),
            ),
            "checkpoints": (
                {state.id: state.checkpoint for state in ledger.trials if state.checkpoint is not None},
                self._newest,
            ),
            "reached resources": (
                {state.id: state.resource for state in ledger.trials if state.resource},
                self._reached(),
            ),
        }
        for what, (folded, right) in counted.items():
            if folded != right:
                yield f"{what}: the ledger says {folded}, counting says {right}"

    def _reached(self) -> dict[TrialId, int]:
        reached = {trial: origin.resource for trial, origin in self._population.origins.items()}
        for trial, records in self._of_trial.items():
            if any(record.reports for record in records):
                reached[trial] = max(report.resource for record in records for report in record.reports)
        return reached

    def _incumbent(self) -> Iterator[str]:
        """The incumbent is the best of all reports at the largest resource that was a target."""
        at_target: dict[int, list[tuple[float, TrialId]]] = defaultdict(list)
        for record in self._jobs.values():
            for report in record.reports:
                loss = self._ledger.objective.loss(report.metrics)
                if report.resource == record.job.target and loss < float("inf"):
                    at_target[report.resource].append((loss, report.trial))
        best = None
        if at_target:
            resource = max(at_target)
            loss, trial = min(at_target[resource])
            best = Incumbent(trial, resource, loss)
        if self._ledger.incumbent() != best:
            yield f"the incumbent is {self._ledger.incumbent()}, and the best of all reports is {best}"

    def _completed_once(self) -> Iterator[str]:
        """Each (trial, target) completes once, with a report and a checkpoint there."""
        completed = Counter(
            (record.job.trial, record.job.target) for record in self._jobs.values() if record.is_completed
        )
        for (trial, target), count in completed.items():
            if count > 1:
                yield f"trial {trial} completed {target} {count} times"
        for record in self._jobs.values():
            if record.is_completed:
                last = record.reports[-1] if record.reports else None
                if last is None or last.resource != record.job.target or last.checkpoint is None:
                    yield f"{record} completed without a report and a checkpoint at its target"

    def _starts(self) -> Iterator[str]:
        """Each job starts from its trial's newest checkpoint."""
        for record in self._jobs.values():
            if record.job.start != record.expected_start:
                yield f"{record} had to start from {record.expected_start}"

    def _loads(self) -> Iterator[str]:
        """Each job that was begun anew has really loaded what it had to start from, saved by its trial or its donor."""
        for trial, records in self._of_trial.items():
            reached = None
            for record in records:
                expected = [] if record.source is None else [(record.source, record.expected_start)]
                has_begun = record.is_called and (record.units or record.loads)
                if has_begun and record.loads != expected:
                    yield f"{record} has loaded {record.loads}, and had to load {expected}"
                if record.units and not record.is_called and reached != record.job.start:
                    yield f"{record} went on in memory, where trial {trial} was not at its start"
                reached = record.job.target if record.is_completed else None

    def _training(self) -> Iterator[str]:
        """Each job trains each unit once, in order, from its start; what is reported was trained."""
        for record in self._jobs.values():
            start, target = record.job.start, record.job.target
            if record.units != list(range(start + 1, start + 1 + len(record.units))):
                yield f"{record} trained the units {record.units}"
            if not {report.resource for report in record.reports} <= set(record.units):
                yield f"{record} reported what it did not train"
            if record.units and (
                record.units[-1] > target or (record.is_completed and record.units[-1] != target)
            ):
                yield f"{record} trained up to {record.units[-1]}"

    def _repetitions(self) -> Iterator[str]:
        """No unit that a completed job has trained is trained again, but for a last try from nothing."""
        for records in self._of_trial.values():
            reached = 0
            for record in records:
                repeated = [unit for unit in record.units if unit <= reached]
                if repeated and not record.is_last_try:
                    yield f"{record} trained {repeated} again, although its trial had completed {reached}"
                if record.is_completed:
                    reached = record.job.target

    def _missing_checkpoints(self) -> Iterator[str]:
        """Every checkpoint that may be needed is there, as large as it was reported."""
        existing = set(self._store.keys())
        needed = self.needed
        for checkpoint, trial in self._savers.values():
            if checkpoint.key not in needed:
                continue
            if checkpoint.key not in existing:
                what = "the newest" if self._newest[trial] == checkpoint else "one that may be forked,"
                yield f"checkpoint {checkpoint.key}, {what} of trial {trial}, is gone"
                continue
            folder = self._store.path(checkpoint.key)
            size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            if size_bytes != checkpoint.size_bytes:
                yield f"checkpoint {checkpoint.key} has {size_bytes} bytes, not {checkpoint.size_bytes}"
        yield from self._population.missing_donors(self._ledger.scheduler_settings, existing)

    # At the end ------------------------------------------------------------------------------------------------

    def _closed(self) -> Iterator[str]:
        if not isinstance(self._entries[-1][1], StudyClosed) or self._ledger.closed is None:
            yield "the study is not closed"
        for record in self._jobs.values():
            if record.end is None:
                yield f"{record} has not ended"

    def _retries(self) -> Iterator[str]:
        """Each job that failed was tried again, unless its trial had failed for good."""
        for trial, records in self._of_trial.items():
            for number, record in enumerate(records, start=1):
                failures = _failures(records[:number], record.job.target)
                has_failed = failures > self._ledger.retries
                is_last = number == len(records)
                if has_failed and not is_last:
                    yield f"trial {trial} had failed {failures} times, and {records[number]} was issued"
                if is_last and record.has_failed and not has_failed:
                    yield f"{record} failed, and was not tried again"
                if is_last and has_failed != self._ledger.trials[trial].has_failed:
                    yield f"trial {trial} failed {failures} times, and the ledger says otherwise"

    def _leftovers(self) -> Iterator[str]:
        """No checkpoint remains that nothing needs, and nothing half done."""
        for key in sorted(set(self._store.keys()) - self.needed):
            yield f"checkpoint {key} remains, and nothing needs it"
        for path in sorted(self._store.folder.glob("*/.*")):
            yield f"{path} remains, half done"


def _failures(records: Sequence[JobRecord], target: int) -> int:
    """Failures in a row on the way to a target, up to now."""
    count = 0
    for record in records:
        if record.job.target != target or record.has_reached_target:
            count = 0
        count += record.job.target == target and record.has_failed
    return count
