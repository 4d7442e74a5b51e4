"""All cells, on all cores, none twice: what was measured before, or by a comparison that was killed, is taken up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from paceline.benchmarks import Benchmark, benchmark, names
from paceline.comparison.cache import Cache, default_folder
from paceline.comparison.cells import Cell, Terms
from paceline.comparison.measuring import measure
from paceline.comparison.methods import AnySettings, Method, method, variants
from paceline.comparison.peers import PeerSettings
from paceline.comparison.results import Comparison, Contestant, Group, Problem
from paceline.comparison.traces import Trace
from paceline.errors import SettingError
from paceline.settings import at_least

Progress = Callable[[int, int, int], None]
"""Is told how many runs are there, how many of these were there before, and how many there will be."""


class Source(msgspec.Struct, frozen=True):
    """Where another process has a benchmark from.

    Args:
        name: of a benchmark that a name is enough for ...
        folder: ... with the folder of data, if it needs one.
        own: the user's own.
    """

    name: str
    folder: str | None = None
    own: Any = None

    def open(self) -> Benchmark:
        """The benchmark."""
        if self.own is None:
            return _opened(self.name, self.folder)
        found: Benchmark = self.own
        return found


@lru_cache(maxsize=64)
def _opened(name: str, folder: str | None) -> Benchmark:
    return benchmark(name, folder)


def compare(
    methods: Iterable[str | Method],
    benchmarks: Iterable[str | Benchmark],
    *,
    seeds: int | Sequence[int] = 20,
    workers: int | Sequence[int] = 8,
    budget: float = 30.0,
    straggler_sd: float = 0.0,
    vary: Mapping[str, Sequence[str]] | None = None,
    data: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    processes: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Run every method on every benchmark with every seed, in virtual time.

    Args:
        methods: names in `METHODS`, with settings if need be (`"asha:reduction_factor=4"`), or your own.
        benchmarks: names or patterns (`"lcbench/*"`), or your own, which must be picklable.
        seeds: how many, from 0, or a list; the same for all methods.
        workers: that run at once; several numbers are several groups.
        budget: virtual time, as full trainings' worth of worker time.
        straggler_sd: σ of the factor 1 + |N(0, σ²)| by which jobs take longer.
        vary: values by setting, for a study of sensitivity: see `variants`.
        data: the folder of data; by default what the variable `PACELINE_DATA` names.
        cache: the folder where results are kept; by default the user's own.
        processes: cores; all by default. 1 measures in this process.
        progress: is told how far it is.

    Raises:
        SettingError: a setting is wrong, or a library that a method needs is not installed. Nothing has run then.
    """
    folder = None if data is None else str(data)
    sources = _distinct("benchmarks", [source for it in benchmarks for source in _sources(it, folder)])
    entrants = _distinct("methods", [it if isinstance(it, Method) else method(it) for it in methods])
    seed_list = _seeds(seeds)
    terms = [_terms(n, budget, straggler_sd) for n in ([workers] if isinstance(workers, int) else workers)]
    if vary:
        entrants = _distinct("methods", variants(entrants, vary, sources[0].open()))
    if processes is not None:
        at_least("processes", processes, 1)
    cells = _cells(entrants, sources, terms, seed_list)
    kept = Cache(default_folder() if cache is None else Path(cache))
    traces, n_cached = _collected(cells, kept, processes or os.cpu_count() or 1, progress)
    problems = [_problem(source.open()) for source in sources]
    contestants = [_contestant(it, sources) for it in entrants]
    groups = [
        Group(
            its,
            problems,
            contestants,
            seed_list,
            {
                (source.name, entrant.name): [
                    traces[its, entrant.name, source.name, seed] for seed in seed_list
                ]
                for source, entrant in product(sources, entrants)
            },
        )
        for its in terms
    ]
    return Comparison(groups, len(cells) - n_cached, n_cached)


# What is asked for ---------------------------------------------------------------------------------------------------


def _sources(it: str | Benchmark, folder: str | None) -> list[Source]:
    if isinstance(it, Benchmark):
        return [Source(it.name, own=it)]
    return [Source(name, folder) for name in names(it, folder)]


def _distinct(what: str, found: list[Any]) -> list[Any]:
    """Without what was named twice; refuses two of one name, and none at all."""
    if not found:
        raise SettingError(what, [], expected="at least one")
    by_name: dict[str, Any] = {}
    for it in found:
        known = by_name.setdefault(it.name, it)
        if known is not it and known != it:
            raise SettingError(what, it.name, expected="another name: two of them have this one")
    return list(by_name.values())


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if isinstance(seeds, int):
        at_least("seeds", seeds, 2)
        return list(range(seeds))
    if len(set(seeds)) != len(seeds) or len(seeds) < 2:
        raise SettingError("seeds", list(seeds), expected="at least two, each once")
    for seed in seeds:
        at_least("seeds", seed, 0)
    return list(seeds)


