"""Optuna: its samplers and pruners, through `ask` and `tell`.

A trial trains from rung to rung and reports at each, as ours do; where its pruner says so it ends there, and Optuna is
told that it was pruned.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.errors import SettingError
from paceline.schedulers.rungs import rung_resources
from paceline.settings import one_of
from paceline.space import Categorical, Constant, Domain, Float, Integer, Ordinal

SAMPLERS = ("tpe", "random")
PRUNERS = ("none", "median", "successive_halving", "hyperband")


class Optuna(PeerSettings, frozen=True, kw_only=True, tag=True):
    """A study of Optuna.

    Args:
        sampler: `TPESampler` or `RandomSampler`.
        pruner: `MedianPruner`, `SuccessiveHalvingPruner` or `HyperbandPruner`; without one every trial is fully trained.
        reduction_factor: of the latter two, and of the rungs at which trials report.
    """

    sampler: Literal["tpe", "random"] = "tpe"
    pruner: Literal["none", "median", "successive_halving", "hyperband"] = "none"
    reduction_factor: int = 3
    library: ClassVar[str] = "optuna"

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: there is no such sampler or pruner.
        """
        one_of("sampler", self.sampler, SAMPLERS)
        one_of("pruner", self.pruner, PRUNERS)

    def make(self, benchmark: Benchmark, *, seed: int, workers: int) -> OptunaPeer:  # noqa: ARG002 - it need not know
        """See `PeerSettings.make`."""
        return OptunaPeer(self, benchmark, seed)

    def describe(self) -> str:
        """See `PeerSettings.describe`."""
        what = {"tpe": "TPESampler", "random": "RandomSampler"}[self.sampler]
        by = {
            "none": "no pruner",
            "median": "MedianPruner",
            "successive_halving": f"SuccessiveHalvingPruner with the benchmark's r and η = {self.reduction_factor}",
            "hyperband": f"HyperbandPruner with the benchmark's r and R and η = {self.reduction_factor}",
        }[self.pruner]
        return f"Optuna's {what}, {by}; all else as it is by default. Conditions are branches of the search space."


class OptunaPeer(Peer):
    """See `Optuna`."""

    def __init__(self, settings: Optuna, benchmark: Benchmark, seed: int) -> None:
        self._optuna = optuna = _library()
        self._benchmark = benchmark
        self._rungs = (
            [benchmark.max_resource]
            if settings.pruner == "none"
            else rung_resources(benchmark.min_resource, benchmark.max_resource, settings.reduction_factor)
        )
        sampler = (
            optuna.samplers.TPESampler(seed=seed)
            if settings.sampler == "tpe"
            else optuna.samplers.RandomSampler(seed=seed)
        )
        # HyperbandPruner draws brackets from the study's name, which is a new one each time if none is given.
        self._study = optuna.create_study(
            study_name=f"seed {seed}", sampler=sampler, pruner=_pruner(optuna, settings, benchmark)
        )
        self._trials: dict[int, Any] = {}

    def ask(self) -> Work | None:
        """A new trial, to its first rung."""
        trial = self._study.ask()
        self._trials[trial.number] = trial
        return Work(
            trial.number,
            self._benchmark.space.build(lambda name, domain: _suggested(trial, name, domain)),
            0,
            self._rungs[0],
        )

    def tell(self, work: Work, loss: float) -> Work | None:
        """Report; go on to the next rung, unless that was the last or the pruner says no."""
        trial, states = self._trials[work.key], self._optuna.trial.TrialState
        if math.isnan(loss):
            self._end(work, None, states.FAIL)
            return None
        trial.report(loss, work.resource)
        if work.resource == self._rungs[-1]:
            self._end(work, loss, states.COMPLETE)
            return None
        if trial.should_prune():
            self._end(work, None, states.PRUNED)  # its value is the last that it reported
            return None
        target = self._rungs[self._rungs.index(work.resource) + 1]
        return Work(work.key, work.config, work.resource if self._benchmark.resumes else 0, target)

    def _end(self, work: Work, loss: float | None, state: Any) -> None:
        self._study.tell(self._trials.pop(work.key), loss, state=state)


def _pruner(optuna: Any, settings: Optuna, benchmark: Benchmark) -> Any:
    pruners, eta = optuna.pruners, settings.reduction_factor
    match settings.pruner:
        case "median":
            return pruners.MedianPruner()
        case "successive_halving":
            return pruners.SuccessiveHalvingPruner(min_resource=benchmark.min_resource, reduction_factor=eta)
        case "hyperband":
            return pruners.HyperbandPruner(benchmark.min_resource, benchmark.max_resource, eta)
        case _:
            return pruners.NopPruner()


def _suggested(trial: Any, name: str, domain: Domain) -> Any:
    match domain:
        case Float():
            return trial.suggest_float(name, domain.low, domain.high, log=domain.log, step=domain.step)
        case Integer():
            return trial.suggest_int(name, domain.low, domain.high, log=domain.log, step=domain.step or 1)
        case Ordinal():
            return domain.values[trial.suggest_int(name, 0, len(domain.values) - 1)]
        case Categorical():
            return domain.choices[trial.suggest_categorical(name, list(range(len(domain.choices))))]
        case Constant():
            return domain.value


def _library() -> Any:
    try:
        import optuna  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SettingError(
            "method", "optuna", expected="Optuna to be installed", hint="Run: pip install 'paceline[peers]'."
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
