"""Spaces from ConfigSpace: both formats of its JSON, and its own objects as the oracle where it is installed."""

import copy
import json
import pickle

import pytest

from paceline.errors import SpaceError
from paceline.rng import uniforms_for
from paceline.space import Categorical, Constant, Constraint, Float, Integer, Ordinal, Space, above, below

OLD_FORMAT = {
    "hyperparameters": [
        {
            "name": "booster",
            "type": "categorical",
            "choices": ["linear", "tree", "dart"],
            "probabilities": None,
        },
        {
            "name": "num.impute.selected.cpo",
            "type": "categorical",
            "choices": ["mean"],
            "probabilities": [1.0],
        },
        {"name": "eta", "type": "uniform_float", "log": True, "lower": 0.001, "upper": 1.0, "default": 0.03},
        {"name": "subsample", "type": "uniform_float", "log": False, "lower": 0.1, "upper": 1.0, "q": 0.3},
        {"name": "nrounds", "type": "uniform_int", "log": True, "lower": 7, "upper": 2981, "default": 144},
        {"name": "depth", "type": "uniform_int", "log": False, "lower": 1, "upper": 15, "q": None},
        {"name": "rate_drop", "type": "uniform_float", "log": False, "lower": 0.0, "upper": 1.0},
        {"name": "size", "type": "ordinal", "sequence": ["small", "medium", "large"], "default": "small"},
        {"name": "task_id", "type": "categorical", "choices": ["3945", "7593"], "default": "3945"},
        {"name": "version", "type": "unparametrized", "value": "v1"},
    ],
    "conditions": [
        {"child": "eta", "parent": "booster", "type": "IN", "values": ["dart", "tree"]},
        {"child": "depth", "parent": "booster", "type": "NEQ", "value": "linear"},
        {"child": "rate_drop", "parent": "booster", "type": "EQ", "value": "dart"},
        {"child": "rate_drop", "parent": "depth", "type": "GT", "value": 3},
    ],
    "forbiddens": [
        {
            "name": "size",
            "type": "AND",
            "clauses": [
                {"name": "size", "type": "EQUALS", "value": "large"},
                {"name": "depth", "type": "IN", "values": [14, 15]},
            ],
        },
        {"left": "depth", "right": "nrounds", "type": "RELATION", "lambda": "GREATER"},
    ],
    "python_module_version": "0.4.18",
    "json_format_version": 0.2,
}


def space_with(hyperparameters, conditions=(), forbiddens=(), **settings):
    data = {
        "hyperparameters": hyperparameters,
        "conditions": list(conditions),
        "forbiddens": list(forbiddens),
    }
    return Space.from_configspace(data, **settings)


def integer(name, low=1, high=10, **fields):
    return {"type": "uniform_int", "name": name, "lower": low, "upper": high, "log": False, **fields}


def real(name, low=0.0, high=1.0, **fields):
    return {"type": "uniform_float", "name": name, "lower": low, "upper": high, "log": False, **fields}


def categorical(name, *choices, **fields):
    return {"type": "categorical", "name": name, "choices": list(choices), **fields}


def problems_of(*args, **settings):
    with pytest.raises(SpaceError) as caught:
        space_with(*args, **settings)
    return caught.value.problems


def condition(kind, child, parent, value):
    return {"type": kind, "child": child, "parent": parent, "values" if kind == "IN" else "value": value}


def test_the_old_format_is_read():
    space = Space.from_configspace(OLD_FORMAT)
    assert dict(space.domains) == {
        "booster": Categorical(["linear", "tree", "dart"]),
        "num.impute.selected.cpo": Categorical(["mean"]),
        "eta": Float(0.001, 1.0, log=True, when={"booster": ["tree", "dart"]}),
        "subsample": Float(0.1, 1.0, step=0.3),
        "nrounds": Integer(7, 2981, log=True),
        "depth": Integer(1, 15, when={"booster": ["tree", "dart"]}),
        "rate_drop": Float(0.0, 1.0, when={"booster": "dart", "depth": above(3)}),
        "size": Ordinal(["small", "medium", "large"]),
        "task_id": Categorical(["3945", "7593"]),
        "version": Constant("v1"),
    }
    assert [constraint.name for constraint in space.constraints] == [
        "not (size is 'large' and depth is one of 14, 15)",
        "not (depth > nrounds)",
    ]


