"""The search space rule by rule, and each message as the user reads it."""

import copy
import dataclasses
import json
import math
import pickle
import re
from collections import Counter
from enum import Enum
from types import MappingProxyType

import numpy as np
import pytest

from paceline.errors import SettingError, SpaceError
from paceline.rng import Uniforms, uniforms_for
from paceline.space import (
    Categorical,
    Constant,
    Constraint,
    Float,
    Integer,
    Ordinal,
    Space,
    above,
    below,
    between,
)
from paceline.space.domains import domain_from_json

TUNED = Space(
    {
        "momentum": Float(0.0, 0.99, when={"optimizer": ["sgd", "nesterov"]}),
        "lr": Float(1e-4, 1e-1, log=True),
        "optimizer": Categorical(["adam", "sgd", "nesterov"]),
        "depth": Integer(1, 5),
        "width": Integer(16, 512, log=True, when={"depth": above(2)}),
        "version": Constant("v1"),
    }
)
VALID = {"lr": 0.01, "optimizer": "adam", "depth": 1, "version": "v1"}

DOMAINS = [
    Float(0, 1),
    Float(1e-4, 1e-1, log=True),
    Float(0, 1, step=0.1),
    Integer(-3, 9),
    Integer(1, 9, log=True),
    Integer(1, 10, step=4),
    Categorical(["a", 1, 1.0, True, None]),
    Ordinal([3, 1, 2]),
    Constant(None),
    Float(0, 1, when={"a": "b", "c": [1, 1.0, True], "d": above(1), "e": below(2), "f": between(1, 2)}),
    Constant(1, when={"g": {"above": 1, "below": 2}}),
]


def positive(config):
    return config["a"] > 0


def typed(values):
    return [(type(value), value) for value in values]


def problems_of(call, *args, **keywords):
    with pytest.raises(SpaceError) as caught:
        call(*args, **keywords)
    return caught.value.problems


class Fixed:
    """A source of uniforms that gives these numbers, again and again."""

    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def random(self, size, /):
        return self.numbers[:size]


# -- Domains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Float(1, 0), "low=1.0, high=0.0: expected low < high; swap them"),
        (
            lambda: Float(1, 1),
            "low=1.0, high=1.0: expected low < high; for a single value write Constant(1.0)",
        ),
        (lambda: Integer(3, 3), "low=3, high=3: expected low < high; for a single value write Constant(3)"),
        (lambda: Float(math.nan, 1), "low: nan is not finite"),
        (lambda: Float(0, math.inf), "high: inf is not finite"),
        (lambda: Float(0, "1"), "high: '1' is of type str; expected a float"),
        (lambda: Float(False, 1), "low: False is of type bool; expected a float"),
        (lambda: Integer(0, True), "high: True is of type bool; expected an int"),
        (lambda: Integer(0, 2.0), "high: 2.0 is of type float; expected an int"),
        (
            lambda: Integer(0, 2**63),
            "high: 9223372036854775808 does not fit 64 bits; write it as a float or a str",
        ),
        (lambda: Float(0, 1, log=1), "log=1: expected True or False"),
        (
            lambda: Float(0, 1, log=True),
            "log=True with low=0.0: a logarithm needs low > 0; raise low or leave log out",
        ),
        (
            lambda: Integer(0, 9, log=True),
            "log=True with low=0: a logarithm needs low > 0; raise low or leave log out",
        ),
        (
            lambda: Float(1, 2, log=True, step=0.5),
            "log=True with step=0.5: equal steps have no place in a logarithm; drop one",
        ),
        (lambda: Float(0, 1, step=2), "step=2.0: expected more than 0 and at most high - low = 1.0"),
        (lambda: Float(0, 1, step=-1), "step=-1.0: expected more than 0 and at most high - low = 1.0"),
        (lambda: Integer(0, 9, step=0), "step=0: expected more than 0 and at most high - low = 9"),
        (lambda: Integer(0, 9, step=1.5), "step: 1.5 is of type float; expected an int"),
        (
            lambda: Float(1e16, 1e16 + 64, step=1),
            "step=1.0: lost in rounding beside low=1e+16, high=1.0000000000000064e+16; write a larger one, or none",
        ),
        (
            lambda: Float(-1.7e308, 1.7e308),
            "low=-1.7e+308, high=1.7e+308: high - low is infinite; narrow the range",
        ),
        (
            lambda: Float(1e10, math.nextafter(1e10, 2e10), log=True),
            "low=10000000000.0, high=10000000000.000002: their logarithms are equal; leave log out",
        ),
        (
            lambda: Integer(0, 2**40),
            "Integer(0, 1099511627776) has 1099511627777 values, more than 2**40: write Float or a step",
        ),
        (lambda: Categorical("adam"), "choices='adam': expected a list; write ['adam']"),
        (
            lambda: Categorical({"a"}),
            "choices={'a'}: expected a list; write a list, whose order stays the same",
        ),
        (lambda: Categorical([]), "choices is empty: expected at least one value"),
        (lambda: Ordinal([]), "values is empty: expected at least one value"),
        (lambda: Categorical(["a", "b", "a"]), "choices: 'a' is there 2 times; write it once"),
        (lambda: Ordinal([math.nan]), "values: nan is not finite"),
        (
            lambda: Categorical(["\ud800"]),
            "choices: '\\ud800' has half a surrogate pair, which is no text that JSON can hold",
        ),
        (lambda: Constant(1, when="sgd"), "when='sgd': expected a dict like {'optimizer': 'sgd'}"),
        (
            lambda: Constant(1, when={"a": []}),
            "when['a']: no value is listed, so it could never hold; list values or leave the parent out",
        ),
        (
            lambda: Constant(1, when={"a": {"over": 3}}),
            "when['a']: {'over': 3} is no range; write above(x), below(x) or between(a, b)",
        ),
        (lambda: Constant(1, when={"a": {"above": "x"}}), "when['a']: 'x' is no finite number"),
    ],
)
def test_a_domain_says_what_is_wrong_with_it(make, problem):
    assert problems_of(make) == [problem]


