"""Slices: the value against each hyperparameter, coloured by how far the trials were trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, axis_layout, lines, value_layout
from paceline.events import TrialId
from paceline.pages import escaped, graph_objects
from paceline.series.axes import Axis
from paceline.series.outcomes import CHOSEN, shade
from paceline.series.points import Level, Points, levels
from paceline.series.texts import trial_lines
from paceline.wording import count

if TYPE_CHECKING:
    from paceline.study import Study

CAPTION = (
    "Each point is a trial at its last value, where the hyperparameter is active. Values at different resources are not "
    "to be compared with each other: compare points of one colour."
)
_JITTER = 0.5


def slice_charts(study: Study, points: Points) -> list[Chart]:
    """A chart for each hyperparameter."""
    found = levels(points, study.unit)
    said = {
        view.id: lines(trial_lines(view, metric=study.ledger.objective.metric, unit=study.unit))
        for view in points.trials
    }
    return [_chart(study, points, axis, found, said) for axis in points.axes]


def slice_legend(study: Study, points: Points) -> dict[str, str]:
    """The colours of the resources, by label."""
    found = levels(points, study.unit)
    legend = {f"at {level.label}": shade(place, len(found)) for place, level in enumerate(found)}
    return legend if points.incumbent is None else {**legend, "incumbent": CHOSEN}


def _chart(
    study: Study, points: Points, axis: Axis, found: list[Level], said: Mapping[TrialId, str]
) -> Chart:
    figure = graph_objects().Figure()
    for place, level in enumerate(found):
        trials = [view for view in level.trials if axis.name in view.config]
        look = {"color": shade(place, len(found)), "size": 4 + 0.5 * place, "opacity": 0.75}
        figure.add_trace(
            _trace(axis, [(view.config, view.id, view.value) for view in trials], level.label, look, said)
        )
    best = [view for view in points.trials if view.id == points.incumbent and axis.name in view.config]
    look = {"color": CHOSEN, "size": 11, "symbol": "star"}
    one = [(view.config, view.id, view.value) for view in best]
    figure.add_trace(_trace(axis, one, "incumbent", look, said))
    figure.update_layout(
        xaxis=axis_layout(axis),
        yaxis=value_layout(study.ledger.objective.metric, points.value_axis),
        showlegend=False,
        margin={"l": 50, "r": 10, "t": 25, "b": 40},
    )
    absent = sum(axis.name not in view.config for view in points.trials)
    note = f"Inactive in {count(absent, 'trial')} of those drawn." if absent else ""
    return Chart(figure, note, 260)


def _trace(
    axis: Axis, trials: Sequence[tuple[Any, int, Any]], name: str, look: dict[str, Any], said: Any
) -> Any:
    return graph_objects().Scatter(
        x=[axis.scattered(config, trial, width=_JITTER) for config, trial, _ in trials],
        y=[value for _, _, value in trials],
        mode="markers", marker=look, name=escaped(name), hovertext=[said[trial] for _, trial, _ in trials],
        hoverinfo="text",
    )  # fmt: skip
