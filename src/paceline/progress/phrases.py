"""The sentences that both displays have in common."""

from __future__ import annotations

from paceline.progress.tally import Failure, Tally
from paceline.wording import config_text, count, duration, last_line, number


def incumbent(tally: Tally) -> str:
    """Who leads: `"trial 3, accuracy 0.98 at 81 epochs: lr=0.01"`."""
    best = tally.incumbent
    if best is None:
        return "none yet"
    value = number(tally.objective.value(best.loss))
    where = count(best.resource, tally.unit)
    config = config_text(tally.incumbent_config)
    return f"trial {best.trial}, {tally.objective.metric} {value} at {where}" + (
        f": {config}" if config else ""
    )


def failure(failed: Failure, tally: Tally) -> str:
    """What became of a job that failed: `"trial 9 failed at 3 epochs (attempt 1 of 3): ValueError: boom"`."""
    job = failed.job
    more = "for good" if failed.is_final else f"attempt {job.attempt} of {tally.max_attempts}"
    return f"trial {job.trial} failed at {count(failed.resource, tally.unit)} ({more}): {last_line(failed.error)}"


def limits(tally: Tally) -> list[str]:
    """What is spent, with what is left of each limit: `["34 of 100 trials, 66 left", "1200 epochs", ...]`."""
    budget = tally.budget
    return [
        _of(tally.n_trials, budget.trials, "trial"),
        _of(tally.trained, budget.resource, tally.unit),
        _time(tally.elapsed_s, budget.minutes),
        *_target(tally),
    ]


def jobs(tally: Tally) -> str:
    """Jobs by outcome: `"120 jobs: 4 running, 2 failed, 1 lost"`."""
    return f"{count(tally.n_jobs, 'job')}: {len(tally.running)} running, {tally.n_failed} failed, {tally.n_lost} lost"


def _of(spent: int, limit: int | None, noun: str) -> str:
    if limit is None:
        return count(spent, noun)
    return f"{spent} of {count(limit, noun)}, {max(0, limit - spent)} left"


def _time(elapsed_s: float, minutes: float | None) -> str:
    if minutes is None:
        return duration(elapsed_s)
    return f"{duration(elapsed_s)} of {duration(minutes * 60)}, {duration(max(0.0, minutes * 60 - elapsed_s))} left"


def _target(tally: Tally) -> list[str]:
    if tally.budget.target is None:
        return []
    best = "nothing yet" if tally.best_value is None else number(tally.best_value)
    return [f"{tally.objective.metric} {best}, target {number(tally.budget.target)}"]
