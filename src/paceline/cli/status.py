"""What `status` says of a study, gathered once for tables, lines and JSON."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from paceline.cli.output import Block, Facts, Table
from paceline.study import Study
from paceline.views import IncumbentView, Spent, finite_value
from paceline.wording import config_text, count, duration, number, settings_text


class RunningStatus(msgspec.Struct, frozen=True):
    """A job that has not ended. Where nobody holds the study, its driver died with it, and it will be issued again."""

    job: int
    trial: int
    start: int
    resource: int
    target: int
    attempt: int


class LimitStatus(msgspec.Struct, frozen=True):
    """One limit of the budget; of a target, `spent` is the best value so far."""

    limit: float
    spent: float | None
    left: float | None


class RungStatus(msgspec.Struct, frozen=True):
    """One rung; `best` is in the metric's own sign."""

    bracket: int
    resource: int
    results: int
    running: int
    promoted: int
    capacity: int | None
    best: float | None


class Status(msgspec.Struct, frozen=True):
    """The document of `paceline status --json`."""

    study: str
    storage: str
    status: str
    reason: str | None
    holder: str | None
    metric: str
    direction: str
    unit: str
    seed: int | None
    scheduler: dict[str, Any]
    running: list[RunningStatus]
    budget: dict[str, LimitStatus]
    spent: Spent
    trials: dict[str, int]
    rungs: list[RungStatus]
    incumbent: IncumbentView | None


def status_of(study: Study) -> Status:
    """Everything as it is now."""
    ledger = study.ledger
    opened = ledger.opened
    holder = study.storage.holder(study.name)
    elapsed_s = ledger.elapsed_s if holder is None else ledger.elapsed_until(time.time())
    return Status(
        study=study.name,
        storage=study.storage.url,
        status=study.status.partition(":")[0],
        reason=ledger.closed,
        holder=holder,
        metric=ledger.objective.metric,
        direction="maximize" if ledger.objective.maximize else "minimize",
        unit=study.unit,
        seed=None if opened is None else opened.seed,
        scheduler=dict(ledger.scheduler_settings),
        running=[
            RunningStatus(job.id, job.trial, job.start, running.resource, job.target, job.attempt)
            for running in ledger.running.values()
            for job in [running.job]
        ],
        budget=dict(_limits(study, elapsed_s)),
        spent=msgspec.structs.replace(study.spent, elapsed_s=elapsed_s),
        trials=dict(Counter(ledger.status(state) for state in ledger.trials)),
        rungs=_rungs(study),
        incumbent=study.incumbent,
    )


def _limits(study: Study, elapsed_s: float) -> Iterator[tuple[str, LimitStatus]]:
    budget, spent = study.ledger.budget, study.spent
    amounts = (
        ("trials", budget.trials, spent.trials),
        ("resource", budget.resource, spent.resource),
        ("minutes", budget.minutes, elapsed_s / 60),
    )
    for name, limit, used in amounts:
        if limit is not None:
            yield name, LimitStatus(limit, used, max(0, limit - used))
    if budget.target is not None:
        best = study.best("any")
        yield "target", LimitStatus(budget.target, None if best is None else best.value, None)


def _rungs(study: Study) -> list[RungStatus]:
    objective = study.ledger.objective
    return [
        RungStatus(
            bracket=bracket.number,
            resource=rung.resource,
            results=rung.n_results,
            running=rung.n_running,
            promoted=rung.n_promoted,
            capacity=rung.capacity,
            best=finite_value(objective, rung.best_loss),
        )
        for bracket in study.rungs()
        for rung in bracket.rungs
    ]


def status_blocks(status: Status) -> list[Block]:
    """The same for people."""
    spent = status.spent
    ended = f"{spent.completed} completed, {spent.failed} failed, {spent.lost} lost"
    facts = [
        ("study", f"{status.study} in {status.storage}"),
        ("goal", f"{status.direction} {status.metric}"),
        ("scheduler", settings_text(status.scheduler)),
        ("status", status.status if status.reason is None else f"{status.status}: {status.reason}"),
        ("driven by", status.holder or "nobody"),
        ("trials", _by_status(status)),
        ("jobs", f"{spent.jobs}: {ended}, {len(status.running)} not ended"),
        ("spent", _spent_text(status)),
        *((f"budget of {name}", _limit_text(name, limit)) for name, limit in status.budget.items()),
        *incumbent_facts(status.incumbent, status.metric, status.unit),
    ]
    blocks: list[Block] = [Facts(facts)]
    if status.rungs:
        columns = ("bracket", "resource", "results", "of", "running", "promoted", f"best {status.metric}")
        rows = [
            (r.bracket, r.resource, r.results, r.capacity, r.running, r.promoted, r.best)
            for r in status.rungs
        ]
        blocks.append(Table(columns, rows, title="Rungs"))
    if status.running:
        jobs = [(j.job, j.trial, j.start, j.resource, j.target, j.attempt) for j in status.running]
        title = (
            "Running jobs" if status.holder else "Jobs whose driver has ended; the next run issues them again"
        )
        blocks.append(Table(("job", "trial", "from", "at", "to", "attempt"), jobs, title=title))
    return blocks


def incumbent_facts(best: IncumbentView | None, metric: str, unit: str) -> list[tuple[str, str]]:
    """The best trial as pairs; one that says so where there is none."""
    if best is None:
        return [("best", "no finite result yet")]
    facts = [
        ("best", f"trial {best.trial}, {metric} {number(best.value)} at {count(best.resource, unit)}"),
        ("config", config_text(best.config)),
    ]
    return facts if best.checkpoint is None else [*facts, ("checkpoint", str(best.checkpoint))]


def _by_status(status: Status) -> str:
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(status.trials.items()))
    return f"{status.spent.trials}: {kinds}" if kinds else "0"


def _spent_text(status: Status) -> str:
    spent = status.spent
    trained = count(spent.resource, status.unit)
    return f"{trained}, {duration(spent.training_s)} of training in {duration(spent.elapsed_s)}"


def _limit_text(name: str, limit: LimitStatus) -> str:
    spent = "nothing yet" if limit.spent is None else number(limit.spent)
    if name == "target":
        return f"{number(limit.limit)}; the best so far is {spent}"
    return f"{number(limit.limit)}: {spent} spent, {number(limit.left or 0)} left"
