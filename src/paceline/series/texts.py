"""What is said of a trial where a pointer rests on it, and where there is nothing to be seen."""

from __future__ import annotations

from paceline.views import TrialView
from paceline.wording import count, number, scalar_text

NO_TRIAL = "No trial has been created yet."
NO_REPORT = "No trial has reported anything yet."
NO_VALUE = "No trial has reported a finite value yet."
NO_RUNGS = "The scheduler of this study has no rungs: it promotes nobody."
NOTHING_TO_COMPARE = (
    "There is nothing to compare: no trial with a finite value, or no hyperparameter that varies."
)
"""What stands where there is no picture."""

_MOST_LINES = 14


def trial_lines(view: TrialView, *, metric: str, unit: str) -> list[str]:
    """The trial, its value and its config, in lines."""
    value = "no finite value" if view.value is None else f"{metric} {number(view.value)}"
    lines = [f"trial {view.id}, {view.status}", f"{value} at {count(view.resource, unit)}"]
    names = list(view.config.items())
    lines += [_cut(f"{name} = {scalar_text(value)}") for name, value in names[:_MOST_LINES]]
    if len(names) > _MOST_LINES:
        lines.append(f"and {count(len(names) - _MOST_LINES, 'hyperparameter')} more")
    return lines


def _cut(line: str) -> str:
    return line if len(line) <= 60 else line[:59] + "…"
