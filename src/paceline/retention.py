"""Which checkpoints may still be needed.

The answer is a function of the ledger (`retained`), never a list kept beside it, so that after a crash it is the same.
`Retention` gives the same answer event by event, at a cost that does not grow with the number of trials.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from types import MappingProxyType

from paceline.checkpoints import CheckpointStore
from paceline.events import (
    AnyEvent,
    Checkpoint,
    JobEnded,
    JobId,
    JobIssued,
    Outcome,
    Reported,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.ledger import Ledger, TrialState

Needed = Callable[[], Mapping[str, Checkpoint]]
"""Asked for the checkpoints, by key, that the scheduler may still let a trial begin from: `Scheduler.needed_checkpoints`."""


def nothing_more() -> Mapping[str, Checkpoint]:
    """`Needed` of schedulers that fork no trials."""
    return MappingProxyType({})


def retained(
    ledger: Ledger,
    *,
    keep: int | None = None,
    max_bytes: int | None = None,
    existing: Collection[str] | None = None,
    needed: Needed = nothing_more,
) -> set[str]:
    """The keys of the checkpoints that may still be needed; all others may go.

    Needed whatever the limits: the newest checkpoint of each trial with a running job and the one which that job
    started from, the incumbent's, and those from which a trial may be forked. Within the limits, the newest of each
    trial that may go on, the best first: those below the scheduler's `max_resource` before those at it (which go on only
    if it is raised), then higher resource, lower loss, older trial. Never needed: those of stopped and failed trials. A
    trial whose checkpoint was dropped trains from nothing when it goes on; a fork fails.

    Args:
        ledger: the facts.
        keep: how many checkpoints may exist, those needed in any case included.
        max_bytes: how large they may be together.
        existing: those still there, so that ones dropped long ago take no place; `None` for all that were reported.
        needed: for a scheduler that forks trials, where these may begin.
    """
    kept = {
        checkpoint.key: checkpoint.size_bytes
        for checkpoint in (*_pinned(ledger), *needed().values())
        if _exists(checkpoint, existing)
    }
    size_bytes = sum(kept.values())
    candidates = [
        (_worth(ledger, state), state.checkpoint)
        for state in ledger.trials
        if state.checkpoint is not None
        and _may_go_on(state)
        and state.checkpoint.key not in kept
        and _exists(state.checkpoint, existing)
    ]
    for _, checkpoint in sorted(candidates, key=lambda candidate: candidate[0], reverse=True):
        if checkpoint.key in kept:  # a fork's is its donor's too
            continue
        size_bytes += checkpoint.size_bytes
        if _exceeds(len(kept) + 1, keep) or _exceeds(size_bytes, max_bytes):
            break
        kept[checkpoint.key] = checkpoint.size_bytes
    return set(kept)


class Retention:
    """`retained`, event by event: says which checkpoints each event frees.

    After any event the keys left are `retained(ledger, existing=<the keys before and the event's own>)`. An event costs
    O(1) below the limits, and at a limit one pass over the checkpoints that are kept.

    Args:
        ledger: the facts; each event is applied to it first.
        keep: see `retained`.
        max_bytes: see `retained`.
        existing: the checkpoints that are there now; `None` for all that were reported.
        needed: see `retained`; asked after each event.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        keep: int | None = None,
        max_bytes: int | None = None,
        existing: Collection[str] | None = None,
        needed: Needed = nothing_more,
    ) -> None:
        self._ledger = ledger
        self._keep = keep
        self._max_bytes = max_bytes
        self._needed = needed
        self._kept: dict[str, int] = {}  # their sizes
        self._owners: dict[
            str, set[TrialId]
        ] = {}  # the trials whose newest it is: a donor and its forks share one
        self._size_bytes = 0
        self._newest: dict[TrialId, str] = {}
        self._starts: dict[JobId, str] = {}
        self._n_starts: Counter[str] = Counter()  # running jobs that start from it
        self._incumbent = _incumbent(ledger)
        self._for_forks = frozenset(needed())
        kept = retained(ledger, keep=keep, max_bytes=max_bytes, existing=existing, needed=needed)
        for job, running in ledger.running.items():
            self._begin(job)
            if running.checkpoint is not None and running.checkpoint.key in kept:
                self._add(running.checkpoint)
        for checkpoint in needed().values():
            if checkpoint.key in kept:
                self._add(checkpoint)
        for state in ledger.trials:
            if state.checkpoint is not None and state.checkpoint.key in kept:
                self._add(state.checkpoint)
                self._own(state.id, state.checkpoint.key)

    @property
    def keys(self) -> Collection[str]:
        """Those of the checkpoints that are kept."""
        return self._kept.keys()

    def apply(self, event: AnyEvent) -> list[str]:
        """Take in one fact; the keys that it frees, to be deleted once it is durable."""
        freed: list[str | None] = []
        match event:
            case TrialCreated():
                origin = event.trial.origin
                if origin is not None and origin.checkpoint.key in self._kept:
                    self._own(event.trial.id, origin.checkpoint.key)
            case JobIssued():
                self._begin(event.job.id)
            case Reported():
                freed = self._report(event)
            case JobEnded():
                freed = [self._end(event.job), self._newest.get(event.trial)]
            case TrialStopped():
                freed = [self._newest.get(event.trial)]
            case _:
                pass
        for_forks = frozenset(self._needed())
        freed += self._for_forks - for_forks
        self._for_forks = for_forks
        dropped = []
        for key in freed:
            if key in self._kept and not self._is_needed(key):
                self._drop(key)
                dropped.append(key)
        return dropped + self._make_room()

    def _begin(self, job: JobId) -> None:
        checkpoint = self._ledger.running[job].checkpoint
        if checkpoint is not None:
            self._starts[job] = checkpoint.key
            self._n_starts[checkpoint.key] += 1

    def _end(self, job: JobId) -> str | None:
        key = self._starts.pop(job, None)
        if key is not None:
            self._n_starts[key] -= 1
            if not self._n_starts[key]:
                del self._n_starts[key]
        return key

    def _report(self, event: Reported) -> list[str | None]:
        freed: list[str | None] = []
        if event.checkpoint is not None:
            freed.append(self._newest.get(event.trial))
            self._add(event.checkpoint)
            self._own(event.trial, event.checkpoint.key)
        incumbent = _incumbent(self._ledger)
        if incumbent != self._incumbent and self._incumbent is not None:
            freed.append(self._newest.get(self._incumbent))
        self._incumbent = incumbent
        return freed

    def _make_room(self) -> list[str]:
        dropped: list[str] = []
        while _exceeds(len(self._kept), self._keep) or _exceeds(self._size_bytes, self._max_bytes):
            droppable = [key for key in self._kept if not self._is_pinned(key)]
            if not droppable:
                break
            worst = min(droppable, key=self._worth)
            self._drop(worst)
            dropped.append(worst)
        return dropped

    def _add(self, checkpoint: Checkpoint) -> None:
        if checkpoint.key not in self._kept:
            self._size_bytes += checkpoint.size_bytes
            self._kept[checkpoint.key] = checkpoint.size_bytes
            self._owners[checkpoint.key] = set()

    def _own(self, trial: TrialId, key: str) -> None:
        """It is the trial's newest now."""
        if (before := self._newest.get(trial)) is not None:
            self._owners[before].discard(trial)
        self._owners[key].add(trial)
        self._newest[trial] = key

    def _drop(self, key: str) -> None:
        self._size_bytes -= self._kept.pop(key)
        for trial in self._owners.pop(key):
            del self._newest[trial]

    def _states(self, key: str) -> list[TrialState]:
        return [self._ledger.trials[trial] for trial in self._owners[key]]

    def _worth(self, key: str) -> tuple[bool, int, float, int]:
        return max(_worth(self._ledger, state) for state in self._states(key) if _may_go_on(state))

    def _is_pinned(self, key: str) -> bool:
        if self._n_starts[key] or key in self._for_forks:
            return True
        return any(state.is_running or state.id == self._incumbent for state in self._states(key))

    def _is_needed(self, key: str) -> bool:
        return self._is_pinned(key) or any(map(_may_go_on, self._states(key)))


