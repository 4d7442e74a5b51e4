"""Which hyperparameters mattered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paceline.pictures.drawing import SOFT, begun, empty, grid, noted
from paceline.series.axes import short
from paceline.series.importances import judged_of, remarks
from paceline.series.outcomes import COLOURS, Fate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from paceline.study import Study


def importance(study: Study) -> Figure:
    """A bar for each hyperparameter, the most important at the top, with its 90 % interval: `study.importance()`.

    Args:
        study: with results enough; of another, the picture says what is missing.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    figure = begun(study, 2.5)
    title = f"{study.name}: importance"
    judged, why_not = judged_of(study)
    if judged is None:
        return empty(figure, title, why_not)
    shares = judged.shares[::-1]
    figure.set_figheight(max(2.5, 1.4 + 0.32 * len(shares)))
    axes = figure.add_subplot()
    width = [one.share for one in shares]
    beside = (
        [max(0.0, one.share - one.low) for one in shares],
        [max(0.0, one.high - one.share) for one in shares],
    )
    look: dict[str, Any] = {
        "color": COLOURS[Fate.DONE],
        "ecolor": SOFT,
        "capsize": 2.5,
        "error_kw": {"elinewidth": 1.2},
    }
    axes.barh(range(len(shares)), width, 0.65, xerr=beside, **look)
    axes.set_yticks(range(len(shares)), [short(one.name) for one in shares])
    axes.set(title=title, xlabel="share of what all explain", xlim=(0, 1.02))
    grid(axes)
    axes.grid(visible=False, axis="y")
    return noted(figure, remarks(judged, study.unit))
