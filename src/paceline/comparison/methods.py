"""What is compared: a name, and the settings that it stands for on a benchmark.

All methods get the benchmark's space, its lowest and highest resource, and whether training resumes; what else they are
set to are the library's defaults, which are the papers'. None is tuned for a benchmark.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from paceline.benchmarks import Benchmark
from paceline.comparison.peers import PEERS, PeerSettings
from paceline.errors import SchemaError, SettingError
from paceline.executors.simulated import StatefulTraining
from paceline.recommended import recommended
from paceline.samplers.kde import KDE, TPE
from paceline.samplers.quasirandom import QuasiRandom
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.bohb import BOHB
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pbt import PBT
from paceline.schedulers.rungs import n_halvings
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.settings import Settings
from paceline.space.scalars import suggestion

AnySettings = SchedulerSettings | PeerSettings
Make = Callable[[Benchmark], AnySettings]

SHARED = ("max_resource", "resume")
"""Settings that the benchmark decides, the same for all methods."""


class Method(msgspec.Struct, frozen=True):
    """A contestant.

    Args:
        name: in the table and on the page.
        make: its settings for a benchmark.
        workers_factor: how many times the workers of the others it gets; 2 for the baseline "random-2x".
        stream: methods of one stream share their random numbers seed by seed, so that their runs are pairs; another one
            makes the same seeds mean other runs.
        varied: `(setting, value)` if this is a variant of another method for a study of sensitivity.
        base: the name of that other method.
    """

    name: str
    make: Make
    workers_factor: int = 1
    stream: int = 0
    varied: tuple[str, str] | None = None
    base: str = ""


def _climbing(kind: type[ASHA | Hyperband | SuccessiveHalving], **settings: Any) -> Make:
    """For schedulers that judge at low resources."""
    return lambda benchmark: kind(
        max_resource=benchmark.max_resource,
        min_resource=benchmark.min_resource,
        resume=benchmark.resumes,
        **settings,
    )


def _full(**settings: Any) -> Make:
    return lambda benchmark: FullResource(max_resource=benchmark.max_resource, **settings)


def _quasirandom(benchmark: Benchmark) -> SchedulerSettings:
    return FullResource(
        max_resource=benchmark.max_resource, sampler=QuasiRandom()
    )  # it needs SciPy when it is made


def _recommended(benchmark: Benchmark) -> SchedulerSettings:
    return recommended(
        max_resource=benchmark.max_resource, min_resource=benchmark.min_resource, resumes=benchmark.resumes
    ).scheduler


def _all_brackets(benchmark: Benchmark) -> SchedulerSettings:
    return ASHA(
        max_resource=benchmark.max_resource,
        min_resource=benchmark.min_resource,
        resume=benchmark.resumes,
        brackets=1 + n_halvings(benchmark.min_resource, benchmark.max_resource, 3),
    )


def _population(benchmark: Benchmark) -> SchedulerSettings:
    """PBT, whose members are compared as often as a loss says something.

    Raises:
        SettingError: the benchmark does not really train.
    """
    if not isinstance(benchmark, StatefulTraining):
        raise SettingError(
            "benchmark",
            benchmark.name,
            expected="one that really trains, such as 'pbt_toy/200', for the method 'pbt'",
            hint="What a member reports depends on the weights that it copied, and curves know nothing of those.",
        )
    return PBT(max_resource=benchmark.max_resource, interval=benchmark.min_resource)


_OURS: Mapping[str, Make] = {
    "random": _full(),
    "random-2x": _full(),
    "quasirandom": _quasirandom,
    "tpe": _full(sampler=TPE()),
    "sha": _climbing(SuccessiveHalving, brackets=None),
    "asha": _climbing(ASHA),
    "asha-stop": _climbing(ASHA, variant="stop"),
    "asha-delay": _climbing(ASHA, delay=True),
    "asha-hedged": _climbing(ASHA, hedge=0.1),
    "asha-kde": _climbing(ASHA, sampler=KDE()),
    "async-hyperband": _all_brackets,
    "hyperband": _climbing(Hyperband, sweeps=None),
    "bohb": _climbing(BOHB),
    "recommended": _recommended,
    "pbt": _population,
}

METHODS: Mapping[str, Method] = {
    **{
        name: Method(name, make, workers_factor=2 if name == "random-2x" else 1)
        for name, make in _OURS.items()
    },
    **{name: Method(name, lambda _, peer=peer: peer) for name, peer in PEERS.items()},  # type: ignore[misc]
}
"""By name: ours, and the peers': their libraries are missed when one is made, not before."""


