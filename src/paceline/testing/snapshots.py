"""The whole state of an object as one value that can be compared.

Two objects with equal snapshots will behave alike: a question has changed nothing if the snapshots before and after it
are equal, and a replay has worked if its snapshot equals the live one. Nothing is left to an object's own `__eq__`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from enum import Enum
from types import FunctionType, MethodType
from typing import Any

import msgspec
import numpy as np

Snapshot = Any
"""Nested tuples, to be compared and otherwise left alone."""


def snapshot(value: object, *, ignore: Collection[str] = ()) -> Snapshot:
    """Everything that can be reached from `value` through attributes and items, private ones included.

    Args:
        value: anything made of plain objects, msgspec structs, NumPy arrays and the built-in containers. The order of a
            mapping counts, that of a set does not.
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
        if isinstance(value, msgspec.Struct):
            yield self._encoded(value)
        elif isinstance(value, Mapping):
            yield from ((self.take(key), self.take(item)) for key, item in value.items())
        elif isinstance(value, Set):
            yield from sorted(map(self.take, value), key=repr)
        elif isinstance(value, np.ndarray):
            yield (value.dtype.str, value.shape, value.tobytes())
        elif isinstance(value, FunctionType | MethodType | type):
            yield value.__qualname__
        elif isinstance(value, Sequence):  # a deque is one
            yield from map(self.take, value)
        else:
            yield from (
                (name, self.take(item)) for name, item in _attributes(value) if name not in self._ignore
            )

    def _encoded(self, value: msgspec.Struct) -> Snapshot:
        """A record that holds plain data only is encoded in C, which is what makes a snapshot after each step cheap."""
        try:
            return msgspec.msgpack.encode(value)
        except TypeError:
            return tuple((name, self.take(getattr(value, name))) for name in value.__struct_fields__)


def _attributes(value: object) -> Iterator[tuple[str, object]]:
    """Of an object, wherever its class keeps them; in the order of their names."""
    names = set(getattr(value, "__dict__", ()))
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        names.update((slots,) if isinstance(slots, str) else slots)
    for name in sorted(names - {"__dict__", "__weakref__"}):
        if hasattr(value, name):
            yield name, getattr(value, name)