def test_a_domain_says_all_that_is_wrong_with_it():
    assert len(problems_of(Float, "a", math.nan, log=1, when=3)) == 4


@pytest.mark.parametrize(
    "value", [[1], {"a": 1}, object(), Enum("E", "A").A, np.array([1.0]), 1j, np.datetime64("now")]
)
def test_only_scalars_are_values(value):
    (problem,) = problems_of(Constant, value)
    assert "a value is a str, an int, a float, a bool or None" in problem


def test_numpy_scalars_become_plain_ones():
    given = [np.float64(0.5), np.int32(3), np.bool_(1), np.str_("a")]
    assert typed(Categorical(given).choices) == typed([0.5, 3, True, "a"])
    assert typed([Float(np.float32(0), np.int64(1)).high]) == typed([1.0])


@pytest.mark.parametrize("domain", DOMAINS, ids=repr)
def test_domains_survive_json_pickle_copy_and_repr(domain):
    text = json.dumps(domain.to_json(), allow_nan=False)
    names = {
        "Float": Float,
        "Integer": Integer,
        "Categorical": Categorical,
        "Ordinal": Ordinal,
        "Constant": Constant,
    }
    ranges = {"above": above, "below": below, "between": between}
    for again in (
        domain_from_json(json.loads(text)),
        pickle.loads(pickle.dumps(domain)),
        copy.deepcopy(domain),
        dataclasses.replace(domain),
        eval(repr(domain), names | ranges),
    ):
        assert again == domain
        assert json.dumps(again.to_json()) == text


def test_domains_compare_by_value_and_type():
    assert Float(0, 1) == Float(0.0, 1.0, log=False)
    assert Float(0, 1, when={"a": "x"}) == Float(0, 1, when={"a": ["x"]})
    assert Float(0, 1) != Float(0, 1, step=0.5)
    assert Integer(0, 1) != Float(0, 1)
    assert Categorical([1]) != Categorical([True])
    assert Categorical([1]) != Categorical([1.0])
    assert Categorical([1, 2]) != Ordinal([1, 2])
    assert Constant(1) != 1
    with pytest.raises(TypeError):
        hash(Constant(1))


def test_domains_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Float(0, 1).low = 2
    with pytest.raises(TypeError):
        Float(0, 1, when={"a": 1}).conditions["b"] = 2


def test_repr_is_what_the_user_writes():
    assert repr(Float(1e-4, 1e-1, log=True)) == "Float(0.0001, 0.1, log=True)"
    assert repr(Categorical(("a", 1), when={"x": 1})) == "Categorical(['a', 1], when={'x': 1})"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (3, "3: expected an object whose type is one of float, integer, categorical, ordinal, constant"),
        ({"type": "normal"}, "expected an object whose type is one of"),
        ({"type": "float", "low": 0}, "missing 1 required positional argument: 'high'"),
        ({"type": "float", "low": 0, "high": 1, "warp": 2}, "unexpected keyword argument 'warp'"),
    ],
)
def test_malformed_domain_json_is_refused(data, part):
    (problem,) = problems_of(domain_from_json, data)
    assert part in problem


@pytest.mark.parametrize(
    ("domain", "value", "valid"),
    [
        (Float(0, 1), 1, 1.0),
        (Float(0, 1), np.float32(0.5), 0.5),
        (Float(-1, 1), -0.0, 0.0),
        (Float(0, 1, step=0.1), 3 * 0.1, 0.3),
        (Integer(0, 9), np.int64(3), 3),
        (Categorical(["a"]), np.str_("a"), "a"),
        (Categorical([True, 1]), 1, 1),
        (Constant(1.0), 1.0, 1.0),
    ],
)
def test_a_value_is_brought_into_its_one_form(domain, value, valid):
    assert typed([domain.check(value)]) == typed([valid])


