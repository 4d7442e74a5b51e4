"""What the paper claims of population based training, measured on whole populations that really train.

    python benchmarks/populations.py                                all claims, about twenty minutes on two cores
    python benchmarks/populations.py --quick                        tiny populations, few seeds, half a minute
    python benchmarks/populations.py --only exploit                 one claim; several with several --only
    python benchmarks/populations.py --markdown docs/populations.md all, and the figures of that page anew

The exit status is 1 if a claim fails that is not known to fail. What was scaled down, and how: docs/populations.md.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # each process has one core; before NumPy is imported

import sys
from collections.abc import Callable
from pathlib import Path

from evidence import Finding, Lab, main
from population_claims import exploits, generators, learning_rates, population_sizes, returns
from population_replay import replays

CLAIMS: dict[str, Callable[[Lab], Finding]] = {
    "returns": returns,
    "learning-rates": learning_rates,
    "generators": generators,
    "population-sizes": population_sizes,
    "exploit": exploits,
    "replay": replays,
}

if __name__ == "__main__":
    sys.exit(main(CLAIMS, Path(__file__).name, "What is claimed of population based training, measured."))