def test_forbidden_clauses_refuse_what_they_name_and_only_where_it_is_active():
    space = Space.from_configspace(OLD_FORMAT)
    shared = {"num.impute.selected.cpo": "mean", "subsample": 0.1, "task_id": "3945", "version": "v1"}
    linear = {**shared, "booster": "linear", "size": "large", "nrounds": 13}
    tree = {**shared, "booster": "tree", "eta": 0.1, "depth": 14, "size": "small", "nrounds": 100}
    both, relation = (constraint.name for constraint in space.constraints)
    for config, refusals in [
        (linear, []),
        (tree, []),
        (tree | {"size": "large"}, [both]),
        (tree | {"nrounds": 13}, [relation]),
        (tree | {"size": "large", "nrounds": 13}, [both, relation]),
    ]:
        assert space.refusals(space.validate(config) if not refusals else config) == refusals


def test_a_file_a_dict_and_the_json_of_the_result_are_one_space(tmp_path):
    file = tmp_path / "config_space.json"
    file.write_text(json.dumps(OLD_FORMAT), encoding="utf-8")
    before = copy.deepcopy(OLD_FORMAT)
    spaces = [Space.from_configspace(source) for source in (file, str(file), OLD_FORMAT)]
    assert before == OLD_FORMAT
    assert spaces[0] == spaces[1] == spaces[2]
    assert Space.from_json(spaces[0].to_json(), spaces[0].constraints) == spaces[0]


def test_the_space_can_be_pickled_constraints_included():
    space = Space.from_configspace(OLD_FORMAT)
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again.sample(uniforms_for(3, "config", 1)) == space.sample(uniforms_for(3, "config", 1))


def test_fixed_hyperparameters_become_constants_and_dead_branches_go():
    space = Space.from_configspace(OLD_FORMAT, fixed={"booster": "tree", "task_id": "7593", "eta": 1})
    assert space.domains["booster"] == Constant("tree")
    assert space.domains["task_id"] == Constant("7593")
    assert space.domains["eta"] == Constant(1.0, when={"booster": "tree"})
    assert space.domains["depth"] == Integer(1, 15, when={"booster": "tree"})
    assert "rate_drop" not in space.domains


def test_what_depends_on_a_dead_branch_goes_too():
    space = space_with(
        [integer("a"), integer("b"), integer("c")],
        [condition("EQ", "b", "a", 2), condition("EQ", "c", "b", 3)],
        fixed={"a": 1},
    )
    assert space.names == ("a",)


def test_a_fixed_hyperparameter_may_have_any_prior():
    space = space_with(
        [{"type": "normal_float", "name": "x", "mu": 0, "sigma": 1}, integer("i")], fixed={"x": 0.5}
    )
    assert space.domains["x"] == Constant(0.5)


def test_fixed_values_must_be_values_of_the_space():
    assert problems_of([integer("depth")], fixed={"dept": 3, "depth": 11}) == [
        "fixed['dept']: no hyperparameter 'dept' was read (did you mean 'depth'?)",
        "fixed['depth']: 11 is outside Integer(1, 10)",
    ]