@pytest.mark.parametrize(
    ("domain", "value", "message"),
    [
        (Float(0, 1), 1.5, "1.5 is outside Float(0.0, 1.0)"),
        (Float(0, 1), True, "True is of type bool; expected a float"),
        (Float(0, 1), None, "None is of type NoneType; expected a float"),
        (Float(0, 1), math.nan, "nan is not finite"),
        (
            Float(0, 1, step=0.5),
            0.3,
            "0.3 is between the steps of Float(0.0, 1.0, step=0.5); the nearest is 0.5",
        ),
        (
            Float(0, 1, step=0.4),
            0.95,
            "0.95 is between the steps of Float(0.0, 1.0, step=0.4); the nearest is 0.8",
        ),
        (Integer(1, 9), 0, "0 is outside Integer(1, 9)"),
        (Integer(1, 9), 2.0, "2.0 is of type float; expected an int"),
        (Integer(1, 9), True, "True is of type bool; expected an int"),
        (Integer(1, 9, step=4), 7, "7 is between the steps of Integer(1, 9, step=4)"),
        (
            Categorical(["sgd", "adam"]),
            "sdg",
            "'sdg' is not in Categorical(['sgd', 'adam']) (did you mean 'sgd'?)",
        ),
        (Categorical([1, 2]), True, "True is not in Categorical([1, 2]); 1 is, mind the type"),
        (Ordinal([1, 2]), 1.0, "1.0 is not in Ordinal([1, 2]); 1 is, mind the type"),
        (Constant("v1"), "v2", "'v2' is not in Constant('v1')"),
    ],
)
def test_a_value_that_does_not_belong_is_refused(domain, value, message):
    with pytest.raises(ValueError) as caught:
        domain.check(value)
    assert str(caught.value) == message


# -- Scales ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "pairs"),
    [
        (Float(-1, 3), [(0.0, -1.0), (0.25, 0.0), (1.0, 3.0)]),
        (Float(1e-4, 1.0, log=True), [(0.0, 1e-4), (0.5, 1e-2), (1.0, 1.0)]),
        (Float(0, 1, step=0.25), [(0.1, 0.0), (0.3, 0.25), (0.5, 0.5), (0.7, 0.75), (0.9, 1.0)]),
        (Integer(1, 4), [(0.125, 1), (0.375, 2), (0.625, 3), (0.875, 4)]),
        (Integer(1, 10, step=4), [(1 / 6, 1), (0.5, 5), (5 / 6, 9)]),
        (Categorical(["a", "b"]), [(0.25, "a"), (0.75, "b")]),
        (Ordinal(["a", "b"]), [(0.25, "a"), (0.75, "b")]),
        (Constant("a"), [(0.5, "a")]),
    ],
)
def test_values_lie_where_they_should(domain, pairs):
    for u, value in pairs:
        assert domain.scale.encode(value) == pytest.approx(u, abs=1e-15)
        assert domain.scale.decode(u) == (
            pytest.approx(value, rel=1e-14) if isinstance(value, float) else value
        )


def test_discrete_values_own_equal_cells_and_the_last_includes_one():
    domain = Categorical(["a", "b", "c"])
    below_third = math.nextafter(1 / 3, 0)
    assert [domain.scale.decode(u) for u in (0.0, below_third, 1 / 3, 2 / 3, 1.0)] == [
        "a",
        "a",
        "b",
        "c",
        "c",
    ]


def test_log_integers_own_the_logarithm_of_half_a_unit_around_them():
    scale, whole = Integer(1, 4, log=True).scale, math.log(4.5 / 0.5)
    n = 20_000
    drawn = Counter(scale.decode((k + 0.5) / n) for k in range(n))
    for value in range(1, 5):
        assert drawn[value] / n == pytest.approx(math.log((value + 0.5) / (value - 0.5)) / whole, abs=2 / n)


@pytest.mark.parametrize(
    "domain", [Integer(1, 2**40, log=True), Integer(-(2**62), -(2**62) + 2**40 - 1)], ids=repr
)
def test_neighbours_are_told_apart_in_the_widest_ranges(domain):
    for value in (domain.low, domain.low + 1, (domain.low + domain.high) // 2, domain.high - 1, domain.high):
        assert domain.scale.decode(domain.scale.encode(value)) == value


def test_steps_are_the_decimals_that_the_user_means():
    assert Float(0, 1, step=0.1).scale.spread(99) == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert Float(0.05, 0.3, step=0.1).scale.spread(99) == [0.05, 0.15, 0.25]


def test_rounding_carries_no_value_past_an_end():
    assert 0.0036 ** (1.0 - 2.0**-54) * 0.0219 ** (2.0**-54) < 0.0036
    assert Float(0.0036, 0.0219, log=True).scale.decode(2.0**-54) == 0.0036
    assert [Integer(1, 3, log=True).scale.decode(u) for u in (0.0, 1.0)] == [1, 3]


def test_n_values():
    counts = [
        Float(0, 1),
        Float(0, 1, step=0.4),
        Integer(1, 9),
        Categorical(["a", "b"]),
        Ordinal([1, 2, 3]),
        Constant(1),
    ]
    assert [domain.n_values for domain in counts] == [None, 3, 9, 2, 3, 1]


# -- Building a space --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("thing", "hint"),
    [
        ((1e-4, 1e-1), "expected a domain: write Float(0.0001, 0.1)"),
        ((1, 10), "expected a domain: write Integer(1, 10)"),
        ((True, False), "expected a domain: write Categorical([True, False])"),
        (["sgd", "adam"], "expected a domain: write Categorical(['sgd', 'adam'])"),
        (3, "expected a domain: write Constant(3)"),
        ("sgd", "expected a domain: write Constant('sgd')"),
        (None, "expected a domain: write Constant(None)"),
        (Float, "expected a domain: write Float, Integer, Categorical, Ordinal or Constant"),
    ],
)
def test_what_is_no_domain_comes_with_what_to_write(thing, hint):
    (problem,) = problems_of(Space, {"lr": thing})
    assert problem == f"'lr': {thing!r} is of type {type(thing).__name__}; {hint}"


