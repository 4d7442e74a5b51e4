"""Who was forked from whom, and the schedule of hyperparameters that follows from it; both read from the ledger."""

from __future__ import annotations

import msgspec

from paceline.events import TrialId
from paceline.ledger import Ledger
from paceline.schedulers.replay import Piece
from paceline.space import Scalar


class Descent(msgspec.Struct, frozen=True):
    """Where one trial comes from.

    Args:
        trial: the trial.
        member: its place in the population, where there is one.
        origin: the trial from whose checkpoint it began; `None` for one that began from nothing.
        resource: at which resource it began.
        changes: of its config against the origin's, as name → (before, after); `None` where it is inactive.
    """

    trial: TrialId
    member: int | None
    origin: TrialId | None
    resource: int
    changes: dict[str, tuple[Scalar, Scalar]]


def lineage(ledger: Ledger) -> list[Descent]:
    """Of each trial, by id: a forest whose edges are the forks."""
    return [_descent(ledger, TrialId(number)) for number in range(len(ledger.trials))]


def _descent(ledger: Ledger, number: TrialId) -> Descent:
    trial = ledger.trials[number].trial
    if trial.origin is None:
        return Descent(trial.id, trial.member, None, 0, {})
    before, after = ledger.trials[trial.origin.trial].trial.config, trial.config
    changes = {
        name: (before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    }
    return Descent(trial.id, trial.member, trial.origin.trial, trial.origin.resource, changes)


def schedule(ledger: Ledger, trial: TrialId) -> list[Piece]:
    """What the weights of a trial were trained with, from 0 to as far as it has reported: its chain of origins."""
    pieces: list[Piece] = []
    state, stop = ledger.trials[trial], ledger.trials[trial].resource
    while True:
        origin = state.trial.origin
        start = 0 if origin is None else origin.resource
        if start < stop:
            pieces.append(Piece(start, stop, state.trial.config, state.id))
        if origin is None:
            return pieces[::-1]
        state, stop = ledger.trials[origin.trial], start
