"""HpBandSter's generator of configs, as a process of its own: it needs older NumPy, pandas and ConfigSpace.

Started with HpBandSter's own Python, it answers the lines of `suggestions.py`:

    {"results": [[config, loss], ...]}   takes them in, fits a model; answers {}
    {"ask": true}                        proposes; answers {"config": ..., "seconds": ..., "is_modelled": ...}
    {"tell": loss}                       takes in the result of that proposal; answers {"seconds": ...}

The ordinal is an integer, as HpBandSter's own message advises. It has 0.7.4 from 2018 as its last release.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from typing import Any

import ConfigSpace.hyperparameters as kinds
import numpy as np
from ConfigSpace import ConfigurationSpace
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers.config_generators.bohb import BOHB

BUDGET = 1.0


def space() -> ConfigurationSpace:
    """That of `suggestions.py`."""
    found = ConfigurationSpace(seed=0)
    found.add_hyperparameters(
        [
            *(kinds.UniformFloatHyperparameter(f"x{i}", 0.0, 1.0) for i in range(5)),
            kinds.UniformFloatHyperparameter("lr", 1e-5, 1e-1, log=True),
            kinds.UniformIntegerHyperparameter("layers", 1, 20),
            kinds.UniformIntegerHyperparameter("batch", 0, 5),
            kinds.CategoricalHyperparameter("kind", ["a", "b", "c"]),
            kinds.CategoricalHyperparameter("rule", ["v", "w", "x", "y", "z"]),
        ]
    )
    return found


class Peer:
    """The generator, every proposal from its model."""

    def __init__(self) -> None:
        self._generator = BOHB(space(), random_fraction=0)
        self._config: dict[str, Any] = {}
        self._count = 0

    def results(self, pairs: list[tuple[dict[str, Any], float]]) -> dict[str, Any]:
        """Take in results; only the last one fits a model."""
        for count, (config, loss) in enumerate(pairs, start=1):
            self._observe(config, loss, is_last=count == len(pairs))
        return {}

    def ask(self) -> dict[str, Any]:
        """Propose."""
        began = time.perf_counter()
        self._config, about = self._generator.get_config(BUDGET)
        seconds = time.perf_counter() - began
        return {"config": self._config, "seconds": seconds, "is_modelled": about["model_based_pick"]}

    def tell(self, loss: float) -> dict[str, Any]:
        """Take in the last proposal's result."""
        began = time.perf_counter()
        self._observe(self._config, loss, is_last=True)
        return {"seconds": time.perf_counter() - began}

    def _observe(self, config: dict[str, Any], loss: float, *, is_last: bool) -> None:
        job = Job(self._count, budget=BUDGET, config=config)
        job.result = {"loss": loss, "info": {}}
        self._count += 1
        self._generator.new_result(job, update_model=is_last)


def main() -> None:
    """Answer until there are no more lines."""
    warnings.filterwarnings("ignore")
    np.random.seed(0)  # noqa: NPY002 - the generator draws from the global stream
    peer = Peer()
    for line in sys.stdin:
        match json.loads(line):
            case {"results": pairs}:
                answer = peer.results(pairs)
            case {"tell": loss}:
                answer = peer.tell(loss)
            case _:
                answer = peer.ask()
        # Integers come as NumPy's.
        print(json.dumps(answer, default=lambda value: value.item()), flush=True)


if __name__ == "__main__":
    main()
