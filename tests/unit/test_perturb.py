"""Explore: each kind of domain, bounds, conditions, constraints."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import Categorical, Constant, Constraint, Float, Integer, Ordinal, SettingError, Space
from paceline.rng import generator_for, uniforms_for
from paceline.space.perturb import MAX_TRIES, Perturb
from paceline.testing.strategies import spaces

PLAIN = Perturb(resample=0.0, redraw=0.0)


def moves(domain, value, how=PLAIN, n=200):
    """What becomes of a value, and how often."""
    space = Space({"it": domain})
    return Counter(
        how.explore(space, {"it": value}, uniforms_for(seed, "explore"))["it"] for seed in range(n)
    )


@pytest.mark.parametrize(
    ("domain", "value", "expected"),
    [
        (Float(0, 10), 2.0, {2.0 * 0.8, 2.0 * 1.2}),
        (Float(1e-5, 1, log=True), 1e-2, {1e-2 * 0.8, 1e-2 * 1.2}),
        (Float(-10, 10), -2.0, {-2.0 * 0.8, -2.0 * 1.2}),
        (Float(-8, 8), 0.0, {(0.8 - 1) * 16, (1.2 - 1) * 16}),  # zero has no multiples: a share of the range
        (Float(0, 1, step=0.1), 0.5, {0.4, 0.6}),
        (Float(0, 1, step=0.1), 0.1, {0.0, 0.2}),
        (Integer(0, 100), 50, {40, 60}),
        (Integer(1, 9), 2, {1, 3}),  # round(2 * 1.2) is 2
        (Integer(1, 9), 1, {2}),
        (Integer(1, 9), 9, {7}),  # 9 * 1.2 = 10.8 is reflected to 7.2, and 9 * 0.8 is as far
        (Integer(1, 2), 2, {1}),
        (Integer(0, 9), 0, {2}),
        (Integer(10, 30, step=10), 20, {10, 30}),
        (Integer(1, 1000, log=True), 100, {80, 120}),
        (Ordinal(["s", "m", "l"]), "m", {"s", "l"}),
        (Ordinal(["s", "m", "l"]), "s", {"m"}),
        (Ordinal(["s"]), "s", {"s"}),
        (Ordinal([1, 1.0, True]), 1.0, {1}),
        (Categorical(["a", "b", "c"]), "b", {"b"}),
        (Constant(7), 7, {7}),
    ],
    ids=lambda value: (
        None if isinstance(value, set) else repr(value)
    ),  # the order of a set is another in each process
)
def test_where_a_value_goes(domain, value, expected):
    found = moves(domain, value)
    assert set(found) == expected
    assert all(count > 60 for count in found.values()), "both ways are as probable"


def test_at_the_bounds():
    up = Perturb(factors=(1.25,), resample=0.0)
    assert list(moves(Float(0, 1), 0.9, up)) == pytest.approx([2 - 0.9 * 1.25])
    assert list(moves(Float(0.01, 1, log=True), 0.9, up)) == pytest.approx([1 / (0.9 * 1.25)])
    clipped = Perturb(factors=(1.25,), resample=0.0, at_bounds="clip")
    assert set(moves(Float(0, 1), 0.9, clipped)) == {1.0}
    assert set(moves(Integer(0, 10), 10, clipped)) == {9}, "what can move does"


def test_a_categorical_is_redrawn_among_the_others():
    found = moves(Categorical(["a", "b", "c"]), "b", Perturb(resample=0.0, redraw=0.5), n=2000)
    assert 900 < found["b"] < 1100
    assert 400 < found["a"] < 600


def test_resampling_draws_from_the_whole_domain():
    found = moves(Float(0, 1), 0.5, Perturb(resample=0.25), n=2000)
    assert 1400 < found[0.4] + found[0.6] < 1600
    assert min(found) < 0.05
    assert max(found) > 0.95


def test_noise_is_normal_in_the_unit_interval():
    noisy = Perturb(factors=(1.0,), noise=0.1, resample=0.0)
    for domain, value in (Float(0, 10), 5.0), (Float(1e-4, 1, log=True), 1e-2):
        places = [domain.scale.encode(moved) - 0.5 for moved in moves(domain, value, noisy, n=2000)]
        assert abs(sum(places) / len(places)) < 0.01
        assert math.sqrt(sum(place**2 for place in places) / len(places)) == pytest.approx(0.1, rel=0.05)


def test_without_factors_and_noise_nothing_moves():
    still = Perturb(factors=(1.0,), resample=0.0)
    assert set(moves(Integer(0, 9), 3, still)) == {3}
    assert set(moves(Float(0, 9), 3.0, still)) == {3.0}


def test_conditions_are_kept():
    space = Space(
        {
            "momentum": Float(0.5, 0.9, when={"optimizer": "sgd"}),  # before its parent
            "optimizer": Categorical(["sgd", "adam"]),
            "beta": Float(0.1, 0.2, when={"optimizer": "adam"}),
        }
    )
    swap = Perturb(redraw=1.0, resample=0.0)
    config = swap.explore(space, {"momentum": 0.6, "optimizer": "sgd"}, uniforms_for(0, "explore"))
    assert list(config) == ["optimizer", "beta"]
    assert space.validate(config) == config


def test_constraints_are_kept():
    names = {"x": Float(0, 1), "y": Float(0, 1)}
    narrow = Space(names, [Constraint("order", lambda config: config["x"] < config["y"])])
    for seed in range(100):
        assert not narrow.refusals(
            PLAIN.explore(narrow, {"x": 0.5, "y": 0.55}, uniforms_for(seed, "explore"))
        )
    far = Space(names, [Constraint("far", lambda config: config["x"] > 0.9)])
    asked = []
    source = uniforms_for(0, "explore")

    class Counting:
        def random(self, size):
            asked.append(size)
            return source.random(size)

    assert PLAIN.explore(far, {"x": 0.1, "y": 0.5}, Counting())["x"] > 0.9, "drawn from the whole space"
    assert len(asked) > 2 * MAX_TRIES


SETTINGS = st.builds(
    Perturb,
    factors=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=3).map(tuple),
    noise=st.floats(0, 1),
    resample=st.floats(0, 1),
    redraw=st.floats(0, 1),
    at_bounds=st.sampled_from(["reflect", "clip"]),
)


@given(space=spaces(), how=SETTINGS, seed=st.integers(0, 2**32))
def test_no_config_ever_leaves_the_space(space, how, seed):
    config = space.sample(uniforms_for(seed, "config"))
    for step in range(5):
        before = dict(config)
        near = how.explore(space, config, uniforms_for(seed, "explore", step))
        assert near == how.explore(space, config, uniforms_for(seed, "explore", step))
        assert config == before
        assert space.validate(near) == near
        assert [type(value) for value in space.validate(near).values()] == list(map(type, near.values()))
        config = near


def test_a_numpy_generator_will_do():
    space = Space({"x": Float(0, 1), "n": Integer(1, 9)})
    config = PLAIN.explore(space, {"x": 0.5, "n": 4}, generator_for(0, "explore"))
    assert all(type(value) in (int, float) for value in config.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"factors": ()},
        {"factors": (0.0, 1.2)},
        {"factors": 1.2},
        {"factors": ("1.2",)},
        {"factors": (math.inf,)},
        {"noise": -0.1},
        {"resample": 1.5},
        {"redraw": True},
        {"at_bounds": "wrap"},
    ],
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Perturb(**wrong)
