"""Other rules by which a recorded curve could be carried on, beside the one of `paceline.whatif.rules`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from paceline.rng import uniforms_for
from paceline.whatif.record import Curve
from paceline.whatif.rules import Neighbours, Rule

PRIOR = 2.0
"""Observations of slope 1 to which a regression is drawn."""


class Hold(Rule):
    """The last value is kept."""

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:  # noqa: ARG002 - nothing changes
        """See `Rule.step`."""
        return loss


class AllLongCurves(Neighbours):
    """The average change from where the curve ends to where it is asked for, of all curves that have both.

    What survivorship does to it is the reason for measuring it: those that went on were chosen in between.
    """

    def loss(self, curve: Curve, resource: int) -> float:
        """In one step, whatever was chosen on the way."""
        if not curve.resources or resource < curve.resources[0]:
            return super().loss(curve, resource)
        return self.step(curve, curve.resources[-1], curve.losses[-1], resource)

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:  # noqa: ARG002 - whoever it is
        """See `Rule.step`."""
        changes = [after - before for before, after in self.known(start, stop) if after < math.inf]
        return loss + float(np.mean(changes)) if changes else loss


class DrawnNeighbour(Neighbours):
    """As the adopted rule, but the change of one of the neighbours, drawn for each trial, instead of their median."""

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:
        """See `Rule.step`."""
        near = self.nearest(start, loss, stop)
        if not near:
            return loss
        before, after = near[int(uniforms_for(0, "neighbour", curve.trial, start).random(1)[0] * len(near))]
        return loss + (after - before)


class Regression(Neighbours):
    """The median of pairwise slopes (Theil and Sen), drawn towards 1, through the medians."""

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:  # noqa: ARG002 - whoever it is
        """See `Rule.step`."""
        pairs = [pair for pair in self.known(start, stop) if pair[1] < math.inf]
        if not pairs:
            return loss
        x, y = np.array(pairs).T
        i, j = np.triu_indices(len(x), 1)
        apart = x[i] != x[j]
        n = len(x) if apart.any() else 0
        slope = max(0.0, float(np.median((y[j] - y[i])[apart] / (x[j] - x[i])[apart]))) if n else 1.0
        slope = (n * slope + PRIOR) / (n + PRIOR)
        return loss * slope + float(np.median(y - slope * x))


class PowerLaw(Rule):
    """c + k·t^-α: α is shared by all curves, by least squares; c and k are the curve's own, k of the pool if it has one value."""

    POWERS = (0.25, 0.5, 1.0, 2.0)

    def __init__(self, curves: Sequence[Curve]) -> None:
        super().__init__(curves)
        long = [
            curve for curve in self.curves if len(curve.resources) > 2 and np.isfinite(curve.losses).all()
        ]
        errors = {power: [_fit(curve, power)[1] for curve in long] for power in self.POWERS}
        self._power = min(self.POWERS, key=lambda power: float(np.median(errors[power])) if long else power)
        factors = [_fit(curve, self._power)[0] for curve in long]
        self._factor = float(np.median(factors)) if factors else 0.0

    def loss(self, curve: Curve, resource: int) -> float:
        """In one step: the curve's own values tell all."""
        if not curve.resources or resource < curve.resources[0]:
            return super().loss(curve, resource)
        return self.step(curve, curve.resources[-1], curve.losses[-1], resource)

    def step(self, curve: Curve, start: int, loss: float, stop: int) -> float:
        """See `Rule.step`."""
        has_shape = len(curve.resources) > 1 and np.isfinite(curve.losses).all()
        factor = _fit(curve, self._power)[0] if has_shape else self._factor
        return loss + factor * float(stop**-self._power - start**-self._power)


def _fit(curve: Curve, power: float) -> tuple[float, float]:
    """The factor k, and the mean squared error of c + k·t^-power; k is not negative."""
    x = np.array(curve.resources, dtype=float) ** -power
    y = np.array(curve.losses)
    k = max(0.0, float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()))
    residuals = y - y.mean() - k * (x - x.mean())
    return k, float((residuals**2).mean() / max(y.var(), 1e-30))


RULES: Mapping[str, type[Rule]] = {
    "neighbours, median (adopted)": Neighbours,
    "neighbours, one drawn": DrawnNeighbour,
    "regression": Regression,
    "power law of each curve": PowerLaw,
    "mean of all long curves": AllLongCurves,
    "last value kept": Hold,
}
