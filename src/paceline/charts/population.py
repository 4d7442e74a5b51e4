"""A population: who was forked from whom, and the schedules that follow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, axis_layout, counts_layout, lines, small_layout
from paceline.pages import graph_objects
from paceline.schedulers.replay import Piece
from paceline.series.axes import MOST_AXES, Axis, axes_of
from paceline.series.descent import CAPTION, Fork, Stay, family_of, schedule_axis, schedules_of
from paceline.series.outcomes import CHOSEN, OTHERS
from paceline.series.texts import trial_lines

if TYPE_CHECKING:
    from paceline.study import Study


def lineage_chart(study: Study) -> Chart:
    """A row for each member, a line for each trial, an upright one for each fork; the incumbent's way in colour."""
    go = graph_objects()
    family = family_of(study)
    figure = go.Figure()
    looks = (
        (family.stays, family.forks, "all trials", OTHERS, 1.2),
        (family.line, family.line_forks, "the way of the incumbent's weights", CHOSEN, 2.4),
    )
    for stays, forks, name, colour, width in looks:
        look = {"mode": "lines", "line": {"color": colour, "width": width}, "legendgroup": name}
        x, y, texts = _stays(study, stays)
        figure.add_trace(go.Scatter(x=x, y=y, name=name, hovertext=texts, hoverinfo="text", **look))
        x, y = _forks(forks)
        look["line"] = {"color": colour, "width": width / 2}
        figure.add_trace(go.Scatter(x=x, y=y, name=name, showlegend=False, hoverinfo="skip", **look))
    figure.update_layout(
        # No grid: it would be taken for trials and forks.
        xaxis={
            **counts_layout(f"resource ({study.unit}s)", is_log=False),
            "rangemode": "tozero",
            "showgrid": False,
        },
        yaxis={"title": {"text": "member"}, "autorange": "reversed", "showgrid": False},
        showlegend=True,
    )
    return Chart(figure, CAPTION, max(300, min(900, 130 + 14 * len(family.rows))))


def schedule_charts(study: Study) -> list[Chart]:
    """A chart for each hyperparameter: what weights were trained with, over the resource."""
    chosen, others = study.schedule(), schedules_of(study)
    return [
        _schedule(study, schedule_axis(axis, [chosen, *others]), chosen, others)
        for axis in axes_of(study.space)[:MOST_AXES]
    ]


def schedule_legend() -> dict[str, str]:
    """The colours, by label."""
    return {"the incumbent's weights": CHOSEN, "all other members": OTHERS}


def schedule_note(study: Study) -> str:
    """How to read them, and what was left out."""
    left = [axis.name for axis in axes_of(study.space)[MOST_AXES:]]
    note = f" Left out: {', '.join(left)}." if left else ""
    return (
        "What the weights were trained with, over the resource, along the chain of forks. A line is interrupted where the "
        f"hyperparameter is inactive.{note}"
    )


def _schedule(study: Study, axis: Axis, chosen: Sequence[Piece], others: Sequence[Sequence[Piece]]) -> Chart:
    go = graph_objects()
    figure = go.Figure()
    x, y = _steps(axis, others)
    look = {"mode": "lines", "connectgaps": False, "hovertemplate": "%{y} at %{x}<extra></extra>"}
    figure.add_trace(go.Scatter(x=x, y=y, line={"color": OTHERS, "width": 1}, name="others", **look))
    x, y = _steps(axis, [chosen])
    figure.add_trace(go.Scatter(x=x, y=y, line={"color": CHOSEN, "width": 2.4}, name="incumbent", **look))
    widest = max((label for _, label in axis.marks()), key=len, default="")
    below = counts_layout(f"resource ({study.unit}s)", is_log=False)
    figure.update_layout(small_layout(below, axis_layout(axis), widest))
    return Chart(figure, "", 260)


def _stays(study: Study, stays: Iterable[Stay]) -> tuple[list[Any], list[Any], list[str]]:
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    metric = study.ledger.objective.metric
    for stay in stays:
        x += [stay.start, stay.stop, None]
        y += [stay.row, stay.row, None]
        text = lines(trial_lines(stay.trial, metric=metric, unit=study.unit))
        texts += [text, text, ""]
    return x, y, texts


def _forks(forks: Iterable[Fork]) -> tuple[list[Any], list[Any]]:
    x: list[float | None] = []
    y: list[float | None] = []
    for fork in forks:
        x += [fork.at, fork.at, None]
        y += [fork.before, fork.after, None]
    return x, y


def _steps(axis: Axis, schedules: Iterable[Sequence[Piece]]) -> tuple[list[Any], list[Any]]:
    x: list[float | None] = []
    y: list[float | None] = []
    for pieces in schedules:
        for piece in pieces:
            height = axis.at(piece.config)
            x += [piece.start, piece.stop]
            y += [height, height]
        x.append(None)
        y.append(None)
    return x, y
