"""Makes a ConfigSpace of the description that `spaces.py` writes, with ConfigSpace 0.7 as with 1.x.

Read in other interpreters too: it needs ConfigSpace only.
"""

from __future__ import annotations

from typing import Any


def build(parts: list[dict[str, Any]], *, seed: int, ordinals: bool = True) -> Any:
    """The `ConfigurationSpace`.

    A categorical's values are "0", "1", ...; an ordinal's are 0, 1, ...

    Args:
        parts: see `spaces.describe`.
        seed: of the configs that are drawn from it.
        ordinals: whether the library takes them; if not, they are integers.
    """
    import ConfigSpace  # noqa: PLC0415 - an extra

    space = ConfigSpace.ConfigurationSpace(seed=seed)
    kinds = {part["name"]: _hyperparameter(ConfigSpace, part, ordinals=ordinals) for part in parts}
    conditions = [_condition(ConfigSpace, kinds, part) for part in parts if part["when"]]
    if hasattr(space, "add"):
        space.add(*kinds.values())
        space.add(*conditions)
    else:  # before 1.0
        space.add_hyperparameters(list(kinds.values()))
        space.add_conditions(conditions)
    return space


def _hyperparameter(library: Any, part: dict[str, Any], *, ordinals: bool) -> Any:
    name, kind = part["name"], part["kind"]
    if kind == "float":
        return library.UniformFloatHyperparameter(name, part["low"], part["high"], log=part["log"])
    if kind == "integer":
        return library.UniformIntegerHyperparameter(name, part["low"], part["high"], log=part["log"])
    if kind == "categorical":
        return library.CategoricalHyperparameter(name, [str(index) for index in range(part["n"])])
    if ordinals:
        return library.OrdinalHyperparameter(name, list(range(part["n"])))
    return library.UniformIntegerHyperparameter(name, 0, part["n"] - 1)


def _condition(library: Any, kinds: dict[str, Any], part: dict[str, Any]) -> Any:
    child = kinds[part["name"]]
    tests = []
    for test in part["when"]:
        parent = kinds[test["parent"]]
        if "values" in test:
            tests.append(library.InCondition(child, parent, test["values"]))
        elif "above" in test:
            tests.append(library.GreaterThanCondition(child, parent, test["above"]))
        else:
            tests.append(library.LessThanCondition(child, parent, test["below"]))
    return tests[0] if len(tests) == 1 else library.AndConjunction(*tests)
