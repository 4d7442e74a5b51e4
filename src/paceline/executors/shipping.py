"""How a training function reaches worker processes: pickled once, by value where a worker could not import it.

Workers import nothing anew: a script needs no `if __name__ == "__main__"`, and a function typed into a notebook, a
lambda or a closure will do. Functions of installed modules, and of modules beside the script, go by name.
"""

from __future__ import annotations

import functools
import inspect
import io
import os
import pickle
import sys
from collections.abc import Iterator
from functools import _lru_cache_wrapper as CachedFunction  # noqa: N812 - the class has no public name
from types import FunctionType, MethodType, ModuleType
from typing import Any

import cloudpickle

from paceline.errors import TrainingFunctionError
from paceline.worker import TrainingContext, TrainingFunction


def pack(train: TrainingFunction, context: TrainingContext) -> bytes:
    """The training function and its context, for `unpack` in another process with the same `sys.path`.

    Raises:
        TrainingFunctionError: something that the function uses cannot be pickled; the message names it.
    """
    try:
        return _dumps((train, context))
    except Exception as error:
        name = getattr(train, "__qualname__", None) or repr(train)
        culprits = ", ".join(_culprits(train)) or "something that it uses"
        raise TrainingFunctionError(
            f"{name} cannot be sent to worker processes because of {culprits}: {error}. Make it inside the function, or "
            'train in this process with executor="inline".'
        ) from error


def unpack(content: bytes) -> tuple[TrainingFunction, TrainingContext]:
    """What `pack` packed. It executes what is in `content`: only for what this process's own parent has made."""
    train, context = pickle.loads(content)  # noqa: S301
    return train, context


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
    """Pickles by value what belongs to modules that another process could not import by name."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file)
        self._seen: set[str] = set()
        self.registered: list[ModuleType] = []

    def reducer_override(self, obj: object) -> object:
        """Called for each object that goes by name."""
        if isinstance(obj, FunctionType | type | CachedFunction):
            self._consider(getattr(obj, "__module__", None))
        if isinstance(obj, CachedFunction) and _goes_by_value(obj):
            return _cached, (obj.__wrapped__, obj.cache_parameters())
        return super().reducer_override(obj)

    def _consider(self, name: str | None) -> None:
        module = sys.modules.get(name or "")
        if name is None or module is None or name in self._seen:
            return
        self._seen.add(name)
        if not _can_be_imported(module) and name not in cloudpickle.list_registry_pickle_by_value():
            cloudpickle.register_pickle_by_value(module)
            self.registered.append(module)


def _goes_by_value(cached: CachedFunction[Any]) -> bool:
    """Whether a worker could not find it by name. cloudpickle would send it by name all the same, from scripts too."""
    by_value = {"__main__", *cloudpickle.list_registry_pickle_by_value()}
    return cached.__module__ in by_value or "<locals>" in cached.__qualname__


def _cached(function: FunctionType, parameters: dict[str, Any]) -> object:
    """The function with an empty cache, as `functools.cache` or `lru_cache` made it."""
    return functools.lru_cache(**parameters)(function)


def _dumps(value: object) -> bytes:
    file = io.BytesIO()
    pickler = _Pickler(file)
    try:
        pickler.dump(value)
    finally:
        for module in pickler.registered:
            cloudpickle.unregister_pickle_by_value(module)
    return file.getvalue()


def _can_be_imported(module: ModuleType) -> bool:
    """Whether importing its name, with the `sys.path` of now, would give this very module.

    It would not if it was loaded from a file by hand, as `runpy`, test runners and `paceline run` do it.
    """
    file = getattr(module, "__file__", None)
    if file is None:  # built in, or made by the module that imports it
        return True
    path = None
    origin: str | None = None
    parts = module.__name__.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        # importlib.util.find_spec would answer with what is loaded already.
        specs = (finder.find_spec(name, path) for finder in sys.meta_path if hasattr(finder, "find_spec"))
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is None:
            return False
        path, origin = spec.submodule_search_locations, spec.origin
    return origin is not None and os.path.realpath(origin) == os.path.realpath(file)


def _culprits(train: object) -> Iterator[str]:
    """Names and kinds of the function's parts that cannot be pickled."""
    for name, value in _parts(train):
        try:
            _dumps(value)
        except Exception:  # noqa: BLE001 - pickling runs code of any kind of object
            yield f"{name} (a {type(value).__module__}.{type(value).__qualname__})"


def _parts(train: object) -> Iterator[tuple[str, object]]:
    if isinstance(train, functools.partial):
        yield from ((f"its argument {value!r}", value) for value in train.args)
        yield from ((f"its argument {name!r}", value) for name, value in train.keywords.items())
        yield from _parts(train.func)
    elif isinstance(train, MethodType):
        yield from _parts(train.__self__)
        yield from _parts(train.__func__)
    elif isinstance(train, FunctionType):
        used = inspect.getclosurevars(train)
        yield from ((f"its variable {name!r}", value) for name, value in used.nonlocals.items())
        yield from ((f"the global variable {name!r}", value) for name, value in used.globals.items())
    else:
        yield from (
            (f"its attribute {name!r}", value) for name, value in getattr(train, "__dict__", {}).items()
        )
