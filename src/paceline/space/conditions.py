"""What ties hyperparameters together.

A *condition* says when a hyperparameter exists: `when={"optimizer": "sgd"}`. It belongs to the child and holds tests of
its parents, all of which must pass. A *constraint* says which configs may be tried at all; it is a named function of
the whole config.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np

from paceline.errors import SpaceError
from paceline.space.scalars import Config, Scalar, collecting, identity, is_number, scalar


@dataclass(frozen=True, slots=True)
class OneOf:
    """A test: the parent has one of these values."""

    values: tuple[Scalar, ...] = field(compare=False)
    _identities: frozenset[tuple[type, Scalar]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_identities", frozenset(map(identity, self.values)))

    def holds(self, value: Scalar) -> bool:
        """Whether the parent's value passes."""
        return (type(value), value) in self._identities

    def to_json(self) -> list[Scalar]:
        """The values, as a list."""
        return list(self.values)

    def __repr__(self) -> str:
        return repr(self.values[0] if len(self.values) == 1 else list(self.values))

    def __str__(self) -> str:
        return f"is {'' if len(self.values) == 1 else 'one of '}{', '.join(map(repr, self.values))}"


@dataclass(frozen=True, slots=True)
class Range:
    """A test: the parent is a number between `low` and `high`, the ends included if `closed`.

    Raises:
        SpaceError: an end is no finite number, or no number lies between the ends.
    """

    low: float = -math.inf
    high: float = math.inf
    closed: bool = False

    def __post_init__(self) -> None:
        open_ends = () if self.closed else (-math.inf, math.inf)
        given = [end for end in (self.low, self.high) if end not in open_ends]
        problems = [
            f"{end!r} is no finite number" for end in given if not is_number(end) or not math.isfinite(end)
        ]
        is_empty = (
            self.low > self.high or (self.low == self.high and not self.closed) if not problems else False
        )
        if not given or is_empty:
            problems.append(f"no number is between {self.low!r} and {self.high!r}")
        if problems:
            raise SpaceError(problems, where="a condition's range")
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))

    def holds(self, value: Scalar) -> bool:
        """Whether the parent's value passes; the space has checked that the parent's values are numbers."""
        if self.closed:
            return self.low <= value <= self.high  # type: ignore[operator]
        return self.low < value < self.high  # type: ignore[operator]

    def to_json(self) -> dict[str, Any]:
        """`{"above": low}`, `{"below": high}`, both, or `{"between": [low, high]}`."""
        if self.closed:
            return {"between": [self.low, self.high]}
        ends = {"above": self.low, "below": self.high}
        return {word: end for word, end in ends.items() if math.isfinite(end)}

    def __repr__(self) -> str:
        match self.to_json():
            case {"between": [low, high]}:
                return f"between({low!r}, {high!r})"
            case {"above": _, "below": _} as both:
                return repr(both)
            case one:
                return "".join(f"{word}({end!r})" for word, end in one.items())

    def __str__(self) -> str:
        if self.closed:
            return f"is between {self.low!r} and {self.high!r}"
        return "is " + " and ".join(f"{word} {end!r}" for word, end in self.to_json().items())


Test: TypeAlias = OneOf | Range


def above(low: float) -> Range:
    """For `when`: the parent is greater than `low`."""
    return Range(low=low)


def below(high: float) -> Range:
    """For `when`: the parent is less than `high`."""
    return Range(high=high)


def between(low: float, high: float) -> Range:
    """For `when`: the parent is at least `low` and at most `high`."""
    return Range(low=low, high=high, closed=True)


def read_when(when: object) -> tuple[Mapping[str, Test], list[str]]:
    """The tests that a `when` (the user's, or its JSON form) asks for, by parent, and what is wrong with it."""
    if not isinstance(when, Mapping):
        problems = [] if when is None else [f"when={when!r}: expected a dict like {{'optimizer': 'sgd'}}"]
        return MappingProxyType({}), problems
    tests: dict[str, Test] = {}
    problems = []
    for parent, wanted in when.items():
        with collecting(problems, f"when[{parent!r}]"):
            tests[parent] = _read_test(wanted)
    return MappingProxyType(tests), problems


def _read_test(wanted: object) -> Test:
    match wanted:
        case OneOf() | Range():
            return wanted
        case {"between": [low, high], **rest} if not rest:
            return between(low, high)
        case {"above": low, "below": high, **rest} if not rest:
            return Range(low=low, high=high)
        case {"above": low, **rest} if not rest:
            return above(low)
        case {"below": high, **rest} if not rest:
            return below(high)
        case Mapping():
            raise ValueError(f"{dict(wanted)!r} is no range; write above(x), below(x) or between(a, b)")
        case list() | tuple():
            values = list(wanted)
        case set() | frozenset():
            values = sorted(wanted, key=repr)  # the order of a set differs from run to run
        case _:
            values = [wanted]
    if not values:
        raise ValueError("no value is listed, so it could never hold; list values or leave the parent out")
    return OneOf(tuple(map(scalar, values)))


@dataclass(frozen=True, slots=True)
class Constraint:
    """A named rule on whole configs.

    Args:
        name: what messages and the journal call it; unique within a space.
        predicate: given a config, whether it may be tried. It must depend on the config alone; inactive
            hyperparameters are absent, so `config.get(name)` where one may be. Where a space is sent to another
            process, the predicate must be picklable: a function of a module rather than a lambda.

    Raises:
        SpaceError: the name is empty or no str, or the predicate cannot be called.
    """

    name: str
    predicate: Callable[[dict[str, Any]], bool]

    def __post_init__(self) -> None:
        problems = []
        if not (isinstance(cast("object", self.name), str) and self.name):
            problems.append(f"name={self.name!r}: expected a str that is not empty")
        if not callable(cast("object", self.predicate)):
            problems.append(f"predicate={self.predicate!r}: expected a function that takes a config")
        if problems:
            raise SpaceError(problems, where="Constraint")

    def allows(self, config: Config) -> bool:
        """Whether the config may be tried. The predicate gets a copy: it cannot edit the config.

        Raises:
            SpaceError: the predicate raised, or answered something else than True or False.
        """
        where = f"constraint {self.name!r}"
        try:
            answer: object = self.predicate(dict(config))
        except SpaceError:
            raise  # it speaks for itself
        except Exception as error:
            hint = "; where it may be inactive, use config.get" if isinstance(error, KeyError) else ""
            problem = f"raised {type(error).__name__}: {error} for {config!r}{hint}"
            raise SpaceError([problem], where=where) from error
        if not isinstance(answer, bool | np.bool_):
            raise SpaceError([f"answered {answer!r} for {config!r}: expected True or False"], where=where)
        return bool(answer)
