"""A study as one interactive page: what it is, what it found, what it cost, and how it came to that.

The page stands alone: it can be sent, kept beside a paper, and opened without a network. It is made from the journal
only, by reading: also of a study that runs, from another process. Needs plotly (`pip install 'paceline[report]'`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from paceline.charts.curves import curves_chart
from paceline.charts.importance import importance_chart
from paceline.charts.incumbents import incumbent_chart
from paceline.charts.parallel import parallel_chart
from paceline.charts.population import lineage_chart, schedule_charts, schedule_legend, schedule_note
from paceline.charts.rungs import rungs_chart
from paceline.charts.slices import slice_charts, slice_legend
from paceline.pages import Page, graph_objects
from paceline.series.curves import curves_of
from paceline.series.importances import among_best, judged_of
from paceline.series.ladder import ladders, together
from paceline.series.parallel import parallel_of
from paceline.series.points import points_of
from paceline.series.record import Record, record_of
from paceline.series.slices import CAPTION
from paceline.series.texts import NO_VALUE
from paceline.series.thinning import ranked
from paceline.space import Constant
from paceline.wording import count, duration, number, scalar_text, settings_text

if TYPE_CHECKING:
    from paceline.importance import Importance
    from paceline.study import Study

BEST = 20
"""Trials in the table of the best."""

ERRORS = 20
"""Failures in the table of the last ones."""


def report(study: Study) -> str:
    """The page of a study, as HTML.

    Args:
        study: also one that runs elsewhere, and one without any result. Nothing is written.

    Raises:
        SettingError: plotly is not installed.
    """
    graph_objects()
    study.refresh()
    record = record_of(study)
    page = Page(study.name, _subtitle(study))
    page.section("Summary")
    page.table(("", ""), list(_summary(study, record)))
    _space(page, study)
    if not study.trials:
        page.paragraph(
            "There is nothing yet: no trial has been created. Run the study, and make this page again."
        )
        return page.to_html()
    judged, why_not = judged_of(study)
    _incumbents(page, study, record)
    _curves(page, study, record)
    _rungs(page, study)
    _points(page, study, judged)
    _importance(page, study, judged, why_not)
    _population(page, study)
    _best(page, study)
    _failures(page, study, record)
    return page.to_html()


# The sections, in the order of the page ------------------------------------------------------------------------------


def _subtitle(study: Study) -> str:
    objective = study.ledger.objective
    goal = f"{'maximize' if objective.maximize else 'minimize'} {objective.metric}"
    return f"{goal} with {type(study.settings).__name__}; {count(len(study.trials), 'trial')}; {study.status}"


def _summary(study: Study, record: Record) -> Iterator[tuple[str, str]]:
    """What the study is, and what it came to."""
    spent, best, objective = study.spent, study.incumbent, study.ledger.objective
    if best is None:
        yield "best", "no finite result yet"
    else:
        yield (
            "best",
            f"trial {best.trial}: {objective.metric} {number(best.value)} at {count(best.resource, study.unit)}",
        )
        yield "its config", ", ".join(f"{name} = {scalar_text(value)}" for name, value in best.config.items())
    yield "status", study.status
    yield "driven by", study.storage.holder(study.name) or "nobody at this moment"
    kinds = Counter(view.status for view in study.trials)
    yield "trials", _listed(spent.trials, [f"{n:,} {kind}" for kind, n in sorted(kinds.items())])
    ended = [f"{spent.completed:,} completed", f"{spent.failed:,} failed", f"{spent.lost:,} lost"]
    yield "jobs", _listed(spent.jobs, [*ended, f"{len(study.ledger.running):,} not ended"])
    worked = f"{duration(spent.training_s)} of training in {duration(record.elapsed_s)}"
    yield "spent", f"{record.spent:,} {study.unit}{'' if record.spent == 1 else 's'}, {worked}"
    yield "budget", _budget(study) or "no limit but the scheduler's own"
    yield "scheduler", settings_text(study.ledger.scheduler_settings or study.settings.to_json())
    opened = study.ledger.opened
    if opened is not None:
        yield "seed", str(opened.seed)
    if record.began is not None and record.ended is not None:
        yield "recorded", f"{_date(record.began)} to {_date(record.ended)} UTC"
    yield "storage", study.storage.url
    yield "made with", f"Paceline {version('paceline')}"


def _space(page: Page, study: Study) -> None:
    rows = []
    for name, domain in study.space.domains.items():
        best = study.incumbent
        value = "" if best is None else scalar_text(best.config[name]) if name in best.config else "inactive"
        rows.append((name, repr(domain), value))
    page.table(("hyperparameter", "domain", "incumbent"), rows, caption="The search space")


def _incumbents(page: Page, study: Study, record: Record) -> None:
    page.section("Incumbent")
    if not record.best:
        page.paragraph(NO_VALUE)
        return
    over = {"the resource spent": incumbent_chart(study, record, "resource")}
    over["time"] = incumbent_chart(study, record, "time")
    caption = over["time"].caption
    page.choice("Over", {name: chart.figure for name, chart in over.items()}, caption=caption)


def _curves(page: Page, study: Study, record: Record) -> None:
    curves = curves_of(study, record)
    if curves.lines:
        page.section("Learning curves")
        chart = curves_chart(study, curves)
        page.chart(chart.figure, caption=chart.caption, height=chart.height)


def _rungs(page: Page, study: Study) -> None:
    found = ladders(study)
    if not found:
        return
    page.section("Rungs")
    chart = rungs_chart(study, together(found, study))
    page.chart(chart.figure, caption=chart.caption, height=chart.height, width=chart.width)
    header = (
        "bracket",
        study.unit,
        "results",
        "promoted",
        "running",
        f"best {study.ledger.objective.metric}",
    )
    rows = [
        (ladder.label, rung.resource, rung.results, rung.promoted, rung.running, rung.best)
        for ladder in found
        for rung in ladder.rungs
    ]
    page.table(header, rows)


def _points(page: Page, study: Study, judged: Importance | None) -> None:
    picture = parallel_of(study, judged)
    if picture is None:
        return
    page.section("Parallel coordinates")
    chart = parallel_chart(study, picture)
    page.chart(chart.figure, caption=chart.caption, height=chart.height, width=chart.width)
    page.section("Slices")
    points = points_of(study, judged)
    small = [(chart.figure, chart.caption) for chart in slice_charts(study, points)]
    caption = f"{CAPTION} {points.note}".strip()
    page.charts(small, caption=caption, legend=slice_legend(study, points))


def _importance(page: Page, study: Study, judged: Importance | None, why_not: str) -> None:
    if not any(not isinstance(domain, Constant) for domain in study.space.domains.values()):
        return
    page.section("Importance")
    if judged is None:
        page.paragraph(f"Which hyperparameters mattered cannot be told yet: {why_not}")
        return
    chart = importance_chart(judged, study.unit)
    page.chart(chart.figure, caption=chart.caption, height=chart.height)
    header = ("hyperparameter", "share", "low", "high", "explained alone", "results", "among the best")
    rows = [
        (one.name, one.share, one.low, one.high, one.explained, one.n_results, among_best(one))
        for one in judged.shares
    ]
    page.table(header, rows)


def _population(page: Page, study: Study) -> None:
    if all(view.origin is None for view in study.trials):
        return
    page.section("Lineage")
    chart = lineage_chart(study)
    page.chart(chart.figure, caption=chart.caption, height=chart.height)
    small = [(chart.figure, chart.caption) for chart in schedule_charts(study)]
    if small:
        page.section("Schedules")
        page.charts(small, caption=schedule_note(study), legend=schedule_legend())


def _best(page: Page, study: Study) -> None:
    page.section("Best trials")
    objective = study.ledger.objective
    order = [view for view in ranked(study.trials, maximize=objective.maximize) if view.value is not None]
    if not order:
        page.paragraph(NO_VALUE)
        return
    names = [name for name, domain in study.space.domains.items() if not isinstance(domain, Constant)]
    rows = [
        (view.id, view.status, view.resource, view.value, *(view.config.get(name) for name in names))
        for view in order[:BEST]
    ]
    caption = f"The {min(BEST, len(order))} best of {len(study.trials):,}: trained furthest, then by value."
    page.table(("trial", "status", study.unit, objective.metric, *names), rows, caption=caption)


def _failures(page: Page, study: Study, record: Record) -> None:
    page.section("Failures")
    found = record.failures
    n_trials = sum(view.status == "failed" for view in study.trials)
    if not found:
        page.paragraph("No job has failed.")
        return
    page.paragraph(f"{count(len(found), 'job')} failed, and {count(n_trials, 'trial')} for good.")
    errors = Counter(one.error for one in found)
    caption = "Errors, the most frequent first"
    if len(errors) > ERRORS:
        caption = f"The {ERRORS} most frequent of {len(errors):,} errors"
    page.table(("jobs", "error"), [(n, error) for error, n in errors.most_common(ERRORS)], caption=caption)
    rows = [
        (one.trial, one.job, one.start, one.target, duration(one.elapsed_s), one.error)
        for one in found[-ERRORS:][::-1]
    ]
    caption = "All failed jobs, the last one first"
    if len(found) > ERRORS:
        caption = f"The last {ERRORS} of {len(found):,} failed jobs"
    page.table(("trial", "job", "from", "to", "after", "error"), rows, caption=caption)


# Words ---------------------------------------------------------------------------------------------------------------


def _listed(n: int, parts: list[str]) -> str:
    return f"{n:,}: {', '.join(parts)}" if n else "0"


def _budget(study: Study) -> str:
    budget = study.ledger.budget
    limits = (
        ("" if budget.trials is None else count(budget.trials, "trial")),
        ("" if budget.resource is None else count(budget.resource, study.unit)),
        ("" if budget.minutes is None else f"{number(budget.minutes)} minutes"),
        ("" if budget.target is None else f"until {study.ledger.objective.metric} {number(budget.target)}"),
    )
    return ", ".join(limit for limit in limits if limit)


def _date(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
