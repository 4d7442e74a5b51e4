"""Parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, lines
from paceline.pages import escaped, graph_objects
from paceline.series.axes import short
from paceline.series.parallel import ABSENT, CAPTION, INCUMBENT, STRENGTHS, Parallel, is_high
from paceline.series.texts import trial_lines
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

_TITLE, _HIGHER = 1.04, 1.1


def parallel_chart(study: Study, picture: Parallel) -> Chart:
    """A line for each trial, in three groups by how good it is, and the incumbent's."""
    figure = graph_objects().Figure()
    for bundle in picture.bundles:
        name = f"{bundle.group.label} ({len(bundle.group.trials)} drawn)"
        look = STRENGTHS[bundle.group.label]
        figure.add_trace(_trace(study, bundle.group.trials, bundle.heights, name, look))
    if picture.incumbent is not None:
        view, heights = picture.incumbent
        figure.add_trace(_trace(study, [view], [heights], f"incumbent, trial {view.id}", INCUMBENT))
    n = len(picture.uprights)
    figure.add_traces([_titles(picture), _ticks(picture)])
    figure.update_layout(
        xaxis={"range": [-0.45, n - 0.75], "showgrid": False, "visible": False, "fixedrange": True},
        yaxis={"range": [ABSENT - 0.05, 1.2], "visible": False, "fixedrange": True},
        shapes=[_uprights(n)],
        margin={"l": 20, "r": 30, "t": 30, "b": 10},
        showlegend=True,
    )
    return Chart(figure, f"{CAPTION} {picture.note}".strip(), 520, 75 * n)


def _trace(
    study: Study,
    trials: Sequence[TrialView],
    heights: Sequence[Sequence[float]],
    name: str,
    look: tuple[str, float, float],
) -> Any:
    colour, width, opacity = look
    metric = study.ledger.objective.metric
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    for view, line in zip(trials, heights, strict=True):
        x += [*range(len(line)), None]
        y += [*line, None]
        texts += [lines(trial_lines(view, metric=metric, unit=study.unit))] * len(line) + [""]
    return graph_objects().Scatter(
        x=x, y=y, name=escaped(name), mode="lines", opacity=opacity, line={"color": colour, "width": width},
        hovertext=texts, hoverinfo="text",
    )  # fmt: skip


def _uprights(n: int) -> dict[str, Any]:
    """All axes as one path."""
    path = "".join(f"M{place},0L{place},1" for place in range(n))
    return {"type": "path", "path": path, "line": {"color": "#808a94", "width": 1}, "layer": "above"}


def _titles(picture: Parallel) -> Any:
    """The axes' names over them; whole where a pointer rests."""
    names = [upright.name for upright in picture.uprights]
    return graph_objects().Scatter(
        x=list(range(len(names))),
        y=[_HIGHER if is_high(picture, place) else _TITLE for place in range(len(names))],
        text=[f"<b>{escaped(short(name))}</b>" for name in names], hovertext=[escaped(name) for name in names],
        mode="text", textposition="top center", showlegend=False, hoverinfo="text",
    )  # fmt: skip


def _ticks(picture: Parallel) -> Any:
    """The labels of all axes, at the left of each."""
    found = [
        (place, share, label)
        for place, upright in enumerate(picture.uprights)
        for share, label in [*upright.ticks, *([(ABSENT, "inactive")] if upright.has_absent else [])]
    ]
    return graph_objects().Scatter(
        x=[place - 0.04 for place, _, _ in found], y=[share for _, share, _ in found],
        text=[escaped(label) for _, _, label in found], textfont={"size": 11}, textposition="middle left", mode="text",
        showlegend=False, hoverinfo="skip",
    )  # fmt: skip