class CheckpointJanitor:
    """Deletes the checkpoints that are no longer needed, once the facts that say so are durable.

    Args:
        ledger: the facts; each event is applied to it first.
        store: swept at once, so no worker may be saving yet.
        keep: see `retained`.
        max_bytes: see `retained`.
        needed: see `retained`.

    Raises:
        CheckpointError: the folder cannot be written to.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: CheckpointStore,
        *,
        keep: int | None = None,
        max_bytes: int | None = None,
        needed: Needed = nothing_more,
    ) -> None:
        self._store = store
        existing = set(store.keys())
        self._retention = Retention(ledger, keep=keep, max_bytes=max_bytes, existing=existing, needed=needed)
        self._freed: list[str] = []
        self._cut_short: list[JobEnded] = []
        store.sweep(self._retention.keys)

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        self._freed += self._retention.apply(event)
        if isinstance(event, JobEnded) and event.outcome is not Outcome.COMPLETED:
            self._cut_short.append(event)

    def tidy(self) -> None:
        """Delete what the facts so far, which are durable now, have freed.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        freed, self._freed = self._freed, []
        for key in freed:
            self._store.delete(key)
        cut_short, self._cut_short = self._cut_short, []
        for end in (
            cut_short
        ):  # its worker may have died while it saved, or before it could report what it had saved
            self._store.sweep_job(end.trial, end.job, self._retention.keys)


def _pinned(ledger: Ledger) -> Iterator[Checkpoint]:
    """What is needed whatever the limits."""
    incumbent = _incumbent(ledger)
    for running in ledger.running.values():
        if running.checkpoint is not None:
            yield running.checkpoint
    trials = [running.job.trial for running in ledger.running.values()]
    for trial in trials if incumbent is None else [*trials, incumbent]:
        checkpoint = ledger.trials[trial].checkpoint
        if checkpoint is not None:
            yield checkpoint


def _incumbent(ledger: Ledger) -> TrialId | None:
    best = ledger.best_at_max_resource
    return None if best is None else best.trial


def _may_go_on(state: TrialState) -> bool:
    return not state.is_stopped and not state.has_failed


def _worth(ledger: Ledger, state: TrialState) -> tuple[bool, int, float, int]:
    """What losing the trial's newest checkpoint would cost; larger is dearer."""
    is_finished = ledger.is_fully_trained(state)
    resource = 0 if state.checkpoint is None else state.checkpoint.resource
    return not is_finished, resource, -state.loss, -state.id


def _exists(checkpoint: Checkpoint, existing: Collection[str] | None) -> bool:
    return existing is None or checkpoint.key in existing


def _exceeds(amount: int, limit: int | None) -> bool:
    return limit is not None and amount > limit
