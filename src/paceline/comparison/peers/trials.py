"""Which of our trials a library's config is: the same one again at a higher resource, or a new one."""

from __future__ import annotations

from collections.abc import Hashable

from paceline.comparison.peers.base import Work
from paceline.events import Config


class Trials:
    """Trials by what the library calls its configs.

    A library that asks for a config again, at a resource that it was trained to before or while it is being trained, gets
    another trial of the same config: a trial goes up only, one job at a time.

    Args:
        resumes: whether a job goes on from where the last one of its trial ended.
    """

    def __init__(self, *, resumes: bool) -> None:
        self._resumes = resumes
        self._keys: dict[Hashable, int] = {}
        self._reached: dict[int, int] = {}
        self._running: set[int] = set()
        self._n_keys = 0

    def begin(self, name: Hashable, config: Config, resource: int) -> Work:
        """The work that trains a config to a resource."""
        key = self._keys.get(name)
        if key is None or key in self._running or self._reached[key] >= resource:
            key = self._keys[name] = self._n_keys
            self._reached[key] = 0
            self._n_keys += 1
        self._running.add(key)
        return Work(key, config, self._reached[key] if self._resumes else 0, resource)

    def end(self, work: Work) -> None:
        """It has been done."""
        self._running.remove(work.key)
        self._reached[work.key] = work.resource
