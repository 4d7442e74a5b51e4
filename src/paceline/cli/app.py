"""`paceline`: the commands, and what becomes of errors.

Exit codes: 0 fine; 1 an error that Paceline raises on purpose, or a `replay` that differs; 2 the command line is wrong;
130 interrupted; 141 whoever read the output has closed the pipe. With --json an error is a JSON document on stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

import paceline
from paceline.cli.commands.best import best
from paceline.cli.commands.compare import compare
from paceline.cli.commands.delete import delete
from paceline.cli.commands.du import du
from paceline.cli.commands.explain import explain
from paceline.cli.commands.export import export
from paceline.cli.commands.importance import importance
from paceline.cli.commands.lineage import lineage
from paceline.cli.commands.list import list_studies
from paceline.cli.commands.picture import picture
from paceline.cli.commands.plan import plan
from paceline.cli.commands.replay import replay
from paceline.cli.commands.report import report
from paceline.cli.commands.run import HELP, INTERRUPTED, run
from paceline.cli.commands.schedule import schedule
from paceline.cli.commands.status import status
from paceline.cli.commands.tables import tables
from paceline.cli.commands.trials import trials
from paceline.cli.commands.whatif import what_if
from paceline.cli.misuse import Misuse, UsageError
from paceline.cli.script import put_first
from paceline.errors import PacelineError

BROKEN_PIPE = 141

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command("run", help=HELP, short_help="Run a study, or go on with it.")(run)
app.command("list")(list_studies)
app.command("status")(status)
app.command("best")(best)
app.command("trials")(trials)
app.command("importance")(importance)
app.command("lineage")(lineage)
app.command("schedule")(schedule)
app.command("report")(report)
app.command("picture")(picture)
app.command("explain")(explain)
app.command("replay")(replay)
app.command("export")(export)
app.command("delete")(delete)
app.command("du")(du)
app.command("plan")(plan)
app.command("compare")(compare)
app.command("tables")(tables)
app.command("whatif")(what_if)


@app.callback(invoke_without_command=True)
def paceline_command(
    context: typer.Context,
    modules: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            metavar="MODULE",
            help="Import it first: for schedulers and samplers of your own.",
            show_default=False,
        ),
    ] = None,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Tune expensive training runs with asynchronous, parallel, multi-fidelity search."""
    if version:
        typer.echo(f"paceline {paceline.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit
    for module in modules or ():
        _import(module)


def _import(module: str) -> None:
    put_first(Path.cwd())
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise Misuse(f"--import {module}: {error}. Expected a module beside you or installed.") from error


def main() -> None:
    """Run the command line of this process, and exit."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    as_json = "--json" in arguments
    try:
        code = _invoked(arguments)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        return _failed("Interrupted", "interrupted", INTERRUPTED, as_json=as_json)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # closing it at exit must not fail again
        return BROKEN_PIPE
    except PacelineError as error:
        return _failed(type(error).__name__, str(error), 1, as_json=as_json)
    except UsageError as error:
        return _failed("UsageError", _usage(error), 2, as_json=as_json)
    return code


def _invoked(arguments: Sequence[str]) -> int:
    """What `app()` does, without its own idea of what errors look like."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("paceline", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    return 0


def _usage(error: BaseException) -> str:
    message = str(getattr(error, "format_message", lambda: error)())
    if getattr(error, "option_name", None) == "--budget":
        message += " Give its limits by name: --trials, --resource, --minutes, --target."
    context = getattr(error, "ctx", None)
    path = "paceline" if context is None else context.command_path
    return f"{message} See: {path} --help"


def _failed(kind: str, message: str, code: int, *, as_json: bool) -> int:
    text = json.dumps({"error": {"type": kind, "message": message}}) if as_json else f"paceline: {message}"
    sys.stderr.write(f"{text}\n")
    return code
