"""What a recipe is: which configs are trained, on what, and how; and its stamp, by which a table is known to be its own.

A recipe is a frozen dataclass, so that it can be sent to other processes, and a small one can be tested. The tables of a
family differ in the data set only, and share their configs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import lru_cache
from hashlib import blake2b
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.trained import data
from paceline.space import Float, Integer, Space

Floats = NDArray[np.float64]

Values = dict[str, float]
"""A config of numbers only."""


class Curve(NamedTuple):
    """What one training of a config gave, a value for each of the recipe's resources."""

    valid: Floats
    """The loss on the validation part, NaN from where training diverged."""
    test: Floats
    """The loss on the test part, likewise."""
    seconds: Floats
    """From nothing to this resource."""


class Recipe(ABC):
    """How a table is made."""

    family: ClassVar[str]
    version: ClassVar[int]
    """To be raised with every change of what the recipe does that its settings do not show."""
    unit: ClassVar[str]
    """What one unit of resource is."""
    resumes: ClassVar[bool]
    """Whether training goes on from one resource to the next; if not, each is a training from nothing."""
    part: ClassVar[int]
    """Configs that are trained before what they gave is written down."""
    minutes: float
    """How long it takes about, on two cores that have nothing else to do."""
    task: str
    """The data set."""

    @property
    def name(self) -> str:
        """`family/task`."""
        return f"{self.family}/{self.task}"

    @property
    @abstractmethod
    def resources(self) -> tuple[int, ...]:
        """The columns of the table, rising."""

    @property
    @abstractmethod
    def space(self) -> Space:
        """What configs are of: numbers only."""

    @abstractmethod
    def configs(self) -> list[Values]:
        """The rows of the table."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that curves depend on besides the data set, the space, the resources and the version."""

    @abstractmethod
    def train(self, row: int) -> Curve:
        """Train the config of a row, once to each resource. The same in any order, and in any process.

        Raises:
            SettingError: scikit-learn is not installed.
        """

    def statement(self) -> dict[str, Any]:
        """All that the family's tables depend on, the versions of the libraries that compute them included.

        Raises:
            SettingError: scikit-learn is not installed.
        """
        return {
            "family": self.family,
            "recipe": [self.version, data.VERSION],
            "space": self.space.to_json(),
            "unit": self.unit,
            "resources": list(self.resources),
            "settings": self.settings(),
            "libraries": _versions(),
        }

    def stamp(self) -> str:
        """A hash of the statement: what another recipe or another library has made goes by another one.

        Raises:
            SettingError: scikit-learn is not installed.
        """
        text = msgspec.json.encode(self.statement(), order="deterministic")
        return blake2b(text, digest_size=6).hexdigest()


@lru_cache(maxsize=8)
def rows(recipe: Recipe) -> list[Values]:
    """The recipe's configs, made once in a process."""
    return recipe.configs()


def space_file(recipe: Recipe) -> dict[str, Any]:
    """The content of `space.json`, which says what a table's rows and columns are."""
    return {
        "space": [_range(name, domain) for name, domain in recipe.space.domains.items()],
        "unit": recipe.unit,
        "resumes": recipe.resumes,
        "min_resource": recipe.resources[0],
    }


def _range(name: str, domain: object) -> dict[str, Any]:
    assert isinstance(domain, Float | Integer), f"{name} is no number"  # noqa: S101 - see `Recipe.space`
    ends = {"name": name, "lower": domain.low, "upper": domain.high, "log": domain.log}
    return {**ends, "integer": True} if isinstance(domain, Integer) else ends


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes longer than all the rest

    try:
        return {name: version(name) for name in ("numpy", "scikit-learn")}
    except PackageNotFoundError as error:
        raise data.missing() from error
