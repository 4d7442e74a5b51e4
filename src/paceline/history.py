"""What the journal can tell beyond the ledger's last word: why each decision was taken, and whether it holds.

Both questions fold the journal once more, from the first event, and look at the scheduler just before each recorded
decision. Since decisions are facts, an old study can be explained and checked without training anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial, facts_of
from paceline.driver import Gate
from paceline.events import AnyEvent, Config, JobIssued, Trial, TrialCreated, TrialId, TrialStopped
from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.samplers.base import Sampler
from paceline.schedulers.base import Explanation, Scheduler


class Step(msgspec.Struct, frozen=True):
    """Events that were recorded together for one reason.

    Args:
        seq: of the first of them, counted from 0.
        at: when.
        decision: the scheduler's, if it was one; what happened in the world otherwise.
        events: one, or those of a new trial: its creation, the end of the one whose place it takes, its first job.
    """

    seq: int
    at: float
    decision: Decision | None
    events: tuple[AnyEvent, ...]


class Reason(msgspec.Struct, frozen=True):
    """One decision about a trial, and why it was taken.

    Args:
        at: when, in seconds since the epoch (virtual in a simulation).
        decision: what was decided, as a few words.
        because: the rung, the rank, the cut-off, the peers.
    """

    at: float
    decision: str
    because: Explanation


class ReplayReport(msgspec.Struct, frozen=True):
    """Whether this version of Paceline would decide the same again.

    Args:
        n_events: how many were folded.
        n_decisions: how many of them were decisions and were derived again.
        seq: of the first event that came out differently; `None` when all were the same.
        recorded: that decision as recorded.
        derived: what was decided instead this time; empty for nothing.
    """

    n_events: int
    n_decisions: int
    seq: int | None = None
    recorded: tuple[AnyEvent, ...] = ()
    derived: tuple[AnyEvent, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every decision came out as it was recorded."""
        return self.seq is None


def steps(entries: Iterable[Entry]) -> Iterator[Step]:
    """The journal, with each decision's events together."""
    created: tuple[int, float, TrialCreated] | None = None
    stopped: tuple[TrialStopped, ...] = ()
    for seq, (at, event) in enumerate(entries):
        if isinstance(event, TrialCreated):
            created, stopped = (seq, at, event), ()
        elif created is not None and isinstance(event, TrialStopped):
            stopped = (event,)
        elif created is not None and isinstance(event, JobIssued):
            first_seq, first_at, creation = created
            decision = _new_trial(creation.trial, stopped, event.job.target)
            yield Step(first_seq, first_at, decision, (creation, *stopped, event))
            created = None
        else:
            yield Step(seq, at, _decision(event), (event,))


def _new_trial(trial: Trial, stopped: tuple[TrialStopped, ...], target: int) -> Decision:
    """The decision that a new trial was."""
    if trial.origin is None:
        return StartTrial(trial.config, target, trial.bracket, trial.member)
    return ForkTrial(trial.config, trial.origin, target, trial.member, stopped[0].trial if stopped else None)


def _decision(event: AnyEvent) -> Decision | None:
    match event:
        case JobIssued():
            return ResumeTrial(event.job.trial, event.job.start, event.job.target)
        case TrialStopped():
            return StopTrial(event.trial, event.reason)
        case _:
            return None


def reasons(entries: Iterable[Entry], ledger: Ledger, scheduler: Scheduler, trial: TrialId) -> list[Reason]:
    """Every decision about one trial, oldest first; `ledger` and `scheduler` come empty."""
    found: list[Reason] = []
    for step in steps(entries):
        if step.decision is not None and _concerns(step, trial):
            found.append(Reason(step.at, _words(step.decision), scheduler.explain(step.decision)))
        _fold(step, ledger, scheduler)
    return found


def check(entries: Iterable[Entry], ledger: Ledger, scheduler: Scheduler) -> ReplayReport:
    """Derive every decision again; `ledger` and `scheduler` come empty.

    What a model proposed is taken from the journal, and nothing is fitted; everything else is derived.
    """
    gate = Gate(ledger)
    recorded = _Recorded()
    if scheduler.sampler.has_model:
        scheduler.sampler = recorded
    n_events = n_decisions = 0
    for step in steps(entries):
        n_events += len(step.events)
        if step.decision is not None:
            n_decisions += 1
            recorded.config = step.decision.config if isinstance(step.decision, StartTrial) else {}
            scheduler.recorded_fork = step.decision.config if isinstance(step.decision, ForkTrial) else None
            decision = scheduler.decide(may_start=gate.may_start)
            derived = () if decision is None else facts_of(decision, ledger)
            if derived != step.events:
                return ReplayReport(n_events, n_decisions, step.seq, step.events, derived)
        _fold(step, ledger, scheduler)
    return ReplayReport(n_events, n_decisions)


class _Recorded(Sampler):
    """Proposes what was proposed."""

    def __init__(self) -> None:
        self.config: Config = {}

    def propose(self, trial: TrialId) -> Config:  # noqa: ARG002 - it is told
        return self.config


def _fold(step: Step, ledger: Ledger, scheduler: Scheduler) -> None:
    for event in step.events:
        ledger.apply(event, step.at)
        scheduler.apply(event)


def _concerns(step: Step, trial: TrialId) -> bool:
    """A fork concerns the new trial, and the one whose place it takes."""
    return any(
        (isinstance(event, JobIssued) and event.job.trial == trial)
        or (isinstance(event, TrialStopped) and event.trial == trial)
        for event in step.events
    )


def _words(decision: Decision) -> str:
    match decision:
        case StartTrial():
            return f"start, train to {decision.target}"
        case ForkTrial():
            origin = decision.origin
            replaced = "" if decision.replaces is None else f" in place of trial {decision.replaces}"
            return f"fork trial {origin.trial} at {origin.resource}{replaced}, train to {decision.target}"
        case ResumeTrial():
            return f"train on from {decision.start} to {decision.target}"
        case StopTrial():
            return "stop"
