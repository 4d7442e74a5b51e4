"""Slices: the value against each hyperparameter, coloured by how far the trials were trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from paceline.pictures.drawing import (
    STAR,
    begun,
    empty,
    grid,
    headed,
    hyperparameter_scale,
    noted,
    value_scale,
)
from paceline.series.importances import judged_of
from paceline.series.outcomes import CHOSEN
from paceline.series.points import Points, points_of
from paceline.series.slices import CAPTION, Slice, slices_of
from paceline.series.texts import NOTHING_TO_COMPARE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

_COLUMNS = 3


def slices(study: Study) -> Figure:
    """The value of each trial against each hyperparameter, a panel for each, those that matter most first.

    Args:
        study: any.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    figure = begun(study, 4.0)
    points = points_of(study, judged_of(study)[0])
    title = f"{study.name}: slices"
    found = slices_of(points, study.unit)
    if not points.trials or not found:
        return empty(figure, title, NOTHING_TO_COMPARE)
    rows = -(-len(found) // _COLUMNS)
    figure.set_figheight(2.4 * rows + 1.2)
    columns = min(_COLUMNS, len(found))
    panels = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
    for axes, one in zip(panels, found, strict=False):
        _panel(axes, one, points)
    for axes in panels[len(found) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(study.ledger.objective.metric)
    headed(figure, title, *_keys(figure))
    return noted(figure, CAPTION, points.note)


def _panel(axes: Axes, one: Slice, points: Points) -> None:
    for cloud in one.clouds:
        look: dict[str, Any] = {"c": cloud.colour, "s": cloud.size**2, "alpha": 0.75, "linewidths": 0}
        axes.scatter(cloud.x, cloud.y, label=cloud.label, **look)
    if one.incumbent is not None:
        _, x, y = one.incumbent
        axes.scatter([x], [y], c=CHOSEN, label="incumbent", clip_on=False, **STAR)
    hyperparameter_scale(axes, one.axis)
    value_scale(axes, "", points.value_axis)
    grid(axes)


def _keys(figure: Figure) -> tuple[list[Artist], list[str]]:
    """What each colour means, once: of all panels, since the incumbent is not in each."""
    found: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)
