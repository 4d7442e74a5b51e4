"""Where new configs come from: the protocol that every sampler keeps, in one page.

A sampler is a fold over results like a scheduler over facts: `observe` is the only method that changes it, `propose`
is a question whose answer depends on what was observed, on the ledger and on the stream named by (study seed, trial
id), never on how often it was asked. The answer is recorded in `TrialCreated`, so opening a study asks no model
anything. `paceline.testing.samplers` holds these rules as tests to inherit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from paceline.events import Config, TrialId
from paceline.ledger import Ledger
from paceline.settings import Settings
from paceline.space import Space


class Context(msgspec.Struct, frozen=True):
    """What a scheduler or sampler is built with.

    Args:
        space: the search space.
        seed: the study's.
        ledger: the facts so far; it is applied to before schedulers and samplers are.
    """

    space: Space
    seed: int
    ledger: Ledger


class SamplerSettings(Settings, frozen=True, kw_only=True):
    """Chooses a sampler; `build` makes it."""

    def build(self, context: Context) -> Sampler:
        """The sampler, in the state before the first fact."""
        raise NotImplementedError


class Sampler(ABC):
    """Proposes configs for new trials.

    Args:
        context: space, seed and ledger.
    """

    has_model = False
    """Whether proposals come from a model. `replay` takes them from the journal then: arithmetic that differs in its last
    bit, as between two machines, may choose another config."""

    def __init__(self, context: Context) -> None:
        self.space = context.space
        self.seed = context.seed
        self.ledger = context.ledger

    @abstractmethod
    def propose(self, trial: TrialId) -> Config | None:
        """A config for the trial that would be created next, or `None` when there are no more."""

    @property
    def is_exhausted(self) -> bool:
        """Whether `propose` will answer `None` from now on."""
        return False

    def explain(self, trial: TrialId) -> str:  # noqa: ARG002 - for subclasses
        """Where the config that `propose` answers with comes from, as the end of a sentence; empty if nobody asks."""
        return ""

    def observe(self, trial: TrialId, resource: int, loss: float) -> None:
        """Take in one result, which the scheduler compares trials by; samplers without a model ignore it.

        Each trial has one result at most at each resource.

        Args:
            trial: whose result it is; `ledger.trials[trial].trial.config` is its config.
            resource: the trial was trained to this; at rungs, it is the rung's.
            loss: to be minimized; +inf where training failed or diverged.
        """
