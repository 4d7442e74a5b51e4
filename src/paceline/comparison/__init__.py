"""Methods compared fairly: on equal terms, many seeds, all cores, and each resource counted.

In reading order: `methods` (what is compared), `cells` (what is measured at once), `traces` (what is read off a run),
`measuring`, `cache` and `running` (all cells, in parallel, none twice), `statistics`, `results` (the curves, tests and
ranks), `table` (one tidy table), `rules` (fifteen rules, and how each is kept), `page` (all of it, for a browser).
"""

from paceline.comparison.methods import METHODS, Method
from paceline.comparison.results import Comparison
from paceline.comparison.running import compare

__all__ = ["METHODS", "Comparison", "Method", "compare"]
