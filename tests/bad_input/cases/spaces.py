"""Search spaces that are none, and configs that belong to none."""

import math

from tests.bad_input.cases.case import Case
from tests.bad_input.place import SPACE, train

from paceline import Budget, Categorical, Constraint, Float, Integer, Space, above, between
from paceline.errors import SettingError, SpaceError

# Space -----------------------------------------------------------------------------------------------------------------

SPACES = (
    Case(
        "no hyperparameters", lambda p: p.study(space={}), SpaceError, ("no hyperparameters", "at least one")
    ),
    Case(
        "a list instead of a dict",
        lambda p: p.study(space=[Float(0, 1)]),
        SpaceError,
        ("of type list", "expected a dict"),
    ),
    Case(
        "`{'lr': (0.1, 1.0)}`",
        lambda p: p.study(space={"lr": (0.1, 1.0)}),
        SpaceError,
        ("'lr'", "write Float(0.1, 1.0)"),
    ),
    Case(
        "`{'act': ['relu', 'tanh']}`",
        lambda p: p.study(space={"act": ["relu", "tanh"]}),
        SpaceError,
        ("'act'", "write Categorical(['relu', 'tanh'])"),
    ),
    Case("`{'lr': 0.1}`", lambda p: p.study(space={"lr": 0.1}), SpaceError, ("'lr'", "write Constant(0.1)")),
    Case(
        "`{1: Float(0, 1)}`",
        lambda p: p.study(space={1: Float(0, 1)}),
        SpaceError,
        ("1 is no name", "expected a str"),
    ),
    Case(
        "`Float(1.0, 0.1)`",
        lambda _: Float(1.0, 0.1),
        SpaceError,
        ("low=1.0, high=0.1", "expected low < high", "swap them"),
    ),
    Case(
        "`Float(0.5, 0.5)`",
        lambda _: Float(0.5, 0.5),
        SpaceError,
        ("expected low < high", "write Constant(0.5)"),
    ),
    Case(
        "`Float('0', 1)`",
        lambda _: Float("0", 1),
        SpaceError,
        ("low", "'0' is of type str", "expected a float"),
    ),
    Case("`Float(0, inf)`", lambda _: Float(0, math.inf), SpaceError, ("high", "inf is not finite")),
    Case(
        "`Float(0, 1, log=True)`",
        lambda _: Float(0, 1, log=True),
        SpaceError,
        ("log=True with low=0.0", "raise low"),
    ),
    Case(
        "`Float(1, 2, log='yes')`",
        lambda _: Float(1, 2, log="yes"),
        SpaceError,
        ("log='yes'", "True or False"),
    ),
    Case(
        "`Float(0, 1, step=2)`",
        lambda _: Float(0, 1, step=2),
        SpaceError,
        ("step=2.0", "at most high - low = 1.0"),
    ),
    Case(
        "`Float(1, 9, log=True, step=1)`",
        lambda _: Float(1, 9, log=True, step=1),
        SpaceError,
        ("log=True", "step=1.0", "drop one"),
    ),
    Case(
        "`Integer(1.5, 3)`",
        lambda _: Integer(1.5, 3),
        SpaceError,
        ("low", "1.5 is of type float", "expected an int"),
    ),
    Case("`Integer(0, 2**50)`", lambda _: Integer(0, 2**50), SpaceError, ("more than 2**40", "write Float")),
    Case(
        "`Categorical([])`", lambda _: Categorical([]), SpaceError, ("choices is empty", "at least one value")
    ),
    Case(
        "`Categorical('relu')`",
        lambda _: Categorical("relu"),
        SpaceError,
        ("choices='relu'", "write ['relu']"),
    ),
    Case(
        "`Categorical([1, 1])`",
        lambda _: Categorical([1, 1]),
        SpaceError,
        ("1 is there 2 times", "write it once"),
    ),
    Case(
        "`Categorical([print])`, an object",
        lambda _: Categorical([print]),
        SpaceError,
        (
            "of type builtin_function_or_method",
            "list names or numbers",
            "look the thing up in the training function",
        ),
    ),
    Case(
        "three mistakes at once",
        lambda p: p.study(space={"a": 1, "b": "x", 3: Float(0, 1)}),
        SpaceError,
        ("3 problems", "'a'", "'b'", "3 is no name"),
    ),
)

# Conditions ------------------------------------------------------------------------------------------------------------

OPTIMIZER = Categorical(["sgd", "adam"])

