"""Syne Tune's simulator on the task of `speed.py`: four workers, ASHA, 27 epochs of one second, a constant curve.

Needs the extra `peers`. The blackbox is a function, so that no data set has to be fetched.
"""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend.simulator_backend.simulator_callback import SimulatorCallback
from syne_tune.blackbox_repository.blackbox import Blackbox
from syne_tune.blackbox_repository.simulated_tabular_backend import UserBlackboxBackend
from syne_tune.config_space import loguniform, randint, uniform
from syne_tune.optimizer.baselines import ASHA

R = 27
CONFIG_SPACE = {"lr": loguniform(1e-4, 1e-1), "momentum": uniform(0.0, 0.99), "width": randint(16, 512)}


class _Curves(Blackbox):
    def __init__(self) -> None:
        super().__init__(
            configuration_space=CONFIG_SPACE,
            fidelity_space={"epoch": randint(1, R)},
            objectives_names=["loss", "elapsed_time"],
        )
        self._epochs = np.arange(1, R + 1, dtype=float)

    @property
    def fidelity_values(self) -> np.ndarray:
        return np.arange(1, R + 1)

    def _objective_function(self, configuration: Any, fidelity: Any = None, seed: Any = None) -> Any:  # noqa: ARG002
        if fidelity is None:
            return np.column_stack([np.full(R, configuration["momentum"]), self._epochs])
        epoch = float(fidelity["epoch"])
        return {"loss": configuration["momentum"], "elapsed_time": epoch}


def run_simulation(n_trials: int) -> int:
    """Simulate a study of `n_trials` and return how many were started."""
    backend = UserBlackboxBackend(_Curves(), elapsed_time_attr="elapsed_time")
    scheduler = ASHA(
        {**CONFIG_SPACE, "epochs": R},
        metric="loss",
        time_attr="epoch",
        max_t=R,
        reduction_factor=3,
        random_seed=0,
    )
    tuner = Tuner(
        trial_backend=backend,
        scheduler=scheduler,
        stop_criterion=StoppingCriterion(max_num_trials_started=n_trials),
        n_workers=4,
        sleep_time=0,
        callbacks=[SimulatorCallback()],
        results_update_interval=1e9,
        print_update_interval=1e9,
        save_tuner=False,
        suffix_tuner_name=False,
        tuner_name="speed",
    )
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        tuner.run()
    return len(tuner.trial_backend.trial_ids)
