"""SMAC3: its multi-fidelity and black-box facades.

In a process of its own, though with this very interpreter: what it does depends on the order of Python's sets, which is
another one in each process unless it is said when the process starts.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar, Literal

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.elsewhere import ElsewhereSettings
from paceline.errors import SettingError
from paceline.settings import at_least, one_of

FACADES = ("multi_fidelity", "black_box")


class SMAC(ElsewhereSettings, frozen=True, kw_only=True, tag=True):
    """A facade of SMAC3.

    Args:
        facade: `MultiFidelityFacade`, random forests in Hyperband's brackets, or `BlackBoxFacade`, a Gaussian process whose
            trials are all fully trained.
        reduction_factor: of the former.
        n_trials: for which its initial design is sized, a quarter of them at most; SMAC3's own default. It does not end the
            run.
    """

    facade: Literal["multi_fidelity", "black_box"] = "multi_fidelity"
    reduction_factor: int = 3
    n_trials: int = 100
    library: ClassVar[str] = "smac"
    child: ClassVar[str] = "run_smac.py"
    others: ClassVar[tuple[str, ...]] = ("ConfigSpace", "numpy", "scikit-learn", "scipy")

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: there is no such facade, or a number is too low.
        """
        one_of("facade", self.facade, FACADES)
        at_least("reduction_factor", self.reduction_factor, 2)
        at_least("n_trials", self.n_trials, 1)

    def task(self, benchmark: Benchmark) -> dict[str, Any]:
        """See `ElsewhereSettings.task`."""
        return {
            "facade": self.facade,
            "n_trials": self.n_trials,
            "min_resource": benchmark.min_resource,
            "max_resource": benchmark.max_resource,
            "reduction_factor": self.reduction_factor,
        }

    def python(self) -> str:
        """See `ElsewhereSettings.python`."""
        return sys.executable

    def missing(self) -> SettingError:
        """See `ElsewhereSettings.missing`."""
        return SettingError(
            "method", "smac", expected="SMAC3 to be installed", hint="Run: pip install 'paceline[peers]'."
        )

    def describe(self) -> str:
        """See `PeerSettings.describe`."""
        what = (
            f"MultiFidelityFacade with the benchmark's r and R and η = {self.reduction_factor}, its budgets R·η^-k rounded"
            if self.facade == "multi_fidelity"
            else "BlackBoxFacade, every trial trained to R"
        )
        return (
            f"SMAC3's {what}; all else as it is by default, except that it takes losses for deterministic: trials have no "
            f"seed that it could vary. Its initial design is sized for {self.n_trials} trials, since it is not told how "
            "long the run will be. A failure is a crash that cost as much as the worst loss so far: with its default, infinity, "
            "what its models are fitted to is not a number."
        )
