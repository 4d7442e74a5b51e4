"""Learning curves, coloured by what became of their trials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from paceline.charts.chart import Chart, counts_layout, lines, value_layout, widened
from paceline.pages import escaped, graph_objects
from paceline.series.curves import CAPTION, Curves, Line
from paceline.series.outcomes import CHOSEN, COLOURS, Fate
from paceline.series.texts import trial_lines

if TYPE_CHECKING:
    from paceline.study import Study


def curves_chart(study: Study, curves: Curves) -> Chart:
    """A line for each trial, and a point for each that has reported once."""
    figure = graph_objects().Figure()
    for fate in Fate:
        found = curves.of(fate)
        if found:
            look = {"color": COLOURS[fate], "width": 1.0 if fate in {Fate.LEFT, Fate.ENDED} else 1.4}
            figure.add_traces(list(_traces(study, found, f"{fate} ({len(found)})", look, opacity=0.75)))
    best = [line for line in curves.lines if line.trial.id == curves.incumbent]
    if best:
        name = f"incumbent, trial {best[0].trial.id}"
        figure.add_traces(list(_traces(study, best, name, {"color": CHOSEN, "width": 3}, opacity=1)))
    figure.update_layout(
        xaxis={
            **counts_layout(f"resource ({study.unit}s)", is_log=curves.is_log, marks=curves.ticks),
            "range": widened(*map(math.log10, curves.ends) if curves.is_log else curves.ends),
        },
        yaxis=value_layout(study.ledger.objective.metric, curves.axis),
        showlegend=True,
    )
    return Chart(figure, f"{CAPTION} Click a name above to hide these lines. {curves.note}".strip(), 460)


def _traces(
    study: Study, found: Sequence[Line], name: str, look: dict[str, Any], *, opacity: float
) -> Iterator[Any]:
    """Many curves as one line with gaps between them, and those of one report as points."""
    # A browser draws lines quickly and points slowly: each point is an element of its own.
    several = [line for line in found if len(line.curve.resources) > 1]
    single = [line for line in found if len(line.curve.resources) == 1]
    for kept, mode in ((several, "lines"), (single, "markers")):
        if kept:
            yield graph_objects().Scatter(
                **_places(study, kept), name=escaped(name), legendgroup=name, mode=mode, line=look, opacity=opacity,
                marker={"size": 4, "color": look["color"]}, connectgaps=False,
                showlegend=mode == "lines" or not several,
            )  # fmt: skip


def _places(study: Study, found: Sequence[Line]) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    texts: list[str] = []
    metric = study.ledger.objective.metric
    for line in found:
        about = lines(trial_lines(line.trial, metric=metric, unit=study.unit))
        x += [*line.curve.resources, None]
        y += [*line.curve.values, None]
        texts += [about] * len(line.curve.resources) + [""]
    here = f"{escaped(metric)} %{{y:.6g}} at %{{x}} {escaped(study.unit)}s"
    return {"x": x, "y": y, "hovertext": texts, "hovertemplate": f"{here}<br>%{{hovertext}}<extra></extra>"}
