"""Hyperband (Li et al. 2018, algorithm 1): successive halving with brackets from the most aggressive to none at all.

Nobody knows beforehand how early a config may be judged, so a sweep spends about the same resource on each answer: the
first bracket starts many configs at the lowest resource, the last a few at R.

Two readings of the number of configs that start a bracket with s halvings, both in use, differ in their middle brackets
(η = 3, R = 81):

    "paper"       ⌈(s_max+1)·η^s / (s+1)⌉      81, 34, 15, 8, 5     Li et al. 2018, algorithm 1, line 2
    "hpbandster"  ⌊(s_max+1) / (s+1)⌋·η^s      81, 27,  9, 6, 5     the BOHB authors' code; also the paper's own table

The second starts up to 40 % fewer configs; the experiments of BOHB (Falkner et al. 2018) ran that code.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

from paceline.samplers.base import Context
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.rungs import n_halvings
from paceline.schedulers.successive_halving import BracketScheduler, Shape, check_resources, shape_from_top
from paceline.settings import at_least, one_of, true_or_false

BracketRule = Literal["paper", "hpbandster"]


def bracket_sizes(
    max_resource: int, eta: int, *, min_resource: int = 1, rule: BracketRule = "paper"
) -> list[int]:
    """Trials that start each bracket of a sweep, most aggressive first.

    `bracket_sizes(81, 3) == [81, 34, 15, 8, 5]`, `bracket_sizes(81, 3, rule="hpbandster") == [81, 27, 9, 6, 5]`.
    """
    s_max = n_halvings(min_resource, max_resource, eta)
    return [_size(s, s_max, eta, rule) for s in range(s_max, -1, -1)]


def _size(s: int, s_max: int, eta: int, rule: BracketRule) -> int:
    if rule == "hpbandster":
        size: int = (
            (s_max + 1) // (s + 1) * eta**s
        )  # the type of int ** int is Any: the exponent might be negative
        return size
    return math.ceil(Fraction((s_max + 1) * eta**s, s + 1))


class Hyperband(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Sweeps over brackets with all numbers of halvings.

    Args:
        max_resource: R, in the study's unit.
        min_resource: r: no rung is below it; rungs are R/η^k.
        reduction_factor: η.
        bracket_rule: how many configs start a bracket; see this file's head.
        sweeps: how often all brackets are run; `None` until the budget ends.
        overlap: start the next bracket while one waits for its last results; otherwise slots idle.
        resume: go on from checkpoints; otherwise each promotion trains anew.
        sampler: where configs come from.
    """

    max_resource: int
    min_resource: int = 1
    reduction_factor: int = 3
    bracket_rule: BracketRule = "paper"
    sweeps: int | None = 1
    overlap: bool = True
    resume: bool = True

    growing = ("sweeps",)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        check_resources(self.min_resource, self.max_resource, self.reduction_factor)
        one_of("bracket_rule", self.bracket_rule, ("paper", "hpbandster"))
        true_or_false("overlap", self.overlap)
        true_or_false("resume", self.resume)
        if self.sweeps is not None:
            at_least("sweeps", self.sweeps, 1)

    def shapes(self) -> list[Shape]:
        """The brackets of one sweep, most aggressive first."""
        sizes = bracket_sizes(
            self.max_resource, self.reduction_factor, min_resource=self.min_resource, rule=self.bracket_rule
        )
        n_rungs = range(len(sizes), 0, -1)
        return [
            shape_from_top(n, self.max_resource, self.reduction_factor, k)
            for n, k in zip(sizes, n_rungs, strict=True)
        ]

    def build(self, context: Context) -> HyperbandScheduler:
        """The scheduler."""
        return HyperbandScheduler(self, context)

    @property
    def is_endless(self) -> bool:
        """Whether sweeps follow each other without end."""
        return self.sweeps is None


class HyperbandScheduler(BracketScheduler):
    """See `Hyperband`."""

    def __init__(self, settings: Hyperband, context: Context) -> None:
        super().__init__(settings, context, overlap=settings.overlap)
        self.resumes = settings.resume
        self._settings = settings
        self._shapes = settings.shapes()

    def shape_of(self, number: int) -> Shape | None:
        """The sweep's brackets in order, again and again."""
        sweep, index = divmod(number, len(self._shapes))
        limit = self._settings.sweeps
        return self._shapes[index] if limit is None or sweep < limit else None

    def _on_settings(self, settings: SchedulerSettings) -> None:
        if isinstance(settings, Hyperband):
            self._settings = settings