@pytest.mark.parametrize(
    ("domains", "problems"),
    [
        ({}, ["there are no hyperparameters; expected at least one"]),
        ([Float(0, 1)], ["[Float(0.0, 1.0)] is of type list; expected a dict from names to domains"]),
        ({"": Float(0, 1)}, ["'' is no name: expected a str that is not empty"]),
        ({3: Float(0, 1)}, ["3 is no name: expected a str that is not empty"]),
        (
            {"depth": Integer(1, 9), "x": Float(0, 1, when={"dept": 1})},
            ["'x': when['dept']: there is no such hyperparameter (did you mean 'depth'?)"],
        ),
        (
            {"depth": Integer(1, 9), "x": Float(0, 1, when={"depth": [1, 12]})},
            ["'x': when['depth']: 12 is outside Integer(1, 9)"],
        ),
        (
            {"depth": Integer(1, 9), "x": Float(0, 1, when={"depth": above(9)})},
            ["'x': when['depth']: above(9.0) never holds for Integer(1, 9)"],
        ),
        (
            {"a": Float(0, 1), "x": Float(0, 1, when={"a": between(2, 3)})},
            ["'x': when['a']: between(2.0, 3.0) never holds for Float(0.0, 1.0)"],
        ),
        (
            {"o": Categorical(["a"]), "x": Float(0, 1, when={"o": above(1)})},
            ["'x': when['o']: above(1.0) needs a parent whose values are numbers, not Categorical(['a'])"],
        ),
        ({"a": Integer(1, 2, when={"a": 1})}, ["conditions go in a circle: 'a' → 'a'"]),
        (
            {
                "root": Constant(1),
                "late": Integer(1, 2, when={"b": 1}),
                "a": Integer(1, 2, when={"root": 1, "b": 1}),
                "b": Integer(1, 2, when={"a": 1}),
            },
            ["conditions go in a circle: 'b' → 'a' → 'b'"],
        ),
    ],
)
def test_a_space_says_what_is_wrong_with_it(domains, problems):
    assert problems_of(Space, domains) == problems


def test_a_space_says_all_that_is_wrong_with_it():
    assert len(problems_of(Space, {"": 3, "a": (1, 2), "b": [1]})) == 4


def test_ranges_need_two_different_ends_that_are_numbers():
    for make in (
        lambda: above("a"),
        lambda: above(math.nan),
        lambda: above(-math.inf),
        lambda: below(True),
        lambda: between(3, 2),
        lambda: between(1, math.inf),
    ):
        assert len(problems_of(make)) == 1


def test_constraints_are_checked():
    domains = {"a": Integer(0, 1)}
    assert problems_of(Constraint, "", 3) == [
        "name='': expected a str that is not empty",
        "predicate=3: expected a function that takes a config",
    ]
    assert problems_of(Space, domains, positive) == [
        f"constraints={positive!r}: expected a list of Constraint"
    ]
    assert problems_of(Space, domains, [positive]) == [f"{positive!r}: expected Constraint(name, predicate)"]
    twice = [Constraint("positive", positive), Constraint("positive", positive)]
    assert problems_of(Space, domains, twice) == ["2 constraints are named 'positive'; name each otherwise"]


def test_of_takes_a_space_or_a_dict():
    assert Space.of(TUNED) is TUNED
    assert Space.of({"a": Float(0, 1)}) == Space({"a": Float(0, 1)})
    assert problems_of(Space.of, None) == ["None is of type NoneType; expected a dict from names to domains"]


def test_a_space_is_frozen():
    domains = {"a": Float(0, 1)}
    space = Space(domains)
    domains["b"] = Float(0, 1)
    assert space.names == ("a",)
    with pytest.raises(dataclasses.FrozenInstanceError):
        space.domains = {}
    with pytest.raises(TypeError):
        space.domains["b"] = Float(0, 1)
    with pytest.raises(TypeError):
        hash(space)


def test_constants_have_no_coordinate():
    assert TUNED.names == ("momentum", "lr", "optimizer", "depth", "width", "version")
    assert TUNED.coordinates == ("momentum", "lr", "optimizer", "depth", "width")
    assert TUNED.dimension == 5
    constant = Space({"a": Constant(1), "b": Categorical(["x"], when={"a": 1})})
    assert constant.dimension == 0
    assert constant.sample(Uniforms("any")) == constant.decode([]) == {"a": 1, "b": "x"}
    assert constant.encode({"a": 1, "b": "x"}).shape == (0,)
    assert constant.encode_many([{"a": 1, "b": "x"}] * 3).shape == (3, 0)


