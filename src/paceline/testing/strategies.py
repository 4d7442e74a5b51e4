"""Hypothesis strategies for search spaces: all kinds of domains, conditions on parents of any kind, nested.

    @given(st.data())
    def test_my_sampler(data):
        space = data.draw(spaces())
        config = data.draw(configs(space))

Needs the extra `test`.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from paceline.space import Space
from paceline.space.conditions import OneOf, Test, above, below, between
from paceline.space.domains import Categorical, Constant, Domain, Float, Integer, Ordinal
from paceline.space.scalars import Config, Scalar, identity, is_number

_UNIT = st.floats(0.0, 1.0)


def scalars() -> st.SearchStrategy[Scalar]:
    """Any value that a config may hold."""
    numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    return st.none() | st.booleans() | numbers | st.text(max_size=8)


def domains(*, finite: bool = False) -> st.SearchStrategy[Domain]:
    """A domain of any kind, without a condition.

    Args:
        finite: of at most 8 values.
    """
    kinds = [_listed(), _integers(max_span=7), _stepped_floats()]
    return st.one_of(kinds if finite else [*kinds, _integers(max_span=2**40 - 1), _floats()])


@st.composite
def spaces(draw: st.DrawFn, *, finite: bool = False, max_size: int = 6) -> Space:
    """A space without constraints, in which children stand before or after their parents.

    Args:
        draw: Hypothesis' own.
        finite: of finitely many configs, at most 8 to the power of `max_size`.
        max_size: how many hyperparameters there are at most.
    """
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=max_size, unique=True))
    made: dict[str, Domain] = {}
    for name in names:
        parents = draw(st.lists(st.sampled_from(sorted(made)), max_size=2, unique=True)) if made else []
        when = {parent: draw(_tests(made[parent])) for parent in parents}
        made[name] = replace(draw(domains(finite=finite)), when=when)
    return Space({name: made[name] for name in draw(st.permutations(names))})


@st.composite
def configs(draw: st.DrawFn, space: Space) -> Config:
    """A config of the space, which must have no constraints."""
    return space.decode(draw(st.lists(_UNIT, min_size=space.dimension, max_size=space.dimension)))


@st.composite
def _tests(draw: st.DrawFn, parent: Domain) -> Test:
    values = [parent.scale.decode(u) for u in draw(st.lists(_UNIT, min_size=1, max_size=3))]
    if all(map(is_number, parent.scale.spread(2))) and draw(st.booleans()):
        low, high = min(values), max(values)  # type: ignore[type-var]
        test = draw(st.sampled_from([above(low), below(high), between(low, high)]))  # type: ignore[arg-type]
        try:
            return parent.fit(test)
        except ValueError:  # nothing lies above its highest value
            pass
    return OneOf(tuple(values))


def _listed() -> st.SearchStrategy[Domain]:
    values = st.lists(scalars(), min_size=1, max_size=8, unique_by=identity)
    return values.map(Categorical) | values.map(Ordinal) | scalars().map(Constant)


@st.composite
def _integers(draw: st.DrawFn, max_span: int) -> Integer:
    is_log = draw(st.booleans())
    low = draw(st.integers(1, 2**20) if is_log else st.integers(-(2**62), 2**61))
    span = draw(st.integers(1, max_span))
    step = None if is_log else draw(st.none() | st.integers(1, span))
    return Integer(low, low + span, log=is_log, step=step)


@st.composite
def _floats(draw: st.DrawFn) -> Float:
    is_log = draw(st.booleans())
    ends = st.floats(1e-100, 1e100) if is_log else st.floats(-1e100, 1e100)
    low, high = sorted(draw(st.lists(ends, min_size=2, max_size=2)))
    if high - low <= 1e-6 * max(abs(low), abs(high)):  # leave some room between them
        high = 2.0 * abs(high) + 1e-100
    return Float(low, high, log=is_log)


@st.composite
def _stepped_floats(draw: st.DrawFn) -> Float:
    step = draw(st.sampled_from([0.1, 0.25, 3e-05, 7.0]))
    low = step * draw(st.integers(-10, 10))
    return Float(low, low + step * draw(st.integers(2, 7)), step=step)
