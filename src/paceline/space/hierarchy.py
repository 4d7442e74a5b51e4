"""What conditions make of hyperparameters: a hierarchy, to be checked, put in order, walked through and counted."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any, cast

from paceline.errors import SpaceError
from paceline.space.conditions import OneOf, Test
from paceline.space.domains import Domain, domain_or_hint
from paceline.space.scalars import Config, Scalar, collecting, scalar, suggestion
from paceline.space.scales import Cells


def read_domains(domains: object) -> dict[str, Domain]:
    """The domains by name, each child's tests in the one form that its parents' domains give them.

    Raises:
        SpaceError: something is wrong; the message has a line for each.
    """
    if not isinstance(domains, Mapping):
        raise SpaceError(
            [f"{domains!r} is of type {type(domains).__name__}; expected a dict from names to domains"]
        )
    problems = [] if domains else ["there are no hyperparameters; expected at least one"]
    read: dict[str, Domain] = {}
    for name, domain in domains.items():
        with collecting(problems, repr(name)):
            if not isinstance(scalar(name), str) or not name:
                problems.append(f"{name!r} is no name: expected a str that is not empty")
            read[name] = domain_or_hint(domain)
    if not problems:
        for name, domain in read.items():
            if domain.conditions:
                read[name] = replace(domain, when=_fitted(name, domain, read, problems))
    if problems:
        raise SpaceError(problems)
    return read


def _fitted(name: str, child: Domain, domains: Mapping[str, Domain], problems: list[str]) -> dict[str, Test]:
    tests: dict[str, Test] = {}
    for parent, test in child.conditions.items():
        with collecting(problems, f"{name!r}: when[{parent!r}]"):
            if parent not in domains:
                raise ValueError(f"there is no such hyperparameter{suggestion(parent, domains)}")
            tests[parent] = domains[parent].fit(test)
    return tests


def parents_first(domains: Mapping[str, Domain]) -> tuple[str, ...]:
    """All names, each after its parents and otherwise as early as its own place allows.

    Raises:
        SpaceError: conditions form a circle.
    """
    order: dict[str, None] = {}
    waiting = list(domains)
    while waiting:
        for name in waiting:
            if domains[name].conditions.keys() <= order.keys():
                order[name] = None
        still_waiting = [name for name in waiting if name not in order]
        if len(still_waiting) == len(waiting):
            raise SpaceError(
                [f"conditions go in a circle: {' → '.join(map(repr, _circle(domains, waiting)))}"]
            )
        waiting = still_waiting
    return tuple(order)


def _circle(domains: Mapping[str, Domain], waiting: Sequence[str]) -> list[str]:
    """From any of the waiting up to a parent that waits too, and so on, until a name returns."""
    path = [waiting[0]]
    while path[-1] not in path[:-1]:
        path.append(next(parent for parent in domains[path[-1]].conditions if parent in waiting))
    return path[path.index(path[-1]) :]


def walk(
    order: Sequence[str], domains: Mapping[str, Domain], values: Mapping[str, Sequence[Scalar]]
) -> Iterator[Config]:
    """Every combination of the values, the last name changing fastest; a branch that is inactive is walked once.

    Args:
        order: all names, parents before children. The configs are in this order.
        domains: for their conditions.
        values: what each hyperparameter takes.
    """
    config: Config = {}

    def branch(depth: int) -> Iterator[Config]:
        if depth == len(order):
            yield dict(config)
        elif not domains[name := order[depth]].is_active(config):
            yield from branch(depth + 1)
        else:
            for value in values[name]:
                config[name] = value
                yield from branch(depth + 1)
            del config[name]

    return branch(0)


def count(order: Sequence[str], domains: Mapping[str, Domain]) -> int | None:
    """How many configs there are; `None` if they are a continuum.

    Families that no condition connects are counted apart and multiplied, and of a parent's values all that its children
    cannot tell apart are one branch: the time depends on the conditions, not on the number of configs.
    """
    if any(domain.n_values is None for domain in domains.values()):
        return None
    tests: dict[str, list[Test]] = {}
    for domain in domains.values():
        for parent, test in domain.conditions.items():
            tests.setdefault(parent, []).append(test)
    branches = {parent: _branches(domains[parent], asked) for parent, asked in tests.items()}

    def count_from(names: Sequence[str], config: Config) -> int:
        if not names:
            return 1
        name, *rest = names
        if not domains[name].is_active(config):
            return count_from(rest, config)
        if name not in branches:
            return cast("int", domains[name].n_values) * count_from(rest, config)
        return sum(n * count_from(rest, {**config, name: value}) for value, n in branches[name])

    return prod(count_from([name for name in order if name in family], {}) for family in _families(domains))


def _families(domains: Mapping[str, Domain]) -> Collection[set[str]]:
    """The names, split where no condition connects them."""
    family = {name: {name} for name in domains}
    for name, domain in domains.items():
        for parent in domain.conditions:
            merged = family[name] | family[parent]
            family |= dict.fromkeys(merged, merged)
    return {id(members): members for members in family.values()}.values()


def _branches(domain: Domain, tests: Sequence[Test]) -> Collection[tuple[Scalar, int]]:
    """For each way in which the tests can turn out: a value for which they do, and how many such values there are."""
    values = domain.all_values()
    runs = _runs(cast("Cells", domain.scale), tests) if values is None else [(value, 1) for value in values]
    branches: dict[tuple[bool, ...], tuple[Scalar, int]] = {}
    for value, n in runs:
        outcome = tuple(test.holds(value) for test in tests)
        first, n_before = branches.get(outcome, (value, 0))
        branches[outcome] = (first, n_before + n)
    return branches.values()


def _runs(scale: Cells, tests: Sequence[Test]) -> Iterator[tuple[Scalar, int]]:
    """The first value and the length of each run of values in which no test changes its answer.

    The values are numbers in ascending order, too many to be asked one by one.
    """
    indices = range(scale.n_values)
    number_at: Any = scale.at
    cuts = {0}
    for test in tests:
        ends: Sequence[Any] = test.values if isinstance(test, OneOf) else (test.low, test.high)
        for end in ends:
            cuts |= {cut(indices, end, key=number_at) for cut in (bisect_left, bisect_right)}
    starts = sorted(cuts - {scale.n_values})
    for start, stop in zip(starts, [*starts[1:], scale.n_values], strict=True):
        yield scale.at(start), stop - start
