"""`paceline picture`: one picture of a study, as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from paceline.cli.files import Force
from paceline.cli.misuse import Misuse
from paceline.cli.options import DEFAULT_STORAGE, AsJson, StorageUrl
from paceline.cli.output import Facts, answer
from paceline.cli.pictures import OfTrial, draw
from paceline.cli.studies import loaded
from paceline.pictures import FORMATS, KINDS

OF_TRIAL = ("lineage", "schedule")
OVER = ("resource", "time")


def picture(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[STUDY] KIND",
            help=f"One of {', '.join(KINDS)}; after the study's name if that is needed.",
        ),
    ],
    storage: StorageUrl = DEFAULT_STORAGE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help=f"Where to; its ending is one of {', '.join(FORMATS)}. Default: the study's name, the kind and .png.",
            show_default=False,
        ),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option("--over", metavar="resource|time", help="Of the incumbent.", show_default=False),
    ] = None,
    trial: OfTrial = None,
    *,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Draw one picture of a study, for a paper or a talk.

    What the page of `paceline report` shows, without a browser: png, svg or pdf.
    """
    name, kind = _read(arguments)
    more = _more(kind, over, trial)
    with loaded(storage, name) as study:
        file = Path(f"{study.name}-{kind}.png") if output is None else output
        draw(file, lambda: KINDS[kind](study, **more), is_forced=force)
        size_bytes = file.stat().st_size
        facts = Facts([("file", str(file)), ("bytes", size_bytes)])
        answer({"file": file, "bytes": size_bytes}, [facts], as_json=as_json)


def _read(arguments: list[str]) -> tuple[str | None, str]:
    if len(arguments) > 2:
        raise Misuse(f"got {' '.join(arguments)}; expected a study's name and a kind, or the kind alone.")
    kind = arguments[-1]
    if kind not in KINDS:
        raise Misuse(f"got {kind!r} for the kind of picture; expected one of {', '.join(KINDS)}.")
    return (arguments[0] if len(arguments) == 2 else None), kind


def _more(kind: str, over: str | None, trial: int | None) -> dict[str, Any]:
    """The options that only some kinds have."""
    if over is not None and over not in OVER:
        raise Misuse(f"got {over} for --over; expected {' or '.join(OVER)}.")
    if over is not None and kind != "incumbent":
        raise Misuse(f"got --over for {kind}; expected it with incumbent only.")
    if trial is not None and kind not in OF_TRIAL:
        raise Misuse(f"got --trial for {kind}; expected it with {' or '.join(OF_TRIAL)} only.")
    more = {"over": over, "trial": trial}
    return {option: value for option, value in more.items() if value is not None}
