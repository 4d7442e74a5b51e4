"""The ladder of rungs: how many came, how many went on, and the best."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.pictures.drawing import begun, empty, grid, noted
from paceline.series.ladder import CAPTION, Ladder, is_spread, ladders, together
from paceline.series.outcomes import COLOURS, OTHERS, Fate
from paceline.series.texts import NO_RUNGS, NO_TRIAL
from paceline.wording import count, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

_THICK = 0.27


def rungs(study: Study) -> Figure:
    """Results, promotions and running jobs of each rung, all brackets together, and the best value of each.

    Args:
        study: of a scheduler with rungs; of another, the picture says so.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    figure = begun(study, 4.0)
    found = ladders(study)
    title = f"{study.name}: rungs"
    if not found or not study.trials:
        return empty(figure, title, NO_TRIAL if not study.trials else NO_RUNGS)
    ladder = together(found, study)
    figure.set_figheight(1.8 + 0.55 * len(ladder.rungs))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2, 1))
    _counts(left, ladder)
    places = [place for place, rung in enumerate(ladder.rungs) if rung.best is not None]
    best = [rung.best for rung in ladder.rungs if rung.best is not None]
    right.plot(best, places, "o-", color=COLOURS[Fate.DONE], linewidth=1.2, markersize=5)
    for x, y in zip(best, places, strict=True):
        right.annotate(number(x), (x, y), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8)
    right.margins(x=0.2)
    right.set_xlabel(f"best {study.ledger.objective.metric}")
    grid(right)
    left.set_yticks(range(len(ladder.rungs)), [count(rung.resource, study.unit) for rung in ladder.rungs])
    left.set_ylim(-0.6, len(ladder.rungs) - 0.3)
    left.set_title(title)
    return noted(figure, CAPTION, "Counts are shown in the logarithm." if is_spread(ladder) else "")


def _counts(axes: Axes, ladder: Ladder) -> None:
    """Bars beside each other, with their numbers."""
    kinds = (
        ("results", [rung.results for rung in ladder.rungs], OTHERS),
        ("promoted", [rung.promoted for rung in ladder.rungs], COLOURS[Fate.PROMOTED]),
        ("running", [rung.running for rung in ladder.rungs], COLOURS[Fate.RUNNING]),
    )
    for offset, (kind, numbers, colour) in zip((_THICK, 0.0, -_THICK), kinds, strict=True):
        if any(numbers):
            places = [place + offset for place in range(len(numbers))]
            bars = axes.barh(places, numbers, _THICK, color=colour, label=kind)
            axes.bar_label(bars, [f"{n:,}" if n else "" for n in numbers], padding=2, fontsize=8)
    if is_spread(ladder):
        axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.set_xlabel("trials")
    grid(axes)
    if axes.containers:
        axes.legend(fontsize=8, frameon=False, loc="upper right")
