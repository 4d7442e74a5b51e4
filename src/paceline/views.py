"""Plain records of a study's state, in the user's own sign: what the Python API, the command line and exports show."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec

from paceline.events import Config, Metrics, Objective, TrialId
from paceline.ledger import Incumbent, Ledger, TrialState


class TrialView(msgspec.Struct, frozen=True):
    """One trial as it is now.

    Args:
        id: counts from 0 in the order of creation.
        config: its hyperparameters.
        status: `"running"`, `"paused"` (it may go on), `"done"` (fully trained), `"stopped"` or `"failed"`.
        resource: how far it was trained and reported.
        value: the metric there; `None` before the first report and where it was not finite.
        best_value: the best of its values at any resource.
        trained: units of resource spent on it, repetitions included.
        seconds: of training.
        bracket: where the scheduler put it.
        checkpoint: the key of its newest checkpoint, if it has any.
        member: whose place in the population it has, or had.
        origin: for a fork, the trial from whose checkpoint it began ...
        origin_resource: ... and at which resource.
    """

    id: TrialId
    config: Config
    status: str
    resource: int
    value: float | None
    best_value: float | None
    trained: int
    seconds: float
    bracket: int | None = None
    checkpoint: str | None = None
    member: int | None = None
    origin: TrialId | None = None
    origin_resource: int | None = None


class IncumbentView(msgspec.Struct, frozen=True):
    """The best trial by the rule that was asked for.

    Args:
        trial: its id.
        config: its hyperparameters.
        value: the metric.
        resource: where that was reported.
        checkpoint: the folder with its saved state at that resource, if there is one.
    """

    trial: TrialId
    config: Config
    value: float
    resource: int
    checkpoint: Path | None = None


class ReportView(msgspec.Struct, frozen=True):
    """One report, as it was recorded.

    Args:
        trial: whose.
        job: by which job.
        resource: after how many units.
        metrics: by name; `None` for a value that was not finite.
        seconds: of training since the report before.
        at: when it was recorded, seconds since the epoch.
    """

    trial: TrialId
    job: int
    resource: int
    metrics: Metrics
    seconds: float
    at: float


class Spent(msgspec.Struct, frozen=True):
    """What a study has cost so far.

    Args:
        trials: created.
        jobs: issued.
        resource: units trained, by ended jobs.
        training_s: seconds of training, all workers together.
        elapsed_s: seconds during which a driver ran it.
        completed: jobs by outcome ...
        failed: ...
        lost: ...
    """

    trials: int
    jobs: int
    resource: int
    training_s: float
    elapsed_s: float
    completed: int
    failed: int
    lost: int


def finite_value(objective: Objective, loss: float) -> float | None:
    """A loss in the user's sign; `None` where it is not finite."""
    return objective.value(loss) if math.isfinite(loss) else None


def trial_view(state: TrialState, ledger: Ledger) -> TrialView:
    """What is known of a trial."""
    objective = ledger.objective
    origin = state.trial.origin
    return TrialView(
        id=state.id,
        config=state.trial.config,
        status=ledger.status(state),
        resource=state.resource,
        value=finite_value(objective, state.loss),
        best_value=finite_value(objective, state.best_loss),
        trained=state.trained,
        seconds=state.seconds,
        bracket=state.trial.bracket,
        checkpoint=None if state.checkpoint is None else state.checkpoint.key,
        member=state.trial.member,
        origin=None if origin is None else origin.trial,
        origin_resource=None if origin is None else origin.resource,
    )


def incumbent_view(ledger: Ledger, incumbent: Incumbent | None, folder: Path | None) -> IncumbentView | None:
    """The incumbent with its config, and its checkpoint if that is still on disk in `folder`."""
    if incumbent is None:
        return None
    state = ledger.trials[incumbent.trial]
    path = None
    if (
        folder is not None
        and state.checkpoint is not None
        and state.checkpoint.resource == incumbent.resource
    ):
        path = folder / state.checkpoint.key
        path = path if path.is_dir() else None
    return IncumbentView(
        trial=incumbent.trial,
        config=state.trial.config,
        value=ledger.objective.value(incumbent.loss),
        resource=incumbent.resource,
        checkpoint=path,
    )


def spent(ledger: Ledger) -> Spent:
    """What the study has cost."""
    outcomes = {outcome.value: count for outcome, count in ledger.outcomes.items()}
    return Spent(
        trials=len(ledger.trials),
        jobs=ledger.n_jobs,
        resource=ledger.trained,
        training_s=ledger.seconds,
        elapsed_s=ledger.elapsed_s,
        completed=outcomes.get("completed", 0),
        failed=outcomes.get("failed", 0),
        lost=outcomes.get("lost", 0),
    )
