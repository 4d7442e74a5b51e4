"""The axis of the metric: where it ends, so that a few diverged trials do not press all others onto a line."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np

from paceline.wording import count

_TAIL = 0.95
"""The share of values that is shown in any case."""

_FAR = 3.0
"""Times the spread of these, from where a value lies too far off."""

_DECADES = 2.0
"""Powers of ten that positive values must span to be shown in the logarithm."""


class ValueAxis(msgspec.Struct, frozen=True):
    """An axis for values of the metric.

    Args:
        low: its lower end.
        high: its upper end.
        is_log: whether it is even in the logarithm.
        n_beyond: values that lie beyond it, on the bad side.
    """

    low: float
    high: float
    is_log: bool
    n_beyond: int

    @property
    def note(self) -> str:
        """A sentence on what lies beyond, and on the logarithm; empty where there is neither."""
        if self.n_beyond == 0:
            return ""
        lies = "lies" if self.n_beyond == 1 else "lie"
        return f"{count(self.n_beyond, 'result')} {lies} far beyond the axis."


def value_axis(values: Iterable[float | None], *, maximize: bool) -> ValueAxis | None:
    """An axis for these values; `None` where none is finite.

    It ends on the bad side at 1.3 times the spread of the 95 % best, where others lie more than 3 times that off.
    """
    found = np.array([value for value in values if value is not None], np.float64)
    if not len(found):
        return None
    order = np.sort(-found if maximize else found)
    is_log = not maximize and _spans(order)
    if is_log:
        order = np.log10(order)
    best, usual, worst = order[0], order[math.ceil(_TAIL * len(order)) - 1], order[-1]
    if worst - best > _FAR * (usual - best) > 0:
        worst = best + 1.3 * (usual - best)
    n_beyond = int(np.count_nonzero(order > worst))
    room = 0.04 * (worst - best) or 0.05 * abs(best) or 0.05
    low, high = best - room, worst + room
    if maximize:
        low, high = -high, -low
    if is_log:
        low, high = 10**low, 10**high
    return ValueAxis(float(low), float(high), is_log, n_beyond)


def _spans(order: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
    """Whether rising values are all positive, and their usual part spans decades."""
    usual = order[math.ceil(_TAIL * len(order)) - 1]
    return bool(order[0] > 0 and math.log10(usual / order[0]) >= _DECADES)
