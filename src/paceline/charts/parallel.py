"""Parallel coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, lines
from paceline.pages import escaped, graph_objects
from paceline.series.axes import short
from paceline.series.parallel import ABSENT, INCUMBENT, STRENGTHS, Parallel
from paceline.series.texts import trial_lines
from paceline.views import TrialView

if TYPE_CHECKING:
    from paceline.study import Study

_CAPTION = (
    "Each line is a trial; it crosses each axis at its value, and below the axis where the hyperparameter is inactive. "
    "Names are spread a little, to be told apart. Good trials that run together show where good values lie."
)
_STAGGERED = 7  # axes from which on their names stand at two heights


def parallel_chart(study: Study, picture: Parallel, note: str) -> Chart:
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
    figure.update_layout(
        xaxis={"range": [-0.45, n - 0.75], "showgrid": False, "visible": False, "fixedrange": True},
        yaxis={"range": [ABSENT - 0.05, 1.2], "visible": False, "fixedrange": True},
        shapes=[_upright(place) for place in range(n)],
        annotations=[one for place in range(n) for one in _labels(picture, place)],
        margin={"l": 20, "r": 30, "t": 30, "b": 10},
        showlegend=True,
    )
    return Chart(figure, f"{_CAPTION} {note}".strip(), 520, 75 * n)


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


def _upright(place: int) -> dict[str, Any]:
    line = {"color": "#808a94", "width": 1}
    return {"type": "line", "x0": place, "x1": place, "y0": 0, "y1": 1, "line": line, "layer": "above"}


def _labels(picture: Parallel, place: int) -> list[dict[str, Any]]:
    """An axis's name and ticks."""
    upright = picture.uprights[place]
    is_high = len(picture.uprights) > _STAGGERED and place % 2 == 1
    title = {
        "x": place, "y": 1.05, "yshift": 18 if is_high else 0, "yanchor": "bottom", "showarrow": False,
        "text": f"<b>{escaped(short(upright.name))}</b>", "hovertext": escaped(upright.name),
    }  # fmt: skip
    ticks = [*upright.ticks, *([(ABSENT, "inactive")] if upright.has_absent else [])]
    return [
        title,
        *(
            {
                "x": place, "y": share, "xanchor": "right", "xshift": -4, "showarrow": False, "text": escaped(text),
                "font": {"size": 11},
            }
            for share, text in ticks
        ),
    ]  # fmt: skip
