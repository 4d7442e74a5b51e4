"""Learning curves, coloured by what became of their trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, lines, value_layout
from paceline.pages import escaped, graph_objects
from paceline.series.curves import Curves, Line
from paceline.series.outcomes import CHOSEN, COLOURS, Fate
from paceline.series.texts import trial_lines
from paceline.wording import count, number

if TYPE_CHECKING:
    from paceline.study import Study


def curves_chart(study: Study, curves: Curves) -> Chart:
    """A line for each trial."""
    figure = graph_objects().Figure()
    for fate in Fate:
        found = curves.of(fate)
        if found:
            look = {"color": COLOURS[fate], "width": 1.0 if fate in {Fate.LEFT, Fate.ENDED} else 1.4}
            figure.add_trace(_trace(study, found, f"{fate} ({len(found)})", look, opacity=0.75))
    best = [line for line in curves.lines if line.trial.id == curves.incumbent]
    if best:
        name = f"incumbent, trial {best[0].trial.id}"
        figure.add_trace(_trace(study, best, name, {"color": CHOSEN, "width": 3}, opacity=1))
    figure.update_layout(
        xaxis={
            "title": {"text": escaped(f"resource ({study.unit}s)")},
            "type": "log" if curves.is_log else "linear",
        },
        yaxis=value_layout(study.ledger.objective.metric, curves.axis),
        showlegend=True,
    )
    caption = "Each line is a trial, with a point for each report. Click a name above to hide these lines."
    return Chart(figure, f"{caption} {curves.note}".strip(), 460)


def _trace(study: Study, found: Sequence[Line], name: str, look: dict[str, Any], *, opacity: float) -> Any:
    """Many curves as one line with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    metric = study.ledger.objective.metric
    for line in found:
        about = trial_lines(line.trial, metric=metric, unit=study.unit)
        for resource, value in zip(line.curve.resources, line.curve.values, strict=True):
            x.append(resource)
            y.append(value)
            here = "not finite" if value is None else number(value)
            texts.append(lines([f"{metric} {here} at {count(resource, study.unit)}", *about]))
        x.append(None)
        y.append(None)
        texts.append("")
    go = graph_objects()
    return go.Scatter(
        x=x, y=y, name=escaped(name), line=look, opacity=opacity, mode="lines+markers", marker={"size": 3.5},
        hovertext=texts, hoverinfo="text", connectgaps=False,
    )  # fmt: skip
