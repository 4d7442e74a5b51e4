"""How the unit interval maps onto the values of one hyperparameter, and back.

Samplers draw and models learn in the unit cube; each hyperparameter is one coordinate of it. A scale has `decode` (from
[0, 1] to a value), `encode` (back) and `spread` (values from end to end, for grids).

Continuous values fill the interval, evenly or evenly in their logarithm. Discrete values share it in cells: a value is
whatever falls into its cell, and is encoded as its cell's centre. Cells are of equal width, so that each value is
equally probable; only `LogIntegers` has cells of different widths, since there a value's share is meant to shrink.

Nothing is checked here: domains let only valid values pass. Hence `Any`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from paceline.space.scalars import Scalar, identity

_Number = TypeVar("_Number", int, float)


class Scale(ABC):
    """The map of one hyperparameter."""

    __slots__ = ()

    n_values: int | None
    """How many values there are; `None` if they are a continuum."""

    @abstractmethod
    def decode(self, u: float) -> Scalar:
        """The value at `u` in [0, 1]."""

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Where in [0, 1] the value lies."""

    @abstractmethod
    def spread(self, resolution: int) -> list[Scalar]:
        """At most `resolution` different values from the lowest to the highest; for 1, the one in the middle."""

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Many numbers in [0, 1] at once, decoded and encoded again."""
        return u


class Linear(Scale):
    """A continuum from `low` to `high`. A round trip is exact to 1e-15 of the larger end."""

    __slots__ = ("_high", "_low")
    n_values = None

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high

    def decode(self, u: float) -> float:
        """The mean of the ends, weighted by 1 - u and u, which unlike low + u (high - low) is exact at both ends."""
        return _within(self._low, self._low * (1.0 - u) + self._high * u, self._high)

    def encode(self, value: Any) -> float:
        """The share of the way from `low` to `high`."""
        return float((value - self._low) / (self._high - self._low))

    def spread(self, resolution: int) -> list[Scalar]:
        """Evenly spaced numbers, fewer than `resolution` where the range holds no more floats."""
        return list(dict.fromkeys(self.decode(u) for u in _evenly(resolution)))


class Log(Scale):
    """A continuum from `low` > 0 to `high`, even in the logarithm. A round trip is exact to 1e-12 of the value."""

    __slots__ = ("_high", "_log_high", "_log_low", "_low")
    n_values = None

    def __init__(self, low: float, high: float) -> None:
        self._low, self._high = low, high
        self._log_low, self._log_high = math.log(low), math.log(high)

    def decode(self, u: float) -> float:
        """The geometric mean of the ends, weighted by 1 - u and u; exact at both ends."""
        value: float = self._low ** (1.0 - u) * self._high**u
        return _within(self._low, value, self._high)

    def encode(self, value: Any) -> float:
        """The share of the way from log `low` to log `high`."""
        return (math.log(value) - self._log_low) / (self._log_high - self._log_low)

    def spread(self, resolution: int) -> list[Scalar]:
        """Numbers of equal ratio, fewer than `resolution` where the range holds no more floats."""
        return list(dict.fromkeys(self.decode(u) for u in _evenly(resolution)))


class Cells(Scale):
    """Values that are numbered from 0, in cells of equal width."""

    __slots__ = ("n_values",)
    n_values: int

    @abstractmethod
    def at(self, index: int) -> Scalar:
        """The value of that number."""

    @abstractmethod
    def index(self, value: Any) -> int:
        """The number of that value."""

    def decode(self, u: float) -> Scalar:
        """The value into whose cell `u` falls; the last cell includes 1."""
        return self.at(int(u * self.n_values) if u < 1.0 else self.n_values - 1)

    def encode(self, value: Any) -> float:
        """The centre of the value's cell."""
        return (self.index(value) + 0.5) / self.n_values

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """The centres of their cells."""
        return (np.minimum(np.floor(u * self.n_values), self.n_values - 1) + 0.5) / self.n_values

    def spread(self, resolution: int) -> list[Scalar]:
        """All values if they are no more than `resolution`, else evenly spaced ones."""
        last = self.n_values - 1
        if resolution > last:
            return [self.at(index) for index in range(self.n_values)]
        return [self.at(round(u * last)) for u in _evenly(resolution)]


