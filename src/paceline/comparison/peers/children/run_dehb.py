"""DEHB, by its `ask` and `tell`; run by the Python of its own environment."""

from __future__ import annotations

import itertools
import sys
import tempfile
from typing import TYPE_CHECKING, Any

from dehb import DEHB

if TYPE_CHECKING:
    from paceline.comparison.peers.children.configspaces import build
    from paceline.comparison.peers.children.serving import serve
else:  # these files lie beside this one, and there is no Paceline
    from configspaces import build
    from serving import serve

FAILED = sys.float_info.max
"""The fitness of a training that failed. Infinity is DEHB's mark of what was not evaluated yet."""


class Evolution:
    """See above.

    Args:
        task: `space`, `seed`, `min_resource`, `max_resource` and `reduction_factor`.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        self._folder = tempfile.TemporaryDirectory()  # it writes a log wherever it is
        self._dehb = DEHB(
            cs=build(task["space"], seed=task["seed"]),
            min_fidelity=task["min_resource"],
            max_fidelity=task["max_resource"],
            eta=task["reduction_factor"],
            seed=task["seed"],
            n_workers=1,  # of its own, which `ask` does not use
            save_freq="end",  # its state is of no use to us
            output_path=self._folder.name,
        )
        self._jobs: dict[int, dict[str, Any]] = {}
        self._tokens = itertools.count()

    def ask(self) -> dict[str, Any]:
        """The next config with its fidelity; a config that is promoted keeps its name."""
        job = self._dehb.ask()
        token = next(self._tokens)
        self._jobs[token] = job
        return {
            "name": str(job["config_id"]),
            "config": dict(job["config"]),
            "resource": job["fidelity"],
            "token": token,
        }

    def tell(self, token: int, loss: float | None) -> None:
        """Its result. The cost, a time, enters nothing but a record."""
        self._dehb.tell(self._jobs.pop(token), {"fitness": FAILED if loss is None else loss, "cost": 1.0})


if __name__ == "__main__":
    serve(Evolution)