@pytest.mark.parametrize(
    ("conditions", "when"),
    [
        ([condition("GT", "x", "i", 3)], {"i": above(3)}),
        ([condition("GT", "x", "o", "lo")], {"o": ["mid", "hi"]}),
        ([condition("LT", "x", "o", "hi")], {"o": ["lo", "mid"]}),
        ([condition("NEQ", "x", "i", 3)], {"i": [1, 2, 4, 5, 6, 7, 8, 9, 10]}),
        ([condition("GT", "x", "i", 3), condition("LT", "x", "i", 8)], {"i": {"above": 3, "below": 8}}),
        ([condition("GT", "x", "i", 3), condition("IN", "x", "i", [2, 4, 6])], {"i": [4, 6]}),
        ([condition("IN", "x", "i", [2, 4]), condition("IN", "x", "i", [4, 6])], {"i": 4}),
        (
            [
                {
                    "type": "AND",
                    "child": "x",
                    "conditions": [condition("EQ", "x", "o", "lo"), condition("LT", "x", "i", 3)],
                }
            ],
            {"o": "lo", "i": below(3)},
        ),
        (
            [
                {
                    "type": "OR",
                    "child": "x",
                    "conditions": [condition("EQ", "x", "o", "lo"), condition("EQ", "x", "o", "hi")],
                }
            ],
            {"o": ["lo", "hi"]},
        ),
        (
            [
                {
                    "type": "OR",
                    "child": "x",
                    "conditions": [condition("LT", "x", "i", 3), condition("GT", "x", "i", 8)],
                }
            ],
            {"i": [1, 2, 9, 10]},
        ),
    ],
)
def test_conditions_are_carried_over(conditions, when):
    ordinal = {"type": "ordinal", "name": "o", "sequence": ["lo", "mid", "hi"]}
    space = space_with([real("x"), integer("i"), ordinal], conditions)
    expected = Space({"x": Float(0, 1, when=when), "i": Integer(1, 10), "o": Ordinal(["lo", "mid", "hi"])})
    assert space == expected


@pytest.mark.parametrize(
    ("forbidden", "name", "refused", "allowed"),
    [
        ({"type": "EQUALS", "name": "i", "value": 3}, "not (i is 3)", {"i": 3}, {"i": 4}),
        ({"type": "CLAUSE_LT", "name": "o", "value": "mid"}, "not (o is 'lo')", {"o": "lo"}, {"o": "mid"}),
        (
            {"type": "CLAUSE_GE", "name": "i", "value": 3},
            "not (i is between 3.0 and 10.0)",
            {"i": 3},
            {"i": 2},
        ),
        (
            {"type": "CLAUSE_LE", "name": "i", "value": 3},
            "not (i is between 1.0 and 3.0)",
            {"i": 3},
            {"i": 4},
        ),
        (
            {"type": "RELATION_LE", "left": "i", "right": "x"},
            "not (i <= x)",
            {"i": 1, "x": 1.0},
            {"i": 2, "x": 1.0},
        ),
        ({"type": "RELATION_EQ", "left": "i", "right": "x"}, "not (i == x)", {"i": 1, "x": 1.0}, {"i": 2}),
        (
            {"type": "RELATION", "lambda": "EQUALS", "left": "i", "right": "x"},
            "not (i == x)",
            {"i": 1, "x": 1.0},
            {},
        ),
        (
            {
                "type": "OR",
                "clauses": [
                    {"type": "EQUALS", "name": "o", "value": "hi"},
                    {
                        "type": "AND",
                        "clauses": [
                            {"type": "EQUALS", "name": "i", "value": 1},
                            {"type": "EQUALS", "name": "o", "value": "lo"},
                        ],
                    },
                ],
            },
            "not (o is 'hi' or (i is 1 and o is 'lo'))",
            {"o": "hi"},
            {"i": 2, "o": "lo"},
        ),
    ],
)
def test_forbidden_clauses_are_carried_over(forbidden, name, refused, allowed):
    ordinal = {"type": "ordinal", "name": "o", "sequence": ["lo", "mid", "hi"]}
    space = space_with([real("x"), integer("i"), ordinal], forbiddens=[forbidden, forbidden])
    config = {"x": 0.5, "i": 5, "o": "mid"}
    assert [constraint.name for constraint in space.constraints] == [name]
    assert space.refusals(config | refused) == [name]
    assert space.refusals(config | allowed) == []


