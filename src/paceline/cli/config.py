"""A study from a TOML file: `paceline run module:function --config study.toml`.

    name = "digits"
    metric = "accuracy"
    direction = "maximize"          # or "minimize", the default
    unit = "epoch"                  # what one unit of resource is, for people
    seed = 1
    storage = "sqlite:///digits.db" # --storage wins; without both, PACELINE_STORAGE
    retries = 2                     # also folder, keep_checkpoints, max_checkpoint_bytes

    [space]                         # as in Python, one hyperparameter a line
    lr = {type = "float", low = 1e-4, high = 0.1, log = true}
    width = {type = "integer", low = 16, high = 512, step = 16}
    optimizer = {type = "categorical", choices = ["sgd", "adam"]}
    momentum = {type = "float", low = 0.0, high = 0.99, when = {optimizer = "sgd"}}
    decay = {type = "ordinal", values = [0.0, 1e-4], when = {width = {above = 64}}}
    layers = {type = "constant", value = 2}

    [scheduler]                     # its class and settings, as in Python: ASHA, Hyperband, BOHB, PBT,
    type = "ASHA"                   # PB2, SuccessiveHalving, FullResource, Replay; or "recommended", whose
                                    # keys are those of the function: max_resource, min_resource, ...
    max_resource = 27
    sampler = {type = "QuasiRandom"} # or Random, the default, Grid, KDE, Trees, ...

    [budget]                        # the first limit that is reached ends the study:
    trials = 100                    # trials, resource, minutes, target
    minutes = 10

    [run]                           # flags win: workers, executor, checkpoint_every,
    workers = 4                     # patience_s, gpus, gpus_per_worker, threads_per_worker

    [[points]]                      # a config to try first; there may be several
    lr = 0.01
    width = 64
    optimizer = "adam"
    layers = 2

All that is wrong with a file is told at once.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import msgspec

from paceline.cli.misuse import Misuse
from paceline.cli.recipe import Recipe, RunSettings
from paceline.errors import PacelineError, SettingError, SpaceError
from paceline.events import Budget, Config
from paceline.recommended import recommended
from paceline.samplers.base import SamplerSettings
from paceline.schedulers.base import SchedulerSettings
from paceline.settings import Settings
from paceline.space import Space
from paceline.space.domains import Categorical, Constant, Domain, Float, Integer, Ordinal
from paceline.space.perturb import Explore
from paceline.space.scalars import suggestion
from paceline.study import Study, TrainingFunction


class RecommendedTable(msgspec.Struct, frozen=True, kw_only=True):
    """`[scheduler]` with type "recommended": the arguments of `recommended`."""

    max_resource: int
    min_resource: int = 1
    resumes: bool = True
    trust_low_resources: bool | None = None
    reduction_factor: int = 3


_KINDS: dict[str, type[Domain]] = {cls.kind: cls for cls in (Float, Integer, Categorical, Ordinal, Constant)}

_Record = TypeVar("_Record", bound=msgspec.Struct)


class ConfigError(PacelineError):
    """A TOML file describes no study.

    Args:
        path: the file.
        problems: all of them, a sentence each.
    """

    def __init__(self, path: Path, problems: list[str]) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path}: {len(problems)} problem{'s' if len(problems) != 1 else ''}\n{lines}")


class StudyTable(msgspec.Struct, frozen=True, kw_only=True):
    """The file's top level; the tables in it are read by themselves."""

    name: str
    space: dict[str, Any]
    scheduler: dict[str, Any]
    metric: str = "loss"
    direction: Literal["minimize", "maximize"] = "minimize"
    unit: str = "unit"
    seed: int | None = None
    storage: str | None = None
    retries: int = 2
    folder: str | None = None
    keep_checkpoints: int | None = None
    max_checkpoint_bytes: int | None = None
    points: list[dict[str, Any]] = []
    budget: dict[str, Any] = {}
    run: dict[str, Any] = {}


