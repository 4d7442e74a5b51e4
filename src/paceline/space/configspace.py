"""Spaces that ConfigSpace describes (https://github.com/automl/ConfigSpace), as domains and constraints.

Read from the serialised form alone, format 0.2 (files of ConfigSpace 0.4) to 0.4 (ConfigSpace 1.x), so ConfigSpace need
not be installed. What is carried over:

    uniform_float, uniform_int (with log, q)    Float, Integer (with log, step)
    categorical, ordinal, constant              Categorical, Ordinal, Constant
    conditions EQ, IN, NEQ, GT, LT, AND;        `when`
      OR on one parent
    forbidden clauses, AND, OR, relations       constraints, named by what they forbid: "not (booster is 'dart')"

Whatever else would change which configs are drawn (normal and beta priors, weights, OR on several parents) is refused
by name; nothing is dropped in silence. Defaults and meta data change nothing about that and are left out.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any, Literal, TypeAlias

from paceline.errors import SpaceError
from paceline.space.conditions import Constraint, OneOf, Range, Test, above, below, between
from paceline.space.domains import Categorical, Constant, Domain, Float, Integer, Ordinal
from paceline.space.scalars import Config, Scalar, collecting, identity, is_number, suggestion

_Entry: TypeAlias = Mapping[str, Any]
_Tests: TypeAlias = dict[str, Test]

_FIELDS = {
    "uniform_float": {"lower", "upper", "log", "q"},
    "uniform_int": {"lower", "upper", "log", "q"},
    "categorical": {"choices", "weights", "probabilities"},
    "ordinal": {"sequence"},
    "constant": {"value"},
    "unparametrized": {"value"},
}
"""Of a hyperparameter: those that say which values there are."""

_IDLE_FIELDS = {"name", "type", "default", "default_value", "meta"}

_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "EQ": ("==", operator.eq),
    "LT": ("<", operator.lt),
    "LE": ("<=", operator.le),
    "GT": (">", operator.gt),
    "GE": (">=", operator.ge),
}

_OLD_WORDS = {"EQUALS": "EQ", "LESS": "LT", "GREATER": "GT"}


def read(source: object, fixed: Mapping[str, Scalar]) -> tuple[dict[str, Domain], list[Constraint]]:
    """The domains and constraints of a `ConfigurationSpace`, of its JSON as a dict, or of a JSON file's path.

    Args:
        source: one of the three.
        fixed: hyperparameters to become constants. Others that then can never be active are left out.

    Raises:
        SpaceError: something cannot be read or carried over; the message has a line for each.
    """
    entries = _load(source)
    problems: list[str] = []
    domains: dict[str, Domain] = {}
    for entry in entries["hyperparameters"]:
        with collecting(problems, f"hyperparameter {entry.get('name')!r}"):
            name = _get(entry, "name")
            if name in domains:
                raise ValueError("there are two of that name")
            try:
                domains[name] = _domain(entry)
            except ValueError:
                if name not in fixed:
                    raise
                domains[name] = Constant(fixed[name])  # a prior does not matter to it
    constants: dict[str, Scalar] = {}
    for name, value in fixed.items():
        with collecting(problems, f"fixed[{name!r}]"):
            constants[name] = _named(name, domains).check(value)
    tests: dict[str, _Tests] = {}
    for entry in entries["conditions"]:
        child = entry.get("child")
        with collecting(problems, f"condition of {child!r}"):
            _named(child, domains)
            tests[str(child)] = _both(tests.get(str(child), {}), _tests(entry, domains))
    constraints: dict[str, Constraint] = {}
    for entry in entries["forbiddens"]:
        with collecting(problems, f"forbidden {dict(entry)!r}"):
            forbidden = _forbidden(entry, domains)
            name = f"not ({forbidden})"
            constraints[name] = Constraint(name, _Not(forbidden))
    if problems:
        raise SpaceError(problems, where="ConfigSpace")
    return _join(domains, tests, constants), list(constraints.values())


def _load(source: object) -> dict[str, list[_Entry]]:
    """The three lists of the serialised form."""
    if isinstance(source, str | os.PathLike):
        try:
            source = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise SpaceError(
                [f"{source}: {error}; expected the path of a JSON file"], where="ConfigSpace"
            ) from error
    elif callable(to_dict := getattr(source, "to_serialized_dict", None)):
        source = to_dict()
    if not isinstance(source, Mapping) or "hyperparameters" not in source:
        problem = (
            f"{source!r}: expected a ConfigurationSpace (ConfigSpace 1.0 or later), its JSON, or the path of a file of it; "
            "before 1.0, ConfigSpace.read_and_write.json.write gives the JSON"
        )
        raise SpaceError([problem], where="ConfigSpace")
    lists = {name: source.get(name, []) for name in ("hyperparameters", "conditions", "forbiddens")}
    problems = [
        f"{name} is {entries!r}: expected a list of objects"
        for name, entries in lists.items()
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries)
    ]
    if problems:
        raise SpaceError(problems, where="ConfigSpace")
    return lists


def _get(entry: _Entry, field: str) -> Any:
    if field not in entry:
        raise ValueError(f"{field!r} is missing in {dict(entry)!r}")
    return entry[field]


def _parts(entry: _Entry, field: str) -> list[_Entry]:
    """The conditions or clauses that a conjunction or disjunction holds."""
    parts = _get(entry, field)
    if not isinstance(parts, list) or not parts or not all(isinstance(part, Mapping) for part in parts):
        raise ValueError(f"{field} is {parts!r}: expected a list of objects, at least one")
    return parts


def _named(name: object, domains: Mapping[str, Domain]) -> Domain:
    if not isinstance(name, str) or name not in domains:
        raise ValueError(f"no hyperparameter {name!r} was read{suggestion(name, domains)}")
    return domains[name]


# -- Hyperparameters ---------------------------------------------------------------------------------------------------


def _domain(entry: _Entry) -> Domain:
    """The domain of one hyperparameter, its condition aside."""
    kind = _get(entry, "type")
    if kind not in _FIELDS:
        raise ValueError(f"{kind!r} cannot be represented; make it uniform, or fix its value")
    if unknown := entry.keys() - _FIELDS[kind] - _IDLE_FIELDS:
        raise ValueError(f"{kind!r} with {', '.join(map(repr, sorted(unknown)))} cannot be represented")
    match kind:
        case "uniform_float" | "uniform_int":
            cls = Float if kind == "uniform_float" else Integer
            return cls(
                _get(entry, "lower"), _get(entry, "upper"), log=entry.get("log", False), step=entry.get("q")
            )
        case "categorical":
            weights = entry.get("weights") or entry.get("probabilities") or []
            if len(set(weights)) > 1:
                raise ValueError(
                    f"unequal weights {weights!r} cannot be represented; make them equal, or fix its value"
                )
            return Categorical(_get(entry, "choices"))
        case "ordinal":
            return Ordinal(_get(entry, "sequence"))
        case _:
            return Constant(_get(entry, "value"))


def _join(
    domains: Mapping[str, Domain], tests: Mapping[str, _Tests], constants: Mapping[str, Scalar]
) -> dict[str, Domain]:
    """The domains with their conditions and constants, without those that are never active."""
    never: set[str] = set()

    def is_never_active(name: str) -> bool:
        return any(
            parent in never or (parent in constants and not test.holds(constants[parent]))
            for parent, test in tests.get(name, {}).items()
        )

    while more := {name for name in domains if name not in never and is_never_active(name)}:
        never |= more  # which may leave their children without a parent, so once more
    joined: dict[str, Domain] = {}
    for name, domain in domains.items():
        if name not in never:
            when = {
                parent: OneOf((constants[parent],)) if parent in constants else test
                for parent, test in tests.get(name, {}).items()
            }
            joined[name] = replace(Constant(constants[name]) if name in constants else domain, when=when)
    return joined


# -- Conditions --------------------------------------------------------------------------------------------------------


def _tests(entry: _Entry, domains: Mapping[str, Domain]) -> _Tests:
    """A condition, as tests of its parents that all must hold."""
    match _get(entry, "type"):
        case "AND":
            return reduce(_both, [_tests(part, domains) for part in _parts(entry, "conditions")])
        case "OR":
            return _any_of([_tests(part, domains) for part in _parts(entry, "conditions")], domains)
        case "EQ" | "IN" | "NEQ" | "GT" | "LT" as kind:
            parent = _get(entry, "parent")
            return {parent: _test(kind, entry, _named(parent, domains))}
        case kind:
            raise ValueError(f"{kind!r} cannot be represented")


def _test(kind: object, entry: _Entry, parent: Domain) -> Test:
    """A single test; conditions and forbidden clauses have them alike."""
    match kind:
        case "EQ":
            return _one_of([parent.check(_get(entry, "value"))])
        case "IN":
            return _one_of(map(parent.check, _get(entry, "values")))
        case "NEQ":
            excluded = identity(parent.check(_get(entry, "value")))
            return _one_of(value for value in _all_values(parent) if identity(value) != excluded)
        case "GT" | "LT" | "GE" | "LE":
            return _order_test(kind, parent.check(_get(entry, "value")), parent)
        case _:
            raise ValueError(f"{kind!r} cannot be represented")


def _order_test(kind: Literal["GT", "LT", "GE", "LE"], value: Any, parent: Domain) -> Test:
    if isinstance(parent, Ordinal):
        _, holds = _COMPARISONS[kind]
        place = parent.scale.encode
        return _one_of(other for other in parent.values if holds(place(other), place(value)))
    if isinstance(parent, Float | Integer):
        match kind:
            case "GT":
                return above(value)
            case "LT":
                return below(value)
            case "GE":
                return between(value, parent.high)
            case "LE":
                return between(parent.low, value)
    raise ValueError(f"{kind!r} needs an ordered hyperparameter, not {parent!r}")


def _one_of(values: Iterable[Scalar]) -> OneOf:
    listed = tuple(values)
    if not listed:
        raise ValueError("it can never hold; remove it, and what depends on it")
    return OneOf(listed)


def _all_values(parent: Domain) -> list[Scalar]:
    values = parent.all_values()
    if values is None:
        raise ValueError(f"it cannot be represented, since it needs a list of the values of {parent!r}")
    return values


def _both(one: _Tests, other: _Tests) -> _Tests:
    """All of the one and all of the other, as one test for each parent."""
    tests = one | other
    for parent in one.keys() & other.keys():
        match one[parent], other[parent]:
            case Range() as a, Range() as b:  # of GT and LT, hence both open
                tests[parent] = Range(low=max(a.low, b.low), high=min(a.high, b.high))
            case (OneOf() as listed, test) | (test, OneOf() as listed):
                tests[parent] = _one_of(filter(test.holds, listed.values))
    return tests


def _any_of(alternatives: list[_Tests], domains: Mapping[str, Domain]) -> _Tests:
    """Any of the alternatives, which must ask one and the same parent."""
    parents = {parent for alternative in alternatives for parent in alternative}
    if len(parents) > 1:
        names = ", ".join(map(repr, sorted(parents)))
        raise ValueError(f"OR on several parents ({names}) cannot be represented; make one parent of them")
    (parent,) = parents
    tests = [alternative[parent] for alternative in alternatives]
    listed = [value for test in tests if isinstance(test, OneOf) for value in test.values]
    if not all(isinstance(test, OneOf) for test in tests):
        listed = [value for value in _all_values(domains[parent]) if any(test.holds(value) for test in tests)]
    return {parent: _one_of(listed)}


# -- Forbidden clauses: classes rather than closures, so that constraints can be pickled -------------------------------


@dataclass(frozen=True, slots=True)
class _Clause:
    """The hyperparameter is active, and its value passes the test."""

    name: str
    test: Test

    def __call__(self, config: Config) -> bool:
        return self.name in config and self.test.holds(config[self.name])

    def __str__(self) -> str:
        return f"{self.name} {self.test}"


@dataclass(frozen=True, slots=True)
class _Relation:
    """Both hyperparameters are active, and their values compare so."""

    left: str
    comparison: str
    right: str

    def __call__(self, config: Config) -> bool:
        if self.left not in config or self.right not in config:
            return False
        _, holds = _COMPARISONS[self.comparison]
        return holds(config[self.left], config[self.right])

    def __str__(self) -> str:
        symbol, _ = _COMPARISONS[self.comparison]
        return f"{self.left} {symbol} {self.right}"


@dataclass(frozen=True, slots=True)
class _Group:
    """All of the parts hold, or any."""

    word: Literal["and", "or"]
    parts: tuple[_Forbidden, ...]

    def __call__(self, config: Config) -> bool:
        answers = (part(config) for part in self.parts)
        return all(answers) if self.word == "and" else any(answers)

    def __str__(self) -> str:
        return f" {self.word} ".join(
            f"({part})" if isinstance(part, _Group) else str(part) for part in self.parts
        )


_Forbidden: TypeAlias = _Clause | _Relation | _Group


@dataclass(frozen=True, slots=True)
class _Not:
    """The predicate of a constraint."""

    forbidden: _Forbidden

    def __call__(self, config: Config) -> bool:
        return not self.forbidden(config)


def _forbidden(entry: _Entry, domains: Mapping[str, Domain]) -> _Forbidden:
    match str(_get(entry, "type")).split("_"):
        case ["AND" | "OR" as word]:
            parts = tuple(_forbidden(part, domains) for part in _parts(entry, "clauses"))
            return _Group("and" if word == "AND" else "or", parts)
        case ["RELATION"]:  # format 0.2
            return _relation(_get(entry, "lambda"), entry, domains)
        case ["RELATION", word]:
            return _relation(word, entry, domains)
        case [word] | ["CLAUSE", word]:
            name = _get(entry, "name")
            return _Clause(name, _test(_OLD_WORDS.get(word, word), entry, _named(name, domains)))
        case _:
            raise ValueError(f"{entry['type']!r} cannot be represented")


def _relation(word: str, entry: _Entry, domains: Mapping[str, Domain]) -> _Relation:
    comparison = _OLD_WORDS.get(word, word)
    if comparison not in _COMPARISONS:
        raise ValueError(f"the relation {word!r} cannot be represented")
    names: list[str] = [_get(entry, "left"), _get(entry, "right")]
    scales = [_named(name, domains).scale for name in names]
    kinds = {"number" if is_number(value) else type(value) for scale in scales for value in scale.spread(2)}
    if comparison != "EQ" and kinds not in ({"number"}, {str}):
        raise ValueError(f"the values of {names[0]!r} and {names[1]!r} have no common order")
    return _Relation(names[0], comparison, names[1])