def method(text: str) -> Method:
    """A method from what a command line says: `asha`, or `asha:reduction_factor=4,sampler=KDE`.

    Raises:
        SettingError: there is no such method or setting.
    """
    name, _, rest = text.partition(":")
    if name not in METHODS:
        raise SettingError(
            "method",
            name,
            expected=f"one of {', '.join(METHODS)}{suggestion(name, METHODS)}",
        )
    if not rest:
        return METHODS[name]
    return with_settings(METHODS[name], text, [_assignment(part, "method") for part in _split(rest)])


def with_settings(base: Method, name: str, changes: Sequence[tuple[str, object]]) -> Method:
    """The same method with some of its own settings changed, which are checked when it is made for a benchmark."""
    for path, _ in changes:
        if path in SHARED:
            raise SettingError(
                path,
                name,
                expected="a setting of the method's own: this one the benchmark decides, for all methods alike",
            )
    return msgspec.structs.replace(
        base, name=name, make=lambda benchmark: changed(base.make(benchmark), changes, name)
    )


def variants(
    methods: Iterable[Method], varied: Mapping[str, Sequence[str]], benchmark: Benchmark
) -> list[Method]:
    """The methods, each followed by its variants: one setting at a time, all others as they are.

    Args:
        methods: those to vary; one that does not have a setting is not varied by it.
        varied: values, as text, by setting, such as `{"reduction_factor": ["2", "3", "4"]}`; a sampler's own settings are
            `sampler.NAME`.
        benchmark: any of those that are compared on, to see which settings a method has.

    Raises:
        SettingError: no method has a setting of this name.
    """
    methods = list(methods)
    settings = [one.make(benchmark) for one in methods]
    for path in varied:
        if not any(has_setting(it, path) for it in settings):
            known = sorted({field for it in settings for field in it.__struct_fields__} - {*SHARED})
            raise SettingError(
                "vary",
                path,
                expected=f"a setting that one of the methods has{suggestion(path, known)}: {', '.join(known)}",
            )
    found: list[Method] = []
    for one, its in zip(methods, settings, strict=True):
        found.append(one)
        for path, values in varied.items():
            if has_setting(its, path):
                found += [_variant(one, path, value) for value in values]
    return found


def _variant(one: Method, path: str, value: str) -> Method:
    variant = with_settings(one, f"{one.name} {path}={value}", [(path, _value(value))])
    return msgspec.structs.replace(variant, varied=(path, value), base=one.name)


def has_setting(settings: AnySettings, path: str) -> bool:
    """Whether there is a setting of this name; `sampler.NAME` is one of the sampler's."""
    record: object = settings
    for part in path.split("."):
        if not isinstance(record, msgspec.Struct) or part not in record.__struct_fields__:
            return False
        record = getattr(record, part)
    return True


def changed(settings: AnySettings, changes: Iterable[tuple[str, object]], where: str) -> AnySettings:
    """Settings with some fields replaced, and validated.

    Raises:
        SettingError: there is no such setting, or its value is wrong.
    """
    data = settings.to_json()
    for path, value in changes:
        if not has_setting(settings, path):
            known = [field for field in settings.__struct_fields__ if field not in SHARED]
            raise SettingError(
                "setting",
                path,
                expected=f"one of {type(settings).__name__}'s settings ({', '.join(known)}), in {where!r}",
            )
        record = data
        *parents, last = path.split(".")
        for parent in parents:
            record = record[parent]
        is_record = isinstance(getattr(settings, last, None), Settings) and isinstance(value, str)
        record[last] = {"type": value} if is_record else value
    kind = PeerSettings if isinstance(settings, PeerSettings) else SchedulerSettings
    try:
        made: AnySettings = kind.from_json(data)
    except SchemaError as error:
        if isinstance(error.__cause__, SettingError):
            raise error.__cause__ from None
        raise SettingError("setting", where, expected="values of the right types", hint=f"{error}") from error
    return made


def assignment(text: str, option: str) -> tuple[str, list[str]]:
    """`NAME=VALUE,VALUE` of a command line.

    Raises:
        SettingError: it is something else.
    """
    name, equals, values = text.partition("=")
    if not (name and equals and all(values.split(","))):
        raise SettingError(option, text, expected="NAME=VALUE,VALUE,..., such as reduction_factor=2,3,4")
    return name, values.split(",")


def _assignment(text: str, option: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise SettingError(option, text, expected="NAME=VALUE, such as reduction_factor=4")
    return name, _value(value)


def _split(text: str) -> list[str]:
    return text.split(",")


def _value(text: str) -> object:
    """A number, true, false or null where it is one, and else the word."""
    try:
        return json.loads(text)
    except ValueError:
        return text
