"""The values that a hyperparameter may take: what JSON can hold, and nothing else.

A config is written to a journal and read again by another version, another process, another language. So its values
are plain scalars, and two values are the same only if their types are: for Python `1 == 1.0 == True`, for a training
function they are three different things.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TypeAlias

import numpy as np

from paceline.errors import SpaceError

Scalar: TypeAlias = str | int | float | bool | None
Config: TypeAlias = dict[str, Scalar]
"""One value for each active hyperparameter, in the order of the space; inactive ones are absent. Never edited."""


def scalar(value: object) -> Scalar:
    """`value` as a plain Python scalar: NumPy's scalars are unwrapped, everything else comes back as it is.

    Raises:
        ValueError: JSON cannot hold it faithfully. The message is a sentence that begins with the value.
    """
    if isinstance(value, np.generic):
        value = value.item()
    # Exact types: a subclass (an enum's member, say) would come back from JSON as something else.
    if value is None or type(value) is bool:
        return value
    if type(value) is int:
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} does not fit 64 bits; write it as a float or a str")
        return value
    if type(value) is float:
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not finite")
        return value + 0.0  # -0.0 becomes 0.0: equal numbers are one value
    if type(value) is str:
        if any("\ud800" <= char <= "\udfff" for char in value):
            raise ValueError(f"{value!r} has half a surrogate pair, which is no text that JSON can hold")
        return value
    raise ValueError(
        f"{value!r} is of type {type(value).__name__}; a value is a str, an int, a float, a bool or None "
        "(for anything else, list names or numbers and look the thing up in the training function)"
    )


def is_number(value: object) -> bool:
    """Whether it is an int or a float; a bool is none."""
    return type(value) in (int, float)


def identity(value: Scalar) -> tuple[type, Scalar]:
    """A key that is equal for equal values of equal type only."""
    return type(value), value


def suggestion(name: object, known: Iterable[str]) -> str:
    """`" (did you mean 'lr'?)"` if a known name is close, else nothing."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@contextmanager
def collecting(problems: list[str], where: str) -> Iterator[None]:
    """Add what goes wrong inside to `problems`, said of `where`, and go on."""
    try:
        yield
    except SpaceError as error:
        problems += [f"{where}: {problem}" for problem in error.problems]
    except ValueError as error:
        problems.append(f"{where}: {error}")
