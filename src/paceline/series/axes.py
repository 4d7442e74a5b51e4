"""A hyperparameter as an axis: where its values lie, and which ticks it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from paceline.importance import Importance
from paceline.space import Categorical, Constant, Domain, Float, Integer, Ordinal, Scalar, Space
from paceline.space.scalars import identity
from paceline.wording import number, scalar_text

MOST_AXES = 12
"""Hyperparameters that a picture shows; those that matter most."""

_LONGEST = 18
"""Letters of a value's name at a tick."""

_GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, fill the unit interval evenly
_MOST_TICKS = 6
_MOST_NAMES = 16


class Axis(msgspec.Struct, frozen=True):
    """One hyperparameter.

    Args:
        name: the hyperparameter.
        low: the lower end: a number, or 0 for the first of several names ...
        high: ... and the upper end.
        is_log: whether it is even in the logarithm.
        names: the values of one without numbers, each at its place, counted from 0.
        places: the place of each of these values.
    """

    name: str
    low: float
    high: float
    is_log: bool = False
    names: tuple[str, ...] = ()
    places: Mapping[tuple[type, Scalar], int] = {}

    def at(self, config: Mapping[str, Scalar]) -> float:
        """Where a config has it: a number, or the place of a name; NaN where it is inactive."""
        if self.name not in config:
            return math.nan
        value = config[self.name]
        if self.places:
            return float(self.places.get(identity(value), math.nan))
        return float(value)  # type: ignore[arg-type]  # a number

    def scattered(self, config: Mapping[str, Scalar], trial: int, *, width: float) -> float:
        """As `at`; names are moved by up to half of `width`, evenly over trials, so that equal ones can be told apart."""
        return self.at(config) + (((trial * _GOLDEN) % 1.0 - 0.5) * width if self.names else 0.0)

    def share(self, position: float) -> float:
        """A position as a share of the axis, 0 at its lower end and 1 at its upper; NaN stays NaN."""
        if self.high == self.low:
            return 0.5 if position == self.low else math.nan
        if self.is_log:
            return math.log(position / self.low) / math.log(self.high / self.low)
        return (position - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Positions with their labels, both ends of a number included."""
        if self.names:
            step = -(-len(self.names) // _MOST_NAMES)
            return [(float(place), self.names[place]) for place in range(0, len(self.names), step)]
        if self.low == self.high:
            return self.marks()
        gap = 0.6 / _MOST_TICKS
        kept = [one for one in self._round() if gap <= self.share(one) <= 1 - gap]
        return [(one, number(one)) for one in (self.low, *kept, self.high)]

    def marks(self, most: int = _MOST_TICKS) -> list[tuple[float, str]]:
        """As `ticks`; of a number only round ones, about so many, as suits an axis whose ends are not said."""
        return self.ticks() if self.names else [(one, number(one)) for one in self._round(most)]

    def _round(self, most: int = _MOST_TICKS) -> list[float]:
        if self.low == self.high:
            return [self.low]
        return _powers(self.low, self.high, most) if self.is_log else _round_steps(self.low, self.high, most)


def axis_of(name: str, domain: Domain) -> Axis:
    """The axis of one hyperparameter."""
    match domain:
        case Float() | Integer():
            return Axis(name, float(domain.low), float(domain.high), is_log=domain.log)
        case Categorical():
            return _named(name, domain.choices)
        case Ordinal():
            return _named(name, domain.values)
        case _:
            raise AssertionError("a constant has no axis")


def axes_of(space: Space, judged: Importance | None = None) -> list[Axis]:
    """Of all hyperparameters that can take several values: those that matter most first, then by the space's order."""
    shares = {} if judged is None else {one.name: one.share for one in judged.shares}
    names = [name for name, domain in space.domains.items() if not isinstance(domain, Constant)]
    return [
        axis_of(name, space.domains[name])
        for name in sorted(names, key=lambda name: -shares.get(name, 0.0))  # the sort is stable
    ]


def resource_axis(resources: Sequence[int]) -> Axis:
    """An axis for resources, even in the logarithm where they differ much."""
    low, high = min(resources), max(resources)
    return Axis("", float(low), float(high), is_log=low > 0 and high / low >= 8)


def short(text: str, longest: int = _LONGEST) -> str:
    """A text that fits at a tick."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _named(name: str, values: Sequence[Scalar]) -> Axis:
    names = tuple(short(scalar_text(value)) for value in values)
    places = {identity(value): place for place, value in enumerate(values)}
    return Axis(name, 0.0, float(len(values) - 1), names=names, places=places)


def _powers(low: float, high: float, most: int) -> list[float]:
    """Powers of ten between, or, where there are fewer than three, 1, 2 and 5 times these."""
    begin, end = math.floor(math.log10(low)), math.ceil(math.log10(high))
    step = max(1, -(-(end - begin) // most))
    tens = [float(f"1e{power}") for power in range(begin, end + 1, step)]
    found = [one for one in tens if low <= one <= high]
    if len(found) > 2:
        return found
    fine = [float(f"{lead}e{power}") for power in range(begin, end + 1) for lead in (1, 2, 5)]
    finer = [one for one in fine if low <= one <= high]
    return finer if len(finer) <= most + 1 or len(found) < 2 else found


def _round_steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between, few of them."""
    power = math.floor(math.log10((high - low) / most))
    steps = (float(f"{lead}e{power + more}") for more in (0, 1) for lead in (1, 2, 5))
    step = next(one for one in steps if (high - low) / one <= most)
    begin, end = math.ceil(low / step), math.floor(high / step)
    return [float(f"{one * step:.12g}") for one in range(begin, end + 1)]
