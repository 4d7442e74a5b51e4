"""What a curve would have been where it was not recorded: the rule, and why it may be used.

A trial's curve ends where the recorded method left it, and only good trials have long ones. An average over long curves
is therefore biased; what follows a given value is not, as long as the method looked at nothing but that value when it
chose who goes on. So a curve is carried on in steps, from each resource at which recorded curves end to the next, and in
each step by curves that were recorded past both ends and had about the same value at its start (its neighbours):

    loss(b) = loss(a) + the median change from a to b of the NEIGHBOURS nearest curves

Where nobody was recorded past both ends, the last value is kept. A median makes extrapolated curves more alike than real
ones are, so the best of many looks worse than it would be; but a change drawn from the neighbours, which does not, names
lucky curves as the best. docs/whatif.md has the measured errors of this rule beside those of others.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from paceline.whatif.record import Curve

NEIGHBOURS = 5
"""So many curves of nearest value tell a change."""

MIN_TIMES = 3
"""Curves that tell how training time grows; with fewer it grows in proportion to the resource."""


class Rule(ABC):
    """Carries curves on beyond what was recorded.

    Args:
        curves: all of the record.
    """

    def __init__(self, curves: Sequence[Curve]) -> None:
        self.curves = [curve for curve in curves if curve.resources]
        self._ends = sorted({curve.resources[-1] for curve in self.curves if curve.fails_after is None})

    @abstractmethod
    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:
        """The loss of a curve at `stop`, given its loss at `start`; no recorded curve ends in between."""

    def loss(self, curve: Curve, resource: int) -> float:
        """A trial's loss at a resource that its curve does not cover."""
        if not curve.resources:
            return math.inf  # nothing is known of it: it never leads
        if resource < curve.resources[0]:
            return self.step(curve, curve.resources[0], curve.losses[0], resource)
        last, loss = curve.resources[-1], curve.losses[-1]
        between = [end for end in self._ends if last < end < resource]
        for start, stop in pairwise([last, *between, resource]):
            if math.isinf(loss):
                return math.inf  # what has diverged does not come back
            loss = self.step(curve, start, loss, stop)
        return loss

    def covering(self, start: int, stop: int) -> list[Curve]:
        """The curves that were recorded at both, those that failed in between included."""
        low, high = min(start, stop), max(start, stop)
        return [
            curve
            for curve in self.curves
            if curve.covers(low) and (curve.resources[-1] >= high or curve.fails_after is not None)
        ]


class Neighbours(Rule):
    """The rule of this file's head."""

    def __init__(self, curves: Sequence[Curve]) -> None:
        super().__init__(curves)
        self._pairs: dict[tuple[int, int], list[tuple[float, float]]] = {}

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:  # noqa: ARG002 - its value tells all
        """See this file's head."""
        near = self.nearest(start, loss, stop)
        return loss + float(np.median([after - before for before, after in near])) if near else loss

    def nearest(self, start: int, loss: float, stop: int) -> list[tuple[float, float]]:
        """The losses at `start` and `stop` of the neighbours of a curve with this loss at `start`, the nearest first."""
        return sorted(self.known(start, stop), key=lambda pair: abs(pair[0] - loss))[:NEIGHBOURS]

    def known(self, start: int, stop: int) -> list[tuple[float, float]]:
        """The losses at both ends of the curves that have both; +inf at the end for those that have failed before."""
        found = self._pairs.get((start, stop))
        if found is None:
            pairs = [(_loss(curve, start), _loss(curve, stop)) for curve in self.covering(start, stop)]
            found = self._pairs[start, stop] = [pair for pair in pairs if pair[0] < math.inf]
        return found


def _loss(curve: Curve, resource: int) -> float:
    return curve.loss(resource) if curve.covers(resource) else math.inf


class Times:
    """How long training takes where it was not recorded: a trial's own seconds, growing as those of the others do.

    Args:
        curves: all of the record.
        seconds_per_unit: for a trial that has reported nothing.
    """

    def __init__(self, curves: Sequence[Curve]) -> None:
        self._curves = [curve for curve in curves if curve.resources and curve.seconds[-1] > 0]
        self.are_known = bool(self._curves)
        self._ends = sorted({curve.resources[-1] for curve in self._curves})
        paces = [curve.seconds[-1] / curve.resources[-1] for curve in self._curves]
        self._pace = float(np.median(paces)) if paces else 1.0
        self._growth: dict[tuple[int, int], float] = {}

    def seconds(self, curve: Curve, resource: int) -> float:
        """Seconds from nothing to a resource; a trial that failed takes none beyond what its failures took."""
        if curve.fails_after is not None and resource > curve.fails_after:
            return (curve.seconds[-1] if curve.seconds else 0.0) + curve.failed_s
        if not curve.resources or not curve.seconds[-1]:
            return resource * self._pace
        last = curve.resources[-1]
        if resource <= last:
            return curve.time(resource)
        between = [end for end in self._ends if last < end < resource]
        steps = pairwise([last, *between, resource])
        return curve.seconds[-1] * math.prod(self._factor(start, stop) for start, stop in steps)

    def _factor(self, start: int, stop: int) -> float:
        """The median of what others took to `stop`, relative to `start`. No curve ends in between, so it never falls."""
        factor = self._growth.get((start, stop))
        if factor is None:
            factors = [
                curve.time(stop) / before
                for curve in self._curves
                if curve.resources[-1] >= stop and (before := curve.time(start)) > 0
            ]
            factor = float(np.median(factors)) if len(factors) >= MIN_TIMES else stop / start
            self._growth[start, stop] = factor
        return factor