# -- Sampling ----------------------------------------------------------------------------------------------------------


def test_a_sample_is_one_draw_through_the_domains_in_the_order_of_the_space():
    config = TUNED.sample(Fixed(0.5, 0.5, 0.5, 0.5, 0.5))
    assert config == {
        "momentum": 0.495,
        "lr": pytest.approx(10**-2.5),
        "optimizer": "sgd",
        "depth": 3,
        "width": 89,
        "version": "v1",
    }
    assert list(config) == list(TUNED.names)
    assert TUNED.sample(Fixed(0.5, 0.0, 0.0, 0.0, 0.5)) == {
        "lr": 1e-4,
        "optimizer": "adam",
        "depth": 1,
        "version": "v1",
    }


def test_a_numpy_generator_will_do_and_values_are_plain_python():
    config = TUNED.sample(np.random.default_rng(0))
    assert {type(value) for value in config.values()} <= {str, int, float}


def test_a_child_of_an_inactive_parent_is_inactive():
    space = Space(
        {
            "c": Constant(1, when={"b": [0, 1]}),
            "b": Integer(0, 1, when={"a": 1}),
            "a": Integer(0, 1),
        }
    )
    assert list(space.grid()) == [{"a": 0}, {"c": 1, "b": 0, "a": 1}, {"c": 1, "b": 1, "a": 1}]


@pytest.mark.parametrize(
    ("parent", "test", "values"),
    [
        (Integer(1, 4), 2, [2]),
        (Integer(1, 4), [2, 4], [2, 4]),
        (Integer(1, 4), {4, 2}, [2, 4]),
        (Integer(1, 4), above(2), [3, 4]),
        (Integer(1, 4), below(2), [1]),
        (Integer(1, 4), between(2, 3), [2, 3]),
        (Integer(1, 4), {"above": 1, "below": 4}, [2, 3]),
        (Float(0, 1, step=0.5), above(0), [0.5, 1.0]),
        (Float(0, 1, step=0.5), 1, [1.0]),
        (Categorical([1, True, 1.0]), True, [True]),
        (Ordinal([3, 1, 2]), below(3), [1, 2]),
        (Constant(7), above(3), [7]),
    ],
)
def test_conditions_hold_for_parents_of_every_kind(parent, test, values):
    space = Space({"child": Constant(1, when={"parent": test}), "parent": parent})
    active = [config["parent"] for config in space.grid(9) if "child" in config]
    assert typed(active) == typed(values)
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_all_conditions_must_hold():
    when = {"a": 1, "b": below(0.5)}
    space = Space({"a": Integer(0, 1), "b": Float(0, 1), "c": Constant(1, when=when)})
    assert [("c" in space.decode(u)) for u in ([0.9, 0.1], [0.1, 0.1], [0.9, 0.9])] == [True, False, False]


def test_a_range_over_a_continuum_or_a_vast_integer_need_only_overlap():
    for parent in (Float(0, 1), Integer(0, 10**9)):
        for test in (above(0), below(1), between(0, 0.5), {"above": 0, "below": 10}):
            Space({"a": parent, "b": Constant(1, when={"a": test})})
        for test in (above(10**9), below(0), between(-2, -1)):
            with pytest.raises(SpaceError):
                Space({"a": parent, "b": Constant(1, when={"a": test})})


def test_constraints_are_met_by_drawing_again():
    space = Space({"a": Integer(-1, 1)}, [Constraint("positive", positive)])
    assert {space.sample(uniforms_for(0, "config", trial))["a"] for trial in range(50)} == {1}


def test_constraints_that_allow_nothing_are_counted():
    space = Space(
        {"a": Integer(-1, 1)}, [Constraint("never", lambda config: False), Constraint("positive", positive)]
    )
    (problem,) = problems_of(space.sample, uniforms_for(0, "config", 0))
    assert re.fullmatch(
        "of 1000 configs the constraints allowed none: 'never' refused 1000, 'positive' refused [67][0-9]{2}; "
        "loosen them or narrow the domains",
        problem,
    )


def test_a_constraint_that_raises_is_named_with_the_config():
    def divides(config):
        return 1 / config["a"] > 0

    space = Space({"a": Integer(0, 1)}, [Constraint("divides", divides)])
    with pytest.raises(SpaceError) as caught:
        space.sample(Fixed(0.1))
    assert str(caught.value) == (
        "constraint 'divides': 1 problem\n  - raised ZeroDivisionError: division by zero for {'a': 0}"
    )
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_constraint_that_looks_up_an_inactive_name_is_told_how():
    domains = {"a": Integer(0, 1), "b": Integer(0, 1, when={"a": 1})}
    (problem,) = problems_of(
        Space(domains, [Constraint("b", lambda config: config["b"] > 0)]).sample, Fixed(0.1, 0.1)
    )
    assert problem == "raised KeyError: 'b' for {'a': 0}; where it may be inactive, use config.get"


def test_a_constraint_must_answer_true_or_false():
    space = Space({"a": Integer(0, 1)}, [Constraint("forgot", lambda config: None)])
    assert problems_of(space.sample, Fixed(0.1)) == ["answered None for {'a': 0}: expected True or False"]
    assert Space({"a": Integer(0, 1)}, [Constraint("numpy", lambda config: np.bool_(1))]).sample(
        Fixed(0.1)
    ) == {"a": 0}


