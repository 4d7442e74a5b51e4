"""What a training function may report, and what becomes of it: finite floats by name, `None` for the others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Real
from typing import SupportsFloat

from paceline.errors import ReportError
from paceline.events import Metrics

Reportable = Mapping[str, SupportsFloat] | SupportsFloat
"""Metrics by name, or one number for the study's own metric."""


def metrics_of(metric: str, given: Reportable | None, named: Mapping[str, SupportsFloat]) -> Metrics:
    """The metrics of one report.

    Args:
        metric: the study's; a plain number is a value of it.
        given: the report's positional argument.
        named: its keyword arguments.

    Raises:
        ReportError: there are none, two have one name, or a value is no single real number.
    """
    if given is None:
        given = {}
    elif not isinstance(given, Mapping):
        given = {metric: given}
    twice = given.keys() & named.keys()
    if twice:
        raise ReportError(
            f"{', '.join(map(repr, sorted(twice)))}: reported twice in one report. Leave one of them out."
        )
    if not given and not named:
        raise ReportError(f"a report without metrics. Name at least one, such as report({metric}=...).")
    return {_name(name): _number(name, value) for name, value in {**given, **named}.items()}


def require(metric: str, metrics: Metrics) -> None:
    """See that the study's own metric is among those reported.

    Raises:
        ReportError: it is not.
    """
    if metric in metrics:
        return
    close = get_close_matches(metric, metrics, n=1)
    meant = f" Did you mean {metric!r} by {close[0]!r}?" if close else ""
    raise ReportError(
        f"the study optimizes {metric!r}, but the report at the job's target has only "
        f"{', '.join(map(repr, sorted(metrics)))}.{meant} Report {metric!r} there, or name another metric in the study."
    )


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise ReportError(f"{name!r}: the name of a metric must be a string, not {_kind(name)}.")
    if not name or not name.isprintable():
        raise ReportError(f"{name!r}: the name of a metric must be of printable characters, and not empty.")
    return name


def _number(name: str, value: object) -> float | None:
    """A finite float, or `None`: NaN and infinities rank last and cannot be told apart in JSON."""
    number = value
    if not isinstance(number, int | float) and callable(getattr(number, "item", None)):
        number = _item(name, number)
    if isinstance(number, bool):
        raise ReportError(
            f"{name}={value!r}: a truth value is no measurement. If it is meant, report float({name})."
        )
    if not isinstance(number, Real):
        raise ReportError(f"{name}: expected one real number, got {_kind(value)}: {_short(value)}")
    try:
        result = float(number)
    except OverflowError:  # a whole number beyond the floats
        return None
    return result if math.isfinite(result) else None


def _item(name: str, value: object) -> object:
    """The number in a scalar of NumPy, PyTorch, JAX, ...: they all call it `item`."""
    try:
        return value.item()  # type: ignore[attr-defined]
    except Exception as error:
        raise ReportError(
            f"{name}: expected one number, got {_kind(value)} which holds none or several: {_short(value)}. "
            "Reduce it first, by its mean for instance."
        ) from error


def _kind(value: object) -> str:
    name = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
