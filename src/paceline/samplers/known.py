"""The configs that a study has tried, where a space is finite and trying one again would be a waste."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from paceline.errors import SpaceError
from paceline.events import Config
from paceline.rng import Uniforms
from paceline.samplers.base import Context

_MOST_TRIES = 100
"""Draws for a config that is new, before the rest are looked through."""

_MANY = 10_000
"""Configs of a space that are looked through for a new one."""


class KnownConfigs:
    """The configs of all trials so far; empty for a continuum, where none comes twice.

    Args:
        context: space and ledger.
    """

    def __init__(self, context: Context) -> None:
        self._space = context.space
        self._ledger = context.ledger
        self._n_configs = context.space.n_configs
        self._known: set[bytes] = set()
        self._n_read = 0
        self._are_all_known = False  # all that the constraints allow; once so, it stays so

    def __contains__(self, config: Config) -> bool:
        if self._n_configs is None:
            return False
        for state in self._ledger.trials[self._n_read :]:
            self._known.add(_key(state.trial.config))
        self._n_read = len(self._ledger.trials)
        return _key(config) in self._known

    def draw_new(self, source: Uniforms) -> Config:
        """The first config drawn from the source that is new; once all are known, the first of all.

        Raises:
            SpaceError: the space's constraints allow too little.
        """
        first = config = self._space.sample(source)
        if config not in self:
            return config
        if self._are_all_known or (self._n_configs is not None and len(self._known) >= self._n_configs):
            return first
        with suppress(SpaceError):  # the constraints allow little, but there is the first
            for _ in range(_MOST_TRIES):
                config = self._space.sample(source)
                if config not in self:
                    return config
        if self._n_configs is None or self._n_configs > _MANY:
            return first
        remaining = [config for config in self._space.grid(self._n_configs) if config not in self]
        self._are_all_known = not remaining
        return remaining[int(source.random(1)[0] * len(remaining))] if remaining else first


def _key(config: Config) -> bytes:
    return msgspec.json.encode(config)  # as text, since in Python 1 == 1.0 == True
