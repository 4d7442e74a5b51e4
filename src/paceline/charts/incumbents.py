"""The incumbent over what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.charts.chart import Chart, counts_layout, lines, value_layout
from paceline.pages import escaped, graph_objects
from paceline.series.incumbents import CAPTION, Over, is_early, steps_of, stretches, x_label
from paceline.series.outcomes import COLOURS, Fate, shade
from paceline.series.record import Record
from paceline.series.texts import trial_lines
from paceline.series.value_axis import value_axis

if TYPE_CHECKING:
    from paceline.study import Study


def incumbent_chart(study: Study, record: Record, over: Over) -> Chart:
    """The incumbent over the resource that was spent, or over time."""
    go = graph_objects()
    metric, trials = study.ledger.objective.metric, study.trials
    figure = go.Figure()
    lucky = steps_of(record.best, record, over)
    parts = stretches(record, over, study.unit)
    looks = [
        (
            "best at any resource",
            lucky,
            {"color": COLOURS[Fate.LEFT], "width": 1.5, "dash": "dot", "shape": "hv"},
        )
    ]
    looks += [
        (part.label, list(part.steps), {"color": shade(place, len(parts)), "width": 2.5, "shape": "hv"})
        for place, part in enumerate(parts)
    ]
    for label, steps, line in looks:
        texts = [
            lines(
                [
                    f"{metric} {one.value:.6g} at {one.resource} {study.unit}s",
                    *trial_lines(trials[one.trial], metric=metric, unit=study.unit),
                ]
            )
            for _, _, one in steps
        ]
        figure.add_trace(
            go.Scatter(
                x=[x for x, _, _ in steps],
                y=[y for _, y, _ in steps],
                name=escaped(label),
                line=line,
                mode="lines+markers",
                marker={"size": [6] * (len(steps) - 1) + [0]} if steps else None,
                hovertext=texts,
                hoverinfo="text",
            )
        )
    axis = value_axis(
        (one.value for one in record.incumbents + record.best), maximize=study.ledger.objective.maximize
    )
    figure.update_layout(
        xaxis={
            **counts_layout(x_label(record, over, study.unit), is_log=is_early(record, over)),
            "rangemode": "tozero",
        },
        yaxis=value_layout(metric, axis),
        showlegend=True,
    )
    note = "" if axis is None else axis.note
    return Chart(figure, f"{CAPTION} {note}".strip())
