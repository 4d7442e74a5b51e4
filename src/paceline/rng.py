"""Randomness comes in through this door.

Each stream is named by (seed, purpose, ids) and by nothing else, so that what is drawn for trial 17 depends neither on
when it was drawn nor on what was drawn before (docs/concepts.md). The name is hashed with BLAKE2b, which gives the
same bits in every process, on every platform, whatever the interpreter's hash seed.

Two kinds of stream: `uniforms_for` is cheap to make (about 1 µs) and gives the few numbers that one config takes;
`generator_for` is a full NumPy generator (about 15 µs) for models that draw arrays.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Protocol

import numpy as np

_WORDS = struct.Struct("<8Q")
_TO_UNIT = 2.0**-53


class UniformSource(Protocol):
    """What a space samples from: anything with NumPy's `Generator.random(n)`."""

    def random(self, size: int, /) -> list[float] | np.ndarray[tuple[int], np.dtype[np.float64]]:
        """`size` numbers, uniform in [0, 1)."""
        ...


class Uniforms:
    """A stream of uniform numbers in [0, 1), by BLAKE2b in counter mode.

    Args:
        key: the stream's name; equal names give equal streams.
    """

    __slots__ = ("_block", "_key", "_left")

    def __init__(self, key: str) -> None:
        self._key = key
        self._block = 0
        self._left: list[float] = []

    def random(self, size: int, /) -> list[float]:
        """The next `size` numbers of the stream, each uniform in [0, 1) with 53 random bits."""
        left = self._left
        while len(left) < size:
            digest = blake2b(f"{self._key}/{self._block}".encode(), digest_size=64).digest()
            self._block += 1
            left += [(word >> 11) * _TO_UNIT for word in _WORDS.unpack(digest)]
        self._left = left[size:]
        return left[:size]


def uniforms_for(seed: int, purpose: str, *ids: int) -> Uniforms:
    """The cheap stream that (seed, purpose, ids) names."""
    return Uniforms(_name(seed, purpose, ids))


def generator_for(seed: int, purpose: str, *ids: int) -> np.random.Generator:
    """The NumPy generator that (seed, purpose, ids) names."""
    digest = blake2b(_name(seed, purpose, ids).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def _name(seed: int, purpose: str, ids: tuple[int, ...]) -> str:
    return "/".join([str(seed), purpose, *map(str, ids)])
