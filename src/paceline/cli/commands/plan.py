"""`paceline plan`: what a study will take, before it starts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from paceline.cli.config import load_config
from paceline.cli.misuse import Misuse
from paceline.cli.options import (
    AsJson,
    MaxMinutes,
    MaxResource,
    MaxTrials,
    Workers,
    amount,
    at_least,
    default_storage,
)
from paceline.cli.output import Block, Facts, Table, answer
from paceline.cli.recipe import Recipe, RunSettings
from paceline.cli.script import load_script
from paceline.errors import SettingError
from paceline.events import Budget
from paceline.forecast import Forecast, forecast
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.space import Space
from paceline.space.domains import Float
from paceline.wording import count, duration


class SchedulerName(StrEnum):
    """The schedulers, as a command line writes them."""

    ASHA = "asha"
    HYPERBAND = "hyperband"
    SUCCESSIVE_HALVING = "successive-halving"
    FULL_RESOURCE = "full-resource"


_SCHEDULERS: dict[SchedulerName, type[SchedulerSettings]] = {
    SchedulerName.ASHA: ASHA,
    SchedulerName.HYPERBAND: Hyperband,
    SchedulerName.SUCCESSIVE_HALVING: SuccessiveHalving,
    SchedulerName.FULL_RESOURCE: FullResource,
}


def plan(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE.py | FILE.toml]", help="The study to plan for; flags win.", show_default=False
        ),
    ] = None,
    *,
    scheduler: Annotated[
        SchedulerName | None, typer.Option("--scheduler", help="Instead of a file.", show_default=False)
    ] = None,
    max_resource: Annotated[
        int | None,
        typer.Option(
            "--max-resource", metavar="N", parser=at_least(1), help="Of --scheduler.", show_default=False
        ),
    ] = None,
    min_resource: Annotated[
        int | None,
        typer.Option(
            "--min-resource", metavar="N", parser=at_least(1), help="Of --scheduler.", show_default=False
        ),
    ] = None,
    reduction_factor: Annotated[
        int | None,
        typer.Option(
            "--reduction-factor",
            metavar="N",
            parser=at_least(2),
            help="Of --scheduler.",
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
    workers: Workers = None,
    trials: MaxTrials = None,
    resource: MaxResource = None,
    minutes: MaxMinutes = None,
    seconds_per_unit: Annotated[
        float | None,
        typer.Option(
            "--seconds-per-unit",
            metavar="X",
            parser=amount,
            help="How long a unit of resource trains. Default: as measured, if the study has run.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", parser=at_least(0), help="Of the made-up losses.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Forecast what a study will take.

    Trials in each rung, jobs, units, time, and when the first config is fully trained. Nothing is trained or written.
    """
    settings = {
        "max_resource": max_resource,
        "min_resource": min_resource,
        "reduction_factor": reduction_factor,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    budget = Budget(trials=trials, resource=resource, minutes=minutes)
    if file is None:
        expected = forecast(
            _scheduler(scheduler, given),
            Space({"any": Float(0.0, 1.0)}),
            workers=workers or 1,
            budget=budget,
            seconds_per_unit=seconds_per_unit,
            seed=seed,
        )
    else:
        if scheduler is not None or given:
            raise Misuse(f"{file} chooses the scheduler; leave --scheduler and its settings out.")
        recipe = _recipe(file, study_object).overridden(RunSettings(workers=workers), budget)
        expected = _of_recipe(recipe, seconds_per_unit, seed)
    if expected is None:
        raise SettingError(
            "budget",
            None,
            expected="a limit, because the scheduler goes on for ever by itself",
            hint="Give --trials or --resource; or --minutes together with --seconds-per-unit.",
        )
    answer(_document(expected), _blocks(expected), as_json=as_json)


def _scheduler(name: SchedulerName | None, given: dict[str, Any]) -> SchedulerSettings:
    if name is None:
        known = ", ".join(SchedulerName)
        raise Misuse(f"name a FILE.py or FILE.toml, or a --scheduler: {known}.")
    kind = _SCHEDULERS[name]
    unknown = [flag for flag in given if flag not in kind.__struct_fields__]
    if unknown:
        flags = ", ".join("--" + flag.replace("_", "-") for flag in unknown)
        raise Misuse(f"{name.value} has no {flags}; leave it out.")
    if "max_resource" not in given:
        raise Misuse(f"{name.value} needs --max-resource, what the best configs are trained to.")
    return kind(**given)


def _recipe(file: Path, study_object: str | None) -> Recipe:
    if file.suffix == ".toml":
        if study_object is not None:
            raise Misuse(f"--study-object chooses among what a FILE.py holds; with {file} leave it out.")
        return load_config(file, None, default_storage=default_storage())
    return load_script(file, study_object=study_object, is_to_run=False)


def _of_recipe(recipe: Recipe, seconds_per_unit: float | None, seed: int) -> Forecast | None:
    with recipe.study as study:
        spent = study.spent
        measured = spent.training_s / spent.resource if spent.resource and spent.training_s else None
        return forecast(
            study.settings,
            study.space,
            workers=recipe.settings.workers or 1,
            budget=recipe.budget or study.ledger.budget,
            seconds_per_unit=measured if seconds_per_unit is None else seconds_per_unit,
            unit=study.unit,
            seed=seed,
        )


def _document(expected: Forecast) -> dict[str, Any]:
    return {
        "rungs": [{"resource": resource, "trials": n} for resource, n in expected.rungs],
        "trials": expected.trials,
        "jobs": expected.jobs,
        "resource": expected.resource,
        "unit": expected.unit,
        "wall_units": expected.wall_units,
        "first_full_units": expected.first_full_units,
        "seconds_per_unit": expected.seconds_per_unit,
        "wall_s": expected.wall_s,
        "first_full_s": expected.first_full_s,
        "is_cut": expected.is_cut,
    }


def _blocks(expected: Forecast) -> list[Block]:
    at_least_ = "at least " if expected.is_cut else ""
    facts = [
        ("trials", f"{at_least_}{expected.trials}"),
        ("jobs", f"{at_least_}{expected.jobs}"),
        ("trained", at_least_ + count(expected.resource, expected.unit)),
        ("time", at_least_ + _time(expected.wall_units, expected.wall_s, expected.unit)),
    ]
    if expected.first_full_units is not None:
        first = _time(expected.first_full_units, expected.first_full_s, expected.unit)
        facts.append(("first fully trained", f"after {first}"))
    return [Table((expected.unit, "trials"), expected.rungs, title="Trials trained to"), Facts(facts)]


def _time(units: float, seconds: float | None, unit: str) -> str:
    """How long a worker would train so many units, where nobody knows how long one takes."""
    return f"that of {units:.0f} {unit}s" if seconds is None else duration(seconds)
