"""Which trials are drawn, where there are too many: the best, and others evenly, with a sentence that says so."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from paceline.views import TrialView


class Thinned(msgspec.Struct, frozen=True):
    """Trials to draw.

    Args:
        trials: the worst first, so that the best are drawn over the others.
        note: what was left out; empty where nothing was.
    """

    trials: tuple[TrialView, ...]
    note: str


def ranked(trials: Sequence[TrialView], *, maximize: bool) -> list[TrialView]:
    """The best first: those that were trained furthest, among these by value, then the older."""

    def key(view: TrialView) -> tuple[bool, int, float, int]:
        if view.value is None:
            return True, -view.resource, math.inf, view.id
        return False, -view.resource, -view.value if maximize else view.value, view.id

    return sorted(trials, key=key)


def thinned(trials: Sequence[TrialView], *, maximize: bool, most: int, best: int) -> Thinned:
    """At most `most` of them: the `best` best, and of the others as many as there is room for, evenly by number."""
    order = ranked(trials, maximize=maximize)
    if len(order) <= most:
        return Thinned(tuple(reversed(order)), "")
    rest = sorted(order[best:], key=lambda view: view.id)
    room = most - best
    evenly = [rest[place * len(rest) // room] for place in range(room)]
    note = (
        f"Drawn are the {best:,} best (trained furthest, then by value) and {room:,} others, evenly by number, of "
        f"{len(order):,} trials."
    )
    return Thinned((*reversed(ranked(evenly, maximize=maximize)), *reversed(order[:best])), note)
