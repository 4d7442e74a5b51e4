"""The page of a comparison: curves, figures, tests, ranks, costs, settings, rules; in one file."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from paceline.charts.chart import log_layout
from paceline.comparison.results import Axis, Band, Comparison, Group, Rule
from paceline.comparison.rules import rules
from paceline.comparison.statistics import LEVEL, Estimate, Pair, mean_interval
from paceline.pages import Page, escaped, graph_objects

COLOURS = (
    "#1f80c4",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7f7f7f",
    "#8c564b",
    "#9467bd",
    "#8a8f00",
)
"""Okabe and Ito's, which colour-blind people tell apart, with a lighter blue, and some more: seen on white and on black."""
DASHES = ("solid", "dash", "dot", "dashdot")

_TITLES: dict[Axis, str] = {
    "time": "time, in full trainings (overhead included)",
    "resource": "resource spent by all workers, in full trainings",
}


def page(comparison: Comparison, *, command: str = "", level: float = LEVEL) -> str:
    """The page, as HTML.

    Args:
        comparison: what was found.
        command: that makes it again.
        level: with which adjusted p-values are compared.

    Raises:
        SettingError: plotly or SciPy is not installed.
    """
    first = comparison.groups[0]
    title = f"{len(first.methods)} methods on {len(first.tasks)} benchmarks"
    its = Page(title, f"{len(first.seeds)} seeds, in virtual time. Paceline {version('paceline')}.")
    its.section(
        "What was compared",
        "Regret is 0 at the best loss that is known of a benchmark and 1 at the median of random configs, or where nothing "
        "is fully trained yet. Lower is better. A method's regret is that of its incumbent's true loss.",
    )
    if command:
        its.paragraph(f"Made by: {command}")
    _benchmarks(its, first)
    for group in comparison.groups:
        _group(its, group, level=level, is_alone=len(comparison.groups) == 1)
    its.section("Settings", "What each method stands for, as given to each benchmark. Nothing else was set.")
    _settings(its, first)
    return its.to_html()


def _group(its: Page, group: Group, *, level: float, is_alone: bool) -> None:
    suffix = "" if is_alone else f", {_workers(group)}"
    stated = (
        f"{_workers(group)}, {group.terms.budget:g} full trainings of worker time, {len(group.seeds)} seeds, "
        f"{len(group.tasks)} benchmarks"
    )
    its.section(
        f"Regret{suffix}", f"Means over benchmarks and seeds, with 95 % bootstrap bands over seeds. {stated}."
    )
    for axis in ("time", "resource"):
        its.chart(
            _curves(group, None, axis), caption=f"Mean regret against {_TITLES[axis]}. {stated}.", height=460
        )
    its.choice(
        "Benchmark",
        {
            f"{task}, {axis}": _curves(group, task, axis)
            for task in group.tasks
            for axis in ("time", "resource")
        },
        caption=f"The same on each benchmark. {_workers(group)}, {len(group.seeds)} seeds.",
        height=460,
    )
    its.chart(
        _curves(group, None, "time", "any"),
        caption="Regret of the best at the highest resource that was reached so far: what a user who stops early would "
        f"take. {stated}.",
        height=420,
    )
    its.section(f"Final figures{suffix}")
    _finals(its, group, "time", f"Mean regret at the end of the time, [95 % interval]. {stated}.")
    _finals(
        its,
        group,
        "resource",
        f"Mean regret when {group.terms.budget:g} full trainings' worth of resource was spent, [95 % interval]. {stated}.",
    )
    _medians(its, group, f"Median regret at the end of the time, (quartiles). {stated}.")
    if any(it.varied for it in group.contestants):
        _sensitivity(its, group, suffix, stated)
    if len(group.methods) > 1:
        _tests(its, group, suffix, level)
    _costs(its, group, suffix)
    its.section(f"Rules{suffix}", "Fifteen rules of fair comparison, and how each is kept here.")
    its.table(
        ("", "rule", "here", "how"),
        [(it.number, it.title, it.kept, it.how) for it in rules(group, level=level)],
    )


def _workers(group: Group) -> str:
    n = group.terms.workers
    return f"{n} worker" if n == 1 else f"{n} workers"


# Curves --------------------------------------------------------------------------------------------------------------


