"""HpBandSter's BOHB: its brackets say what runs, its generator proposes; run by the Python of its own environment.

Nothing of either is rewritten: it is the class `BOHB` with its loop, which waits for workers in the network, replaced by
questions. The loop's rule is kept: the oldest bracket that has something to run, else the next bracket.
"""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
from hpbandster.core import master
from hpbandster.core.dispatcher import Job
from hpbandster.optimizers import BOHB

if TYPE_CHECKING:
    from paceline.comparison.peers.children.configspaces import build
    from paceline.comparison.peers.children.serving import serve
else:  # these files lie beside this one, and there is no Paceline
    from configspaces import build
    from serving import serve


class _NoNetwork:
    """Instead of the dispatcher, which would look for a name server."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def run(self) -> None:
        """It ends at once."""


class Brackets:
    """See above.

    Args:
        task: `space`, `seed`, `min_resource`, `max_resource` and `reduction_factor`.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        logging.getLogger("hpbandster").setLevel(logging.CRITICAL)
        np.random.seed(task["seed"])  # noqa: NPY002 - the generator draws from the global stream
        master.Dispatcher = _NoNetwork
        self._bohb = BOHB(
            configspace=build(task["space"], seed=task["seed"], ordinals=False),
            run_id="paceline",
            min_budget=task["min_resource"],
            max_budget=task["max_resource"],
            eta=task["reduction_factor"],
        )
        self._jobs: dict[int, Job] = {}
        self._tokens = itertools.count()

    def ask(self) -> dict[str, Any]:
        """The next config with its budget."""
        bohb = self._bohb
        run = None
        while run is None:
            for index in bohb.active_iterations():
                run = bohb.iterations[index].get_next_run()
                if run is not None:
                    break
            else:
                bohb.iterations.append(bohb.get_next_iteration(len(bohb.iterations), {}))
        name, config, budget = run
        token = next(self._tokens)
        self._jobs[token] = Job(name, config=config, budget=budget)
        bohb.num_running_jobs += 1
        return {"name": str(name), "config": config, "resource": budget, "token": token}

    def tell(self, token: int, loss: float | None) -> None:
        """Its result; a failure is a job without one, as when a worker raises."""
        job = self._jobs.pop(token)
        if loss is None:
            job.exception = "the training failed"
        else:
            job.result = {"loss": loss, "info": {}}
        self._bohb.job_callback(job)


if __name__ == "__main__":
    serve(Brackets)
