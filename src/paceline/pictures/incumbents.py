"""The incumbent over what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.errors import SettingError
from paceline.pictures.drawing import begun, empty, grid, headed, noted, value_scale
from paceline.series.incumbents import CAPTION, Over, is_early, steps_of, stretches, x_label
from paceline.series.outcomes import COLOURS, Fate, shade
from paceline.series.record import record_of
from paceline.series.texts import NO_VALUE
from paceline.series.value_axis import value_axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from paceline.study import Study


def incumbent(study: Study, over: Over = "resource") -> Figure:
    """The best value found, over the resource that all trials have spent, or over the time that the study ran.

    Args:
        study: any.
        over: `"resource"` or `"time"`.

    Raises:
        SettingError: Matplotlib is not installed, or `over` is neither.
    """
    if over not in {"resource", "time"}:
        raise SettingError("over", over, expected="'resource' or 'time'")
    figure = begun(study, 4.6)
    record = record_of(study)
    title = f"{study.name}: incumbent"
    if not record.best:
        return empty(figure, title, NO_VALUE)
    axes = figure.add_subplot()
    lucky = steps_of(record.best, record, over)
    axes.step(
        [x for x, _, _ in lucky], [y for _, y, _ in lucky],
        where="post", color=COLOURS[Fate.LEFT], linewidth=1.2, linestyle=":", label="best at any resource",
    )  # fmt: skip
    parts = stretches(record, over, study.unit)
    for place, part in enumerate(parts):
        x, y = [x for x, _, _ in part.steps], [y for _, y, _ in part.steps]
        colour = shade(place, len(parts))
        axes.step(x, y, where="post", color=colour, linewidth=2, label=part.label)
        axes.plot(x[:-1], y[:-1], ".", color=colour)
    objective = study.ledger.objective
    axis = value_axis((one.value for one in record.incumbents + record.best), maximize=objective.maximize)
    value_scale(axes, objective.metric, axis)
    axes.set_xlabel(x_label(record, over, study.unit))
    if is_early(record, over):
        axes.set_xscale("log")
    else:
        axes.set_xlim(left=0)
    grid(axes)
    headed(figure, title, *axes.get_legend_handles_labels())
    return noted(figure, CAPTION, "" if axis is None else axis.note)