CONDITIONS = (
    Case(
        "a parent that does not exist",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimiser": "sgd"})}),
        SpaceError,
        ("'m': when['optimiser']", "no such hyperparameter", "did you mean 'optimizer'?"),
    ),
    Case(
        "a value that the parent does not have",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": "SGD"})}),
        SpaceError,
        ("'SGD' is not in Categorical(['sgd', 'adam'])",),
    ),
    Case(
        "`above(1)` on a parent of texts",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": above(1)})}),
        SpaceError,
        ("above(1.0)", "needs a parent whose values are numbers"),
    ),
    Case(
        "`above(9)` on `Integer(1, 9)`, which never holds",
        lambda p: p.study(space={"n": Integer(1, 9), "m": Float(0, 1, when={"n": above(9)})}),
        SpaceError,
        ("'m': when['n']", "above(9.0) never holds for Integer(1, 9)"),
    ),
    Case(
        "conditions in a circle",
        lambda p: p.study(space={"a": Integer(1, 9, when={"b": 1}), "b": Integer(1, 9, when={"a": 1})}),
        SpaceError,
        ("circle", "'a' → 'b' → 'a'"),
    ),
    Case(
        "`when='sgd'`", lambda _: Float(0, 1, when="sgd"), SpaceError, ("when='sgd'", "expected a dict like")
    ),
    Case(
        "`when={'optimizer': []}`",
        lambda _: Float(0, 1, when={"optimizer": []}),
        SpaceError,
        ("could never hold",),
    ),
    Case("`between(3, 1)`", lambda _: between(3, 1), SpaceError, ("no number is between 3 and 1",)),
)

# Constraints -----------------------------------------------------------------------------------------------------------


def space_with(*constraints):
    return Space(SPACE, list(constraints))


def small(config):
    return config["width"] < 256


CONSTRAINTS = (
    Case(
        "a plain function among the constraints",
        lambda _: space_with(small),
        SpaceError,
        ("expected Constraint(name, predicate)",),
    ),
    Case(
        "two constraints of one name",
        lambda _: space_with(Constraint("small", small), Constraint("small", small)),
        SpaceError,
        ("2 constraints are named 'small'", "name each otherwise"),
    ),
    Case(
        "`Constraint('small', 256)`",
        lambda _: Constraint("small", 256),
        SpaceError,
        ("predicate=256", "expected a function"),
    ),
    Case(
        "a constraint that refuses every config",
        lambda p: p.run(study={"space": space_with(Constraint("never", lambda _: False))}),
        SpaceError,
        ("of 1000 configs", "'never' refused 1000", "loosen them"),
    ),
    Case(
        "a constraint that raises",
        lambda p: p.run(study={"space": space_with(Constraint("depth", lambda config: config["depth"] > 1))}),
        SpaceError,
        ("constraint 'depth'", "raised KeyError: 'depth'", "use config.get"),
    ),
    Case(
        "a constraint that answers with a number",
        lambda p: p.run(study={"space": space_with(Constraint("small", lambda _: 1))}),
        SpaceError,
        ("constraint 'small'", "answered 1", "expected True or False"),
    ),
    Case(
        "a study with a constraint, loaded from its journal alone and run",
        lambda p: p.load().run(train, executor="inline", progress=False, budget=Budget(trials=9)),
        SpaceError,
        ("constraint 'small' is code, which no journal holds", "Study(name, space, ...)"),
        given=lambda p: p.run(study={"space": space_with(Constraint("small", small))}),
        is_lost_cause=True,
    ),
)

# Points ----------------------------------------------------------------------------------------------------------------

POINTS = (
    Case(
        "one config instead of a list",
        lambda p: p.study(points={"lr": 0.1, "width": 16}),
        SettingError,
        ("points={'lr': 0.1, 'width': 16}", "expected a list of configs"),
    ),
    Case(
        "points that are none",
        lambda p: p.study(points=[{"lr": 0.1, "width": 16}, {"lr": 3, "wdith": 16}]),
        SpaceError,
        (
            "3 problems",
            "points[1]: 'lr': 3 is outside",
            "'wdith'",
            "did you mean 'width'?",
            "'width' is missing",
        ),
    ),
    Case(
        "a point with a hyperparameter that is inactive",
        lambda p: p.study(
            space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": "sgd"})},
            points=[{"optimizer": "adam", "m": 0.9}],
        ),
        SpaceError,
        ("points[0]: 'm' is inactive", "leave it out", "'optimizer' is 'sgd'"),
    ),
    Case(
        "a point that a constraint refuses",
        lambda p: p.study(space=space_with(Constraint("small", small)), points=[{"lr": 0.1, "width": 300}]),
        SpaceError,
        ("points[0]: constraint 'small' refuses", "'width': 300"),
    ),
)
