"""The search space: which hyperparameters there are, which configs are valid, where they lie in the unit cube.

space = Space({
    "lr": Float(1e-4, 1e-1, log=True),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
})
config = space.sample(uniforms_for(seed, "config", trial))
point = space.encode(config)                   # NaN where inactive
config = space.validate({"lr": 1, ...})        # the config in its one form, or all that is wrong with it at once
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from paceline.errors import SettingError, SpaceError
from paceline.rng import UniformSource
from paceline.space import configspace, hierarchy
from paceline.space.conditions import Constraint
from paceline.space.domains import Domain, domain_from_json
from paceline.space.scalars import Config, Scalar, collecting, suggestion

MAX_TRIES = 1000
"""Configs drawn for one sample before the constraints are taken to be too tight."""

_JSON_VERSION = 1

_Step: TypeAlias = tuple[
    str, int, Callable[[float], Scalar], tuple[tuple[str, Callable[[Scalar], bool]], ...]
]
"""Of making a config: name, column, decode, (parent, test) pairs."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Space:
    """Hyperparameters by name, and the constraints on them. Frozen; spaces are equal if their `to_json` is.

    Args:
        domains: name → domain. Their order is the order of configs and of coordinates; a child may stand before its
            parent.
        constraints: what a config must pass beyond its domains.

    Raises:
        SpaceError: something is wrong; the message has a line for each.
    """

    domains: Mapping[str, Domain]
    constraints: Sequence[Constraint] = ()
    coordinates: tuple[str, ...] = field(init=False)
    """The names that have a coordinate in the unit cube, in order: all but those that can take one value only."""
    _order: tuple[str, ...] = field(init=False)
    """All names, parents before children."""
    _steps: tuple[_Step, ...] = field(init=False)
    """In that order."""
    _is_sorted: bool = field(init=False)
    """Whether that order is the order of the domains."""

    def __post_init__(self) -> None:
        domains = hierarchy.read_domains(self.domains)
        order = hierarchy.parents_first(domains)
        coordinates = tuple(name for name, domain in domains.items() if domain.n_values != 1)
        columns = {name: column for column, name in enumerate(coordinates)}

        def step(name: str) -> _Step:
            tests = tuple((parent, test.holds) for parent, test in domains[name].conditions.items())
            return name, columns.get(name, -1), domains[name].scale.decode, tests

        self._set(
            domains=MappingProxyType(domains),
            constraints=_read_constraints(self.constraints),
            coordinates=coordinates,
            _order=order,
            _steps=tuple(map(step, order)),
            _is_sorted=order == tuple(domains),
        )

    def _set(self, **values: object) -> None:
        """Write fields while the object is being made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, space: Space | Mapping[str, Domain]) -> Space:
        """The space itself, or the space of a plain dict of domains.

        Raises:
            SpaceError: it is neither, or the dict is wrong.
        """
        return space if isinstance(space, Space) else cls(space)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all hyperparameters, in order."""
        return tuple(self.domains)

    @property
    def dimension(self) -> int:
        """How many coordinates a config has in the unit cube: constants have none."""
        return len(self.coordinates)

    @property
    def n_configs(self) -> int | None:
        """How many different configs there are, constraints aside; `None` if they are a continuum."""
        return hierarchy.count(self._order, self.domains)

    # -- Making configs ------------------------------------------------------------------------------------------------

    def sample(self, source: UniformSource) -> Config:
        """A config drawn uniformly (in the unit cube) from those that the constraints allow.

        Args:
            source: asked for `dimension` numbers, again for each config that a constraint refuses.

        Raises:
            SpaceError: `MAX_TRIES` configs in a row were refused, or a constraint failed.
        """
        if not self.constraints:
            return self._draw(source)
        refusals: Counter[str] = Counter()
        for _ in range(MAX_TRIES):
            config = self._draw(source)
            refused = self.refusals(config)
            if not refused:
                return config
            refusals.update(refused)
        counts = ", ".join(f"{name!r} refused {n}" for name, n in refusals.most_common())
        problem = f"of {MAX_TRIES} configs the constraints allowed none: {counts}; loosen them or narrow the domains"
        raise SpaceError([problem])

    def _draw(self, source: UniformSource) -> Config:
        point = source.random(self.dimension)
        return self._config_at(point if isinstance(point, list) else point.tolist())

    def _config_at(self, point: list[float]) -> Config:
        """The config at a point of the unit cube. This loop is the cost of random search: keep it lean."""
        point = point or [0.5]  # one-valued hyperparameters read the last coordinate, whatever it is
        config: Config = {}
        for name, column, decode, tests in self._steps:
            for parent, holds in tests:
                if parent not in config or not holds(config[parent]):
                    break
            else:
                config[name] = decode(point[column])
        return config if self._is_sorted else self._sorted(config)

    def build(self, choose: Callable[[str, Domain], Scalar]) -> Config:
        """The config whose active hyperparameters have the values that a function chooses, parents before children.

        Args:
            choose: is asked with the name and the domain of each hyperparameter that is active.

        Raises:
            SpaceError: a value does not belong to its domain.
        """
        config: Config = {}
        for name, _, _, tests in self._steps:
            if all(parent in config and holds(config[parent]) for parent, holds in tests):
                config[name] = choose(name, self.domains[name])
        return self.validate(config)

    def _sorted(self, config: Config) -> Config:
        return {name: config[name] for name in self.domains if name in config}

    def grid(self, resolution: int | Mapping[str, int] = 5) -> Iterator[Config]:
        """Every combination that the constraints allow, made when asked for. Inactive branches are not multiplied.

        Args:
            resolution: how many values each continuous hyperparameter takes, from end to end (evenly in the logarithm
                with `log`); integers and floats with steps take all their values if these are no more, other
                hyperparameters always do. By name (5 for names left out) or one number for all.

        Raises:
            SettingError: a resolution is not a positive integer, or belongs to no hyperparameter.
        """
        by_name = resolution if isinstance(resolution, Mapping) else dict.fromkeys(self.domains, resolution)
        for name, n in by_name.items():
            if name not in self.domains:
                raise SettingError(
                    "resolution",
                    resolution,
                    expected=f"names of the space; {name!r} is none{suggestion(name, self.domains)}",
                )
            if type(n) is not int or n < 1:
                raise SettingError("resolution", resolution, expected="integers of at least 1")
        values = {name: domain.scale.spread(by_name.get(name, 5)) for name, domain in self.domains.items()}
        configs = map(self._sorted, hierarchy.walk(self._order, self.domains, values))
        return (config for config in configs if not self.refusals(config))

    # -- Judging configs -----------------------------------------------------------------------------------------------

    def validate(self, config: Mapping[str, object]) -> Config:
        """The config in its one form: names in order, Python's scalars, floats where floats belong.

        Raises:
            SpaceError: it is no config of this space. The message lists all problems at once, constraints (which need a
                config that is otherwise in order) last.
        """
        valid = self._read(config)
        if refused := self.refusals(valid):
            raise SpaceError([f"constraint {name!r} refuses {valid!r}" for name in refused], where="config")
        return valid

    def refusals(self, config: Config) -> list[str]:
        """The names of the constraints that refuse a valid config.

        Raises:
            SpaceError: a constraint failed.
        """
        return [constraint.name for constraint in self.constraints if not constraint.allows(config)]

    def _read(self, config: Mapping[str, object]) -> Config:
        """`validate`, constraints aside."""
        if not isinstance(config, Mapping):
            problem = f"{config!r} is of type {type(config).__name__}; expected a dict"
            raise SpaceError([problem], where="config")
        problems = [
            f"{name!r} is no hyperparameter of this space{suggestion(name, self.domains)}"
            for name in config
            if name not in self.domains
        ]
        valid: Config = {}
        # Those whose value is wrong, or that depend on such: nobody can say whether their children are active.
        doubtful: set[str] = set()
        for name in self._order:
            domain = self.domains[name]
            is_doubtful = not doubtful.isdisjoint(domain.conditions)
            is_active = domain.is_active(valid)
            if is_doubtful:
                doubtful.add(name)
            if name in config and (is_active or is_doubtful):
                try:
                    valid[name] = domain.check(config[name])
                except ValueError as error:
                    problems.append(f"{name!r}: {error}")
                    doubtful.add(name)
            elif name in config:
                problems.append(f"{name!r} is inactive: leave it out, or see to it that {_condition(domain)}")
            elif is_active and not is_doubtful:
                problems.append(f"{name!r} is missing: expected a value of {domain!r}")
                doubtful.add(name)
        if problems:
            raise SpaceError(problems, where="config")
        return self._sorted(valid)

    # -- The unit cube -------------------------------------------------------------------------------------------------

    def encode(self, config: Mapping[str, object]) -> NDArray[np.float64]:
        """Where the config lies in the unit cube. Constraints are not asked.

        Returns:
            A `(dimension,)` array in the order of `coordinates`, each number in [0, 1], NaN for inactive ones.

        Raises:
            SpaceError: it is no config of this space.
        """
        return np.array(self._point(config))

    def encode_many(self, configs: Iterable[Mapping[str, object]]) -> NDArray[np.float64]:
        """The same for several configs, as an `(n, dimension)` array.

        Raises:
            SpaceError: one is no config of this space.
        """
        points = [self._point(config) for config in configs]
        return np.array(points).reshape(len(points), self.dimension)

    def _point(self, config: Mapping[str, object]) -> list[float]:
        valid = self._read(config)
        return [
            self.domains[name].scale.encode(valid[name]) if name in valid else np.nan
            for name in self.coordinates
        ]

    def decode(self, point: ArrayLike) -> Config:
        """The config at a point of the unit cube. Constraints are not asked.

        The inverse of `encode`: exact for discrete values, to 1e-12 for continuous ones.

        Args:
            point: `dimension` numbers, in the order of `coordinates`. They are clipped to [0, 1]; those of inactive
                hyperparameters do not matter and may be NaN.

        Raises:
            SpaceError: the shape is another, or an active hyperparameter's coordinate is NaN.
        """
        u = np.asarray(point, dtype=np.float64)
        if u.shape != (self.dimension,):
            problem = f"shape {u.shape}: expected {(self.dimension,)}, a number for each coordinate"
            raise SpaceError([problem], where="point")
        is_nan = np.isnan(u)
        config = self._config_at(np.clip(np.where(is_nan, 0.5, u), 0.0, 1.0).tolist())
        problems = [
            f"{name!r} is active, but its coordinate is NaN"
            for name, nan in zip(self.coordinates, is_nan, strict=True)
            if nan and name in config
        ]
        if problems:
            raise SpaceError(problems, where="point")
        return config

    # -- Writing, reading, comparing -----------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The space in plain JSON types, which keep the order of names; constraints by name only."""
        return {
            "version": _JSON_VERSION,
            "hyperparameters": [{"name": name, **domain.to_json()} for name, domain in self.domains.items()],
            "constraints": [constraint.name for constraint in self.constraints],
        }

    @classmethod
    def from_json(cls, data: object, constraints: Sequence[Constraint] = ()) -> Space:
        """The space that `to_json` wrote.

        Args:
            data: what `to_json` gave.
            constraints: those that the space was made with. One that is left out keeps its name, and raises when it is
                asked: a space can be read, compared and encoded without them, but not sampled.

        Raises:
            SpaceError: the data are malformed, or know nothing of a constraint that is given.
        """
        match data:
            case {"version": 1, "hyperparameters": list(entries), "constraints": list(names)}:
                pass
            case {"version": version} if version != _JSON_VERSION:
                problem = f"version {version!r}: this version of Paceline reads version {_JSON_VERSION}"
                raise SpaceError([problem], where="space's JSON")
            case _:
                problem = (
                    f"{data!r}: expected an object with version and lists of hyperparameters and constraints"
                )
                raise SpaceError([problem], where="space's JSON")
        domains: dict[str, Domain] = {}
        problems: list[str] = []
        for entry in entries:
            name = entry.get("name") if isinstance(entry, dict) else None
            if not isinstance(name, str) or name in domains:
                problems.append(f"{entry!r}: expected a hyperparameter with a name of its own")
                continue
            with collecting(problems, repr(name)):
                domains[name] = domain_from_json({key: it for key, it in entry.items() if key != "name"})
        given = {constraint.name: constraint for constraint in _read_constraints(constraints)}
        unknown = [name for name in given if name not in names]
        problems += [f"constraint {name!r} is given, but the space has none of that name" for name in unknown]
        problems += [f"{name!r} is no name of a constraint" for name in names if not isinstance(name, str)]
        if problems:
            raise SpaceError(problems, where="space's JSON")
        return cls(
            domains, [given.get(name) or Constraint(name, partial(_not_given, name)) for name in names]
        )

    @classmethod
    def from_configspace(
        cls,
        source: object,
        *,
        fixed: Mapping[str, Scalar] = MappingProxyType({}),
        constraints: Sequence[Constraint] = (),
    ) -> Space:
        """The space that ConfigSpace describes; see `configspace.py` for what is carried over.

        Args:
            source: a `ConfigurationSpace`, its JSON as a dict, or the path of a JSON file.
            fixed: hyperparameters that become constants. Those that can never be active then are left out.
            constraints: added to the forbidden clauses.

        Raises:
            SpaceError: something cannot be carried over; the message has a line for each.
        """
        domains, forbidden = configspace.read(source, fixed)
        return cls(domains, [*forbidden, *constraints])

    def differences(self, other: Space) -> list[str]:
        """What has changed from this space to the other, a sentence for each difference; none if they are equal."""
        old, new = self.domains, other.domains
        old_order = [name for name in old if name in new]
        new_order = [name for name in new if name in old]
        sentences = [f"{name!r} is gone; it was {old[name]!r}" for name in old if name not in new]
        sentences += [f"{name!r} is new: {new[name]!r}" for name in new if name not in old]
        for name in old_order:
            if old[name] != new[name]:
                sentences.append(f"{name!r} was {old[name]!r} and is now {new[name]!r}")
        if old_order != new_order:
            sentences.append(f"the order was {', '.join(old_order)} and is now {', '.join(new_order)}")
        was, now = ([constraint.name for constraint in space.constraints] for space in (self, other))
        sentences += [f"constraint {name!r} is gone" for name in was if name not in now]
        sentences += [f"constraint {name!r} is new" for name in now if name not in was]
        if was != now and sorted(was) == sorted(now):
            sentences.append(f"the constraints' order was {', '.join(was)} and is now {', '.join(now)}")
        return sentences

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return not self.differences(other)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return Space, (dict(self.domains), tuple(self.constraints))

    def __repr__(self) -> str:
        names = ", ".join(constraint.name for constraint in self.constraints)
        return f"Space({dict(self.domains)!r}" + (f", constraints=[{names}])" if names else ")")


def _condition(domain: Domain) -> str:
    """Under which condition it is active, in words."""
    return " and ".join(f"{parent!r} {test}" for parent, test in domain.conditions.items())


def _read_constraints(constraints: Sequence[Constraint]) -> tuple[Constraint, ...]:
    if not isinstance(constraints, list | tuple):
        raise SpaceError([f"constraints={constraints!r}: expected a list of Constraint"])
    strangers = [it for it in constraints if not isinstance(it, Constraint)]
    problems = [f"{it!r}: expected Constraint(name, predicate)" for it in strangers]
    if not problems:
        times = Counter(constraint.name for constraint in constraints)
        problems = [
            f"{n} constraints are named {name!r}; name each otherwise" for name, n in times.items() if n > 1
        ]
    if problems:
        raise SpaceError(problems)
    return tuple(constraints)


def _not_given(name: str, _: Mapping[str, Any]) -> NoReturn:
    """The predicate of a constraint that a space was read without."""
    problem = (
        f"constraint {name!r} is code, which no journal holds: open the study with its space, by Study(name, space, ...), "
        "or pass the constraint to Space.from_json(..., constraints)"
    )
    raise SpaceError([problem])
