"""What holds for every search space: all kinds of domains, conditions on any parent, nested."""

import json
import pickle
from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from paceline.errors import SpaceError
from paceline.rng import uniforms_for
from paceline.space import Constraint, Space
from paceline.space.scalars import identity
from paceline.testing.strategies import configs, domains, scalars, spaces

SEEDS = st.integers(0, 2**32)


def typed(config):
    """Equal only for equal values of equal types in equal order."""
    return [(name, identity(value)) for name, value in config.items()]


def is_active(space, name, config):
    """The definition, word for word."""
    return all(
        parent in config and test.holds(config[parent])
        for parent, test in space.domains[name].conditions.items()
    )


@given(spaces(), SEEDS)
def test_what_is_sampled_is_valid_and_in_its_one_form(space, seed):
    config = space.sample(uniforms_for(seed, "config", 0))
    assert typed(space.validate(config)) == typed(config)


@given(spaces(), SEEDS)
def test_exactly_the_active_hyperparameters_are_present_and_in_order(space, seed):
    config = space.sample(uniforms_for(seed, "config", 0))
    assert list(config) == [name for name in space.names if is_active(space, name, config)]


@given(spaces(), SEEDS)
def test_the_same_stream_gives_the_same_config(space, seed):
    first, second = (space.sample(uniforms_for(seed, "config", 7)) for _ in range(2))
    assert typed(first) == typed(second)


@given(st.data())
def test_decode_inverts_encode(data):
    space = data.draw(spaces())
    config = data.draw(configs(space))
    again = space.decode(space.encode(config))
    moved = [name for name in space.names if name in config and name in again and config[name] != again[name]]
    # Rounding may carry a continuous parent across the edge of its child's condition; nothing else may.
    assert list(again) == list(config) or any(
        space.domains[child].conditions[parent].holds(config[parent])
        != space.domains[child].conditions[parent].holds(again[parent])
        for child in space.names
        for parent in space.domains[child].conditions.keys() & set(moved)
    )
    for name in config.keys() & again.keys():
        domain, value = space.domains[name], config[name]
        if domain.n_values is not None:
            assert identity(again[name]) == identity(value)
        else:
            scale = abs(value) if domain.log else max(abs(domain.low), abs(domain.high))
            assert abs(again[name] - value) <= 1e-12 * scale


@given(st.data())
def test_coordinates_are_in_the_unit_interval_or_nan_where_inactive(data):
    space = data.draw(spaces())
    config = data.draw(configs(space))
    point = space.encode(config)
    assert point.shape == (space.dimension,)
    for name, u in zip(space.coordinates, point, strict=True):
        assert 0.0 <= u <= 1.0 if name in config else np.isnan(u)
    np.testing.assert_array_equal(space.encode_many([config, config]), [point, point])


@given(st.data())
def test_inactive_coordinates_do_not_matter(data):
    space = data.draw(spaces())
    point = data.draw(st.lists(st.floats(0, 1), min_size=space.dimension, max_size=space.dimension))
    config = space.decode(point)
    masked = [u if name in config else np.nan for name, u in zip(space.coordinates, point, strict=True)]
    assert typed(space.decode(masked)) == typed(config)


@given(spaces())
def test_json_and_pickle_give_an_equal_space_back(space):
    text = json.dumps(space.to_json(), allow_nan=False)
    for again in (Space.from_json(json.loads(text)), pickle.loads(pickle.dumps(space))):
        assert again == space
        assert json.dumps(again.to_json()) == text
        assert again.differences(space) == []


@given(spaces(), spaces(), SEEDS)
def test_spaces_are_equal_if_and_only_if_no_difference_is_named(one, other, seed):
    assert (
        (one == other)
        == (not one.differences(other))
        == (json.dumps(one.to_json()) == json.dumps(other.to_json()))
    )
    if one == other:
        stream = uniforms_for(seed, "config", 0), uniforms_for(seed, "config", 0)
        assert typed(one.sample(stream[0])) == typed(other.sample(stream[1]))


@given(spaces(finite=True, max_size=4))
def test_the_grid_of_a_finite_space_is_every_config_once(space):
    configs = list(space.grid(resolution=8))
    assert len(configs) == space.n_configs
    assert len({tuple(typed(config)) for config in configs}) == len(configs)
    for config in configs:
        assert typed(space.validate(config)) == typed(config)


@given(spaces(max_size=4), st.integers(1, 3))
def test_grids_hold_valid_configs_without_duplicates(space, resolution):
    seen = Counter(tuple(typed(config)) for config in space.grid(resolution))
    assert set(seen.values()) == {1}
    for config in seen:
        space.validate({name: value for name, (_, value) in config})


@given(
    spaces(),
    st.dictionaries(st.text(max_size=2), scalars() | st.lists(st.none(), max_size=1), max_size=4),
    st.data(),
)
def test_validate_changes_nothing_and_raises_nothing_else(space, noise, data):
    config = {**data.draw(configs(space)), **noise}
    before = json.dumps(config)
    try:
        valid = space.validate(config)
    except SpaceError:
        pass
    else:
        assert typed(space.validate(valid)) == typed(valid)
    assert json.dumps(config) == before


@given(domains(), scalars())
def test_a_domain_refuses_or_keeps_what_it_is_given(domain, value):
    try:
        valid = domain.check(value)
    except ValueError:
        pass
    else:
        assert valid == value or abs(valid - value) <= 1e-6 * domain.step
        assert identity(domain.check(valid)) == identity(valid)


@given(domains(), st.integers(1, 9))
def test_values_spread_from_end_to_end_without_duplicates(domain, resolution):
    values = domain.scale.spread(resolution)
    assert len(set(map(identity, values))) == len(values)
    assert [identity(domain.check(value)) for value in values] == list(map(identity, values))
    if domain.kind in ("integer", "float"):
        assert values == sorted(values)
        assert len(values) <= resolution
        if resolution > 1:
            ends = (
                (domain.low, domain.high) if domain.step is None else (domain.low, domain.scale.decode(1.0))
            )
            assert (values[0], values[-1]) == ends


@given(domains(finite=True))
def test_cells_of_equal_width_give_each_value_the_same_share(domain):
    n = domain.n_values
    if getattr(domain, "log", False):
        return
    drawn = Counter(identity(domain.scale.decode((k + 0.5) / (10 * n))) for k in range(10 * n))
    assert set(drawn.values()) == {10}


@given(spaces(), SEEDS)
def test_constraints_keep_out_what_they_refuse(space, seed):
    first = space.sample(uniforms_for(seed, "config", 0))
    other = Space(space.domains, [Constraint("not that one", lambda config: typed(config) != typed(first))])
    try:
        config = other.sample(uniforms_for(seed, "config", 0))
    except SpaceError:
        assert space.n_configs is not None  # only if there is hardly anything else
    else:
        assert typed(config) != typed(first)
