"""Rungs: the levels at which trials are compared. Shared by successive halving, Hyperband and ASHA.

Resources are integers built by multiplying. A float logarithm loses a rung: log(243)/log(3) is 4.999..., which floors
to 4 where 5 is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from heapq import heappop, heappush, heappushpop

from paceline.events import TrialId
from paceline.schedulers.base import Explanation

N_PEERS = 3
"""How many of the best, and of the neighbours on each side, an explanation shows."""


def rung_resources(min_resource: int, max_resource: int, eta: int) -> list[int]:
    """The rungs' resources, anchored at the bottom: r, r·η, r·η², ... and `max_resource` itself as the last.

    Li et al. 2020 (ASHA), algorithm 2, counts from r. Where R is not r·η^k the paper leaves the top below R; ours adds
    a last, shorter step, so that the best trials are trained fully. `rung_resources(1, 100, 3) == [1, 3, 9, 27, 81, 100]`.
    """
    return extend_resources([min_resource], max_resource, eta)


def extend_resources(resources: list[int], max_resource: int, eta: int) -> list[int]:
    """The rungs after `max_resource` was raised: all those that there are, then on from the last one by η."""
    extended = list(resources)
    while extended[-1] * eta <= max_resource:
        extended.append(extended[-1] * eta)
    if extended[-1] < max_resource:
        extended.append(max_resource)
    return extended


def n_halvings(min_resource: int, max_resource: int, eta: int) -> int:
    """⌊log_η(R/r)⌋, exactly."""
    count = 0
    while min_resource * eta ** (count + 1) <= max_resource:
        count += 1
    return count


class Rung:
    """An open-ended rung: results enter one by one, the best ⌊n/η⌋ of them may be promoted (Li et al. 2020, alg. 2).

    Three heaps make `add`, `promotable` and `promote` O(log n): the best ⌊n/η⌋ (worst on top), the rest (best on top),
    and those not yet promoted (best on top). The best unpromoted result is promotable iff it is no worse than the worst
    of the best; if it is not, none is. Ties go to the older trial: the order of arrival must not decide.

    Args:
        resource: what trials are trained to here.
        eta: the reduction factor.
    """

    __slots__ = (
        "_best",
        "_eta",
        "_open",
        "_rest",
        "_withdrawn",
        "best_loss",
        "n_running",
        "promoted",
        "resource",
        "results",
    )

    def __init__(self, resource: int, eta: int) -> None:
        self.resource = resource
        self.results: dict[TrialId, float] = {}
        self.promoted: set[TrialId] = set()
        self.n_running = 0
        self.best_loss = math.inf
        self._eta = eta
        self._withdrawn: set[TrialId] = set()
        self._best: list[tuple[float, int]] = []  # (-loss, -trial): a heap with the worst on top
        self._rest: list[tuple[float, TrialId]] = []
        self._open: list[tuple[float, TrialId]] = []

    def add(self, trial: TrialId, loss: float) -> None:
        """A trial's result enters. It counts once: a second one for the same trial is ignored."""
        if trial in self.results:
            return
        self.results[trial] = loss
        self.best_loss = min(self.best_loss, loss)
        entry = (loss, trial)
        if self._best and (-loss, -trial) > self._best[0]:
            worst = heappushpop(self._best, (-loss, -trial))
            heappush(self._rest, (-worst[0], TrialId(-worst[1])))
        else:
            heappush(self._rest, entry)
        if self.n_permitted > len(self._best):
            better = heappop(self._rest)
            heappush(self._best, (-better[0], -better[1]))
        if loss < math.inf:  # a failed or diverged trial counts as a result, and is never promoted
            heappush(self._open, entry)

    @property
    def n_permitted(self) -> int:
        """How many of the best may be promoted: ⌊n/η⌋."""
        return len(self.results) // self._eta

    @property
    def cutoff(self) -> tuple[float, TrialId] | None:
        """The (loss, trial) of the worst result that may be promoted; `None` when none may."""
        return (-self._best[0][0], TrialId(-self._best[0][1])) if self._best else None

    def promotable(self) -> TrialId | None:
        """The best trial among the permitted that was not promoted yet, or `None`."""
        if self._open and self._best:
            loss, trial = self._open[0]
            if (-loss, -trial) >= self._best[0]:
                return trial
        return None

    def promote(self, trial: TrialId) -> None:
        """The trial's promotion was handed out: marked now, not when it returns, so that nobody hands it out again."""
        self.promoted.add(trial)
        self._tidy()

    def reopen(self, trial: TrialId) -> None:
        """The trial's promotion was lost: it is promotable again, if it is still good enough."""
        if trial not in self.promoted:
            return
        self.promoted.discard(trial)
        entry = (self.results[trial], trial)
        if entry[0] < math.inf:
            # Twice, if a policy promoted it out of order: then it leaves the heap twice too.
            heappush(self._open, entry)
            self._tidy()

    def withdraw(self, trial: TrialId) -> None:
        """The trial was stopped: its result still counts, and it is never promoted from here."""
        self._withdrawn.add(trial)
        self._tidy()

    def _tidy(self) -> None:
        """The top of the heap is a trial that may be promoted."""
        while self._open and (self._open[0][1] in self.promoted or self._open[0][1] in self._withdrawn):
            heappop(self._open)

    def is_among_best(self, trial: TrialId, n: int) -> bool:
        """Whether the trial is among the best `n` results, for n = `n_permitted`, or 1 while that is 0."""
        mine = (self.results[trial], trial)
        if self.cutoff is not None:
            return mine <= self.cutoff
        # Fewer than η results: to look through all of them costs nothing.
        return n > 0 and mine == min((loss, other) for other, loss in self.results.items())


def compare(results: Mapping[TrialId, float], trial: TrialId, n_permitted: int, *, rung: int, resource: int,
            verdict: str) -> Explanation:  # fmt: skip
    """An explanation of a decision that compared a trial with its peers in a rung; O(n log n), for people."""
    ranked = sorted((loss, other) for other, loss in results.items())
    place = ranked.index((results[trial], trial))
    near = sorted({*range(N_PEERS), *range(place - N_PEERS, place + N_PEERS + 1)} & set(range(len(ranked))))
    permitted = f"; the best {n_permitted} may go on" if n_permitted else ""
    cutoff = ranked[n_permitted - 1][0] if 0 < n_permitted <= len(ranked) else None
    return Explanation(
        text=f"rank {place + 1} of {len(ranked)} results at resource {resource}{permitted}: {verdict}",
        rung=rung,
        resource=resource,
        rank=place + 1,
        n_results=len(ranked),
        n_permitted=n_permitted,
        cutoff=cutoff,
        peers=tuple((ranked[index][1], ranked[index][0]) for index in near),
    )