def test_constraints_of_ones_own_are_added():
    space = Space.from_configspace(OLD_FORMAT, constraints=[Constraint("mine", lambda config: True)])
    assert space.constraints[-1].name == "mine"


def test_all_that_cannot_be_represented_is_named_at_once():
    hyperparameters = [
        integer("i"),
        real("x"),
        real("x"),
        categorical("w", "a", "b", weights=[0.2, 0.8]),
        categorical("equal", "a", "b", weights=[0.5, 0.5]),
        {"type": "normal_float", "name": "n", "mu": 0, "sigma": 1},
        {"type": "beta_int", "name": "b", "alpha": 2, "beta": 3, "lower": 1, "upper": 9},
        real("q", low=0.1, log=True, q=0.1),
        integer("new", warp="sigmoid"),
        {"type": "uniform_float", "name": "u", "lower": 1.0},
        {"type": "constant", "value": 3},
    ]
    either = {
        "type": "OR",
        "child": "i",
        "conditions": [condition("EQ", "i", "equal", "a"), condition("EQ", "i", "x", 0.5)],
    }
    conditions = [
        either,
        condition("EQ", "i", "n", 0.5),
        condition("NEQ", "i", "x", 0.5),
        condition("XOR", "i", "x", 0.5),
        condition("GT", "i", "equal", "a"),
        condition("EQ", "x", "i", 11),
        condition("EQ", "y", "i", 1),
        {"type": "AND", "child": "x", "conditions": []},
        {"type": "EQ", "child": "x", "parent": "i"},
    ]
    forbiddens = [
        {"type": "RELATION", "lambda": "CALLABLE", "left": "i", "right": "x"},
        {"type": "RELATION_LT", "left": "i", "right": "equal"},
        {"type": "CLAUSE_LT_X", "name": "i", "value": 3},
        {"type": "XOR", "name": "i", "value": 3},
    ]
    problems = problems_of(hyperparameters, conditions, forbiddens)
    starts = [
        "hyperparameter 'x': there are two of that name",
        "hyperparameter 'w': unequal weights [0.2, 0.8] cannot be represented",
        "hyperparameter 'n': 'normal_float' cannot be represented",
        "hyperparameter 'b': 'beta_int' cannot be represented",
        "hyperparameter 'q': log=True with step=0.1",
        "hyperparameter 'new': 'uniform_int' with 'warp' cannot be represented",
        "hyperparameter 'u': 'upper' is missing",
        "hyperparameter None: 'name' is missing",
        "condition of 'i': OR on several parents ('equal', 'x') cannot be represented",
        "condition of 'i': no hyperparameter 'n' was read",
        "condition of 'i': it cannot be represented, since it needs a list of the values of Float(0.0, 1.0)",
        "condition of 'i': 'XOR' cannot be represented",
        "condition of 'i': 'GT' needs an ordered hyperparameter, not Categorical(['a', 'b'])",
        "condition of 'x': 11 is outside Integer(1, 10)",
        "condition of 'y': no hyperparameter 'y' was read",
        "condition of 'x': conditions is []: expected a list of objects",
        "condition of 'x': 'value' is missing",
        f"forbidden {forbiddens[0]}: the relation 'CALLABLE' cannot be represented",
        f"forbidden {forbiddens[1]}: the values of 'i' and 'equal' have no common order",
        f"forbidden {forbiddens[2]}: 'CLAUSE_LT_X' cannot be represented",
        f"forbidden {forbiddens[3]}: 'XOR' cannot be represented",
    ]
    assert len(problems) == len(starts)
    for problem, start in zip(problems, starts, strict=True):
        assert problem.startswith(start)


