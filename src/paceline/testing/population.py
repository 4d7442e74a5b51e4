"""Whether forks, and the population that they keep up, are what they should be: a part of the audit (`audit.py`).

It counts by the facts alone and asks no scheduler, save for the size of the population, R and the interval, which are the
user's. It holds where nobody stops trials by hand.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from paceline.events import (
    Checkpoint,
    Job,
    JobId,
    JobIssued,
    Origin,
    Reported,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.journal import Entry


class Population:
    """Forks and members, counted fact by fact.

    Args:
        entries: the whole journal: what follows a fork at once belongs to it.
        has_failed: whether a trial has failed for good, by the facts so far.
    """

    def __init__(self, entries: Sequence[Entry], has_failed: Callable[[TrialId], bool]) -> None:
        self._entries = entries
        self._has_failed = has_failed
        self.problems: list[str] = []
        self.origins: dict[TrialId, Origin] = {}
        self.stopped: set[TrialId] = set()
        self._trials: dict[TrialId, Trial] = {}
        self._places: dict[int, list[TrialId]] = defaultdict(list)  # by member, who has had it
        self._jobs: dict[JobId, Job] = {}
        self._saved: dict[tuple[TrialId, str], Checkpoint] = {}
        self._losses: dict[TrialId, dict[int, tuple[float, Checkpoint | None]]] = defaultdict(dict)

    # Counting --------------------------------------------------------------------------------------------------

    def create(self, seq: int, trial: Trial) -> None:
        """A trial was created."""
        self._trials[trial.id] = trial
        if trial.origin is not None:
            self.origins[trial.id] = trial.origin
            self._check_origin(trial, trial.origin)
        before = None
        if trial.member is not None:
            before = self._places[trial.member][-1] if self._places[trial.member] else None
            self._places[trial.member].append(trial.id)
        if trial.origin is not None or trial.member is not None:
            self._check_transaction(seq, trial, before)

    def issue(self, job: Job) -> None:
        """A job was issued."""
        self._jobs[job.id] = job

    def report(self, event: Reported, loss: float) -> None:
        """A job has reported."""
        if event.checkpoint is not None:
            self._saved[event.trial, event.checkpoint.key] = event.checkpoint
        if event.resource == self._jobs[event.job].target:
            self._losses[event.trial].setdefault(event.resource, (loss, event.checkpoint))

    def stop(self, seq: int, trial: TrialId) -> None:
        """A trial was stopped: for a fork that has just been created, unless it had diverged."""
        self.stopped.add(trial)
        if trial not in self._trials or self._trials[trial].member is None:
            return
        before = self._entries[seq - 1][1]
        is_replaced = isinstance(before, TrialCreated) and before.trial.member == self._trials[trial].member
        losses = self._losses[trial]
        if not is_replaced and not (losses and losses[max(losses)][0] == math.inf):
            self.problems.append(f"trial {trial} was stopped, and nobody has taken its place")

    def _check_origin(self, fork: Trial, origin: Origin) -> None:
        saved = self._saved.get((origin.trial, origin.checkpoint.key))
        if origin.trial not in self._trials:
            self.problems.append(f"trial {fork.id} is a fork of trial {origin.trial}, which was not there")
        elif saved != origin.checkpoint:
            self.problems.append(
                f"trial {fork.id} is a fork of {origin.checkpoint}, which trial {origin.trial} had not reported"
            )

    def _check_transaction(self, seq: int, trial: Trial, before: TrialId | None) -> None:
        """What has to be recorded with a trial: the end of the one that it replaces, and its first job."""
        follow = [event for _, event in self._entries[seq + 1 : seq + 3]]
        is_over = before is None or before in self.stopped or self._has_failed(before)
        if not is_over:
            stop = follow.pop(0) if follow else None
            if not isinstance(stop, TrialStopped) or stop.trial != before:
                self.problems.append(f"trial {before} was not stopped when trial {trial.id} took its place")
                return
        start = 0 if trial.origin is None else trial.origin.resource
        issued = follow[0] if follow else None
        if not isinstance(issued, JobIssued) or (issued.job.trial, issued.job.start) != (trial.id, start):
            self.problems.append(f"trial {trial.id} was created without a first job from {start}")

    # What is wrong ---------------------------------------------------------------------------------------------

    def missing_donors(self, settings: Mapping[str, object], existing: Collection[str]) -> Iterator[str]:
        """The best at each boundary that somebody has yet to pass may be copied there: its state must exist."""
        top = settings.get("max_resource")
        if not self._places or not isinstance(top, int) or self._has_begun_anew:
            return
        holders = [trials[-1] for trials in self._places.values()]
        is_full = len(self._places) == settings.get("population_size")
        behind = min(self._reached(trial) for trial in holders) if is_full else 0
        boundaries = {resource for losses in self._losses.values() for resource in losses}
        for boundary in sorted(it for it in boundaries if max(behind, 1) <= it < top):
            (loss, trial), checkpoint = min(
                ((losses[boundary][0], trial), losses[boundary][1])
                for trial, losses in self._losses.items()
                if boundary in losses
            )
            if loss < math.inf and checkpoint is not None and checkpoint.key not in existing:
                yield (
                    f"checkpoint {checkpoint.key} of trial {trial}, the best at {boundary}, is gone, and a member that has "
                    f"come to {behind} may have to copy it"
                )

    def shrunken(self, settings: Mapping[str, object]) -> Iterator[str]:
        """At the end each member is fully trained, once."""
        size, top = settings.get("population_size"), settings.get("max_resource")
        if not isinstance(size, int) or not isinstance(top, int):
            return
        if set(self._places) != set(range(size)):
            yield f"there are the members {sorted(self._places)}, and not {size}"
        for member, trials in sorted(self._places.items()):
            full = [
                trial
                for trial in trials
                if top in self._losses[trial] and trial not in self.stopped and not self._has_failed(trial)
            ]
            if full != trials[-1:]:
                yield f"of member {member}, the trials {trials}, {full or 'none'} are fully trained"

    @property
    def _has_begun_anew(self) -> bool:
        """Whether an empty place was given a new config: then nobody may copy what the others are past."""
        return any(self._trials[trial].origin is None for each in self._places.values() for trial in each[1:])

    def _reached(self, trial: TrialId) -> int:
        """The last boundary of whoever has a place."""
        begin = self.origins[trial].resource if trial in self.origins else 0
        return max([begin, *self._losses[trial]])