def _curves(group: Group, task: str | None, axis: Axis, rule: Rule = "max_resource") -> Any:
    go = graph_objects()
    figure = go.Figure()
    curves = [group.curve(method, task, axis=axis, rule=rule) for method in group.methods]
    for place, (method, curve) in enumerate(zip(group.methods, curves, strict=True)):
        colour = COLOURS[place % len(COLOURS)]
        dash = DASHES[place // len(COLOURS) % len(DASHES)]
        name = escaped(method)
        figure.add_scatter(
            x=[*curve.at, *curve.at[::-1]],
            y=[*curve.high, *curve.low[::-1]],
            fill="toself",
            fillcolor=_clear(colour),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=name,
        )
        figure.add_scatter(
            x=curve.at,
            y=curve.mean,
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash},
            legendgroup=name,
            hovertemplate="%{y:.4f} after %{x:.3g}<extra>" + name + "</extra>",
        )
    # Before the first method has anything all regrets are 1, and in the logarithm that would be most of the picture.
    first = min(_first_change(curve) for curve in curves)
    last = max(float(curve.at[-1]) for curve in curves)
    bands = np.concatenate([np.concatenate([curve.mean, curve.low, curve.high]) for curve in curves])
    positive = bands[bands > 0]  # a regret of 0 has no place in the logarithm
    figure.update_layout(
        xaxis=log_layout(_TITLES[axis], 0.8 * first, last),
        yaxis=log_layout("mean regret", 0.9 * positive.min(), 1.1 * positive.max())
        if len(positive)
        else {"title": {"text": "mean regret"}},
    )
    return figure


def _first_change(curve: Band) -> float:
    """Where a curve has left its first value; its begin, if it never does."""
    changed = np.flatnonzero(np.asarray(curve.mean) != curve.mean[0])
    return float(curve.at[changed[0] if len(changed) else 0])


def _clear(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.15)"


# Tables --------------------------------------------------------------------------------------------------------------


def _benchmarks(its: Page, group: Group) -> None:
    its.table(
        (
            "benchmark",
            "hyperparameters",
            "r",
            "R",
            "unit",
            "time(R), s",
            "resumes",
            "best loss",
            "median",
            "content",
        ),
        [
            (
                it.name,
                it.dimension,
                it.min_resource,
                it.max_resource,
                it.unit,
                round(it.full_seconds, 2),
                "yes" if it.resumes else "no",
                it.best,
                it.median,
                it.fingerprint[:8],
            )
            for it in group.problems
        ],
        caption="Benchmarks. time(R) is the mean full training of random configs.",
    )


def _finals(its: Page, group: Group, axis: Axis, caption: str) -> None:
    finals = [*zip(group.tasks, group.finals(axis), strict=True), ("all", group.overall(axis))]
    its.table(
        ("benchmark", *group.methods),
        [(task, *map(_interval, estimates)) for task, estimates in finals],
        caption=caption,
    )


def _medians(its: Page, group: Group, caption: str) -> None:
    quartiles = np.moveaxis(np.quantile(group.regrets(), [0.25, 0.5, 0.75], axis=-1), 0, -1)
    its.table(
        ("benchmark", *group.methods),
        [
            (task, *(f"{middle:.3g} ({low:.3g}, {high:.3g})" for low, middle, high in of_task))
            for task, of_task in zip(group.tasks, quartiles, strict=True)
        ],
        caption=caption,
    )


def _sensitivity(its: Page, group: Group, suffix: str, stated: str) -> None:
    its.section(
        f"Sensitivity{suffix}",
        "Each method with one of its settings changed, and all else as it was. The difference is that of paired seeds.",
    )
    values = group.regrets().mean(axis=0)
    place = {method: i for i, method in enumerate(group.methods)}
    overall = group.overall()
    rows = []
    for it in group.contestants:
        if it.varied is not None:
            mine, base = values[place[it.name]], values[place[it.base]]
            difference = mean_interval(mine - base)
            rows.append(
                (
                    it.base,
                    it.varied[0],
                    it.varied[1],
                    _interval(overall[place[it.name]]),
                    _interval(difference),
                )
            )
    its.table(
        ("method", "setting", "value", "mean regret", "less that of the default"),
        rows,
        caption=f"Mean regret at the end of the time. {stated}.",
    )