class Listed(Cells):
    """The given values, in the given order."""

    __slots__ = ("_indices", "_values")

    def __init__(self, values: Sequence[Scalar]) -> None:
        self.n_values = len(values)
        self._values = tuple(values)
        self._indices = {identity(value): index for index, value in enumerate(values)}

    def __contains__(self, value: Scalar) -> bool:
        return identity(value) in self._indices

    def at(self, index: int) -> Scalar:
        """The value at that place of the list."""
        return self._values[index]

    def index(self, value: Any) -> int:
        """The place of that value in the list.

        Raises:
            KeyError: it is not in the list.
        """
        return self._indices[identity(value)]

    def spread(self, resolution: int) -> list[Scalar]:  # noqa: ARG002 - names have no ends to spread between
        """All of them."""
        return list(self._values)


class Integers(Cells):
    """The `n` integers `first`, `first + step`, ..."""

    __slots__ = ("_first", "_step")

    def __init__(self, first: int, step: int, n: int) -> None:
        self._first, self._step, self.n_values = first, step, n

    def at(self, index: int) -> int:
        """`first + index * step`."""
        return self._first + index * self._step

    def index(self, value: Any) -> int:
        """How many steps the value is above `first`."""
        return int((value - self._first) // self._step)


class Steps(Cells):
    """The floats `low`, `low + step`, ... that do not exceed `high`.

    Each is the float nearest to what the decimals say, 0.3 and not 3 * 0.1: it is kept as a ratio of integers, whose
    quotient Python rounds correctly.
    """

    __slots__ = ("_denominator", "_first", "_low", "_step", "_step_size")

    def __init__(self, low: float, high: float, step: float) -> None:
        self._low, self._step_size = low, step
        ends_and_step = [Fraction(repr(number)) for number in (low, high, step)]
        self._denominator = math.lcm(*(ratio.denominator for ratio in ends_and_step))
        self._first, last, self._step = (int(ratio * self._denominator) for ratio in ends_and_step)
        self.n_values = (last - self._first) // self._step + 1

    def at(self, index: int) -> float:
        """`low + index * step`."""
        return (self._first + index * self._step) / self._denominator

    def index(self, value: Any) -> int:
        """The number of the step nearest to the value."""
        index: int = round((value - self._low) / self._step_size)
        return index


class LogIntegers(Integers):
    """The integers from `low` >= 1 to `high`, where v holds the share of [v - 1/2, v + 1/2] in the logarithm.

    Without these halves the two ends would hold half of what their place in the logarithm is worth.
    """

    __slots__ = ("_high", "_log_high", "_log_low", "_low")

    def __init__(self, low: int, high: int) -> None:
        super().__init__(low, 1, high - low + 1)
        self._low, self._high = low, high
        self._log_low, self._log_high = math.log(low - 0.5), math.log(high + 0.5)

    def decode(self, u: float) -> int:
        """The integer nearest to the weighted geometric mean of the widened ends."""
        value = math.exp(self._log_low * (1.0 - u) + self._log_high * u)
        return _within(self._low, int(value + 0.5), self._high)

    def encode(self, value: Any) -> float:
        """The centre of the value's cell."""
        centre = (math.log(value - 0.5) + math.log(value + 0.5)) / 2.0
        return (centre - self._log_low) / (self._log_high - self._log_low)

    def snap(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """The centres of their cells."""
        values = np.floor(np.exp(self._log_low * (1.0 - u) + self._log_high * u) + 0.5)
        values = np.clip(values, self._low, self._high)
        centres = (np.log(values - 0.5) + np.log(values + 0.5)) / 2.0
        return np.asarray((centres - self._log_low) / (self._log_high - self._log_low))

    def spread(self, resolution: int) -> list[Scalar]:
        """Integers of about equal ratio, fewer than `resolution` where these would coincide at the low end."""
        if resolution >= self.n_values:
            return super().spread(resolution)
        numbers: list[Any] = Log(self._low, self._high).spread(resolution)
        return list(dict.fromkeys(map(round, numbers)))


def _within(low: _Number, value: _Number, high: _Number) -> _Number:
    """The value, unless rounding has carried it past an end."""
    if low <= value <= high:
        return value
    return low if value < low else high


def _evenly(resolution: int) -> list[float]:
    if resolution == 1:
        return [0.5]
    return [i / (resolution - 1) for i in range(resolution)]
