"""What an experiment is, how one is run, and how its result is kept and shown.

An experiment is a named function `Lab → Finding` (see `benchmarks/evidence.py`) with what a reader has to know: whose claim
it is, what every run spends, what was scaled down. Its result is a small JSON file; the page is made of all such files.
"""

from __future__ import annotations

import os
import platform
import resource
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import msgspec
from evidence import Finding, Lab

RESULTS = Path(__file__).parent / "results"
"""What the page is made of."""

Need = Literal["data", "tables", "peers", "interpreters"]


class Experiment(msgspec.Struct, frozen=True):
    """One of the papers' experiments, or one of ours.

    Args:
        name: for the command line.
        title: for the page.
        source: paper and section.
        measure: measures and judges.
        spends: what every run of every method is given, in words.
        scaled: what is smaller than in the paper, or made up, in words; empty if nothing is.
        minutes: on two cores, about.
        needs: `data` is the folder `PACELINE_DATA`, `tables` those that `paceline tables` makes, `peers` the extra,
            `interpreters` the environments of peers that have one of their own.
        page: of the documentation, if the figures behind the verdicts stand there already.
    """

    name: str
    title: str
    source: str
    measure: Callable[[Lab], Finding]
    spends: str
    minutes: int
    scaled: str = ""
    needs: tuple[Need, ...] = ()
    page: str = ""

    @property
    def command(self) -> str:
        """That measures it."""
        return f"make experiment NAME={self.name}"


class Resources(msgspec.Struct, frozen=True):
    """What the measurement itself took.

    Args:
        processor_s: of all processes.
        wall_s: from begin to end, on a machine that may have had other work.
        processes: that measured at once.
    """

    processor_s: float
    wall_s: float
    processes: int


class Result(msgspec.Struct, frozen=True):
    """What an experiment has shown, and with what.

    Args:
        name: of the experiment.
        finding: verdicts and figures.
        resources: `None` where what was measured for another page, before experiments had names, was taken from there.
        versions: of what it was measured with.
        is_quick: whether it was a look only.
    """

    name: str
    finding: Finding
    resources: Resources | None
    versions: dict[str, str]
    is_quick: bool = False


def run(experiment: Experiment, *, quick: bool, processes: int) -> Result:
    """Measure an experiment."""
    began, cpu_before = time.perf_counter(), _processor_s()
    with Lab(quick=quick, processes=processes) as lab:
        finding = experiment.measure(lab)
    _await_workers()
    took = Resources(_processor_s() - cpu_before, time.perf_counter() - began, processes)
    versions = {
        "paceline": version("paceline"),
        "numpy": version("numpy"),
        "python": platform.python_version(),
    }
    return Result(experiment.name, finding, took, versions, quick)


def store(result: Result, folder: Path) -> Path:
    """Keep a result; a file that is there is replaced at once or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    draft.replace(path)
    return path


def stored(folder: Path = RESULTS) -> dict[str, Result]:
    """All results of a folder, by name."""
    paths = sorted(folder.glob("*.json"))
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Result) for path in paths}


def _processor_s() -> float:
    """Of this process and of those children that have ended."""
    usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _await_workers() -> None:
    """Comparisons measure in processes that joblib keeps for the next one: they count once they have ended."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)
