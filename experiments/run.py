"""The papers' experiments by name: measure them, print the verdicts, keep the results, renew the page.

    python experiments/run.py --list
    python experiments/run.py five-hundred-workers          one; several names, or --all
    ... --quick                                             few seeds: for a look, not for a verdict
    ... --record                                            keep the result, and renew docs/results.md from all that are kept
    python experiments/run.py --page                        renew the page alone

The exit status is 1 if a claim fails that is not known to fail. What was scaled down, and how to read the figures:
docs/results.md.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # each process has one core; before NumPy is imported

import argparse
import shutil
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

from catalogue import EXPERIMENTS
from evidence import as_text, verdict_table
from experiment import RESULTS, Experiment, Result, run, store, stored
from results_page import write

from paceline.errors import SettingError

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "results.md"


def main() -> int:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="of experiments; --list has them all")
    parser.add_argument("--all", action="store_true", help="all experiments, about four hours on two cores")
    parser.add_argument("--list", action="store_true", help="name all experiments, and end")
    parser.add_argument("--quick", action="store_true", help="few seeds; never recorded")
    parser.add_argument("--record", action="store_true", help="keep the results, and renew docs/results.md")
    parser.add_argument(
        "--page", action="store_true", help="renew docs/results.md from the results that are kept"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cores to use")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.names if name not in EXPERIMENTS]:
        parser.error(f"no experiment is named {', '.join(unknown)}; --list names all")
    if arguments.record and arguments.quick:
        parser.error("--quick measures too little to be recorded: leave out --quick or --record")
    if arguments.list:
        for it in EXPERIMENTS.values():
            needs = f"   needs {', '.join(it.needs)}" if it.needs else ""
            print(f"{it.name:24}{it.minutes:4} min   {it.title}{needs}")
        return 0
    names = list(EXPERIMENTS) if arguments.all else arguments.names
    if not names and not arguments.page:
        parser.error("name an experiment, or --all; --list names them")
    status = 0
    for name in names:
        try:
            status |= _one(EXPERIMENTS[name], arguments)
        except SettingError as error:  # something that it needs is not there
            print(f"{name} was not measured: {error}", file=sys.stderr)
            status = 2
    if arguments.page or (arguments.record and names):
        write(PAGE, stored(), EXPERIMENTS)
    return status


def _one(it: Experiment, arguments: argparse.Namespace) -> int:
    result = run(it, quick=arguments.quick, processes=arguments.processes)
    _print(it, result)
    if not arguments.quick:
        path = store(result, RESULTS if arguments.record else ROOT / ".make" / "experiments")
        print(f"kept in {path.relative_to(ROOT)}", flush=True)
    return int(any(verdict.must_hold and not verdict.holds for verdict in result.finding.verdicts))


def _print(it: Experiment, result: Result) -> None:
    width = shutil.get_terminal_size((160, 24)).columns
    for table in result.finding.tables:
        print(as_text(table, width))
    print(as_text(verdict_table(f"{it.name}: {it.title}", result.finding.verdicts), width))
    if (took := result.resources) is not None:
        print(
            f"{took.processor_s:.0f} s of the processor, {took.wall_s:.0f} s with {took.processes} processes"
        )


if __name__ == "__main__":
    sys.exit(main())