def test_conditions_that_never_hold_together_are_refused():
    conditions = [condition("EQ", "x", "i", 3), condition("EQ", "x", "i", 4)]
    assert problems_of([real("x"), integer("i")], conditions) == [
        "condition of 'x': it can never hold; remove it, and what depends on it"
    ]


def test_a_source_that_is_none_says_what_to_give(tmp_path):
    torn = tmp_path / "torn.json"
    torn.write_text("{", encoding="utf-8")
    for source, part in [
        (tmp_path / "absent.json", "No such file"),
        (torn, "expected the path of a JSON file"),
        (17, "17: expected a ConfigurationSpace (ConfigSpace 1.0 or later), its JSON"),
        ({"name": "x"}, "expected a ConfigurationSpace"),
        ({"hyperparameters": {"a": 1}}, "hyperparameters is {'a': 1}: expected a list of objects"),
    ]:
        with pytest.raises(SpaceError) as caught:
            Space.from_configspace(source)
        assert part in str(caught.value)


def configspace_with_everything():
    cs = pytest.importorskip("ConfigSpace")
    space = cs.ConfigurationSpace(seed=1)
    real = cs.Float("real", (0.0, 1.0))
    log = cs.Float("log", (1e-4, 1.0), log=True)
    whole = cs.Integer("whole", (1, 10))
    log_whole = cs.Integer("log_whole", (1, 100), log=True)
    choice = cs.Categorical("choice", ["a", "b", "c"])
    level = cs.Categorical("level", ["lo", "mid", "hi"], ordered=True)
    mixed = cs.CategoricalHyperparameter("mixed", [True, False, None, 1.5])
    constant = cs.Constant("constant", 3)
    children = [cs.Float(f"child{i}", (0.0, 1.0)) for i in range(8)]
    space.add(real, log, whole, log_whole, choice, level, mixed, constant, *children)
    space.add(
        cs.EqualsCondition(children[0], choice, "a"),
        cs.InCondition(children[1], choice, ["a", "b"]),
        cs.NotEqualsCondition(children[2], choice, "b"),
        cs.GreaterThanCondition(children[3], whole, 3),
        cs.LessThanCondition(children[4], level, "hi"),
        cs.AndConjunction(
            cs.EqualsCondition(children[5], choice, "a"), cs.GreaterThanCondition(children[5], real, 0.5)
        ),
        cs.OrConjunction(
            cs.EqualsCondition(children[6], choice, "a"), cs.EqualsCondition(children[6], choice, "c")
        ),
        cs.LessThanCondition(children[7], children[3], 0.5),
        cs.ForbiddenAndConjunction(
            cs.ForbiddenEqualsClause(choice, "c"), cs.ForbiddenInClause(whole, [1, 2])
        ),
        cs.ForbiddenInClause(whole, [8, 9]),
        cs.ForbiddenLessThanRelation(real, log),
        cs.ForbiddenEqualsRelation(whole, log_whole),
    )
    return space


def test_configspace_itself_agrees_on_every_config_of_either():
    theirs = configspace_with_everything()
    from ConfigSpace import Configuration

    ours = Space.from_configspace(theirs)
    for config in theirs.sample_configuration(300):
        ours.validate(dict(config))
    for trial in range(300):
        Configuration(theirs, values=ours.sample(uniforms_for(0, "config", trial)))  # raises what it refuses


def test_configspace_refuses_what_we_refuse():
    theirs = configspace_with_everything()
    from ConfigSpace import Configuration
    from ConfigSpace.exceptions import ForbiddenValueError

    ours = Space.from_configspace(theirs)
    free = Space(ours.domains)
    refused = 0
    for trial in range(300):
        config = free.sample(uniforms_for(1, "config", trial))
        if ours.refusals(config):
            refused += 1
            with pytest.raises(ForbiddenValueError):
                Configuration(theirs, values=config)
        else:
            Configuration(theirs, values=config)
    assert 0 < refused < 300
