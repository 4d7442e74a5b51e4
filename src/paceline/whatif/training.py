"""Recorded trials as a training for `simulate`: trial i of the simulation is the i-th of the pool, in a given order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from paceline.events import Config, Metrics, Objective, TrialId
from paceline.samplers.base import Context, Sampler, SamplerSettings
from paceline.whatif.record import Curve, Source
from paceline.whatif.rules import Rule, Times


class Pool(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """Hands out configs that there are, in order.

    Args:
        configs: the pool.
        is_endless: whether there would be more. A study's budget of trials has to end it then; otherwise the pool ends
            as a grid does, and open brackets go on with the trials that they have.
    """

    is_internal: ClassVar[bool] = True

    configs: tuple[Config, ...]
    is_endless: bool = False

    def build(self, context: Context) -> PoolSampler:
        """The sampler."""
        return PoolSampler(context, self)


class PoolSampler(Sampler):
    """See `Pool`."""

    def __init__(self, context: Context, settings: Pool) -> None:
        super().__init__(context)
        self._settings = settings

    def propose(self, trial: TrialId) -> Config | None:
        """The config at the trial's place."""
        configs = self._settings.configs
        if trial < len(configs):
            return configs[trial]
        return configs[0] if self._settings.is_endless else None

    @property
    def is_exhausted(self) -> bool:
        """Whether the pool has come to its end."""
        return not self._settings.is_endless and self.ledger.next_trial >= len(self._settings.configs)


class RecordedTraining:
    """A `SimulatedTraining` that reports what was recorded, and where nothing was, what a rule says.

    Args:
        curves: of the pool, in the order in which the simulation creates its trials.
        rule: for losses beyond the record.
        times: for seconds.
        objective: what is reported.
    """

    def __init__(self, curves: Sequence[Curve], rule: Rule, times: Times, objective: Objective) -> None:
        self._curves = curves
        self._rule = rule
        self._times = times
        self._objective = objective

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:  # noqa: ARG002 - the trial tells
        """The recorded trial's metric; not finite where it failed."""
        return {self._objective.metric: self._objective.value(self._loss(trial, resource))}

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:  # noqa: ARG002 - likewise
        """Seconds from nothing to the resource."""
        return self._times.seconds(self._curves[trial], resource)

    def source(self, trial: TrialId, resource: int) -> Source:
        """Where what the trial reports at a resource comes from."""
        return self._curves[trial].source(resource)

    def recorded_trial(self, trial: TrialId) -> TrialId:
        """Which recorded trial a simulated one is."""
        return self._curves[trial].trial

    def _loss(self, trial: TrialId, resource: int) -> float:
        curve = self._curves[trial]
        if curve.fails_after is not None and resource > curve.fails_after:
            return math.inf
        return curve.loss(resource) if curve.covers(resource) else self._rule.loss(curve, resource)
