"""Where new configs come from: the protocol that every sampler keeps, in one page.

A sampler is a fold over facts like a scheduler: `apply` is the only method that changes it, `propose` is a question
whose answer depends on the facts and on the stream named by (study seed, trial id), never on how often it was asked.
The answer is recorded in `TrialCreated`, so replaying a study asks no sampler anything that it was not asked before.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import msgspec

from paceline.events import AnyEvent, Config, TrialId
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

    learns = False
    """Whether `apply` must be called: a sampler without a model is spared the cost."""

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

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
