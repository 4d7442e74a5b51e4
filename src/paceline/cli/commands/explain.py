"""`paceline explain`: why a trial went on, or did not."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from paceline.cli.misuse import Misuse
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl
from paceline.cli.output import Block, Note, Table, answer
from paceline.cli.studies import loaded
from paceline.events import Objective
from paceline.schedulers.base import Explanation
from paceline.views import finite_value


def explain(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[STUDY] TRIAL", help="The trial's id, after the study's name if that is needed."
        ),
    ],
    storage: StorageUrl = DEFAULT_STORAGE,
    *,
    as_json: AsJson = False,
) -> None:
    """Explain every decision about a trial.

    Which rung, which rank, which cut-off, which peers; and where the trial stands now.
    """
    name, trial = _read(arguments)
    with loaded(storage, name) as study:
        objective = study.ledger.objective
        decisions = [
            {"at": reason.at, "decision": reason.decision, **_document(reason.because, objective)}
            for reason in study.explain(trial)
        ]
        standing = _document(study.standing(trial), objective)
        document = {"study": study.name, "trial": trial, "decisions": decisions, "standing": standing}
        answer(document, _blocks(decisions, standing, objective.metric), as_json=as_json)


def _read(arguments: list[str]) -> tuple[str | None, int]:
    if len(arguments) > 2:
        raise Misuse(f"got {' '.join(arguments)}; expected a study's name and a trial's id, or the id alone.")
    name = arguments[0] if len(arguments) == 2 else None
    try:
        return name, int(arguments[-1])
    except ValueError:
        raise Misuse(
            f"got {arguments[-1]!r} for the trial; expected its id, a whole number. `paceline trials` lists them."
        ) from None


def _document(explanation: Explanation, objective: Objective) -> dict[str, Any]:
    """An explanation with values in the metric's own sign."""
    cutoff = explanation.cutoff
    return {
        "because": explanation.text,
        "rung": explanation.rung,
        "resource": explanation.resource,
        "rank": explanation.rank,
        "n_results": explanation.n_results,
        "n_permitted": explanation.n_permitted,
        "cutoff": None if cutoff is None else finite_value(objective, cutoff),
        "peers": [
            {"trial": peer, "value": finite_value(objective, loss)} for peer, loss in explanation.peers
        ],
    }


def _blocks(decisions: list[dict[str, Any]], standing: dict[str, Any], metric: str) -> list[Block]:
    blocks: list[Block] = []
    for made in decisions:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(made["at"]))
        blocks += [Note(f"{at} {made['decision']}: {made['because']}"), *_comparison(made, metric)]
    return [*blocks, Note(f"now: {standing['because']}"), *_comparison(standing, metric)]


def _comparison(made: dict[str, Any], metric: str) -> list[Block]:
    """The peers that it was compared with, best first; the cut-off is that of the worst that may go on."""
    if not made["peers"]:
        return []
    title = f"results at {made['resource']}" if made["rung"] is None else f"rung {made['rung']}"
    if made["cutoff"] is not None:
        title += f": cut-off {made['cutoff']}"
    return [Table(("trial", metric), [(peer["trial"], peer["value"]) for peer in made["peers"]], title=title)]