def test_a_constraint_cannot_edit_the_config():
    def edits(config):
        return config.popitem() is not None

    assert Space({"a": Integer(0, 1)}, [Constraint("edits", edits)]).sample(Fixed(0.1)) == {"a": 0}


# -- Validating --------------------------------------------------------------------------------------------------------


def test_validate_gives_the_config_in_its_one_form():
    given = MappingProxyType(
        {"version": "v1", "depth": np.int64(1), "optimizer": np.str_("adam"), "lr": np.float32(0.0625)}
    )
    config = TUNED.validate(given)
    assert typed(config.values()) == typed([0.0625, "adam", 1, "v1"])
    assert list(config) == ["lr", "optimizer", "depth", "version"]
    assert typed(Space({"x": Float(0, 1)}).validate({"x": 1}).values()) == typed([1.0])


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ([("lr", 1)], ["[('lr', 1)] is of type list; expected a dict"]),
        ({**VALID, "lrr": 1}, ["'lrr' is no hyperparameter of this space (did you mean 'lr'?)"]),
        ({**VALID, "dropout": 1}, ["'dropout' is no hyperparameter of this space"]),
        (
            {name: VALID[name] for name in VALID if name != "lr"},
            ["'lr' is missing: expected a value of Float(0.0001, 0.1, log=True)"],
        ),
        (
            {**VALID, "momentum": 0.9},
            [
                "'momentum' is inactive: leave it out, or see to it that 'optimizer' is one of 'sgd', 'nesterov'"
            ],
        ),
        (
            {**VALID, "width": 32},
            ["'width' is inactive: leave it out, or see to it that 'depth' is above 2.0"],
        ),
        (
            {**VALID, "depth": 3},
            [
                "'width' is missing: expected a value of Integer(16, 512, log=True, when={'depth': above(2.0)})"
            ],
        ),
        ({**VALID, "lr": True}, ["'lr': True is of type bool; expected a float"]),
        ({**VALID, "lr": 1}, ["'lr': 1 is outside Float(0.0001, 0.1, log=True)"]),
        # Nobody knows whether momentum should be there, so nobody complains; its value must still be one.
        (
            {**VALID, "optimizer": "sdg"},
            ["'optimizer': 'sdg' is not in Categorical(['adam', 'sgd', 'nesterov']) (did you mean 'sgd'?)"],
        ),
        (
            {**VALID, "optimizer": 3, "momentum": 2.0},
            [
                "'optimizer': 3 is not in Categorical(['adam', 'sgd', 'nesterov'])",
                "'momentum': 2.0 is outside Float(0.0, 0.99, when={'optimizer': ['sgd', 'nesterov']})",
            ],
        ),
    ],
)
def test_validate_says_what_is_wrong(config, problems):
    assert problems_of(TUNED.validate, config) == problems


def test_validate_says_all_that_is_wrong():
    assert len(problems_of(TUNED.validate, {"lr": "x", "momentum": 0.9, "optimizer": "adam", "new": 1})) == 5


def test_validate_asks_the_constraints_last():
    space = Space(
        {"a": Integer(-1, 1)},
        [Constraint("positive", positive), Constraint("odd", lambda c: c["a"] % 2 == 1)],
    )
    assert problems_of(space.validate, {"a": 0}) == [
        "constraint 'positive' refuses {'a': 0}",
        "constraint 'odd' refuses {'a': 0}",
    ]
    assert space.validate({"a": 1}) == {"a": 1}
    assert problems_of(space.validate, {"a": 2}) == ["'a': 2 is outside Integer(-1, 1)"]


# -- The unit cube -----------------------------------------------------------------------------------------------------


def test_encode_is_nan_where_inactive():
    np.testing.assert_allclose(TUNED.encode(VALID), [np.nan, 2 / 3, 1 / 6, 0.1, np.nan])
    both = TUNED.encode_many([VALID, {**VALID, "lr": 0.1}])
    assert both.shape == (2, 5)
    assert both.dtype == np.float64
    assert TUNED.encode_many([]).shape == (0, 5)


def test_encode_refuses_what_is_no_config_and_asks_no_constraint():
    assert problems_of(TUNED.encode, {**VALID, "lr": 5}) == [
        "'lr': 5 is outside Float(0.0001, 0.1, log=True)"
    ]
    Space({"a": Integer(-1, 1)}, [Constraint("positive", positive)]).encode({"a": -1})


def test_decode_clips_and_ignores_what_is_inactive():
    assert TUNED.decode([np.nan, -0.5, -1e9, 0.0, 9.0]) == {**VALID, "lr": 1e-4}
    assert TUNED.decode([0.0, 2.0, 1.5, 0.0, np.nan])["optimizer"] == "nesterov"


