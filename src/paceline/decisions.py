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
    """

    config: Config
    target: int
    bracket: int | None = None


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


Decision = StartTrial | ResumeTrial | StopTrial


def facts_of(decision: Decision, ledger: Ledger) -> tuple[AnyEvent, ...]:
    """The events that a decision becomes, given the facts before it."""
    match decision:
        case StartTrial():
            trial = Trial(ledger.next_trial, decision.config, decision.bracket)
            job = Job(JobId(ledger.n_jobs), trial.id, 0, decision.target)
            return TrialCreated(trial), JobIssued(job)
        case ResumeTrial():
            last = ledger.trials[decision.trial].job
            attempt = last.attempt + 1 if last is not None and last.target == decision.target else 1
            job = Job(JobId(ledger.n_jobs), decision.trial, decision.start, decision.target, attempt)
            return (JobIssued(job),)
        case StopTrial():
            return (TrialStopped(decision.trial, decision.reason),)
        case _:
            assert_never(decision)
