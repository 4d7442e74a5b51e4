"""HpBandSter: BOHB as its authors wrote it, brackets and generator. Its last release is 0.7.4 of 2018."""

from __future__ import annotations

from typing import Any, ClassVar

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.elsewhere import NamedSettings
from paceline.settings import at_least


class HpBandSter(NamedSettings, frozen=True, kw_only=True, tag=True):
    """The optimizer `BOHB`.

    Args:
        reduction_factor: its `eta`.
    """

    reduction_factor: int = 3
    library: ClassVar[str] = "hpbandster"
    variable: ClassVar[str] = "PACELINE_HPBANDSTER_PYTHON"
    stamp: ClassVar[str] = ".make/hpbandster"
    child: ClassVar[str] = "run_hpbandster.py"
    others: ClassVar[tuple[str, ...]] = ("ConfigSpace", "numpy", "scipy", "statsmodels")

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: the reduction factor is below 2.
        """
        at_least("reduction_factor", self.reduction_factor, 2)

    def task(self, benchmark: Benchmark) -> dict[str, Any]:
        """See `ElsewhereSettings.task`."""
        return {
            "min_resource": benchmark.min_resource,
            "max_resource": benchmark.max_resource,
            "reduction_factor": self.reduction_factor,
        }

    def describe(self) -> str:
        """See `PeerSettings.describe`."""
        return (
            f"HpBandSter's BOHB with the benchmark's r and R and η = {self.reduction_factor}; all else as it is by "
            "default. Its budgets are R·η^-k, rounded; an ordinal is an integer, as it asks for; its oldest bracket "
            "with something to run comes first, and the next one is opened when none has."
        )