def _tests(its: Page, group: Group, suffix: str, level: float) -> None:
    its.section(f"Tests and ranks{suffix}")
    found = group.ranks()
    order = sorted(range(len(group.methods)), key=found.average.__getitem__)
    its.table(
        ("method", "average rank"),
        [(group.methods[i], round(found.average[i], 2)) for i in order],
        caption=f"Ranks of mean regret over {found.tasks} benchmarks, 1 is best. Critical difference (Nemenyi, "
        f"{found.level:g}): {found.critical_difference:.3g}; Friedman's p: {_p(found.friedman_p)}.",
    )
    its.chart(_rank_chart(group, found.average, found.critical_difference), height=90 + 26 * len(order),
              caption="Average ranks; the bar is the critical difference from the best.")  # fmt: skip
    its.table(
        ("first", "second", "first less second", "p, adjusted", "verdict", "better on", "worse on"),
        [_pair_row(it, level) for it in group.pairs(level=level)],
        caption="Pairs, by the regret at the end of the time: Wilcoxon's signed-rank test over seeds of the mean over "
        f"benchmarks, and on each benchmark; all adjusted together by Holm; compared with {level:g}.",
    )


def _pair_row(it: Pair, level: float) -> Sequence[object]:
    verdict = "no difference shown"
    if it.p < level:
        verdict = f"{it.first if it.difference.value < 0 else it.second} is better"
    return (
        it.first,
        it.second,
        _interval(it.difference),
        _p(it.p),
        verdict,
        ", ".join(it.better_on) or "none",
        ", ".join(it.worse_on) or "none",
    )


def _rank_chart(group: Group, average: Sequence[float], difference: float) -> Any:
    go = graph_objects()
    order = sorted(range(len(average)), key=average.__getitem__, reverse=True)
    figure = go.Figure()
    best = min(average)
    figure.add_vrect(x0=best, x1=best + difference, fillcolor="rgba(127,127,127,0.18)", line_width=0)
    figure.add_scatter(
        x=[average[i] for i in order],
        y=[escaped(group.methods[i]) for i in order],
        mode="markers",
        marker={"size": 11, "color": [COLOURS[i % len(COLOURS)] for i in order]},
        showlegend=False,
        hovertemplate="%{y}: %{x:.2f}<extra></extra>",
    )
    figure.update_xaxes(title="average rank (left is better)", range=[0.8, len(average) + 0.2])
    figure.update_yaxes(type="category")
    return figure


def _costs(its: Page, group: Group, suffix: str) -> None:
    its.section(
        f"Resources and overhead{suffix}",
        "Means of a run. Overhead is what the method itself took, in processor seconds of this machine: for ours all of "
        "the loop with its facts, for a peer what its questions and answers take.",
    )
    counts = [
        group.count(lambda trace: trace.trials),
        group.count(lambda trace: trace.jobs),
        group.count(lambda trace: trace.full),
        group.count(lambda trace: trace.failed),
        group.spent(),
        group.count(lambda trace: trace.overheads[-1][1]),
        group.count(lambda trace: 1000.0 * trace.overheads[-1][1] / max(1, trace.jobs)),
    ]
    its.table(
        (
            "method", "workers", "trials", "jobs", "fully trained", "failed", "resource, in R", "overhead, s",
            "overhead of a job, ms",
        ),
        [
            (one.name, group.terms.workers * one.workers_factor, *(_short(column[i]) for column in counts))
            for i, one in enumerate(group.contestants)
        ],
    )  # fmt: skip
    overheads = group.overheads()
    marks = sorted({n for by in overheads.values() for n in by})
    if marks:
        its.table(
            ("method", *(f"{n} trials" for n in marks)),
            [
                (method, *(None if n not in by else _short(1000.0 * by[n] / n) for n in marks))
                for method, by in overheads.items()
            ],
            caption="Overhead in milliseconds for each trial, when so many had been created.",
        )


def _settings(its: Page, group: Group) -> None:
    first = group.problems[0].name
    its.table(
        ("method", f"settings, on {first}", "versions", "about"),
        [
            (
                one.name,
                json.dumps(one.settings[first]),
                ", ".join(f"{library} {its}" for library, its in one.versions.items()) or version("paceline"),
                one.about,
            )
            for one in group.contestants
        ],
    )


def _interval(it: Estimate) -> str:
    if it.low == it.high:
        return f"{it.value:.3g}"
    return f"{it.value:.3g} [{it.low:.3g}, {it.high:.3g}]"


def _p(p: float) -> str:
    if math.isnan(p):
        return "-"
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def _short(figure: float) -> float:
    """Three digits, still a number."""
    return float(f"{figure:.3g}")
