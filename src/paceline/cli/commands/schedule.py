"""`paceline schedule`: the hyperparameters that a model was trained with, over its life."""

from __future__ import annotations

from paceline import pictures
from paceline.cli.files import Force
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl, StudyName
from paceline.cli.output import Block, Facts, Table, answer
from paceline.cli.pictures import OfTrial, Picture, draw
from paceline.cli.studies import loaded


def schedule(
    study: StudyName = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    trial: OfTrial = None,
    picture: Picture = None,
    *,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Show the schedule of hyperparameters that a trial's weights were trained with.

    Along its chain of forks; of the incumbent, if no trial is named. With --json it can be given to Replay.
    """
    with loaded(storage, study) as found:
        incumbent = found.incumbent
        chosen = trial if trial is not None or incumbent is None else incumbent.trial
        pieces = found.schedule(chosen)
        if picture is not None:
            draw(picture, lambda: pictures.schedule(found, chosen), is_forced=force)
        names = found.space.names
        rows = [
            (piece.start, piece.stop, piece.trial, *(piece.config.get(name) for name in names))
            for piece in pieces
        ]
        blocks: list[Block] = [
            Facts([("trial", chosen)]),
            Table(("start", "stop", "trial", *names), rows),
        ]
        answer({"study": found.name, "trial": chosen, "schedule": pieces}, blocks, as_json=as_json)