def test_decode_says_what_is_wrong_with_a_point():
    assert problems_of(TUNED.decode, [0.5]) == ["shape (1,): expected (5,), a number for each coordinate"]
    assert problems_of(TUNED.decode, [[0.5] * 5]) == [
        "shape (1, 5): expected (5,), a number for each coordinate"
    ]
    assert problems_of(TUNED.decode, [np.nan, 0.5, 0.0, np.nan, 0.5]) == [
        "'depth' is active, but its coordinate is NaN",
    ]


# -- Grids -------------------------------------------------------------------------------------------------------------


def test_a_grid_is_every_combination_from_end_to_end():
    space = Space({"lr": Float(1e-4, 1.0, log=True), "n": Integer(1, 9), "o": Categorical(["a", "b"])})
    configs = list(space.grid({"lr": 3, "n": 2}))
    assert configs[0] == {"lr": 1e-4, "n": 1, "o": "a"}
    assert configs[1] == {"lr": 1e-4, "n": 1, "o": "b"}
    assert configs[-1] == {"lr": 1.0, "n": 9, "o": "b"}
    assert len(configs) == 3 * 2 * 2
    assert [config["lr"] for config in configs[::4]] == pytest.approx([1e-4, 1e-2, 1.0])
    assert len(list(space.grid())) == 5 * 5 * 2


@pytest.mark.parametrize(
    ("domain", "resolution", "values"),
    [
        (Float(0, 1), 1, [0.5]),
        (Float(0, 1), 3, [0.0, 0.5, 1.0]),
        (Float(1e-2, 1, log=True), 1, [pytest.approx(0.1)]),
        (Integer(1, 9), 1, [5]),
        (Integer(1, 9), 3, [1, 5, 9]),
        (Integer(1, 3), 9, [1, 2, 3]),
        (Integer(1, 1000, log=True), 4, [1, 10, 100, 1000]),
        (Integer(1, 5, log=True), 4, [1, 2, 3, 5]),
        (Integer(1, 5, log=True), 5, [1, 2, 3, 4, 5]),
        (Integer(1, 10, step=3), 2, [1, 10]),
        (Float(0, 1, step=0.1), 3, [0.0, 0.5, 1.0]),
        (Categorical(["a", "b", "c"]), 1, ["a", "b", "c"]),
    ],
)
def test_a_hyperparameter_takes_as_many_values_as_its_resolution(domain, resolution, values):
    assert [config["x"] for config in Space({"x": domain}).grid(resolution)] == values


def test_a_grid_does_not_multiply_inactive_branches_and_heeds_constraints():
    space = Space(
        {"m": Float(0, 1, when={"o": "sgd"}), "o": Categorical(["sgd", "adam"]), "n": Integer(1, 2)},
        [Constraint("not both", lambda config: not (config["n"] == 2 and config["o"] == "adam"))],
    )
    assert list(space.grid(2)) == [
        {"m": 0.0, "o": "sgd", "n": 1},
        {"m": 1.0, "o": "sgd", "n": 1},
        {"m": 0.0, "o": "sgd", "n": 2},
        {"m": 1.0, "o": "sgd", "n": 2},
        {"o": "adam", "n": 1},
    ]


def test_a_grid_is_made_when_asked_for():
    vast = Space({f"x{i}": Float(0, 1) for i in range(40)})
    grid = vast.grid(10)
    assert next(grid)["x39"] == 0.0
    assert next(grid)["x39"] == pytest.approx(1 / 9)


@pytest.mark.parametrize("resolution", [0, -1, 2.0, True, "5", {"lr": 0}])
def test_a_resolution_is_a_positive_integer(resolution):
    with pytest.raises(SettingError, match="integers of at least 1"):
        TUNED.grid(resolution)


def test_a_resolution_belongs_to_a_hyperparameter():
    with pytest.raises(SettingError, match=r"'lrr' is none \(did you mean 'lr'\?\)"):
        TUNED.grid({"lrr": 3})


def test_configs_are_counted_by_families_and_branches():
    assert TUNED.n_configs is None
    flat = {f"x{i}": Integer(0, 9) for i in range(50)}
    assert Space(flat).n_configs == 10**50
    parent = Integer(1, 2**40)
    children = {
        "vast": parent,
        "b": Categorical(["x", "y", "z"], when={"vast": above(7)}),
        "c": Categorical(["x", "y"], when={"vast": [4, 5]}),
        "d": Integer(1, 2, when={"b": "x"}),
    }
    assert Space(children).n_configs == (2**40 - 7) * (2 + 1 + 1) + 5 + 2 * 2
    log_parent = {"a": Integer(1, 2000, log=True), "b": Integer(1, 2, when={"a": [3, 2000]})}
    assert Space(log_parent).n_configs == 1998 + 2 * 2
    pairs = {f"p{i}": Integer(0, 1) for i in range(30)} | {
        f"c{i}": Integer(1, 5, when={f"p{i}": 1}) for i in range(30)
    }
    assert Space(pairs).n_configs == 6**30


# -- JSON and differences ----------------------------------------------------------------------------------------------


def test_json_is_stable():
    space = Space(
        {"o": Categorical(["a", True]), "x": Float(1e-4, 1, log=True, when={"o": "a"})},
        [Constraint("c", positive)],
    )
    assert space.to_json() == {
        "version": 1,
        "hyperparameters": [
            {"name": "o", "type": "categorical", "choices": ["a", True]},
            {"name": "x", "type": "float", "low": 1e-4, "high": 1.0, "log": True, "when": {"o": ["a"]}},
        ],
        "constraints": ["c"],
    }


