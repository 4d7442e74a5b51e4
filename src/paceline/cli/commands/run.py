"""`paceline run`: run a study, from a Python file or from a function and a TOML file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from paceline.cli import config as config_file
from paceline.cli.config import load_config
from paceline.cli.misuse import Misuse
from paceline.cli.options import (
    STORAGE_VARIABLE,
    AsJson,
    MaxMinutes,
    MaxResource,
    MaxTrials,
    Target,
    Workers,
    amount,
    at_least,
    default_storage,
)
from paceline.cli.output import answer
from paceline.cli.recipe import Recipe, RunSettings
from paceline.cli.script import load_function, load_script
from paceline.cli.status import status_blocks, status_of
from paceline.events import Budget

INTERRUPTED = 130
"""The exit code of what Ctrl-C has ended, as in a shell."""


class ExecutorName(StrEnum):
    """Where jobs run."""

    PROCESSES = "processes"
    INLINE = "inline"


def run(
    what: Annotated[str, typer.Argument(metavar="FILE.py | MODULE:FUNCTION", help="What to run; see above.")],
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE.toml",
            help="Describes the study of MODULE:FUNCTION.",
            show_default=False,
        ),
    ] = None,
    study_object: Annotated[
        str | None,
        typer.Option(
            "--study-object",
            metavar="NAME",
            help="The variable of FILE.py with the study.",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            metavar="NAME",
            help="The training function of FILE.py. Default: train.",
            show_default=False,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            metavar="URL",
            help=f"With MODULE:FUNCTION only: database URL, or a path that ends in .db. Default: {STORAGE_VARIABLE}.",
            show_default=False,
        ),
    ] = None,
    workers: Workers = None,
    trials: MaxTrials = None,
    resource: MaxResource = None,
    minutes: MaxMinutes = None,
    target: Target = None,
    executor: Annotated[
        ExecutorName | None,
        typer.Option(
            "--executor",
            help="Worker processes, or this very process, one job at a time.",
            show_default=False,
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            "--checkpoint-every",
            metavar="N",
            parser=at_least(1),
            help="Save in the middle of a job too, every N units.",
            show_default=False,
        ),
    ] = None,
    patience: Annotated[
        float | None,
        typer.Option(
            "--patience",
            metavar="SECONDS",
            parser=amount,
            help="A worker that reports nothing for so long counts as hanging.",
            show_default=False,
        ),
    ] = None,
    gpus: Annotated[
        str | None,
        typer.Option(
            "--gpus", metavar="N | ID,ID,...", help="How many of the GPUs, or which.", show_default=False
        ),
    ] = None,
    gpus_per_worker: Annotated[
        int | None,
        typer.Option(
            "--gpus-per-worker",
            metavar="N",
            parser=at_least(1),
            help="GPUs of each worker.",
            show_default=False,
        ),
    ] = None,
    threads_per_worker: Annotated[
        int | None,
        typer.Option(
            "--threads-per-worker",
            metavar="N",
            parser=at_least(1),
            help="For NumPy, PyTorch and the like. Default: the cores are shared out.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a study; see `HELP`."""
    settings = RunSettings(
        workers=workers,
        executor=None if executor is None else executor.value,
        checkpoint_every=checkpoint_every,
        patience_s=patience,
        gpus=None if gpus is None else _gpus(gpus),
        gpus_per_worker=gpus_per_worker,
        threads_per_worker=threads_per_worker,
    )
    budget = Budget(trials=trials, resource=resource, minutes=minutes, target=target)
    if what.endswith(".py"):
        recipe = _from_script(Path(what), config, storage, study_object, train)
    else:
        recipe = _from_config(what, config, storage, study_object, train)
    _run(recipe.overridden(settings, budget), is_quiet=quiet or as_json, as_json=as_json)


def _from_script(
    path: Path, config: Path | None, storage: str | None, study_object: str | None, train: str | None
) -> Recipe:
    for flag, value in (("--config", config), ("--storage", storage)):
        if value is not None:
            raise Misuse(f"{flag} goes with MODULE:FUNCTION; {path} makes its study itself. Leave it out.")
    return load_script(path, study_object=study_object, train=train)


def _from_config(
    what: str, config: Path | None, storage: str | None, study_object: str | None, train: str | None
) -> Recipe:
    module, _, function = what.partition(":")
    if not module or not function:
        raise Misuse(f"got {what!r}; expected a file that ends in .py, or module:function with --config.")
    if config is None:
        raise Misuse(f"{what} is a training function only; describe its study with --config FILE.toml.")
    for flag, value in (("--study-object", study_object), ("--train", train)):
        if value is not None:
            raise Misuse(f"{flag} chooses among what a FILE.py holds; with {what} leave it out.")
    return load_config(config, load_function(what), storage=storage, default_storage=default_storage())


def _gpus(text: str) -> int | list[int | str]:
    """`"2"` is how many; `"0,3"` and `"GPU-8f..."` are which."""
    if text.isdecimal():
        return int(text)
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise Misuse(f"--gpus: got {text}; expected how many, as 2, or which, as 0,1 (one alone: 0,).")
    return [int(name) if name.isdecimal() else name for name in names]


def _run(recipe: Recipe, *, is_quiet: bool, as_json: bool) -> None:
    if recipe.train is None:
        raise AssertionError("a recipe to run has a training function")
    with recipe.study as study:
        study.run(recipe.train, budget=recipe.budget, progress=not is_quiet, **recipe.settings.given())
        status = status_of(study)
    answer(status, status_blocks(status), as_json=as_json)
    if status.status != "closed":  # a run that is not interrupted ends by closing the study
        raise typer.Exit(INTERRUPTED)


def _format() -> str:
    """What a TOML file looks like, from the file that reads it; each paragraph under the mark that keeps its lines."""
    _, *paragraphs = (config_file.__doc__ or "").split("\n\n")
    return "\n\n".join(f"\b\n{paragraph}" for paragraph in paragraphs)


HELP = f"""Run a study until its budget is spent, its scheduler is done, or Ctrl-C. Run again, it continues.

\b
  paceline run tune.py                               the file makes one Study and defines train(trial)
  paceline run package.module:train --config s.toml  the TOML file describes the study

Variables `workers` and `budget` of a FILE.py are its defaults; flags win. Its functions reach worker processes by
value: it needs no `if __name__ == "__main__"`, though one does no harm.

The first Ctrl-C lets running jobs end at their next report, the second stops at once; either way the exit code is 130
and the study stays open. A TOML file:

{_format()}
"""
