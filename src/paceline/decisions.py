"""Decisions: what a scheduler answers, and the facts that each becomes when it is recorded.

A scheduler says what to do; it hands out no ids and writes nothing. `facts_of` turns a decision into the events that
the driver records before it carries the decision out.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from paceline.events import (
    AnyEvent,
    Config,
    Job,
    JobId,
    JobIssued,
    Origin,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.ledger import Ledger


class StartTrial(msgspec.Struct, frozen=True, gc=False):
    """Create a trial and train it from nothing to `target`.

    Args:
        config: its hyperparameters.
        target: the resource of its first job.
        bracket: where it belongs, for schedulers with brackets.
        member: whose place it takes, for schedulers with a population.
    """

    config: Config
    target: int
    bracket: int | None = None
    member: int | None = None


class ForkTrial(msgspec.Struct, frozen=True, gc=False):
    """Create a trial that starts from another one's checkpoint, and train it on to `target`.

    The new trial may take the place of one that is stopped with it, in the same transaction: a population has the same
    size before and after.

    Args:
        config: its hyperparameters.
        origin: the donor, and which of its checkpoints.
        target: the resource of its first job.
        member: whose place it takes.
        replaces: the trial that had it until now; `None` if that has failed, or was stopped before.
    """

    config: Config
    origin: Origin
    target: int
    member: int | None = None
    replaces: TrialId | None = None


class ResumeTrial(msgspec.Struct, frozen=True, gc=False):
    """Train an existing trial on, from `start` to `target`: a promotion, a continuation or a repetition.

    Args:
        trial: the trial.
        start: the resource of its newest checkpoint, or 0 to train from nothing.
        target: the resource to reach.
    """

    trial: TrialId
    start: int
    target: int


class StopTrial(msgspec.Struct, frozen=True, gc=False):
    """End a trial early, for good."""

    trial: TrialId
    reason: str


Decision = StartTrial | ForkTrial | ResumeTrial | StopTrial


def facts_of(decision: Decision, ledger: Ledger) -> tuple[AnyEvent, ...]:
    """The events that a decision becomes, given the facts before it."""
    match decision:
        case StartTrial():
            trial = Trial(ledger.next_trial, decision.config, decision.bracket, member=decision.member)
            job = Job(JobId(ledger.n_jobs), trial.id, 0, decision.target)
            return TrialCreated(trial), JobIssued(job)
        case ForkTrial():
            return _fork(decision, ledger)
        case ResumeTrial():
            last = ledger.trials[decision.trial].job
            attempt = last.attempt + 1 if last is not None and last.target == decision.target else 1
            job = Job(JobId(ledger.n_jobs), decision.trial, decision.start, decision.target, attempt)
            return (JobIssued(job),)
        case StopTrial():
            return (TrialStopped(decision.trial, decision.reason),)
        case _:
            assert_never(decision)


def _fork(decision: ForkTrial, ledger: Ledger) -> tuple[AnyEvent, ...]:
    origin = decision.origin
    trial = Trial(ledger.next_trial, decision.config, origin=origin, member=decision.member)
    job = Job(JobId(ledger.n_jobs), trial.id, origin.resource, decision.target)
    if decision.replaces is None:
        return TrialCreated(trial), JobIssued(job)
    reason = f"trial {trial.id}, a fork of trial {origin.trial} at {origin.resource}, takes its place"
    return TrialCreated(trial), TrialStopped(decision.replaces, reason), JobIssued(job)
