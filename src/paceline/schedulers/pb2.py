"""PB2: population based training whose explore step is a bandit's choice (Parker-Holder et al. 2020).

Who copies whom, and when, is as `pbt.py` says. What a fork changes is chosen by a Gaussian process of what each interval
of training has brought (`bandit.py`). Readings where the paper leaves room:

- A row is an interval of one trial, from one of its boundaries to the next. A fork's first interval counts from the loss
  of the weights that it took over: the gain is what its own hyperparameters have brought, and not what the copy has.
- An interval that begins with nothing, or whose loss is not finite, or that fails, gives no row.
- The bandit chooses numbers, in the unit interval: the logarithm's, for `log`. Whatever else there is, and all of it until
  there are two rows more than there are numbers, is changed as `explore` says.
- The acquisition is μ + √β σ, as in the paper's theory; Ray Tune's code has the variance in its place.
"""

from __future__ import annotations

import math

from paceline.decisions import ForkTrial
from paceline.errors import SettingError
from paceline.events import Config, TrialId
from paceline.ledger import TrialState
from paceline.rng import generator_for
from paceline.samplers.base import Context
from paceline.schedulers.bandit import Bandit, Moment, Row
from paceline.schedulers.exploit import Result
from paceline.schedulers.pbt import PBT, PBTScheduler
from paceline.settings import at_least, within


class PB2(PBT, frozen=True, kw_only=True, tag=True):
    """Population based training that explores by a bandit; see `PBT` for the other settings.

    Args:
        population_size: members; four to eight are what it is made for.
        quantile: q of the truncation.
        max_rows: of the newest rows, how many the bandit looks at, up to 1000.
        beta: weight of what is not known yet; `None` is 0.2 + max(0, log(0.4 n)), with n rows.
        explore: what changes hyperparameters that are no numbers, and all of them until there are enough rows.
    """

    population_size: int = 8
    quantile: float = 0.25
    max_rows: int = 300
    beta: float | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        at_least("max_rows", self.max_rows, 10)
        if self.max_rows > 1000:
            raise SettingError(
                "max_rows", self.max_rows, expected="at most 1000: the cost grows with the cube"
            )
        if self.beta is not None:
            within("beta", self.beta, 0, 1000)

    def build(self, context: Context) -> PB2Scheduler:
        """The scheduler."""
        return PB2Scheduler(self, context)

    @property
    def without_model(self) -> PBT:
        """PBT: it forks as often."""
        return PBT(**{name: getattr(self, name) for name in PBT.__struct_fields__})


class PB2Scheduler(PBTScheduler):
    """See `PB2`."""

    def __init__(self, settings: PB2, context: Context) -> None:
        super().__init__(settings, context)
        self._bandit = Bandit(self.space, settings.interval, settings.max_rows, settings.beta)
        self._rows: list[Row] = []

    # The question ----------------------------------------------------------------------------------------------

    def _explored(self, trial: TrialId, resource: int, weights: Result) -> Config:
        near = super()._explored(trial, resource, weights)
        if not self._has_model:
            return near
        if self.recorded_fork is not None:
            return self.recorded_fork
        start = self._bandit.moment(resource, weights.loss, near)
        random = generator_for(self._seed, "bandit", self.ledger.next_trial)
        for point in self._bandit.ranked(self._rows, self._under_way(), start, near, random):
            config = self.space.decode(point)
            if not self.space.refusals(config):
                return config
        return near

    @property
    def _has_model(self) -> bool:
        least = self._bandit.least_rows
        return least is not None and len(self._rows) >= least

    def _under_way(self) -> list[Moment]:
        """The intervals that running members have begun, where their gain will be known."""
        moments: list[Moment] = []
        for member in self._members:
            state = self.ledger.trials[member.trial]
            if state.is_running and not member.is_empty and (loss := self._loss_before(state)) is not None:
                moments.append(self._bandit.moment(member.resource, loss, state.trial.config))
        return moments

    def _loss_before(self, state: TrialState) -> float | None:
        """The loss at the boundary that a trial has left: its own, or that of the weights which it took over."""
        boundary = self._boundaries.get(self._members[self._number_of(state.id)].resource)
        if boundary is None:
            return None  # it has begun with nothing
        origin = state.trial.origin
        for trial in (state.id, None if origin is None else origin.trial):
            if trial in boundary.results:
                return boundary.results[trial].loss
        return None

    # The fold --------------------------------------------------------------------------------------------------

    def _on_result(self, state: TrialState, loss: float) -> None:
        row = self._row(state, loss)
        super()._on_result(state, loss)
        if row is not None:
            self._rows.append(row)

    def _row(self, state: TrialState, loss: float) -> Row | None:
        """What the interval has brought that ends here."""
        member = self._members[self._number_of(state.id)]
        before = self._loss_before(state)
        if before is None:
            return None
        gain = (before - loss) / (member.target - member.resource)
        if not math.isfinite(gain):
            return None
        return Row(self._bandit.moment(member.resource, before, state.trial.config), gain)

    # For people ------------------------------------------------------------------------------------------------

    def _changes(self, fork: ForkTrial, donor: TrialId | None) -> str:
        least, n = self._bandit.least_rows, len(self._rows)
        if least is None:
            how = "as there are no numbers for the bandit to choose"
        elif n < least:
            how = f"for the bandit needs {least} rows and has {n}"
        else:
            how = f"numbers chosen by a Gaussian process of {min(n, self._bandit.max_rows)} rows"
        return f"{super()._changes(fork, donor)} ({how})"
