"""Which hyperparameters mattered, in words; judged where there are results enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paceline.errors import SettingError
from paceline.importance import HyperparameterImportance, Importance
from paceline.wording import count, scalar_text

if TYPE_CHECKING:
    from paceline.study import Study


def judged_of(study: Study) -> tuple[Importance | None, str]:
    """The importance, or `None` and the reason why there is none."""
    try:
        return study.importance(), ""
    except SettingError as error:
        return None, str(error)


def remarks(judged: Importance, unit: str) -> str:
    """What was compared, and how far it is to be trusted."""
    found = [
        f"By {judged.n_results:,} results at {count(judged.resource, unit)}; {judged.n_best:,} of them count as the best.",
        "The thin lines are 90 % intervals.",
    ]
    if not any(one.share for one in judged.shares):
        found.append("No hyperparameter tells the best results from the others better than chance.")
    if judged.n_left_out:
        found.append(f"Left out: {judged.n_left_out:,} results of configs that a model proposed.")
    if judged.is_guided:
        found.append("Most configs were proposed by a model: a share may belong to another hyperparameter.")
    if judged.unjudged:
        found.append(f"Active in too few results: {', '.join(judged.unjudged)}.")
    return " ".join(found)


def among_best(one: HyperparameterImportance) -> str:
    """Where the best results have it: the quartiles of a number, the shares of names."""
    if one.quartiles is not None:
        return f"half of them from {' to '.join(map(scalar_text, one.quartiles))}"
    return ", ".join(
        f"{scalar_text(choice.value)} {choice.among_best * 100:.0f} % (of all {choice.among_all * 100:.0f} %)"
        for choice in one.choices
        if choice.among_best > 0
    )
