"""The rungs: how many results each has, how many of them were promoted, and the best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from paceline.schedulers.base import BracketView, RungView
from paceline.views import finite_value
from paceline.wording import count

if TYPE_CHECKING:
    from paceline.events import Objective
    from paceline.study import Study


CAPTION = "A trial's result enters each rung that it reaches; the best of a rung go on to the next."

_SPREAD = 50


class Rung(msgspec.Struct, frozen=True):
    """Of one or several brackets.

    Args:
        resource: what a trial was trained to when its result entered.
        results: that have entered.
        promoted: trials that have left it upward.
        running: jobs on their way to it.
        best: the best value in it; `None` where there is none.
    """

    resource: int
    results: int
    promoted: int
    running: int
    best: float | None


class Ladder(msgspec.Struct, frozen=True):
    """Brackets that have the same rungs.

    Args:
        label: what they are.
        rungs: from the bottom up.
    """

    label: str
    rungs: tuple[Rung, ...]


def ladders(study: Study) -> list[Ladder]:
    """The rungs of brackets of one shape together, the longest ladder first; empty for schedulers without rungs.

    The boundaries of a population are no rungs: nobody is promoted there.
    """
    if any(state.trial.member is not None for state in study.ledger.trials):
        return []
    shapes: dict[tuple[int, ...], list[BracketView]] = {}
    for bracket in study.rungs():
        shapes.setdefault(tuple(rung.resource for rung in bracket.rungs), []).append(bracket)
    objective = study.ledger.objective
    return [
        Ladder(_label(shape, brackets, study.unit), _rungs([b.rungs for b in brackets], objective))
        for shape, brackets in sorted(shapes.items(), key=lambda item: -len(item[0]))
        if shape
    ]


def is_spread(ladder: Ladder) -> bool:
    """Whether counts differ so much that the logarithm is needed to see the small ones."""
    counts = [n for rung in ladder.rungs for n in (rung.results, rung.promoted, rung.running) if n]
    return bool(counts) and max(counts) / min(counts) > _SPREAD


def _label(shape: tuple[int, ...], brackets: Sequence[BracketView], unit: str) -> str:
    which = f"bracket {brackets[0].number}" if len(brackets) == 1 else count(len(brackets), "bracket")
    return f"{which}, from {count(shape[0], unit)}"


def _rungs(brackets: Sequence[Sequence[RungView]], objective: Objective) -> tuple[Rung, ...]:
    return tuple(
        Rung(
            resource=same[0].resource,
            results=sum(rung.n_results for rung in same),
            promoted=sum(rung.n_promoted for rung in same),
            running=sum(rung.n_running for rung in same),
            best=finite_value(objective, min((rung.best_loss for rung in same), default=math.inf)),
        )
        for same in zip(*brackets, strict=True)
    )


def together(found: Sequence[Ladder], study: Study) -> Ladder:
    """All brackets as one ladder: what any of them has at a resource, summed."""
    at: dict[int, list[Rung]] = {}
    for ladder in found:
        for rung in ladder.rungs:
            at.setdefault(rung.resource, []).append(rung)
    pick = max if study.ledger.objective.maximize else min
    rungs = (
        Rung(
            resource,
            sum(rung.results for rung in same),
            sum(rung.promoted for rung in same),
            sum(rung.running for rung in same),
            pick((rung.best for rung in same if rung.best is not None), default=None),
        )
        for resource, same in sorted(at.items())
    )
    return Ladder("all brackets", tuple(rungs))
