"""Quasi-random search's sampler: points that fill the unit cube more evenly than independent draws do.

SciPy's Sobol and Halton sequences (the extra `quasirandom`), scrambled with the study's seed.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from paceline.errors import SettingError
from paceline.events import Config, TrialId
from paceline.rng import Uniforms, generator_for, uniforms_for
from paceline.samplers.base import Context, Sampler, SamplerSettings
from paceline.settings import one_of

_BLOCK = 512
"""Points made at once; a power of two keeps Sobol's balance."""


class QuasiRandom(SamplerSettings, frozen=True, kw_only=True, tag=True):
    """A scrambled low-discrepancy sequence.

    Args:
        sequence: `"sobol"` (best when the number of trials is a power of two) or `"halton"` (any number).
    """

    sequence: Literal["sobol", "halton"] = "sobol"

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: no such sequence, or SciPy is not installed.
        """
        one_of("sequence", self.sequence, ("sobol", "halton"))
        try:
            import scipy.stats.qmc  # noqa: F401, PLC0415 - an extra, asked for before anything is recorded
        except ImportError as error:
            raise SettingError(
                "sampler",
                "QuasiRandom",
                expected="SciPy to be installed",
                hint="Run: pip install 'paceline[quasirandom]'.",
            ) from error

    def build(self, context: Context) -> QuasiRandomSampler:
        """The sampler."""
        return QuasiRandomSampler(context, self)


class QuasiRandomSampler(Sampler):
    """See `QuasiRandom`. The n-th sampled trial gets the n-th point."""

    def __init__(self, context: Context, settings: QuasiRandom) -> None:
        super().__init__(context)
        self._sequence = settings.sequence
        self._blocks: dict[int, list[list[float]]] = {}

    def propose(self, trial: TrialId) -> Config:
        """The config at the sequence's next point; where a constraint refuses it, a random draw takes its place."""
        index = self.ledger.n_sampled
        point = self._block(index // _BLOCK)[index % _BLOCK]
        return self.space.sample(_PointThenRandom(point, uniforms_for(self.seed, "config", trial)))

    def _block(self, number: int) -> list[list[float]]:
        if number not in self._blocks:
            from scipy.stats import qmc  # noqa: PLC0415 - an extra

            engines = {"sobol": qmc.Sobol, "halton": qmc.Halton}
            n_dimensions = max(1, self.space.dimension)  # SciPy knows no point without coordinates
            engine = engines[self._sequence](
                d=n_dimensions, scramble=True, rng=generator_for(self.seed, "quasi-random")
            )
            if number:
                engine.fast_forward(number * _BLOCK)
            points = np.minimum(engine.random(_BLOCK), math.nextafter(1.0, 0.0))
            self._blocks = {number: points.tolist()}  # trials come in order: one block is enough
        return self._blocks[number]


class _PointThenRandom:
    """A source of uniforms whose first answer is the given point."""

    def __init__(self, point: list[float], rest: Uniforms) -> None:
        self._point: list[float] | None = point
        self._rest = rest

    def random(self, size: int, /) -> list[float]:
        point, self._point = self._point, None
        return self._rest.random(size) if point is None else point
