"""A study from a Python file: `paceline run tune.py`.

The file is imported as a script would be run: its own folder comes first on `sys.path`. It is not called `__main__`, so
`if __name__ == "__main__": study.run(train)` does not run it a second time; nor by its own name, so that workers
receive its functions by value and need not execute the file again (see `executors/shipping.py`).
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar

from paceline.cli.misuse import Misuse
from paceline.cli.recipe import Recipe, RunSettings
from paceline.errors import PacelineError
from paceline.events import Budget
from paceline.study import Study, TrainingFunction

MODULE_NAME = "__paceline_script__"
TRAIN = "train"

_Default = TypeVar("_Default")


class ScriptError(PacelineError):
    """A Python file or module does not hold what is needed to run a study, or cannot be imported."""


def load_script(
    path: Path,
    *,
    study: str | None = None,
    study_object: str | None = None,
    train: str | None = None,
    is_to_run: bool = True,
) -> Recipe:
    """The study, the training function and the defaults for running that a file holds.

    Args:
        path: the file.
        study: the study's name, where the file has several.
        study_object: the variable that holds the study, where the file has several.
        train: the training function's name, if that is not `train`.
        is_to_run: whether the training function is needed.

    Raises:
        ScriptError: the file fails, or does not hold exactly one of each.
        PacelineError: what the file itself raises of these.
    """
    module = _imported(path)
    budget = _default(module, "budget", Budget, "a Budget")
    workers = _default(module, "workers", int, "a whole number")
    return Recipe(
        study=_study(module, study, study_object),
        train=_function(module, train) if is_to_run else None,
        settings=RunSettings(workers=workers),
        budget=budget,
    )


def load_function(name: str) -> TrainingFunction:
    """The function that `module:function` names; the working folder is on the path, as with `python -m`.

    Raises:
        ScriptError: there is no such module or function, or importing it fails.
    """
    module_name, _, function_name = name.partition(":")
    put_first(Path.cwd())
    try:
        module = importlib.import_module(module_name)
    except PacelineError:
        raise
    except Exception as error:
        raise ScriptError(f"cannot import {module_name!r}:\n{_trace(error)}") from error
    found: Any = module
    for part in function_name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ScriptError(
            f"module {module_name!r} has no function {function_name!r}. {_functions(module)} "
            "Name it as module:function."
        )
    return found  # type: ignore[no-any-return]  # Study.run looks at it more closely


def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise Misuse(f"{path}: there is no such file; expected a Python file that makes a Study.")
    put_first(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(MODULE_NAME, path.resolve())
    if spec is None or spec.loader is None:
        raise Misuse(f"{path}: expected a Python file, whose name ends in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[MODULE_NAME] = module  # dataclasses, type hints and pickle look it up there
    try:
        spec.loader.exec_module(module)
    except PacelineError:
        raise
    except (Exception, SystemExit) as error:
        raise ScriptError(f"{path} failed:\n{_trace(error)}") from error
    return module


def put_first(folder: Path) -> None:
    """Let modules of this folder be imported, here and in worker processes, which are given the same path."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _study(module: ModuleType, name: str | None, variable: str | None) -> Study:
    found = {key: value for key, value in vars(module).items() if isinstance(value, Study)}
    if variable is not None:
        if variable not in found:
            raise ScriptError(f"{module.__file__} has no Study {variable!r}. {_studies(found)}")
        return found[variable]
    wanted = {id(study): study for study in found.values() if name in (None, study.name)}
    if len(wanted) == 1:
        return next(iter(wanted.values()))
    hint = (
        "Choose one with --study-object NAME." if wanted else "Make one at the top level: study = Study(...)."
    )
    raise ScriptError(f"{module.__file__}: expected one Study at its top level. {_studies(found)} {hint}")


def _studies(found: dict[str, Study]) -> str:
    return _there_are(f"{variable} (study {study.name!r})" for variable, study in found.items())


def _function(module: ModuleType, name: str | None) -> TrainingFunction:
    function = getattr(module, name or TRAIN, None)
    if not callable(function):
        raise ScriptError(
            f"{module.__file__} has no function {name or TRAIN!r} to train with. {_functions(module)} "
            "Name the right one with --train NAME."
        )
    return function  # type: ignore[no-any-return]  # Study.run looks at it more closely


def _functions(module: ModuleType) -> str:
    here = module.__name__
    return _there_are(
        key
        for key, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == here
    )


def _there_are(names: Iterable[str]) -> str:
    return f"Found: {', '.join(names) or 'none'}."


def _default(module: ModuleType, name: str, kind: type[_Default], expected: str) -> _Default | None:
    value = getattr(module, name, None)
    if value is None or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise ScriptError(
        f"{module.__file__}: {name}={value!r}: `run` takes it for its default; expected {expected}."
    )


def _trace(error: BaseException) -> str:
    """The traceback without the frames of this file and of the import system."""
    frames = traceback.extract_tb(error.__traceback__)
    not_theirs = (__file__, importlib.__file__, "<frozen")
    theirs = [frame for frame in frames if not frame.filename.startswith(not_theirs)]
    lines = [*traceback.format_list(theirs), *traceback.format_exception_only(error)]
    return "".join(lines).rstrip()
