"""Slices: the value against each hyperparameter, coloured by how far the trials were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, axis_layout, lines, small_layout, value_label, value_layout
from paceline.events import TrialId
from paceline.pages import escaped, graph_objects
from paceline.series.outcomes import CHOSEN, shade
from paceline.series.points import Points, levels
from paceline.series.slices import Cloud, Slice, slices_of
from paceline.series.texts import trial_lines

if TYPE_CHECKING:
    from paceline.study import Study


def slice_charts(study: Study, points: Points) -> list[Chart]:
    """A chart for each hyperparameter."""
    said = {
        view.id: lines(trial_lines(view, metric=study.ledger.objective.metric, unit=study.unit))
        for view in points.trials
    }
    return [_chart(study, points, one, said) for one in slices_of(points, study.unit)]


def slice_legend(study: Study, points: Points) -> dict[str, str]:
    """The colours of the resources, by label."""
    found = levels(points, study.unit)
    legend = {f"at {level.label}": shade(place, len(found)) for place, level in enumerate(found)}
    return legend if points.incumbent is None else {**legend, "incumbent": CHOSEN}


def _chart(study: Study, points: Points, one: Slice, said: Mapping[TrialId, str]) -> Chart:
    go = graph_objects()
    figure = go.Figure(layout={"shapes": [_dots(cloud) for cloud in one.clouds if cloud.x]})
    for cloud in one.clouds:
        texts = [said[view.id] for view in cloud.trials]
        figure.add_trace(_pointed(cloud.x, cloud.y, texts, cloud.label, cloud.colour))
    if one.incumbent is not None:
        view, x, y = one.incumbent
        star = {"color": CHOSEN, "size": 11, "symbol": "star"}
        figure.add_trace(
            go.Scatter(
                x=[x], y=[y], mode="markers", marker=star, name="incumbent", hovertext=[said[view.id]], hoverinfo="text",
                cliponaxis=False,
            )
        )  # fmt: skip
    beside = value_layout(study.ledger.objective.metric, points.value_axis)
    figure.update_layout(small_layout(axis_layout(one.axis), beside, value_label(points.value_axis)))
    return Chart(figure, one.note, 260)


def _dots(cloud: Cloud) -> dict[str, Any]:
    """All points of one colour as a single path: lines without length, whose ends the page's style makes round.

    As markers each would be an element of its own, and a thousand of them in each of ten charts take a browser seconds.
    """
    path = "".join(f"M{x:.7g},{y:.7g}Z" for x, y in zip(cloud.x, cloud.y, strict=True))
    return {
        "type": "path", "path": path, "line": {"color": cloud.colour, "width": cloud.size}, "opacity": 0.75,
        "layer": "between",
    }  # fmt: skip


def _pointed(x: Sequence[float], y: Sequence[float], texts: Sequence[str], name: str, colour: str) -> Any:
    """What is said where a pointer rests on a dot."""
    return graph_objects().Scatter(
        x=list(x), y=list(y), mode="none", name=escaped(name), hovertext=list(texts), hoverinfo="text",
        marker={"color": colour}, hoverlabel={"bordercolor": colour},
    )  # fmt: skip
