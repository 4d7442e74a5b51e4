"""Explore: a config like another one, as population based training needs it (Jaderberg et al. 2017).

Each hyperparameter is drawn anew with a small probability, and otherwise moved by what suits its domain:

    numbers       times one of the factors, in value, whatever the scale; then noise, in the unit interval
    whole numbers and steps   likewise, to the nearest, and by one step at least: round(2 * 1.2) would stay for ever
    ordinals      one place up or down
    categoricals  another choice, with a probability
    constants     stay

No value ever leaves its bounds: one that would is reflected (in the logarithm, for `log`) or clipped. Zero has no
multiple but itself, so from there a number moves by a share of its range. A hyperparameter that becomes active is drawn,
one that becomes inactive is left out; where constraints refuse `MAX_TRIES` such configs, one is drawn from all.

The paper states the factors 0.8 and 1.2 and that values may be resampled (from memory); the rest are our own choices.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

from paceline.errors import SettingError
from paceline.rng import UniformSource
from paceline.settings import Settings, one_of, within
from paceline.space.domains import Categorical, Constant, Domain, Float, Integer, Ordinal
from paceline.space.hierarchy import parents_first
from paceline.space.scalars import Config, Scalar, identity
from paceline.space.space import Space

MAX_TRIES = 100
"""Perturbed configs that constraints may refuse before one is drawn from the whole space."""

_DRAWS = 4
"""Random numbers for each hyperparameter, whatever becomes of it: what happens to one does not depend on the others."""

_NORMAL = NormalDist()


class Explore(Settings, frozen=True, kw_only=True):
    """Chooses how a config is changed; for one of your own, subclass it with `tag=True` and write `explore`."""

    def explore(self, space: Space, config: Config, source: UniformSource) -> Config:
        """A config like `config`. It depends on nothing but the arguments.

        Args:
            space: what the answer must belong to; whoever asks has it validated.
            config: of the trial that is to be gone on from; not to be edited.
            source: of all randomness.
        """
        raise NotImplementedError


class Perturb(Explore, frozen=True, kw_only=True, tag=True):
    """See this file's head.

    Args:
        factors: a number is multiplied by one of them, each equally probable.
        noise: standard deviation of the normal noise that is added to numbers, as a share of their range (of its
            logarithm, for `log`).
        resample: probability that a hyperparameter is drawn anew instead.
        redraw: probability that a categorical takes another choice.
        at_bounds: what becomes of a number that would leave its range.

    Raises:
        SettingError: a setting is wrong.
    """

    factors: tuple[float, ...] = (0.8, 1.2)
    noise: float = 0.0
    resample: float = 0.25
    redraw: float = 0.25
    at_bounds: Literal["reflect", "clip"] = "reflect"

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        numbers = isinstance(self.factors, tuple) and all(
            isinstance(factor, int | float) and not isinstance(factor, bool) for factor in self.factors
        )
        if not (numbers and self.factors and all(0 < factor < math.inf for factor in self.factors)):
            raise SettingError("factors", self.factors, expected="numbers above 0, such as (0.8, 1.2)")
        within("noise", self.noise, 0, 1)
        within("resample", self.resample, 0, 1)
        within("redraw", self.redraw, 0, 1)
        one_of("at_bounds", self.at_bounds, ("reflect", "clip"))

    def explore(self, space: Space, config: Config, source: UniformSource) -> Config:
        """A config of which each value is near the old one."""
        order = parents_first(space.domains)
        for _ in range(MAX_TRIES):
            near = self._near(space, order, config, source)
            if not space.refusals(near):
                return near
        return space.sample(source)

    def _near(self, space: Space, order: tuple[str, ...], config: Config, source: UniformSource) -> Config:
        near: Config = {}
        for name in order:
            domain = space.domains[name]
            draws = [float(draw) for draw in source.random(_DRAWS)]
            if domain.is_active(near):
                is_new = name not in config
                near[name] = (
                    domain.scale.decode(draws[3]) if is_new else self.move(domain, config[name], draws)
                )
        return {name: near[name] for name in space.domains if name in near}

    def move(self, domain: Domain, value: Scalar, draws: list[float]) -> Scalar:
        """The value that takes the place of one.

        Args:
            domain: of the value.
            value: the one before.
            draws: four numbers, uniform in [0, 1): whether it is drawn anew, by which factor or where it moves, its noise,
                the new value if it is drawn.
        """
        chance, which, jitter, anew = draws
        if chance < self.resample:
            return domain.scale.decode(anew)
        match domain:
            case Float() | Integer():
                return self._number(domain, value, which, jitter)
            case Ordinal():
                values = list(map(identity, domain.values))
                place = _step(values.index(identity(value)), len(values), upwards=which < 0.5)
                return domain.values[place]
            case Categorical():
                others = [choice for choice in domain.choices if identity(choice) != identity(value)]
                return others[int(anew * len(others))] if others and which < self.redraw else value
            case Constant():
                return value
            case _:
                raise TypeError(f"{domain!r} is of no kind that can be perturbed")

    def _number(self, domain: Float | Integer, value: Scalar, which: float, jitter: float) -> float:
        old: float = value  # type: ignore[assignment]  # the domain's values are numbers
        factor = self.factors[int(which * len(self.factors))]
        moved = old * factor if old else (factor - 1.0) * (domain.high - domain.low)
        if self.noise or not domain.low <= moved <= domain.high:
            shift = self.noise * _NORMAL.inv_cdf(max(jitter, 2.0**-53)) if self.noise else 0.0
            moved, is_up = self._bounded(domain, moved, shift, old)
        else:
            is_up = moved > old
        n = domain.n_values
        if n is None:
            return min(max(float(moved), domain.low), domain.high)
        step = domain.step or 1
        index = min(max(round((moved - domain.low) / step), 0), n - 1)
        before = min(max(round((old - domain.low) / step), 0), n - 1)
        if index == before and (factor != 1 or self.noise):
            index = _step(before, n, upwards=is_up)
        return domain.scale.at(index)  # type: ignore[attr-defined, no-any-return]  # with values to count, it has cells

    def _bounded(self, domain: Float | Integer, moved: float, shift: float, old: float) -> tuple[float, bool]:
        """The number within its range, and whether it was to move upwards."""
        if domain.log:
            low, high = math.log(domain.low), math.log(domain.high)
            place, before = math.log(moved), math.log(old)
        else:
            low, high, place, before = domain.low, domain.high, moved, old
        place += shift * (high - low)
        is_up = place > before
        if self.at_bounds == "clip":
            place = min(max(place, low), high)
        else:
            width = high - low
            past = (place - low) % (2 * width)  # there and back again
            place = low + (past if past <= width else 2 * width - past)
        return (math.exp(place) if domain.log else place), is_up


def _step(place: int, n: int, *, upwards: bool) -> int:
    """The next place of `n`: the other way where there is none."""
    if n == 1:
        return place
    there = place + (1 if upwards else -1)
    return there if 0 <= there < n else 2 * place - there
