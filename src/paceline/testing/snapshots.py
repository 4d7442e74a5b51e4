"""The whole state of an object as one value that can be compared.

Two objects with equal snapshots will behave alike: a question has changed nothing if the snapshots before and after it
are equal, and a replay has worked if its snapshot equals the live one. Nothing is left to an object's own `__eq__`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

import msgspec
import numpy as np

Snapshot = Any
"""Nested tuples, to be compared and otherwise left alone."""

_CONTAINERS = (dict, list, tuple, deque, msgspec.Struct)


def snapshot(value: object, *, ignore: Collection[str] = ()) -> Snapshot:
    """Everything that can be reached from `value` through attributes and items, private ones included.

    Args:
        value: anything made of plain objects, msgspec structs, NumPy arrays and the built-in containers. The order of a
            dict counts, that of a set does not.
        ignore: attributes to leave out: caches, which hold what can be computed again, and what is known never to
            change.
    """
    return _Camera(frozenset(ignore)).take(value)


class _Camera:
    """Takes one snapshot. What was seen already is not walked through again; a cycle ends where it meets itself."""

    def __init__(self, ignore: frozenset[str]) -> None:
        self._ignore = ignore
        self._taken: dict[int, Snapshot] = {}
        self._held: list[object] = []  # so that no id is used twice while the snapshot is taken

    def take(self, value: object) -> Snapshot:
        if value is None or isinstance(value, bool | int | str | bytes | Enum):
            return value
        if isinstance(value, float):
            return value if value == value else "nan"  # noqa: PLR0124 - NaN differs from itself
        known = self._taken.get(id(value))
        if known is not None:
            return known
        self._held.append(value)
        self._taken[id(value)] = ("cycle", type(value).__qualname__)
        self._taken[id(value)] = taken = (type(value).__qualname__, *self._parts(value))
        return taken

    def _parts(self, value: object) -> Iterator[Snapshot]:
        if isinstance(value, _CONTAINERS):
            try:  # plain data are encoded in C, which makes a snapshot after each step of a test affordable
                yield msgspec.msgpack.encode(list(value) if isinstance(value, deque) else value)
            except (TypeError, OverflowError):
                yield from self._items(value)
        elif isinstance(value, AbstractSet):
            yield from sorted(map(self.take, value), key=repr)
        elif isinstance(value, np.ndarray):
            yield (value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, FunctionType | MethodType | type):
            yield value.__qualname__
        else:
            attributes = _attributes(value, self._ignore)
            yield from ((name, self.take(attribute)) for name, attribute in attributes)

    def _items(self, value: object) -> Iterator[Snapshot]:
        match value:
            case dict():
                yield from ((self.take(key), self.take(item)) for key, item in value.items())
            case msgspec.Struct():
                yield from ((name, self.take(getattr(value, name))) for name in value.__struct_fields__)
            case list() | tuple() | deque():
                yield from map(self.take, value)


def _attributes(value: object, ignore: frozenset[str]) -> list[tuple[str, object]]:
    """Of an object, wherever its class keeps them; in the order of their names."""
    names = set(getattr(value, "__dict__", ()))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        names.update((slots,) if isinstance(slots, str) else slots)
    shown = sorted(names - ignore - {"__dict__", "__weakref__"})
    return [(name, getattr(value, name)) for name in shown if hasattr(value, name)]
