"""Checkpoints that are held: by several holders at once, each of which may change its mind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from types import MappingProxyType

from paceline.events import Checkpoint


class Pins:
    """Who holds which checkpoints. A change costs what the one holder holds, however much is held in all."""

    def __init__(self) -> None:
        self._held: dict[Hashable, dict[str, Checkpoint]] = {}
        self._n_holders: Counter[str] = Counter()
        self._checkpoints: dict[str, Checkpoint] = {}

    @property
    def checkpoints(self) -> Mapping[str, Checkpoint]:
        """Whatever somebody holds, by key; it changes as they do."""
        return MappingProxyType(self._checkpoints)

    def hold(self, holder: Hashable, checkpoints: Iterable[Checkpoint | None] = ()) -> None:
        """From now on the holder holds these, and nothing else."""
        after = {checkpoint.key: checkpoint for checkpoint in checkpoints if checkpoint is not None}
        before = self._held.get(holder, {})
        if after == before:
            return
        for key in after.keys() - before.keys():
            self._n_holders[key] += 1
            self._checkpoints[key] = after[key]
        for key in before.keys() - after.keys():
            self._n_holders[key] -= 1
            if not self._n_holders[key]:
                del self._n_holders[key], self._checkpoints[key]
        if after:
            self._held[holder] = after
        else:
            del self._held[holder]
