"""A benchmark's space as other libraries can take it, and their configs back as ours.

What every library has: numbers between two ends, with a logarithm or without, and lists. So a list (categorical, ordinal,
or a number with steps) is its indices, and what has one value only is not mentioned: neither its name nor its type can
be misunderstood. A description is plain JSON, since it may be read in another interpreter: `children/configspaces.py`
makes a ConfigSpace of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from paceline.benchmarks import Benchmark
from paceline.errors import SettingError
from paceline.events import Config
from paceline.space import Categorical, Constant, Domain, Float, Integer, Ordinal, Scalar, Space
from paceline.space.conditions import OneOf, Range, Test

Part = dict[str, Any]
"""A hyperparameter: `name`, `kind`, `low`, `high`, `log` or `n`, and `when`, a list of tests that must all hold."""


def describe(benchmark: Benchmark, library: str) -> list[Part]:
    """The hyperparameters that have more than one value, in the order of the space.

    `kind` is "float" or "integer" (with `low`, `high` and `log`), "categorical" or "ordinal" (with `n`, the number of
    values). A test in `when` names its `parent` and has `values`, or `above` or `below`, which are not included.

    Args:
        benchmark: whose space it is.
        library: for the message.

    Raises:
        SettingError: the space has constraints, which are code, or a condition on too long a list.
    """
    space = benchmark.space
    if space.constraints:
        raise SettingError(
            "benchmark",
            benchmark.name,
            expected=f"a space without constraints for {library}, which cannot ask our code about a config",
            hint=f"It has {', '.join(repr(it.name) for it in space.constraints)}.",
        )
    parts = []
    for name in space.coordinates:
        needed = _needed(space, name)
        if needed is not None:
            when = [
                entry for parent, test in needed for entry in _entries(parent, space.domains[parent], test)
            ]
            parts.append({"name": name, **_kind(space.domains[name]), "when": when})
    return parts


def read(space: Space, values: Mapping[str, Any]) -> Config:
    """The config that a library means, of what `describe` called the hyperparameters; inactive ones may be there.

    A number that rounding has moved over an end is put back.
    """
    return space.build(lambda name, domain: _value(domain, values.get(name)))


def _needed(space: Space, name: str) -> list[tuple[str, Test]] | None:
    """The tests under which it is active, none of a parent with one value; `None` if it never is."""
    found: list[tuple[str, Test]] = []
    for parent, test in space.domains[name].conditions.items():
        if space.domains[parent].n_values != 1:
            found.append((parent, test))
            continue
        above = _needed(space, parent) if test.holds(_value(space.domains[parent], None)) else None
        if above is None:
            return None
        found += above
    return found


def _kind(domain: Domain) -> Part:
    match domain:
        case Float(step=None) | Integer(step=None):
            kind = "float" if isinstance(domain, Float) else "integer"
            return {"kind": kind, "low": domain.low, "high": domain.high, "log": domain.log}
        case Float() | Integer():
            return {"kind": "integer", "low": 0, "high": (domain.n_values or 1) - 1, "log": False}
        case Categorical():
            return {"kind": "categorical", "n": domain.n_values}
        case _:
            return {"kind": "ordinal", "n": domain.n_values}


def _value(domain: Domain, given: Any) -> Scalar:
    match domain:
        case Float(step=None):
            return min(max(float(given), domain.low), domain.high)
        case Integer(step=None):
            return min(max(int(given), domain.low), domain.high)
        case Float() | Integer():
            return domain.check(domain.low + int(given) * (domain.step or 1))
        case Categorical():
            return domain.choices[int(given or 0)]
        case Ordinal():
            return domain.values[int(given or 0)]
        case Constant():
            return domain.value
        case _:
            raise AssertionError(f"a domain of the kind {domain.kind!r}")


def _entries(parent: str, domain: Domain, test: Test) -> list[Part]:
    """A test, in the terms of `describe`."""
    if isinstance(domain, Float | Integer) and domain.step is None:
        match test:
            case OneOf():
                return [{"parent": parent, "values": list(test.values)}]
            case Range():
                return [{"parent": parent, **end} for end in _open_ends(domain, test)]
    values = domain.all_values()
    if values is None:
        raise SettingError(
            parent,
            domain,
            expected="a parent with fewer values",
            hint="Peers get the list of those that fulfil a condition.",
        )
    indices = [index for index, value in enumerate(values) if test.holds(value)]
    named = [str(index) for index in indices] if isinstance(domain, Categorical) else indices
    return [{"parent": parent, "values": named}]


def _open_ends(domain: Float | Integer, test: Range) -> list[Part]:
    """The range's ends as numbers that are just outside of it; one that is outside of the domain says nothing."""
    low, high = test.low, test.high
    if isinstance(domain, Integer):
        low = math.ceil(low) - 1 if test.closed else (math.floor(low) if math.isfinite(low) else low)
        high = math.floor(high) + 1 if test.closed else (math.ceil(high) if math.isfinite(high) else high)
    elif test.closed:
        low, high = math.nextafter(low, -math.inf), math.nextafter(high, math.inf)
    ends: list[Part] = []
    if low >= domain.low:
        ends.append({"above": low})
    if high <= domain.high:
        ends.append({"below": high})
    return ends
