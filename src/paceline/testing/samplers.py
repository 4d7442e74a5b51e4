"""What every sampler keeps, as tests to inherit: subclass `SamplerContract` and name the settings.

    class TestMine(SamplerContract):
        settings_under_test = MySampler()

The sampler works under ASHA with three workers, in spaces that Hypothesis makes up: mixed, conditional, finite. Losses tie,
diverge and come in any order. One that runs out of configs, or looks at more than the order of losses, says so below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paceline.events import Config, Outcome, TrialId
from paceline.samplers.base import Sampler, SamplerSettings
from paceline.schedulers.asha import ASHA
from paceline.settings import Settings
from paceline.space import Constraint, Float, Integer, Space
from paceline.testing.strategies import spaces
from paceline.testing.studies import Puppet

_SLOTS = 3
_TRIALS = 24

LOSSES = st.lists(
    st.one_of(
        st.integers(0, 10**6).map(lambda n: n / 10**6), st.sampled_from([0.25, 0.5, 0.75]), st.just(math.inf)
    ),
    min_size=1,
    max_size=_TRIALS,
)
"""By trial; they begin again at the end. None are so near to each other that arithmetic could make them equal."""

_PLAIN = Space({"x": Float(0.0, 1.0), "y": Float(1e-4, 1.0, log=True), "n": Integer(1, 30)})
_FEW = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


class SamplerContract:
    """The rules at the head of `paceline.samplers.base`."""

    settings_under_test: ClassVar[SamplerSettings]
    needs_only_ranks: ClassVar[bool] = True
    """Whether the order of losses decides, and not their size: as true of all that Paceline ships."""
    never_runs_out: ClassVar[bool] = True
    """Whether there is always one more config."""

    @_FEW
    @given(space=spaces(), losses=LOSSES)
    def test_configs_are_valid_and_in_their_one_form(self, space: Space, losses: list[float]) -> None:
        """Inside their domains, inactive hyperparameters absent, whatever the losses."""
        for config in _configs(self._study(space, losses)):
            assert list(space.validate(config).items()) == list(config.items())

    @_FEW
    @given(space=spaces(), losses=LOSSES)
    def test_a_question_changes_nothing(self, space: Space, losses: list[float]) -> None:
        """Asked twice, about other trials in between, in any order: the same answers."""
        sampler, trial = self._asked(self._study(space, losses))
        first = [sampler.propose(TrialId(trial + ahead)) for ahead in range(4)]
        again = [sampler.propose(TrialId(trial + ahead)) for ahead in reversed(range(4))]
        sampler.explain(trial)
        assert again[::-1] == first
        assert [sampler.propose(TrialId(trial + ahead)) for ahead in range(4)] == first

    @_FEW
    @given(space=spaces(), losses=LOSSES)
    def test_who_has_folded_the_journal_proposes_the_same(self, space: Space, losses: list[float]) -> None:
        """Nothing but the facts, the seed and the trial decides: a driver that takes over has the same sampler."""
        study = self._study(space, losses)
        (sampler, trial), (other, _) = self._asked(study), self._asked(study.folded())
        assert other.propose(trial) == sampler.propose(trial)
        assert other.is_exhausted == sampler.is_exhausted

    @_FEW
    @given(losses=LOSSES)
    def test_only_the_order_of_losses_decides(self, losses: list[float]) -> None:
        """A loss and its logarithm are the same problem."""
        if not self.needs_only_ranks:
            pytest.skip("this sampler looks at the size of losses")
        configs = _configs(self._study(_PLAIN, losses))
        stretched = [math.exp(3.0 * loss) if loss < math.inf else loss for loss in losses]
        assert _configs(self._study(_PLAIN, stretched)) == configs

    @_FEW
    @given(losses=LOSSES)
    def test_constraints_hold(self, losses: list[float]) -> None:
        """No config that the space refuses is proposed."""
        space = Space(dict(_PLAIN.domains), constraints=[Constraint("sum", _is_small)])
        assert all(map(_is_small, _configs(self._study(space, losses))))

    def test_seeds_differ(self) -> None:
        """Two seeds are two searches; the same seed is the same one."""
        losses = [0.3, 0.1, 0.7, 0.2, 0.9]
        first = _configs(self._study(_PLAIN, losses, seed=0))
        assert _configs(self._study(_PLAIN, losses, seed=0)) == first
        assert _configs(self._study(_PLAIN, losses, seed=1)) != first

    def test_no_result_is_no_trouble(self) -> None:
        """All trials fail; all losses are equal; nothing but running trials."""
        for losses in [math.inf], [0.5]:
            self._study(_PLAIN, losses)
        study = Puppet(ASHA(max_resource=4, sampler=self.settings_under_test), space=_PLAIN)
        for _ in range(_TRIALS):
            assert study.take() is not None or not self.never_runs_out

    @_FEW
    @given(space=spaces(finite=True, max_size=2), losses=LOSSES)
    def test_it_says_when_it_has_run_out(self, space: Space, losses: list[float]) -> None:
        """`None` is answered if and only if `is_exhausted` holds."""
        sampler, trial = self._asked(self._study(space, losses))
        assert (sampler.propose(trial) is None) == sampler.is_exhausted
        assert not (self.never_runs_out and sampler.is_exhausted)

    def test_settings_survive_the_journal(self) -> None:
        """Plain JSON types, and equal settings from them."""
        assert Settings.from_json(self.settings_under_test.to_json()) == self.settings_under_test

    # How -------------------------------------------------------------------------------------------------------

    def _study(self, space: Space, losses: list[float], *, seed: int = 0) -> Puppet:
        """A study that has come some way, with trials running."""
        scheduler = ASHA(max_resource=4, reduction_factor=2, sampler=self.settings_under_test)
        study = Puppet(scheduler, space=space, seed=seed, retries=0)
        loss_of: Callable[[int], float] = lambda trial: losses[trial % len(losses)]  # noqa: E731
        for step in range(2 * _TRIALS):
            may_start = len(study.ledger.trials) < _TRIALS
            while len(study.ledger.running) < _SLOTS and study.take(may_start=may_start) is not None:
                pass
            running = [found.job for found in study.ledger.running.values()]
            if not running:
                break
            job = running[step * 7 % len(running)]
            if loss_of(job.trial) == math.inf and job.trial % 2:
                study.end(job, Outcome.FAILED)
            else:
                study.complete(job, loss_of(job.trial))
        return study

    def _asked(self, study: Puppet) -> tuple[Sampler, TrialId]:
        return study.scheduler.sampler, study.ledger.next_trial


def _configs(study: Puppet) -> list[Config]:
    return [state.trial.config for state in study.ledger.trials]


def _is_small(config: Config) -> bool:
    return float(config["x"]) + float(config["y"]) < 1.2  # type: ignore[arg-type]  # both are floats
