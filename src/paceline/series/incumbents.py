"""The incumbent over what was spent: steps that hold until the next."""

from __future__ import annotations

from typing import Literal

import msgspec

from paceline.series.record import Improvement, Record

Over = Literal["resource", "time"]

CAPTION = (
    "The incumbent is the best result at the largest resource that any job had reached by then, so its value may become "
    "worse where that resource rises. The dotted line is the best result at any resource, which favours luck."
)

_MOST_LEVELS = 5
_EARLY = 0.05
"""Of the whole: if half of the improvements come before, they are shown in the logarithm."""


class Scale(msgspec.Struct, frozen=True):
    """A unit of time that suits a length.

    Args:
        seconds: in one of it.
        name: in the plural.
    """

    seconds: float
    name: str


class Stretch(msgspec.Struct, frozen=True):
    """Incumbents whose results were compared at one resource.

    Args:
        label: where.
        steps: as (x, value, the improvement), the last one being where the next stretch begins, or the study's end.
    """

    label: str
    steps: tuple[tuple[float, float, Improvement], ...]


def time_scale(seconds: float) -> Scale:
    """Seconds, minutes or hours."""
    for scale in (Scale(3600.0, "hours"), Scale(60.0, "minutes")):
        if seconds >= 3 * scale.seconds:
            return scale
    return Scale(1.0, "seconds")


def stretches(record: Record, over: Over, unit: str) -> list[Stretch]:
    """The incumbents, cut where the resource at which they are compared rose; in one piece where that was often."""
    resources = list(dict.fromkeys(one.resource for one in record.incumbents))
    if len(resources) > _MOST_LEVELS:
        steps = steps_of(record.incumbents, record, over)
        return [Stretch(f"incumbent, at the largest {unit} so far", tuple(steps))]
    found = []
    for place, resource in enumerate(resources):
        here = [one for one in record.incumbents if one.resource == resource]
        steps = steps_of(here, record, over)
        if place + 1 < len(resources):
            following = next(one for one in record.incumbents if one.resource == resources[place + 1])
            steps[-1] = (_x(following, record, over), *steps[-1][1:])
        found.append(Stretch(f"incumbent at {resource} {unit}{'' if resource == 1 else 's'}", tuple(steps)))
    return found


def steps_of(
    improvements: list[Improvement], record: Record, over: Over
) -> list[tuple[float, float, Improvement]]:
    """Each improvement where it happened, and the last one once more at the study's end."""
    if not improvements:
        return []
    last = improvements[-1]
    end = record.spent if over == "resource" else record.elapsed_s / time_scale(record.elapsed_s).seconds
    return [*((_x(one, record, over), one.value, one) for one in improvements), (end, last.value, last)]


def is_early(record: Record, over: Over) -> bool:
    """Whether improvements come so early that the logarithm is needed to tell them apart."""
    at = sorted(_x(one, record, over) for one in record.incumbents + record.best)
    steps = steps_of(record.best, record, over)
    return bool(at) and at[0] > 0 and at[len(at) // 2] < _EARLY * steps[-1][0]


def x_label(record: Record, over: Over, unit: str) -> str:
    """What the horizontal axis counts."""
    if over == "resource":
        return f"resource spent by all trials ({unit}s)"
    return f"time during which the study ran ({time_scale(record.elapsed_s).name})"


def _x(one: Improvement, record: Record, over: Over) -> float:
    return one.spent if over == "resource" else one.elapsed_s / time_scale(record.elapsed_s).seconds