def load_config(
    path: Path, train: TrainingFunction | None, *, storage: str | None = None, default_storage: str
) -> Recipe:
    """The study and the settings that a TOML file describes.

    Args:
        path: the file.
        train: the training function, which no file can hold.
        storage: in the place of the file's.
        default_storage: where the file names none.

    Raises:
        ConfigError: the file is wrong; the message lists everything.
        PacelineError: the study cannot be opened.
    """
    if not path.is_file():
        raise Misuse(f"{path}: there is no such file; expected a TOML file that describes a study.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"it is no TOML: {error}"]) from error
    reader = _Reader()
    recipe = reader.recipe(data, train, storage, default_storage)
    if recipe is None:
        raise ConfigError(path, reader.problems)
    return recipe


class _Reader:
    """Reads tables and goes on after a mistake, so that all of them are found."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def recipe(
        self, data: dict[str, Any], train: TrainingFunction | None, storage: str | None, default_storage: str
    ) -> Recipe | None:
        top = self.record(StudyTable, data, "")
        tables = {
            name: value for name, value in data.items() if isinstance(value, dict)
        }  # of others, `top` has told
        space = self.space(tables["space"]) if "space" in tables else None
        scheduler = self.scheduler(tables["scheduler"]) if "scheduler" in tables else None
        budget = self.record(Budget, tables.get("budget", {}), "budget")
        settings = self.record(RunSettings, tables.get("run", {}), "run")
        if space is not None and top is not None:
            self.points(space, top.points)
        if self.problems or top is None or space is None or scheduler is None or settings is None:
            return None
        study = Study(
            top.name,
            space,
            scheduler,
            maximize=top.metric if top.direction == "maximize" else None,
            minimize=top.metric if top.direction == "minimize" else None,
            storage=storage or top.storage or default_storage,
            seed=top.seed,
            unit=top.unit,
            retries=top.retries,
            points=top.points,
            folder=top.folder,
            keep_checkpoints=top.keep_checkpoints,
            max_checkpoint_bytes=top.max_checkpoint_bytes,
        )
        return Recipe(study, train, settings, budget)

    def record(self, kind: type[_Record], table: Mapping[str, object], where: str) -> _Record | None:
        """A table whose keys are a struct's fields."""
        arguments = self.arguments(kind, table, where)
        try:
            return None if arguments is None else kind(**arguments)
        except SettingError as error:
            self.problems.append(f"[{where}] {error}" if where else str(error))
            return None

    def scheduler(self, table: Mapping[str, object]) -> SchedulerSettings | None:
        """The scheduler that a table describes, or that is recommended for what it says."""
        if table.get("type") != "recommended":
            settings: SchedulerSettings | None = self.settings(SchedulerSettings, table, "scheduler")
            return settings
        asked = {name: value for name, value in table.items() if name != "type"}
        question = self.record(RecommendedTable, asked, "scheduler")
        try:
            return None if question is None else recommended(**msgspec.structs.asdict(question)).scheduler
        except SettingError as error:
            self.problems.append(f"[scheduler] {error}")
            return None

    def settings(self, kind: type[Settings], table: object, where: str) -> Any:
        """A table whose `type` names a class of settings; `None` if something is wrong with it."""
        cls = self.kind({cls.__name__: cls for cls in _kinds_of(kind)}, table, where)
        return self.record(cls, table, where) if cls is not None and isinstance(table, Mapping) else None

    def space(self, table: Mapping[str, object]) -> Space | None:
        domains = {name: self.domain(entry, f"space.{name}") for name, entry in table.items()}
        if None in domains.values():
            return None
        try:
            return Space({name: domain for name, domain in domains.items() if domain is not None})
        except SpaceError as error:
            self.problems += [f"[space] {problem}" for problem in error.problems]
            return None

    def domain(self, table: object, where: str) -> Domain | None:
        cls = self.kind(_KINDS, table, where)
        if cls is None or not isinstance(table, Mapping):
            return None
        fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
        required = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
        arguments = {name: value for name, value in table.items() if name != "type"}
        if not self.keys(arguments, fields, required, where):
            return None
        try:
            domain: Domain = cls(**arguments)
        except SpaceError as error:
            self.problems += [f"[{where}] {problem}" for problem in error.problems]
            return None
        return domain

    def points(self, space: Space, points: list[Config]) -> None:
        for i, point in enumerate(points):
            try:
                space.validate(point)
            except SpaceError as error:
                self.problems += [f"[[points]] number {i + 1}: {problem}" for problem in error.problems]

    def kind(self, kinds: Mapping[str, type[Any]], table: object, where: str) -> type[Any] | None:
        """The class that a table's `type` names."""
        if not isinstance(table, Mapping):
            self.problems.append(f"{where} = {table!r}: expected a table with a type")
            return None
        name = table.get("type")
        if isinstance(name, str) and name in kinds:
            return kinds[name]
        meant = suggestion(name, kinds)
        expected = f"is unknown{meant}" if meant else f"expected one of {', '.join(sorted(kinds))}"
        self.problems.append(
            f"[{where}] "
            + ("type is missing: " if name is None else f"type = {name!r}{' ' if meant else ': '}")
            + expected
        )
        return None

    def arguments(
        self, kind: type[msgspec.Struct], table: Mapping[str, object], where: str
    ) -> dict[str, Any] | None:
        """A table's values, each in its field's type; `None` if anything is wrong."""
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        required = [name for name, field in fields.items() if field.required]
        given = {
            name: value for name, value in table.items() if name != "type" or not issubclass(kind, Settings)
        }
        is_right = self.keys(given, fields, required, where)
        values: dict[str, Any] = {}
        for name in given.keys() & fields.keys():
            value = self.value(fields[name].type, given[name], f"{where}.{name}" if where else name)
            values[name] = value
            is_right = is_right and value is not None
        return values if is_right else None

    def value(self, kind: Any, value: object, where: str) -> Any:
        if isinstance(kind, type) and issubclass(kind, SamplerSettings):
            return self.settings(SamplerSettings, value, where)
        if Explore in get_args(kind):
            return self.settings(Explore, value, where)
        if kind == tuple[SamplerSettings, ...] and isinstance(value, list):
            members = [self.settings(SamplerSettings, it, f"{where}[{i}]") for i, it in enumerate(value)]
            return None if None in members else tuple(members)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            expected = str(error).replace(" | null", "").replace("Expected", "expected")  # TOML knows no null
            self.problems.append(f"{where} = {value!r}: {expected}")
            return None

    def keys(self, given: Mapping[str, Any], known: Iterable[str], required: list[str], where: str) -> bool:
        """Whether all keys are known and none is missing."""
        known = list(known)
        place = f"[{where}] " if where else ""
        wrong = [
            f"{place}{name!r} is unknown{suggestion(name, known)}" for name in given if name not in known
        ]
        wrong += [f"{place}{name} is missing" for name in required if name not in given]
        self.problems += wrong
        return not wrong


def _kinds_of(kind: type[Settings]) -> Iterator[type[Settings]]:
    """Those that are imported, the user's own included."""
    for sub in kind.__subclasses__():
        if not sub.is_internal:
            yield sub
        yield from _kinds_of(sub)
