"""What the papers claim of these algorithms, measured in virtual time on the library's own schedulers.

    python benchmarks/claims.py                             all claims, about ten minutes on two cores
    python benchmarks/claims.py --quick                     few seeds, half a minute
    python benchmarks/claims.py --only stragglers           one claim; several with several --only
    python benchmarks/claims.py --markdown docs/claims.md   all, and the figures of that page anew

The exit status is 1 if a claim fails that is not known to fail. Sources and modelling choices: docs/claims.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from claims_rungs import bracket_shares, delay_rule, infinite_horizon, wrong_promotions
from claims_speed import time_bound, time_to_target
from claims_stragglers import stragglers
from evidence import Finding, Lab, as_text, has_place, to_json, verdict_table, write_markdown

CLAIMS: dict[str, Callable[[Lab], Finding]] = {
    "wrong-promotions": wrong_promotions,
    "time-bound": time_bound,
    "stragglers": stragglers,
    "infinite-horizon": infinite_horizon,
    "delay-rule": delay_rule,
    "time-to-target": time_to_target,
    "bracket-shares": bracket_shares,
}

SCRIPT = Path(__file__).name


def main() -> int:
    """Measure, print, write; 1 if a claim fails that must hold."""
    parser = argparse.ArgumentParser(description="The papers' claims, measured in virtual time.")
    parser.add_argument("--quick", action="store_true", help="few seeds, and the corners of large grids")
    parser.add_argument(
        "--only", action="append", choices=list(CLAIMS), help="measure this claim; may be repeated"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures in this page")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cores to use")
    arguments = parser.parse_args()
    if arguments.markdown and (arguments.only or arguments.quick):
        parser.error("--markdown renews all figures of a page: leave out --only and --quick")
    if arguments.markdown and not has_place(arguments.markdown, SCRIPT):
        parser.error(f"{arguments.markdown} has no lines that mark a place for {SCRIPT}")

    width = shutil.get_terminal_size((160, 24)).columns
    findings: dict[str, Finding] = {}
    with Lab(quick=arguments.quick, processes=arguments.processes) as lab:
        for name in arguments.only or CLAIMS:
            began = time.perf_counter()
            findings[name] = CLAIMS[name](lab)
            print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
            for table in findings[name].tables:
                print(as_text(table, width), flush=True)
    verdicts = [verdict for finding in findings.values() for verdict in finding.verdicts]
    summary = verdict_table("Claims", verdicts)
    print(as_text(summary, width))
    if arguments.json:
        arguments.json.write_bytes(to_json(findings))
    if arguments.markdown:
        write_markdown(
            arguments.markdown,
            SCRIPT,
            [summary, *(t for finding in findings.values() for t in finding.tables)],
        )
    return int(any(verdict.must_hold and not verdict.holds for verdict in verdicts))


if __name__ == "__main__":
    sys.exit(main())
