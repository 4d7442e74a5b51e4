"""What became of a trial, in the words of pictures, and the colours of these words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from paceline.schedulers.base import BracketView
from paceline.views import TrialView


class Fate(StrEnum):
    """What became of a trial; the order is that in which they are drawn, the last on top."""

    LEFT = "not promoted"
    """It ended, or waits, at the first rung of its bracket."""
    ENDED = "stopped"
    """Ended before it was fully trained, where there are no rungs; in a population: replaced."""
    FAILED = "failed"
    RUNNING = "running"
    PROMOTED = "promoted"
    """It went beyond the first rung, and ended or waits at a higher one."""
    DONE = "fully trained"


COLOURS: Mapping[Fate, str] = {
    Fate.LEFT: "#97a3af",
    Fate.ENDED: "#97a3af",
    Fate.FAILED: "#8f5aa8",
    Fate.RUNNING: "#009e73",
    Fate.PROMOTED: "#e69f00",
    Fate.DONE: "#1f80c4",
}
"""After Okabe and Ito, whose blue is too dark on black: told apart by all kinds of colour vision, on both."""

OTHERS, CHOSEN = "#b8c4ce", "#c8102e"
"""Of everybody, and of whom a picture is about."""

RAMP = ("#f0ad2c", "#e8764f", "#c9457b", "#8f37b0", "#6a5ad6")
"""From little to much; its lightness falls evenly."""


def fates(trials: Sequence[TrialView], brackets: Sequence[BracketView]) -> dict[int, Fate]:
    """Of each trial, by id."""
    lowest = {bracket.number: bracket.rungs[0].resource for bracket in brackets if bracket.rungs}
    return {view.id: _fate(view, lowest.get(view.bracket or 0)) for view in trials}


def _fate(view: TrialView, lowest: int | None) -> Fate:
    match view.status:
        case "done":
            return Fate.DONE
        case "failed":
            return Fate.FAILED
        case "running":
            return Fate.RUNNING
    if lowest is None or view.member is not None:
        return Fate.ENDED
    return Fate.PROMOTED if view.resource > lowest else Fate.LEFT


def shade(place: int, n: int) -> str:
    """A colour of the ramp for place 0 to n - 1; one alone is the last."""
    if n == 1:
        return RAMP[-1]
    return RAMP[round(place * (len(RAMP) - 1) / (n - 1))]
