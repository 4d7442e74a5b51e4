"""Which hyperparameters mattered."""

from __future__ import annotations

from paceline.charts.chart import Chart, lines
from paceline.importance import Importance
from paceline.pages import escaped, graph_objects
from paceline.series.axes import short
from paceline.series.importances import among_best, remarks
from paceline.series.outcomes import COLOURS, Fate


def importance_chart(judged: Importance, unit: str) -> Chart:
    """A bar for each hyperparameter, the most important at the top, with its interval."""
    go = graph_objects()
    shares = judged.shares[::-1]
    texts = [
        lines(
            [
                f"{one.name}: share {one.share:.2f} (90 %: {one.low:.2f} to {one.high:.2f})",
                f"explains {one.explained:.2f} alone, of {one.n_results} results",
                f"among the best: {among_best(one)}",
            ]
        )
        for one in shares
    ]
    bar = go.Bar(
        x=[one.share for one in shares], y=list(range(len(shares))), orientation="h",
        marker={"color": COLOURS[Fate.DONE]}, hovertext=texts, hoverinfo="text",
        error_x={
            "type": "data", "symmetric": False, "color": "#808a94", "thickness": 1.5,
            "array": [max(0.0, one.high - one.share) for one in shares],
            "arrayminus": [max(0.0, one.share - one.low) for one in shares],
        },
    )  # fmt: skip
    figure = go.Figure(bar)
    names = [escaped(short(one.name)) for one in shares]
    figure.update_layout(
        xaxis={"title": {"text": "share of what all explain"}, "range": [0, 1.02]},
        yaxis={"tickvals": list(range(len(shares))), "ticktext": names},
        bargap=0.35,
    )
    return Chart(figure, remarks(judged, unit), 90 + 30 * len(shares))