def test_a_condition_has_one_form_whatever_its_order():
    spaces = [
        Space({"o": Categorical(["a", "b", "c"]), "f": Float(0, 1), "x": Constant(1, when=when)})
        for when in (
            {"o": ["c", "a"], "f": 1},
            {"f": [1.0, 1], "o": {"a", "c"}},
            {"o": ("a", "c", "a"), "f": 1.0},
        )
    ]
    assert spaces[0] == spaces[1] == spaces[2]
    assert spaces[0].domains["x"].to_json()["when"]["o"] == ["a", "c"]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (None, "None: expected an object with version and lists of hyperparameters and constraints"),
        ({}, "{}: expected an object with version"),
        ({"version": 2}, "version 2: this version of Paceline reads version 1"),
        ({"version": 1, "hyperparameters": {}, "constraints": []}, "expected an object with version"),
        ({"version": 1, "hyperparameters": [], "constraints": [3]}, "3 is no name of a constraint"),
        (
            {"version": 1, "hyperparameters": [3], "constraints": []},
            "3: expected a hyperparameter with a name of its own",
        ),
        ({"version": 1, "hyperparameters": [], "constraints": []}, "there are no hyperparameters"),
        (
            {"version": 1, "hyperparameters": [{"name": "a"}], "constraints": []},
            "'a': {}: expected an object whose type",
        ),
    ],
)
def test_malformed_json_is_refused(data, part):
    (problem,) = problems_of(Space.from_json, data)
    assert part in problem


def test_a_name_is_there_once_in_json():
    entry = {"name": "a", "type": "constant", "value": 1}
    (problem,) = problems_of(
        Space.from_json, {"version": 1, "hyperparameters": [entry, entry], "constraints": []}
    )
    assert "with a name of its own" in problem


def test_a_space_read_without_its_constraints_can_be_looked_at_but_not_sampled():
    space = Space({"a": Integer(-1, 1)}, [Constraint("positive", positive)])
    again = Space.from_json(space.to_json())
    assert again == space
    assert again.decode(again.encode({"a": 1})) == {"a": 1}
    for use in (
        lambda: again.sample(Fixed(0.5)),
        lambda: again.validate({"a": 1}),
        lambda: list(again.grid()),
    ):
        (problem,) = problems_of(use)
        assert problem.startswith("constraint 'positive' is code, which no journal holds")
    given = Space.from_json(space.to_json(), space.constraints)
    assert given.sample(Fixed(0.9)) == {"a": 1}


def test_a_constraint_that_the_json_does_not_name_is_refused():
    problems = problems_of(Space.from_json, TUNED.to_json(), [Constraint("new", positive)])
    assert problems == ["constraint 'new' is given, but the space has none of that name"]


def test_differences_are_named():
    old = Space(
        {"lr": Float(1e-4, 1e-1), "n": Integer(1, 9), "gone": Constant(1)},
        [Constraint("a", positive), Constraint("b", positive), Constraint("c", positive)],
    )
    new = Space(
        {"n": Integer(1, 9), "lr": Float(1e-5, 1e-1), "new": Constant(True)},
        [Constraint("b", positive), Constraint("d", positive)],
    )
    assert old.differences(new) == [
        "'gone' is gone; it was Constant(1)",
        "'new' is new: Constant(True)",
        "'lr' was Float(0.0001, 0.1) and is now Float(1e-05, 0.1)",
        "the order was lr, n and is now n, lr",
        "constraint 'a' is gone",
        "constraint 'c' is gone",
        "constraint 'd' is new",
    ]
    assert old.differences(old) == []
    assert Space(old.domains, old.constraints[::-1]).differences(old) == [
        "the constraints' order was c, b, a and is now a, b, c"
    ]
    assert Space({"a": Constant(1)}).differences(Space({"a": Constant(True)})) == [
        "'a' was Constant(1) and is now Constant(True)"
    ]
    assert old != new
    assert old != 3


def test_a_space_can_be_pickled_and_copied():
    space = Space(TUNED.domains, [Constraint("any", positive)])
    for again in (pickle.loads(pickle.dumps(space)), copy.deepcopy(space), copy.copy(space)):
        assert again == space
        assert again.coordinates == space.coordinates
        assert again.constraints[0].predicate is positive


def test_the_repr_of_a_space():
    space = Space({"a": Integer(1, 2)}, [Constraint("positive", positive)])
    assert repr(space) == "Space({'a': Integer(1, 2)}, constraints=[positive])"
    assert repr(Space({"a": Integer(1, 2)})) == "Space({'a': Integer(1, 2)})"


@pytest.mark.parametrize("domain", [Float(0.0, 5e-324), Float(1.0, math.nextafter(1.0, 2.0), log=True)])
def test_a_grid_has_no_more_values_than_the_range_has_floats(domain):
    values = [config["x"] for config in Space({"x": domain}).grid(5)]
    assert values == [domain.low, domain.high]
