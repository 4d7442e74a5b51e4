"""Syne Tune: its asynchronous successive halving with several searchers, without its tuner and backends.

A trial reports at our rungs, which are its scheduler's, and at R; the scheduler says whether it goes on.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np

from paceline.benchmarks import Benchmark
from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.comparison.peers.spaces import Part, describe, read
from paceline.errors import SettingError
from paceline.schedulers.rungs import rung_resources
from paceline.settings import at_least, one_of

SCHEDULERS = ("ASHA", "BOHB", "ASHABORE")
_METRIC, _RESOURCE = "loss", "resource"
_NO_TIME = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # a trial must have one; nothing asks for it

T = TypeVar("T")


class SyneTune(PeerSettings, frozen=True, kw_only=True, tag=True):
    """A scheduler of Syne Tune.

    Args:
        scheduler: one of its `baselines`: `ASHA`, or ASHA with configs from kernel densities (`BOHB`) or from a classifier
            (`ASHABORE`). `ASHACQR` imports the Hugging Face hub, and its Gaussian processes need BoTorch: neither comes
            with Syne Tune.
        reduction_factor: of its rungs.
    """

    scheduler: Literal["ASHA", "BOHB", "ASHABORE"] = "ASHA"
    reduction_factor: int = 3
    library: ClassVar[str] = "syne-tune"
    others: ClassVar[tuple[str, ...]] = ("statsmodels", "xgboost")

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: there is no such scheduler, or the reduction factor is below 2.
        """
        one_of("scheduler", self.scheduler, SCHEDULERS)
        at_least("reduction_factor", self.reduction_factor, 2)

    def make(self, benchmark: Benchmark, *, seed: int, workers: int) -> SyneTunePeer:  # noqa: ARG002 - it need not know
        """See `PeerSettings.make`."""
        return SyneTunePeer(self, benchmark, seed)

    def describe(self) -> str:
        """See `PeerSettings.describe`."""
        return (
            f"Syne Tune's {self.scheduler}, a stopping rule, with the benchmark's r and R and η = "
            f"{self.reduction_factor}; all else as it is by default. It knows no conditions: it sets inactive "
            "hyperparameters too, which are left out of training. A value that it proposes outside of the space is moved "
            "to the nearest end."
        )


class SyneTunePeer(Peer):
    """See `SyneTune`."""

    def __init__(self, settings: SyneTune, benchmark: Benchmark, seed: int) -> None:
        library = _library()
        self._benchmark = benchmark
        self._decision = library.optimizer.scheduler.SchedulerDecision
        self._trial = library.backend.trial_status.Trial
        self._rungs = rung_resources(
            benchmark.min_resource, benchmark.max_resource, settings.reduction_factor
        )
        self._chance = _OwnChance(seed)
        space = {
            part["name"]: _domain(library.config_space, part)
            for part in describe(benchmark, settings.library)
        }
        kind = getattr(library.optimizer.baselines, settings.scheduler)
        self._scheduler = self._chance.run(
            lambda: kind(
                space,
                metric=_METRIC,
                time_attr=_RESOURCE,
                max_t=benchmark.max_resource,
                grace_period=benchmark.min_resource,
                reduction_factor=settings.reduction_factor,
                random_seed=seed,
            )
        )
        self._trials: dict[int, Any] = {}
        self._n_trials = 0

    def ask(self) -> Work | None:
        """A new trial, to its first rung."""
        suggestion = self._chance.run(self._scheduler.suggest)
        if suggestion is None:
            return None
        key = self._n_trials
        self._n_trials += 1
        trial = self._trials[key] = self._trial(key, suggestion.config, _NO_TIME)
        self._chance.run(lambda: self._scheduler.on_trial_add(trial))
        return Work(key, read(self._benchmark.space, suggestion.config), 0, self._rungs[0])

    def tell(self, work: Work, loss: float) -> Work | None:
        """Report; go on to the next rung, if the scheduler says so."""
        trial = self._trials[work.key]
        if math.isnan(loss):
            self._scheduler.on_trial_error(trial)
            del self._trials[work.key]
            return None
        result = {_METRIC: loss, _RESOURCE: work.resource}
        decision = self._chance.run(lambda: self._scheduler.on_trial_result(trial, result))
        if decision == self._decision.STOP:  # at R too
            self._scheduler.on_trial_remove(trial)
            del self._trials[work.key]
            return None
        target = self._rungs[self._rungs.index(work.resource) + 1]
        return Work(work.key, work.config, work.resource if self._benchmark.resumes else 0, target)


class _OwnChance:
    """NumPy's global stream as the library finds it: seeded, and nobody else's. Its searchers draw from there as well."""

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed).get_state()

    def run(self, answer: Callable[[], T]) -> T:
        """The answer; the stream that was there before goes on where it was."""
        before = np.random.get_state()  # noqa: NPY002 - that very stream
        np.random.set_state(self._state)  # noqa: NPY002
        try:
            return answer()
        finally:
            self._state = np.random.get_state()  # noqa: NPY002
            np.random.set_state(before)  # noqa: NPY002


def _domain(kinds: Any, part: Part) -> Any:
    match part:
        case {"kind": "float", "low": low, "high": high, "log": log}:
            return (kinds.loguniform if log else kinds.uniform)(low, high)
        case {"kind": "integer", "low": low, "high": high, "log": log}:
            return (kinds.lograndint if log else kinds.randint)(low, high)
        case {"kind": "categorical", "n": n}:
            return kinds.choice([str(index) for index in range(n)])
        case _:
            return kinds.ordinal(list(range(part["n"])))


def _library() -> Any:
    try:
        import syne_tune.backend.trial_status  # noqa: PLC0415 - an extra
        import syne_tune.config_space  # noqa: PLC0415
        import syne_tune.optimizer.baselines  # noqa: PLC0415
        import syne_tune.optimizer.scheduler  # noqa: PLC0415
    except ImportError as error:
        raise SettingError(
            "method",
            "syne-tune",
            expected="Syne Tune to be installed",
            hint="Run: pip install 'paceline[peers]'.",
        ) from error
    logging.getLogger("syne_tune").setLevel(logging.ERROR)  # it warns of each failure
    return syne_tune
