"""What the papers claim of these algorithms, measured in virtual time on the library's own schedulers.

    python benchmarks/claims.py                             all claims, about ten minutes on two cores
    python benchmarks/claims.py --quick                     few seeds, half a minute
    python benchmarks/claims.py --only stragglers           one claim; several with several --only
    python benchmarks/claims.py --markdown docs/claims.md   all, and the figures of that page anew

The exit status is 1 if a claim fails that is not known to fail. Sources and modelling choices: docs/claims.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from claims_rungs import bracket_shares, delay_rule, infinite_horizon, wrong_promotions
from claims_speed import time_bound, time_to_target
from claims_stragglers import stragglers
from evidence import Finding, Lab, main

CLAIMS: dict[str, Callable[[Lab], Finding]] = {
    "wrong-promotions": wrong_promotions,
    "time-bound": time_bound,
    "stragglers": stragglers,
    "infinite-horizon": infinite_horizon,
    "delay-rule": delay_rule,
    "time-to-target": time_to_target,
    "bracket-shares": bracket_shares,
}

if __name__ == "__main__":
    sys.exit(main(CLAIMS, Path(__file__).name, "The papers' claims, measured in virtual time."))
