"""The five kinds of hyperparameter: `Float`, `Integer`, `Categorical`, `Ordinal`, `Constant`.

A domain says which values there are (`check`), how they lie in the unit interval (`scale`) and when the hyperparameter
exists at all (`when`). Domains are frozen, validate themselves when they are made, and compare by what they mean.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, ClassVar, cast

from paceline.errors import SpaceError
from paceline.space.conditions import OneOf, Test, read_when
from paceline.space.scalars import Scalar, collecting, identity, is_number, scalar, suggestion
from paceline.space.scales import Integers, Linear, Listed, Log, LogIntegers, Scale, Steps

MAX_VALUES = 2**40
"""Beyond it, neighbours could not be told apart by their place in the unit interval (53 bits, less for logarithms)."""

_MANY = 1000
"""More values than this are not walked through one by one."""


@dataclass(frozen=True, slots=True, eq=False, repr=False, kw_only=True)
class Domain(ABC):
    """What all five have in common.

    Args:
        when: the condition under which the hyperparameter exists, as parent's name → a value, a list of values,
            `above(x)`, `below(x)` or `between(a, b)`. All must hold; a parent that is inactive itself passes no test.

    Raises:
        SpaceError: an argument is wrong; the message has a line for each.
    """

    kind: ClassVar[str]

    when: Mapping[str, Any] | None = None
    conditions: Mapping[str, Test] = field(init=False)
    """`when`, read: a test for each parent."""
    scale: Scale = field(init=False)
    """How the values lie in the unit interval."""

    def __post_init__(self) -> None:
        conditions, problems = read_when(self.when)
        self._set(conditions=conditions, when=conditions or None)
        problems += self._normalize()
        if not problems:
            self._set(scale=self._make_scale())
            if (self.n_values or 0) > MAX_VALUES:
                problems.append(
                    f"{self!r} has {self.n_values} values, more than 2**40: write Float or a step"
                )
        if problems:
            raise SpaceError(problems, where=type(self).__name__)

    @abstractmethod
    def _normalize(self) -> list[str]:
        """Bring the fields into their one form; answer with what is wrong with them."""

    @abstractmethod
    def _make_scale(self) -> Scale:
        """The scale of the fields, which are in order."""

    @abstractmethod
    def check(self, value: object) -> Scalar:
        """The value in its one form (for a `Float`, 1 becomes 1.0), if it belongs to this domain.

        Raises:
            ValueError: it does not. The message is a sentence that begins with the value.
        """

    @property
    def n_values(self) -> int | None:
        """How many values there are; `None` for a continuum."""
        return self.scale.n_values

    def all_values(self) -> list[Scalar] | None:
        """All values in order; `None` if they are a continuum or too many to walk through."""
        if self.n_values is None or self.n_values > _MANY:
            return None
        return self.scale.spread(self.n_values)

    def is_active(self, config: Mapping[str, Scalar]) -> bool:
        """Whether the hyperparameter exists in a config that holds its parents, as far as these are active."""
        tests = self.conditions.items()
        return all(parent in config and test.holds(config[parent]) for parent, test in tests)

    def fit(self, test: Test) -> Test:
        """A child's test in its one form, for a parent of this domain.

        Raises:
            ValueError: it asks for a value that is not in this domain, or no value could pass.
        """
        if isinstance(test, OneOf):
            distinct = {identity(value): value for value in map(self.check, test.values)}
            return OneOf(tuple(sorted(distinct.values(), key=self.scale.encode)))
        values = self.all_values()
        some: list[Any] = values or self.scale.spread(2)
        if not all(map(is_number, some)):
            raise ValueError(f"{test!r} needs a parent whose values are numbers, not {self!r}")
        # A parent with very many values is taken for a continuum: the range need only overlap it.
        if not any(map(test.holds, some)) and (values or not some[0] <= test.low < some[-1]):
            raise ValueError(f"{test!r} never holds for {self!r}")
        return test

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, defaults left out; `domain_from_json` gives an equal domain back."""
        data: dict[str, Any] = {"type": self.kind}
        data |= {name: list(it) if isinstance(it, tuple) else it for name, it in self._arguments()}
        if self.conditions:
            data["when"] = {parent: test.to_json() for parent, test in self.conditions.items()}
        return data

    def _arguments(self) -> list[tuple[str, Any]]:
        """The constructor's arguments that are not at their defaults, `when` aside."""
        own = [f for f in fields(self) if f.init and f.name != "when"]
        return [(f.name, value) for f in own if (value := getattr(self, f.name)) is not f.default]

    def _set(self, **values: object) -> None:
        """Write fields while the object is being made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Domain):
            return NotImplemented
        # As text, since in Python 1 == 1.0 == True.
        return json.dumps(self.to_json(), sort_keys=True) == json.dumps(other.to_json(), sort_keys=True)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return domain_from_json, (self.to_json(),)

    def __repr__(self) -> str:
        keywords = {f.name for f in fields(self) if f.kw_only}
        words = []
        for name, value in self._arguments():
            text = repr(list(value) if isinstance(value, tuple) else value)
            words.append(f"{name}={text}" if name in keywords else text)
        if self.conditions:
            words.append(f"when={dict(self.conditions)!r}")
        return f"{type(self).__name__}({', '.join(words)})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Float(Domain):
    """A real number from `low` to `high`, both included.

    Args:
        low: the lower end, below `high`.
        high: the upper end.
        log: even in the logarithm; needs `low` > 0.
        step: only `low`, `low + step`, ..., as many as do not exceed `high`. Not with `log`.
        when: see `Domain`.
    """

    kind = "float"

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    step: float | None = None

    def _normalize(self) -> list[str]:
        if problems := _normalize_range(self, _float):
            return problems
        ends = f"low={self.low!r}, high={self.high!r}"
        if not math.isfinite(self.high - self.low):
            problems.append(f"{ends}: high - low is infinite; narrow the range")
        if self.log and math.log(self.low) == math.log(self.high):
            problems.append(f"{ends}: their logarithms are equal; leave log out")
        if self.step is not None and self.step < 8 * math.ulp(max(abs(self.low), abs(self.high))):
            problems.append(
                f"step={self.step!r}: lost in rounding beside {ends}; write a larger one, or none"
            )
        return problems

    def _make_scale(self) -> Scale:
        if self.step is not None:
            return Steps(self.low, self.high, self.step)
        return Log(self.low, self.high) if self.log else Linear(self.low, self.high)

    def check(self, value: object) -> float:
        """See `Domain.check`. A number that rounding has moved off its step by less than 1e-6 of it is put back."""
        number = _float(value)
        if not self.low <= number <= self.high:
            raise ValueError(f"{value!r} is outside {self!r}")
        if self.step is None:
            return number
        steps = cast("Steps", self.scale)
        nearest = steps.at(min(steps.index(number), steps.n_values - 1))
        if abs(number - nearest) > 1e-6 * self.step:
            raise ValueError(f"{value!r} is between the steps of {self!r}; the nearest is {nearest!r}")
        return nearest


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Integer(Domain):
    """A whole number from `low` to `high`, both included.

    Args:
        low: the lower end, below `high`.
        high: the upper end.
        log: shares shrink with the logarithm; needs `low` >= 1.
        step: only `low`, `low + step`, ..., as many as do not exceed `high`. Not with `log`.
        when: see `Domain`.
    """

    kind = "integer"

    low: int
    high: int
    _: KW_ONLY
    log: bool = False
    step: int | None = None

    def _normalize(self) -> list[str]:
        return _normalize_range(self, _integer)

    def _make_scale(self) -> Scale:
        if self.log:
            return LogIntegers(self.low, self.high)
        step = self.step or 1
        return Integers(self.low, step, (self.high - self.low) // step + 1)

    def check(self, value: object) -> int:
        """See `Domain.check`."""
        number = _integer(value)
        if not self.low <= number <= self.high:
            raise ValueError(f"{value!r} is outside {self!r}")
        if (number - self.low) % (self.step or 1):
            raise ValueError(f"{value!r} is between the steps of {self!r}")
        return number


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Categorical(Domain):
    """One of several values without an order; each is equally probable.

    Args:
        choices: the values, each once. One alone is allowed.
        when: see `Domain`.
    """

    kind = "categorical"

    choices: Sequence[Scalar]

    def _normalize(self) -> list[str]:
        return _normalize_list(self, "choices")

    def _make_scale(self) -> Scale:
        return Listed(self.choices)

    def check(self, value: object) -> Scalar:
        """See `Domain.check`."""
        return _listed(value, self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ordinal(Domain):
    """One of several values whose order means something, but not their distances: `["small", "medium", "large"]`.

    Args:
        values: the values, each once, from one end to the other.
        when: see `Domain`.
    """

    kind = "ordinal"

    values: Sequence[Scalar]

    def _normalize(self) -> list[str]:
        return _normalize_list(self, "values")

    def _make_scale(self) -> Scale:
        return Listed(self.values)

    def check(self, value: object) -> Scalar:
        """See `Domain.check`."""
        return _listed(value, self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Constant(Domain):
    """Always the same value. It is part of each config but is no coordinate of the unit cube.

    Args:
        value: the value.
        when: see `Domain`.
    """

    kind = "constant"

    value: Scalar

    def _normalize(self) -> list[str]:
        problems: list[str] = []
        with collecting(problems, "value"):
            self._set(value=scalar(self.value))
        return problems

    def _make_scale(self) -> Scale:
        return Listed([self.value])

    def check(self, value: object) -> Scalar:
        """See `Domain.check`."""
        return _listed(value, self)


_KINDS: dict[str, Callable[..., Domain]] = {
    cls.kind: cls for cls in (Float, Integer, Categorical, Ordinal, Constant)
}


def domain_from_json(data: object) -> Domain:
    """The domain that `Domain.to_json` wrote.

    Raises:
        SpaceError: it is malformed, or describes no valid domain.
    """
    match data:
        case {"type": str(kind), **arguments} if kind in _KINDS:
            pass
        case _:
            problem = f"{data!r}: expected an object whose type is one of {', '.join(_KINDS)}"
            raise SpaceError([problem], where="domain")
    try:
        return _KINDS[kind](**{str(name): value for name, value in arguments.items()})
    except TypeError as error:  # a field that is missing or unknown
        raise SpaceError([f"{data!r}: {error}"], where="domain") from error


def domain_or_hint(thing: object) -> Domain:
    """The thing itself if it is a domain.

    Raises:
        ValueError: it is not. The message is a sentence that begins with the thing and says what to write.
    """
    if isinstance(thing, Domain):
        return thing
    match thing:
        case tuple() if len(thing) == 2 and all(map(is_number, thing)):
            kind = "Integer" if all(type(end) is int for end in thing) else "Float"
            write = f"{kind}({thing[0]!r}, {thing[1]!r})"
        case list() | tuple():
            write = f"Categorical({list(thing)!r})"
        case str() | int() | float() | None:
            write = f"Constant({thing!r})"
        case _:
            write = "Float, Integer, Categorical, Ordinal or Constant"
    raise ValueError(f"{thing!r} is of type {type(thing).__name__}; expected a domain: write {write}")


def _float(value: object) -> float:
    number = scalar(value)
    if not is_number(number):
        raise ValueError(f"{value!r} is of type {type(value).__name__}; expected a float")
    return float(number)  # type: ignore[arg-type]


def _integer(value: object) -> int:
    number = scalar(value)
    if type(number) is not int:
        raise ValueError(f"{value!r} is of type {type(value).__name__}; expected an int")
    return number


def _normalize_range(domain: Float | Integer, read: Callable[[object], float]) -> list[str]:
    """Read `low`, `high`, `log` and `step`, which floats and integers have alike."""
    problems: list[str] = []
    for name in ("low", "high", "step"):
        if (number := getattr(domain, name)) is None and name == "step":
            continue
        with collecting(problems, name):
            object.__setattr__(domain, name, read(number))
    if not isinstance(cast("object", domain.log), bool):
        problems.append(f"log={domain.log!r}: expected True or False")
    if problems:
        return problems
    low, high, step = domain.low, domain.high, domain.step
    if low >= high:
        problems.append(
            f"low={low!r}, high={high!r}: expected low < high; "
            + (f"for a single value write Constant({low!r})" if low == high else "swap them")
        )
    elif step is not None and not 0 < step <= high - low:
        problems.append(f"step={step!r}: expected more than 0 and at most high - low = {high - low!r}")
    if domain.log and low <= 0:
        problems.append(f"log=True with low={low!r}: a logarithm needs low > 0; raise low or leave log out")
    if domain.log and step is not None:
        problems.append(f"log=True with step={step!r}: equal steps have no place in a logarithm; drop one")
    return problems


def _normalize_list(domain: Domain, name: str) -> list[str]:
    """Read `choices` or `values`."""
    given = getattr(domain, name)
    if not isinstance(given, list | tuple):
        write = f"[{given!r}]" if isinstance(given, str) else "a list, whose order stays the same"
        return [f"{name}={given!r}: expected a list; write {write}"]
    problems = [] if given else [f"{name} is empty: expected at least one value"]
    values: list[Scalar] = []
    for thing in given:
        with collecting(problems, name):
            values.append(scalar(thing))
    times = Counter(map(identity, values))
    problems += [f"{name}: {it!r} is there {n} times; write it once" for (_, it), n in times.items() if n > 1]
    object.__setattr__(domain, name, tuple(values))
    return problems


def _listed(value: object, domain: Categorical | Ordinal | Constant) -> Scalar:
    """The check of a domain that lists its values."""
    found = scalar(value)
    listed = cast("Listed", domain.scale)
    if found in listed:
        return found
    values = listed.spread(1)
    same = [other for other in values if other == found]
    hint = f"; {same[0]!r} is, mind the type" if same else suggestion(found, map(str, values))
    raise ValueError(f"{value!r} is not in {domain!r}{hint}")
