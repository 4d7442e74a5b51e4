"""What all pictures have: an empty figure, axes for metrics and hyperparameters, and a note below."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from paceline.errors import SettingError
from paceline.series.axes import Axis
from paceline.series.value_axis import ValueAxis

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from paceline.study import Study

INK, SOFT, GRID = "#1d2733", "#5a6876", "#d9dfe5"
"""Colours: of lines that are read, of notes, of what lies behind."""

STAR: dict[str, Any] = {"marker": "*", "s": 110, "zorder": 5, "linewidths": 0}
"""How the incumbent is marked among points."""

_WIDTH = 9.0
_LETTERS = 16.5  # of a note's line, for each inch
_ROOM = 0.04  # of a hyperparameter's axis, beyond either end


def begun(study: Study, height: float) -> Figure:
    """An empty figure of a study, which is brought up to date.

    Args:
        study: whose figure it will be.
        height: in inches; the width is that of a page.

    Raises:
        SettingError: Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "picture", "", expected="Matplotlib", hint="Run: pip install 'paceline[pictures]'."
        ) from error
    study.refresh()
    return Figure(figsize=(_WIDTH, max(2.5, height)), layout="constrained", dpi=120)


def empty(figure: Figure, title: str, why: str) -> Figure:
    """A figure that says why there is nothing to be seen."""
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_title(title)
    text = "\n".join(textwrap.wrap(why, 90))
    axes.text(0.5, 0.5, text, ha="center", va="center", color=SOFT, transform=axes.transAxes)
    return figure


def headed(figure: Figure, title: str, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """A title with what the colours mean under it, above all panels."""
    figure.legend(
        handles, labels, title=title, title_fontsize="large", loc="outside upper center", ncols=6, fontsize=8, frameon=False
    )  # fmt: skip


def noted(figure: Figure, *sentences: str) -> Figure:
    """Sentences below a picture, in small letters; nothing where there are none."""
    text = " ".join(sentence for sentence in sentences if sentence)
    if text:
        wrapped = "\n".join(textwrap.wrap(text, int(_LETTERS * figure.get_figwidth())))
        figure.supxlabel(wrapped, x=0.01, ha="left", fontsize=7.5, color=SOFT)
    return figure


def grid(axes: Axes) -> None:
    """Thin lines behind what is drawn, and no frame above and at the right."""
    axes.grid(visible=True, color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def value_scale(axes: Axes, name: str, axis: ValueAxis | None) -> None:
    """The upright axis of the metric."""
    axes.set_ylabel(name)
    if axis is not None:
        axes.set_yscale("log" if axis.is_log else "linear")
        axes.set_ylim(axis.low, axis.high)


def hyperparameter_scale(axes: Axes, axis: Axis, *, is_upright: bool = False) -> None:
    """An axis of a hyperparameter, a little longer than its domain."""
    which = "y" if is_upright else "x"
    if axis.names:
        places, labels = zip(*axis.ticks(), strict=True)
        crowded = not is_upright and sum(map(len, labels)) > 30
        look: dict[str, Any] = {"rotation": 30, "ha": "right"} if crowded else {}
        axes.set(**{f"{which}label": axis.name, f"{which}lim": (-0.5, len(axis.names) - 0.5)})
        (axes.set_yticks if is_upright else axes.set_xticks)(places, labels, **look)
        return
    low, high = axis.low, axis.high
    factor = (high / low) ** _ROOM if axis.is_log else 1.0
    room = _ROOM * (high - low)
    ends = (low / factor, high * factor) if axis.is_log else (low - room, high + room)
    scale = "log" if axis.is_log else "linear"
    axes.set(**{f"{which}label": axis.name, f"{which}scale": scale})
    if low < high:
        axes.set(**{f"{which}lim": ends})
