"""SMAC3: a facade, by its `ask` and `tell`."""

from __future__ import annotations

import itertools
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib
from smac import BlackBoxFacade, MultiFidelityFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

if TYPE_CHECKING:
    from paceline.comparison.peers.children.configspaces import build
    from paceline.comparison.peers.children.serving import serve
else:  # these files lie beside this one
    from configspaces import build
    from serving import serve


class Facade:
    """See above.

    Args:
        task: `facade`, `n_trials`, `space`, `seed`, `min_resource`, `max_resource` and `reduction_factor`.
    """

    def __init__(self, task: dict[str, Any]) -> None:
        logging.getLogger("smac").setLevel(logging.ERROR)
        self._max_resource = task["max_resource"]
        self._folder = tempfile.TemporaryDirectory()  # it writes its scenario somewhere
        is_multi = task["facade"] == "multi_fidelity"
        budgets = {"min_budget": task["min_resource"], "max_budget": task["max_resource"]}
        scenario = Scenario(
            build(task["space"], seed=task["seed"]),
            output_directory=Path(self._folder.name),
            deterministic=True,
            n_trials=task["n_trials"],
            seed=task["seed"],
            **(budgets if is_multi else {}),
        )
        kind = MultiFidelityFacade if is_multi else BlackBoxFacade
        eta = {"eta": task["reduction_factor"]} if is_multi else {}
        self._facade = kind(scenario, intensifier=kind.get_intensifier(scenario, **eta), logging_level=False)
        self._names: dict[Any, int] = {}  # by config
        self._asked: dict[int, TrialInfo] = {}
        self._tokens = itertools.count()
        self._worst: float | None = None

    def ask(self) -> dict[str, Any] | None:
        """Its next trial; `None` if it knows of no config that is new."""
        try:
            # Its forests grow one tree after the other: the same trees, but sums do not depend on which thread was first.
            with joblib.parallel_config("sequential"):
                info = self._facade.ask()
        except StopIteration:
            return None
        token = next(self._tokens)
        self._asked[token] = info
        return {
            "name": str(self._names.setdefault(info.config, len(self._names))),
            "config": dict(info.config),
            "resource": self._max_resource if info.budget is None else info.budget,
            "token": token,
        }

    def tell(self, token: int, loss: float | None) -> None:
        """Its result; a failure is a crash."""
        if loss is None:
            cost = 1.0 if self._worst is None else self._worst
            value = TrialValue(cost=cost, status=StatusType.CRASHED)
        else:
            self._worst = loss if self._worst is None else max(self._worst, loss)
            value = TrialValue(cost=loss)
        self._facade.tell(self._asked.pop(token), value, save=False)


if __name__ == "__main__":
    serve(Facade)
