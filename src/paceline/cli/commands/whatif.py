"""`paceline whatif`: what another method, another η, more workers would have done on a recorded study."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import msgspec
import typer

from paceline.cli.misuse import Misuse
from paceline.cli.options import (
    DEFAULT_STORAGE,
    AsJson,
    MaxMinutes,
    MaxResource,
    MaxTrials,
    StorageUrl,
    StudyName,
    at_least,
    finite,
)
from paceline.cli.output import Block, Cell, Note, Table, answer
from paceline.cli.studies import loaded
from paceline.events import Budget
from paceline.samplers.random import Random
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.study import Study
from paceline.whatif import Answer, Range, WhatIf, whatif
from paceline.wording import count, number

Make = Callable[..., SchedulerSettings]

METHODS: Mapping[str, Make] = MappingProxyType(
    {
        "asha": ASHA,
        "asha-stop": lambda **settings: ASHA(variant="stop", **settings),
        "sha": lambda **settings: SuccessiveHalving(brackets=None, **settings),
        "hyperband": lambda **settings: Hyperband(sweeps=None, **settings),
        "random": FullResource,
    }
)
"""What --scheduler takes. Brackets follow each other until the configs or the budget end."""

ALIASES = MappingProxyType({"successive-halving": "sha", "full-resource": "random"})

REFUSED = MappingProxyType(
    {
        "bohb": "its model chooses configs, and those of a record are fixed; ask for hyperband",
        "pbt": "what a fork's curve would have been is in no recorded curve",
        "pb2": "what a fork's curve would have been is in no recorded curve",
        "replay": "it trains fresh models with a schedule, which no recorded curve shows",
    }
)
"""Methods that a record says nothing of, and why."""

HEADER = (
    "method",
    "workers",
    "seconds",
    "trained",
    "trials",
    "at R",
    "best",
    "to target, seconds",
    "to target, trained",
    "extrapolated",
    "guessed promotions",
    "guessed best",
)


def schedulers(text: str) -> tuple[str, ...]:
    """A reader of names of methods.

    Raises:
        typer.BadParameter: one of them is unknown, or cannot be replayed.
    """
    names = tuple(ALIASES.get(name, name) for name in _items(text.lower()))
    known = ", ".join(METHODS)
    for name in names:
        if name in REFUSED:
            raise typer.BadParameter(f"got {name}: {REFUSED[name]}. Expected some of {known}.")
        if name not in METHODS:
            near = difflib.get_close_matches(name, [*METHODS, *ALIASES], n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise typer.BadParameter(f"got {name!r}; expected some of {known}, separated by commas.{meant}")
    return names


def whole_numbers(least: int) -> Callable[[str], tuple[int, ...]]:
    """A reader of lists of whole numbers, separated by commas."""
    one = at_least(least)

    def numbers(text: str) -> tuple[int, ...]:
        try:
            return tuple(map(one, _items(text)))
        except typer.BadParameter:
            raise typer.BadParameter(
                f"got {text!r}; expected whole numbers of at least {least}, separated by commas, such as "
                f"{least},{least + 1}."
            ) from None

    return numbers


def _items(text: str) -> list[str]:
    return list(dict.fromkeys(item.strip() for item in text.split(",")))


def what_if(
    study: StudyName = None,
    *,
    scheduler: Annotated[
        Any,
        typer.Option(
            "--scheduler",
            metavar="NAME,...",
            parser=schedulers,
            help=f"Methods: {', '.join(METHODS)}. Default: that of the study.",
            show_default=False,
        ),
    ] = None,
    reduction_factor: Annotated[
        Any,
        typer.Option(
            "--reduction-factor",
            metavar="N,...",
            parser=whole_numbers(2),
            help="η of each method that has one. Default: that of the study, else 3.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        Any,
        typer.Option(
            "--workers",
            metavar="N,...",
            parser=whole_numbers(1),
            help="Jobs that run at once. Default: as recorded.",
            show_default=False,
        ),
    ] = None,
    min_resource: Annotated[
        int | None,
        typer.Option(
            "--min-resource",
            metavar="N",
            parser=at_least(1),
            help="The lowest rung. Default: that of the study, else the lowest with a result.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            parser=at_least(1),
            help="Orders of the configs: the recorded one, and permutations.",
        ),
    ] = 1,
    trials: MaxTrials = None,
    resource: MaxResource = None,
    minutes: MaxMinutes = None,
    target: Annotated[
        float | None,
        typer.Option(
            "--target",
            metavar="X",
            parser=finite,
            help="The value whose time is told. Default: the study's own best.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool | None,
        typer.Option(
            "--resume/--no-resume",
            help="Whether training goes on from checkpoints. Default: as recorded.",
            show_default=False,
        ),
    ] = None,
    storage: StorageUrl = DEFAULT_STORAGE,
    as_json: AsJson = False,
) -> None:
    """Tell what another method would have done on a recorded study.

    Its learning curves are replayed in virtual time; what was not recorded is extrapolated, and the share of that is
    shown. Nothing is trained or written.
    """
    budget = Budget(trials=trials, resource=resource, minutes=minutes)
    with loaded(storage, study) as found:
        methods = _methods(found, scheduler, reduction_factor, min_resource)
        answers = whatif(
            found,
            methods,
            workers=workers,
            seeds=seeds,
            budget=None if budget.is_unlimited else budget,
            target=target,
            resume=resume,
        )
    answer(_document(answers), _blocks(answers), as_json=as_json)


def _methods(
    study: Study, names: Sequence[str] | None, factors: Sequence[int] | None, min_resource: int | None
) -> list[SchedulerSettings]:
    """The methods that the options name, with the resources of the study."""
    reached = [report.resource for report in study.reports()]
    if not reached:
        return []  # the study is refused, whatever was asked for
    recorded = study.settings
    top = getattr(recorded, "max_resource", None)
    top = max(reached) if top is None else min(top, max(reached))
    if names is None:
        return _variants(recorded, factors, top, min_resource)
    lowest = getattr(recorded, "min_resource", min(reached)) if min_resource is None else min_resource
    default = getattr(recorded, "reduction_factor", 3)
    found: list[SchedulerSettings] = []
    for name in names:
        if name == "random":
            found.append(FullResource(max_resource=top))
        else:
            found += [
                METHODS[name](reduction_factor=factor, max_resource=top, min_resource=lowest)
                for factor in factors or (default,)
            ]
    return found


def _variants(
    recorded: SchedulerSettings, factors: Sequence[int] | None, top: int, min_resource: int | None
) -> list[SchedulerSettings]:
    """The recorded method itself, without its model if it has one, with other factors and lowest rungs."""
    asked = {"--reduction-factor": factors, "--min-resource": min_resource}
    for option, value in asked.items():
        if value is not None and not hasattr(recorded, option.strip("-").replace("-", "_")):
            kind = type(recorded).__name__
            raise Misuse(f"{kind}, the method of the study, has no {option}; name a --scheduler.")
    common: dict[str, Any] = {"max_resource": top, "sampler": Random()}
    if min_resource is not None:
        common["min_resource"] = min_resource
    changes = [{**common, "reduction_factor": factor} for factor in factors] if factors else [common]
    return [msgspec.structs.replace(recorded, **change) for change in changes]


def _document(found: WhatIf) -> dict[str, Any]:
    return {
        "study": found.study,
        "metric": found.objective.metric,
        "direction": "maximize" if found.objective.maximize else "minimize",
        "unit": found.unit,
        "max_resource": found.max_resource,
        "target": found.target,
        "pool": found.pool,
        "recorded": _entry(found.recorded),
        "as_recorded_simulated": _entry(found.check),
        "answers": [_entry(one) for one in found.answers],
        "notes": found.notes,
    }


def _entry(one: Answer) -> dict[str, Any]:
    return {
        "method": one.method,
        "workers": one.workers,
        "scheduler": one.scheduler,
        "elapsed_s": one.elapsed_s,
        "resource": one.resource,
        "best": one.best,
        "target_s": one.target_s,
        "target_resource": one.target_resource,
        "extrapolated": one.extrapolated,
        "guessed_promotions": one.guessed_promotions,
        "guessed_best": one.guessed_best,
        "outcomes": one.outcomes,
    }


def _blocks(found: WhatIf) -> list[Block]:
    rows = [_row(one) for one in (found.recorded, found.check, *found.answers)]
    target = "none" if found.target is None else number(found.target)
    n_orders = max((len(one.outcomes) for one in found.answers), default=1)
    orders = "in the recorded order" if n_orders == 1 else f"in {n_orders} orders: median (10 % to 90 %)"
    head = (
        f"{found.study}: {count(found.pool, 'recorded config')}, {orders}. R is {found.max_resource} "
        f"{found.unit}s; the target is {found.objective.metric} {target}."
    )
    return [Note(head), Table(HEADER, rows), Note(_difference(found)), *map(Note, found.notes)]


def _row(one: Answer) -> tuple[Cell, ...]:
    return (
        one.method,
        one.workers,
        _range(one.elapsed_s),
        _range(one.resource),
        one.outcomes[0].trials,
        one.outcomes[0].fully_trained,
        _range(one.best),
        _range(one.target_s),
        _range(one.target_resource),
        _percent(one.extrapolated),
        _percent(one.guessed_promotions),
        _percent(one.guessed_best),
    )


def _range(value: Range) -> Cell:
    """The median, with the interval where it has one: `12 (10 to 14)`."""
    if value.median == value.low == value.high:
        return value.median
    return "{} ({} to {})".format(
        *("-" if end is None else number(end) for end in (value.median, value.low, value.high))
    )


def _percent(share: float) -> str:
    """Rounded up from nothing: what is extrapolated must not look like 0."""
    return "0 %" if share == 0 else f"{max(1, round(share * 100))} %"


def _difference(found: WhatIf) -> str:
    """How far the machine is from the truth where the truth is known."""
    real, simulated = found.recorded.outcomes[0], found.check.outcomes[0]
    best = "the same best value" if real.best == simulated.best else "another best value"
    return (
        f"The recorded method, simulated, takes {_relative(simulated.elapsed_s, real.elapsed_s)} the time and "
        f"{_relative(simulated.resource, real.resource)} the units of the record, and finds {best}."
    )


def _relative(one: float, other: float) -> str:
    return f"{one / other:.0%} of" if other else "as much as"
