"""`paceline importance`: which hyperparameters mattered, as a table."""

from __future__ import annotations

from typing import Annotated

import typer

from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName, at_least, share
from paceline.cli.output import Block, Facts, Note, Table, answer
from paceline.cli.studies import loaded
from paceline.importance import TOP, HyperparameterImportance, Importance
from paceline.wording import scalar_text

COLUMNS = ("hyperparameter", "share", "low", "high", "explained", "results", "among the best")


def importance(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    resource: Annotated[
        int | None,
        typer.Option(
            "--resource",
            metavar="N",
            parser=at_least(1),
            help="Compare the results there; by default the highest with enough of them.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        float,
        typer.Option("--top", metavar="X", parser=share, help="The share of results that are the best."),
    ] = TOP,
    *,
    as_json: AsJson = False,
) -> None:
    """Show which hyperparameters mattered.

    The share of each with its 90 % interval, and where the best results have it.
    """
    with loaded(storage, study) as found:
        judged = found.importance(resource=resource, top=top)
        answer(judged, _blocks(judged), as_json=as_json)


def _blocks(judged: Importance) -> list[Block]:
    facts = Facts([("resource", judged.resource), ("results", judged.n_results), ("best", judged.n_best)])
    rows = [
        (one.name, one.share, one.low, one.high, one.explained, one.n_results, _among_best(one))
        for one in judged.shares
    ]
    blocks: list[Block] = [facts, Table(COLUMNS, rows)]
    if not any(one.share for one in judged.shares):
        blocks.append(Note("No hyperparameter tells the best results from the others better than chance."))
    if judged.n_left_out:
        blocks.append(Note(f"Left out: {judged.n_left_out} results of configs that a model proposed."))
    if judged.is_guided:
        text = "Most configs were proposed by a model: a share may belong to another hyperparameter."
        blocks.append(Note(text))
    if judged.unjudged:
        blocks.append(Note(f"Active in too few results: {', '.join(judged.unjudged)}."))
    return blocks


def _among_best(one: HyperparameterImportance) -> str:
    """`0.001 to 0.02` for half of them, or `adam 80 % (of all 50 %), ...`."""
    if one.quartiles is not None:
        return " to ".join(map(scalar_text, one.quartiles))
    return ", ".join(
        f"{scalar_text(choice.value)} {choice.among_best * 100:.0f} % (of all {choice.among_all * 100:.0f} %)"
        for choice in one.choices
        if choice.among_best > 0
    )
