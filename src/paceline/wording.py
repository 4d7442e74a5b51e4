"""How numbers, configs and errors are put into words: one way, for progress, tables and messages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from paceline.space import Scalar

_BYTES_PER_STEP = 1000.0


def number(value: float) -> str:
    """Six digits are enough to compare by eye: `0.987654`, `12`, `1.5e-07`."""
    return f"{value:.6g}"


def count(n: int, noun: str) -> str:
    """A count with its noun: `"1 trial"`, `"2 trials"`."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def size(n_bytes: int) -> str:
    """A number of bytes as people say it: `"512 B"`, `"1.5 MB"`; thousands, as disks are sold."""
    if n_bytes < _BYTES_PER_STEP:
        return f"{n_bytes} B"
    amount = float(n_bytes)
    for unit in ("kB", "MB", "GB"):
        amount /= _BYTES_PER_STEP
        if amount < _BYTES_PER_STEP:
            return f"{amount:.1f} {unit}"
    return f"{amount / _BYTES_PER_STEP:.1f} TB"


def config_text(config: Mapping[str, Scalar]) -> str:
    """A config in one line: `lr=0.01, optimizer=sgd`."""
    return ", ".join(f"{name}={scalar_text(value)}" for name, value in config.items())


def scalar_text(value: Scalar) -> str:
    """A hyperparameter's value for people."""
    return number(value) if isinstance(value, float) else str(value)


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings as a journal has them, in one line: `ASHA(max_resource=27, sampler=Random())`."""
    arguments = (f"{name}={_setting_text(value)}" for name, value in settings.items() if name != "type")
    return f"{settings.get('type')}({', '.join(arguments)})"


def _setting_text(value: object) -> str:
    match value:
        case {"type": str(), **_rest}:
            return settings_text(cast("dict[str, Any]", value))
        case list():
            return f"({', '.join(map(_setting_text, value))})"
        case _:
            return repr(value)


def last_line(error: str | None) -> str:
    """The line of a traceback that says what went wrong."""
    lines = [line for line in (error or "").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no cause is known"


def duration(seconds: float) -> str:
    """A length of time as people say it: `"45 s"`, `"12 min"`, `"3 h 20 min"`, `"2 d 4 h"`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