def _terms(workers: int, budget: float, straggler_sd: float) -> Terms:
    at_least("workers", workers, 1)
    if not 0 < budget < float("inf"):
        raise SettingError("budget", budget, expected="a number above 0, of full trainings")
    if not 0 <= straggler_sd < float("inf"):
        raise SettingError("straggler_sd", straggler_sd, expected="a number of at least 0")
    return Terms(workers, float(budget), float(straggler_sd))


def _cells(
    entrants: Sequence[Method], sources: Sequence[Source], terms: Sequence[Terms], seeds: Sequence[int]
) -> list[tuple[Cell, Source, str]]:
    """Every cell with its benchmark's source and its key, those that share a benchmark's curves beside each other."""
    found = []
    for source in sources:
        benchmark_ = source.open()
        made = {it.name: _made(it, benchmark_) for it in entrants}
        for its, seed, entrant in product(terms, seeds, entrants):
            cell = Cell(
                entrant.name,
                source.name,
                made[entrant.name],
                its,
                its.workers * entrant.workers_factor,
                seed,
                entrant.stream,
            )
            found.append((cell, source, cell.key(benchmark_)))
    return found


def _made(entrant: Method, benchmark_: Benchmark) -> AnySettings:
    settings = entrant.make(benchmark_)
    if isinstance(settings, PeerSettings):
        settings.make(benchmark_, seed=0, workers=1).close()  # a library that is missing is missed now
    return settings


# Measuring -----------------------------------------------------------------------------------------------------------

_Place = tuple[Terms, str, str, int]


def _collected(
    cells: Sequence[tuple[Cell, Source, str]], cache: Cache, processes: int, progress: Progress | None
) -> tuple[dict[_Place, Trace], int]:
    """All traces by place, and how many were there before."""
    traces: dict[_Place, Trace] = {}
    missing = []
    for cell, source, key in cells:
        trace = cache.get(key)
        if trace is None:
            missing.append((cell, source, key))
        else:
            traces[_place(cell)] = trace
    n_cached = len(traces)
    for cell, key, trace in _measured(missing, min(processes, len(missing))):
        cache.put(key, trace)
        traces[_place(cell)] = trace
        if progress is not None:
            progress(len(traces), n_cached, len(cells))
    return traces, n_cached


def _place(cell: Cell) -> _Place:
    return cell.terms, cell.method, cell.benchmark, cell.seed


def _measured(
    missing: Sequence[tuple[Cell, Source, str]], processes: int
) -> Iterator[tuple[Cell, str, Trace]]:
    """Each cell with its key and its trace, as they come."""
    if processes <= 1:
        yield from (_one(cell, source, key) for cell, source, key in missing)
        return
    try:
        import joblib  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "processes",
            processes,
            expected="1, or joblib to be installed",
            hint="Run: pip install 'paceline[compare]'.",
        ) from error
    with joblib.parallel_config("loky", n_jobs=processes, inner_max_num_threads=1):
        yield from joblib.Parallel(return_as="generator_unordered")(
            joblib.delayed(_one)(cell, source, key) for cell, source, key in missing
        )


def _one(cell: Cell, source: Source, key: str) -> tuple[Cell, str, Trace]:
    try:
        return cell, key, measure(cell, source.open())
    except Exception as error:
        error.add_note(f"in the run of {cell.method} on {cell.benchmark}, seed {cell.seed}")
        raise


# What was compared ---------------------------------------------------------------------------------------------------


def _problem(it: Benchmark) -> Problem:
    return Problem(
        it.name,
        it.space.dimension,
        it.min_resource,
        it.max_resource,
        it.unit,
        it.full_seconds,
        it.resumes,
        it.best,
        it.median,
        it.fingerprint,
    )


def _contestant(it: Method, sources: Sequence[Source]) -> Contestant:
    made = {source.name: it.make(source.open()) for source in sources}
    first = next(iter(made.values()))
    return Contestant(
        it.name,
        {name: settings.to_json() for name, settings in made.items()},
        it.workers_factor,
        it.varied,
        it.base,
        first.versions() if isinstance(first, PeerSettings) else {},
        first.describe() if isinstance(first, PeerSettings) else "",
    )
