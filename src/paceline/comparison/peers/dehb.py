"""DEHB: differential evolution in Hyperband's brackets."""

from __future__ import annotations

from typing import Any, ClassVar

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.elsewhere import NamedSettings
from paceline.errors import SettingError
from paceline.settings import at_least


class DEHB(NamedSettings, frozen=True, kw_only=True, tag=True):
    """The optimizer of that name.

    Args:
        reduction_factor: its `eta`.
    """

    reduction_factor: int = 3
    library: ClassVar[str] = "dehb"
    variable: ClassVar[str] = "PACELINE_DEHB_PYTHON"
    stamp: ClassVar[str] = ".make/dehb"
    child: ClassVar[str] = "run_dehb.py"
    others: ClassVar[tuple[str, ...]] = ("ConfigSpace", "numpy")

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: the reduction factor is below 2.
        """
        at_least("reduction_factor", self.reduction_factor, 2)

    def task(self, benchmark: Benchmark) -> dict[str, Any]:
        """See `ElsewhereSettings.task`."""
        if benchmark.min_resource >= benchmark.max_resource:
            raise SettingError(
                "benchmark",
                benchmark.name,
                expected="a lowest resource below the highest: DEHB needs two levels",
            )
        return {
            "min_resource": benchmark.min_resource,
            "max_resource": benchmark.max_resource,
            "reduction_factor": self.reduction_factor,
        }

    def describe(self) -> str:
        """See `PeerSettings.describe`."""
        return (
            f"DEHB with the benchmark's r and R and η = {self.reduction_factor}; all else as it is by default. Its "
            "fidelities are R·η^-k, rounded. In the first round of brackets it promotes configs, which train on; "
            "after that each config is a new one, which begins at 0. A failure has the largest fitness that there is, "
            "since infinity marks what was not evaluated."
        )
