"""What all charts have: a figure with its caption and height, and the axis of the metric."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from paceline.pages import escaped
from paceline.series.axes import Axis
from paceline.series.value_axis import ValueAxis


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
    layout: dict[str, Any] = {"title": {"text": escaped(name)}}
    if axis is None:
        return layout
    ends = [axis.low, axis.high]
    if axis.is_log:
        return {**layout, "type": "log", "range": [math.log10(end) for end in ends]}
    return {**layout, "range": ends}


def axis_layout(axis: Axis) -> dict[str, Any]:
    """The layout of an axis for a hyperparameter."""
    layout: dict[str, Any] = {"title": {"text": escaped(axis.name)}}
    if axis.names:
        places, names = zip(*axis.ticks(), strict=True)
        ticks = {"tickvals": list(places), "ticktext": [escaped(name) for name in names]}
        return {**layout, **ticks, "range": [-0.5, len(axis.names) - 0.5]}
    if axis.is_log:
        return {**layout, "type": "log"}
    return layout
