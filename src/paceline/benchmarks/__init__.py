"""Problems with known answers and curves, for `simulate` and for comparing methods.

In reading order: `base` (what a benchmark is), `counting_ones` (a function, with noise), `crossing` (curves by a formula), `surrogate` (networks that were
fitted to curves of real training), `table` (curves that were really trained), `folder` (all that a folder of data holds), `catalogue`
(all by name).
No data are shipped: docs/benchmarks.md says where they come from.
"""

from paceline.benchmarks.base import Benchmark, CurveBenchmark
from paceline.benchmarks.catalogue import benchmark, names
from paceline.benchmarks.counting_ones import CountingOnes
from paceline.benchmarks.crossing import CrossingCurves
from paceline.benchmarks.folder import Benchmarks, load
from paceline.benchmarks.surrogate import Surrogate
from paceline.benchmarks.table import Table

__all__ = [
    "Benchmark",
    "Benchmarks",
    "CountingOnes",
    "CrossingCurves",
    "CurveBenchmark",
    "Surrogate",
    "Table",
    "benchmark",
    "load",
    "names",
]
