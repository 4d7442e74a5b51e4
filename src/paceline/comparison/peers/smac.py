"""SMAC3: its multi-fidelity and black-box facades, through `ask` and `tell`."""

from __future__ import annotations

import logging
import math
import tempfile
from typing import Any, ClassVar, Literal

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.comparison.peers.children.configspaces import build
from paceline.comparison.peers.spaces import describe, read
from paceline.comparison.peers.trials import Trials
from paceline.errors import SettingError
from paceline.settings import at_least, one_of

FACADES = ("multi_fidelity", "black_box")


class SMAC(PeerSettings, frozen=True, kw_only=True, tag=True):
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
    others: ClassVar[tuple[str, ...]] = ("ConfigSpace",)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: there is no such facade, or a number is too low.
        """
        one_of("facade", self.facade, FACADES)
        at_least("reduction_factor", self.reduction_factor, 2)
        at_least("n_trials", self.n_trials, 1)

    def make(self, benchmark: Benchmark, *, seed: int, workers: int) -> SMACPeer:  # noqa: ARG002 - it need not know
        """See `PeerSettings.make`."""
        return SMACPeer(self, benchmark, seed)

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


class SMACPeer(Peer):
    """See `SMAC`."""

    def __init__(self, settings: SMAC, benchmark: Benchmark, seed: int) -> None:
        self._smac, self._joblib = smac, _ = _library()
        self._benchmark = benchmark
        self._folder = tempfile.TemporaryDirectory(
            prefix="paceline-smac-"
        )  # it writes its scenario somewhere
        is_multi = settings.facade == "multi_fidelity"
        scenario = smac.Scenario(
            build(describe(benchmark, settings.library), seed=seed),
            output_directory=self._folder.name,
            deterministic=True,
            n_trials=settings.n_trials,
            seed=seed,
            **(
                {"min_budget": benchmark.min_resource, "max_budget": benchmark.max_resource}
                if is_multi
                else {}
            ),
        )
        kind = smac.MultiFidelityFacade if is_multi else smac.BlackBoxFacade
        eta = {"eta": settings.reduction_factor} if is_multi else {}
        self._facade = kind(
            scenario,
            intensifier=kind.get_intensifier(scenario, **eta),
            logging_level=False,
            overwrite=True,
        )
        self._trials = Trials(resumes=benchmark.resumes)
        self._asked: dict[int, Any] = {}  # by the trial at work
        self._worst = -math.inf

    def ask(self) -> Work | None:
        """Its next trial; none if it knows of no config that is new."""
        try:
            # Its forests grow one tree after the other: the same trees, but sums do not depend on which thread was first.
            with self._joblib.parallel_config("sequential"):
                info = self._facade.ask()
        except StopIteration:
            return None
        resource = self._benchmark.max_resource if info.budget is None else max(1, round(info.budget))
        work = self._trials.begin(info.config, read(self._benchmark.space, dict(info.config)), resource)
        self._asked[work.key] = info
        return work

    def tell(self, work: Work, loss: float) -> Work | None:
        """Hand it on; the worker is free."""
        self._trials.end(work)
        states = self._smac.runhistory.StatusType
        if math.isnan(loss):
            cost = self._worst if math.isfinite(self._worst) else 1.0
            value = self._smac.runhistory.TrialValue(cost=cost, status=states.CRASHED)
        else:
            self._worst = max(self._worst, loss)
            value = self._smac.runhistory.TrialValue(cost=loss, status=states.SUCCESS)
        self._facade.tell(self._asked.pop(work.key), value, save=False)
        return None

    def close(self) -> None:
        """Remove what it wrote."""
        self._folder.cleanup()


def _library() -> tuple[Any, Any]:
    """SMAC3, and joblib, which comes with it."""
    try:
        import joblib  # noqa: PLC0415 - an extra
        import smac  # noqa: PLC0415
    except ImportError as error:
        raise SettingError(
            "method", "smac", expected="SMAC3 to be installed", hint="Run: pip install 'paceline[peers]'."
        ) from error
    logging.getLogger("smac").setLevel(logging.ERROR)
    return smac, joblib
