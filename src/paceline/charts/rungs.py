"""The ladder of rungs: how many came, how many went on, and the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.charts.chart import Chart, counts_layout
from paceline.pages import escaped, graph_objects
from paceline.series.ladder import CAPTION, Ladder, is_spread
from paceline.series.outcomes import COLOURS, OTHERS, Fate
from paceline.wording import count, number

if TYPE_CHECKING:
    from paceline.study import Study


def rungs_chart(study: Study, ladder: Ladder) -> Chart:
    """Bars for the counts of each rung, the lowest rung at the bottom, and its best value beside them."""
    go = graph_objects()
    metric = escaped(study.ledger.objective.metric)
    names = [escaped(count(rung.resource, study.unit)) for rung in ladder.rungs]
    kinds = (
        ("running", [rung.running for rung in ladder.rungs], COLOURS[Fate.RUNNING]),
        ("promoted", [rung.promoted for rung in ladder.rungs], COLOURS[Fate.PROMOTED]),
        ("results", [rung.results for rung in ladder.rungs], OTHERS),
    )
    figure = go.Figure()
    for kind, numbers, colour in kinds:
        if any(numbers):
            texts = [f"{one:,}" if one else "" for one in numbers]
            bar = go.Bar(
                y=names, x=[one or None for one in numbers], name=kind, orientation="h", marker={"color": colour}, text=texts,
                textposition="outside", cliponaxis=False, hovertemplate=f"%{{y}}: %{{x:,}} {kind}<extra></extra>",
            )  # fmt: skip
            figure.add_trace(bar)
    best = [rung.best for rung in ladder.rungs]
    figure.add_trace(
        go.Scatter(
            x=best, y=names, xaxis="x2", mode="lines+markers+text", showlegend=False,
            text=["" if one is None else number(one) for one in best], textposition="top center", cliponaxis=False,
            line={"color": COLOURS[Fate.DONE], "width": 1.5}, marker={"size": 8},
            hovertemplate=f"best {metric} at %{{y}}: %{{x:.6g}}<extra></extra>",
        )
    )  # fmt: skip
    is_log = is_spread(ladder)
    figure.update_layout(
        xaxis={"domain": [0, 0.62], **counts_layout("trials", is_log=is_log)},
        xaxis2={"domain": [0.7, 1], "title": {"text": f"best {metric}"}},
        yaxis={"type": "category", "title": {"text": "rung"}},
        legend={"traceorder": "reversed"},
        barmode="group", bargap=0.25,
    )  # fmt: skip
    logarithm = " Counts are shown in the logarithm." if is_log else ""
    return Chart(figure, f"{CAPTION}{logarithm}", 120 + 62 * len(names), 520)
