"""What all charts have: a figure with its caption and height, and the axis of the metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from paceline.pages import escaped
from paceline.series.axes import Axis, short
from paceline.series.value_axis import ValueAxis

_ROOM = 0.04
"""Of the length of a hyperparameter's axis: what it has beyond either end."""


_LONGEST = 24  # letters of a name under or beside a small chart
_FEW = 4  # ticks that a small chart has room for
_LETTERS_BELOW = 36  # letters of labels that fit beside each other under a small chart
_LETTER, _BESIDE = 6.8, 34  # pixels of a letter, and of what else stands at the left


class Chart(msgspec.Struct, frozen=True):
    """One figure of a page.

    Args:
        figure: of plotly.
        caption: how to read it, and what was left out.
        height: in pixels.
        width: the least, in pixels; a narrower screen scrolls it.
    """

    figure: Any
    caption: str
    height: int = 420
    width: int = 0


def lines(texts: Iterable[str]) -> str:
    """Lines of hover text."""
    return "<br>".join(map(escaped, texts))


def value_layout(name: str, axis: ValueAxis | None) -> dict[str, Any]:
    """The layout of an axis for the metric."""
    if axis is not None and axis.is_log:
        return log_layout(name, axis.low, axis.high)
    layout: dict[str, Any] = {"title": {"text": escaped(name)}}
    return layout if axis is None else {**layout, "range": [axis.low, axis.high]}


def axis_layout(axis: Axis) -> dict[str, Any]:
    """The layout of an axis for a hyperparameter in a small chart, a little longer than its domain."""
    layout: dict[str, Any] = {"title": {"text": escaped(short(axis.name, _LONGEST))}}
    if axis.names:
        return {**layout, **ticks(axis.marks()), "range": [-0.5, len(axis.names) - 0.5]}
    if not axis.is_log:
        return {**layout, "range": widened(axis.low, axis.high)}
    ends = widened(math.log10(axis.low), math.log10(axis.high))
    return {**layout, "type": "log", **ticks(axis.marks(_FEW)), "range": ends}


def widened(low: float, high: float) -> list[float]:
    """The ends of an axis that has some room beyond what it shows."""
    room = _ROOM * (high - low) or 0.5
    return [low - room, high + room]


def small_layout(x: dict[str, Any], y: dict[str, Any], widest: str) -> dict[str, Any]:
    """The layout of a small chart, whose margins are known before it is drawn: to find them takes a browser long.

    Args:
        x: the layout of its lower axis ...
        y: ... and of its left one.
        widest: the widest label at the left.
    """
    names = x.get("ticktext", ())
    is_crowded = sum(map(len, names)) > _LETTERS_BELOW
    x |= {"automargin": True, "tickangle": 45} if is_crowded else {"automargin": False}
    left = round(_BESIDE + _LETTER * min(len(widest), _LONGEST))
    margin = {"l": left, "r": 12, "t": 12, "b": 44}
    return {"xaxis": x, "yaxis": {**y, "automargin": False}, "showlegend": False, "margin": margin}


def value_label(axis: ValueAxis | None) -> str:
    """A label at the metric's axis that is as wide as the widest."""
    if axis is None:
        return ""
    marks = Axis("", axis.low, axis.high, is_log=axis.is_log).marks()
    return max((label for _, label in marks), key=len, default="")


def ticks(marks: Sequence[tuple[float, str]]) -> dict[str, Any]:
    """Ticks at positions, with labels."""
    return {"tickvals": [at for at, _ in marks], "ticktext": [escaped(label) for _, label in marks]}


def log_layout(title: str, low: float, high: float) -> dict[str, Any]:
    """The layout of an axis that is even in the logarithm, from one end to the other, with round ticks."""
    marks = ticks(Axis("", low, high, is_log=True).marks())
    ends = [math.log10(low), math.log10(high)]
    return {"title": {"text": escaped(title)}, "type": "log", "range": ends, **marks}


def counts_layout(title: str, *, is_log: bool, marks: Sequence[float] = ()) -> dict[str, Any]:
    """The layout of an axis for resources or time: plain numbers, whole ones with commas.

    Args:
        title: of the axis.
        is_log: whether it is even in the logarithm.
        marks: where it has ticks; where there are none, plotly chooses.
    """
    layout: dict[str, Any] = {"title": {"text": escaped(title)}, "type": "log" if is_log else "linear"}
    if marks:
        return {**layout, **ticks([(one, f"{one:,g}") for one in marks])}
    return {**layout, **({"dtick": 1} if is_log else {}), "tickformat": ",~r"}
