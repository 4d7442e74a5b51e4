"""Problems with known answers and curves, for `simulate` and for comparing methods.

In reading order: `base` (what a benchmark is), `counting_ones` (a function, with noise), `crossing` (curves by a formula),
`pbt_toy` (a training whose states can be forked), `surrogate` (networks that were fitted to curves of real training),
`table` (curves that were really trained), `grid` (trainings that were repeated), `lcdb` (fits of more and more samples),
`folder` (all that a folder of data holds), `catalogue` (all by name).
No data are shipped: docs/benchmarks.md says where they come from.
"""

from paceline.benchmarks.base import Benchmark, CurveBenchmark
from paceline.benchmarks.catalogue import benchmark, names
from paceline.benchmarks.counting_ones import CountingOnes
from paceline.benchmarks.crossing import CrossingCurves
from paceline.benchmarks.folder import Benchmarks, load
from paceline.benchmarks.grid import GridTable
from paceline.benchmarks.lcdb import LearnerCurves
from paceline.benchmarks.pbt_toy import PBTToy
from paceline.benchmarks.surrogate import Surrogate
from paceline.benchmarks.table import Table

__all__ = [
    "Benchmark",
    "Benchmarks",
    "CountingOnes",
    "CrossingCurves",
    "CurveBenchmark",
    "GridTable",
    "LearnerCurves",
    "PBTToy",
    "Surrogate",
    "Table",
    "benchmark",
    "load",
    "names",
]
