"""`mlp`: learning curves of small networks, 50 epochs each, in the space of ParamNet (Falkner et al. 2018).

The learning rate spans four decades as there, two higher: at the lower end of 1e-6 to 1e-2, plain momentum learns next to
nothing within 50 epochs. Losses are rates of error; for a number, the mean squared error of the standardized target, so
that 1 is what its mean in the training part would give.

Seconds are not measured but counted: two runs of one config on a machine that others use differed by a factor of up to
2.4 in processor time (standard deviation of its logarithm 0.35), and a table that depended on it could not be made
again. What is counted explains 93 % of the variance of the logarithm between configs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, nan
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from paceline.benchmarks.trained.data import Data, Part, load_data
from paceline.benchmarks.trained.network import Floats as Singles
from paceline.benchmarks.trained.network import Network
from paceline.benchmarks.trained.recipe import Curve, Recipe, Values, rows
from paceline.rng import generator_for, uniforms_for
from paceline.space import Float, Integer, Space

MOMENTUM = 0.9

STEP_SECONDS = 5e-5
"""Of each layer in each step of the optimizer, however small the layer."""

MULTIPLY_SECONDS = 1e-10
"""Of a multiplication and an addition in a product of matrices."""

_SEED = 0


@dataclass(frozen=True)
class MLP(Recipe):
    """A fully connected network on a data set.

    Args:
        task: the data set.
        minutes: see `Recipe`.
        n_configs: random configs, the rows.
        epochs: to which each is trained, the columns. The learning rate falls to its final fraction within them.
    """

    family: ClassVar[str] = "mlp"
    version: ClassVar[int] = 1
    unit: ClassVar[str] = "epoch"
    resumes: ClassVar[bool] = True
    part: ClassVar[int] = 10

    task: str
    minutes: float = 0.0
    n_configs: int = 1000
    epochs: int = 50

    @property
    def resources(self) -> tuple[int, ...]:
        """Every epoch."""
        return tuple(range(1, self.epochs + 1))

    @property
    def space(self) -> Space:
        """ParamNet's reduced space, but for the learning rate; there the number of layers is continuous."""
        return Space(
            {
                "learning_rate": Float(1e-4, 1.0, log=True),
                "batch_size": Integer(8, 256, log=True),
                "units": Integer(16, 256, log=True),
                "layers": Integer(1, 5),
                "final_fraction": Float(2**-4, 1.0, log=True),
                "dropout": Float(0.0, 0.5),
            }
        )

    def configs(self) -> list[Values]:
        """Random ones; a table of fewer is the beginning of one of more."""
        space = self.space
        drawn = [space.sample(uniforms_for(_SEED, "trained-mlp", row)) for row in range(self.n_configs)]
        return cast("list[Values]", drawn)

    def settings(self) -> dict[str, Any]:
        """See `Recipe.settings`."""
        return {
            "n_configs": self.n_configs,
            "momentum": MOMENTUM,
            "seconds": [STEP_SECONDS, MULTIPLY_SECONDS],
        }

    def train(self, row: int) -> Curve:
        """See `Recipe.train`. Data sets differ in their weights at the beginning, too."""
        config, sets = rows(self)[row], prepared(self.task)
        seconds = epoch_seconds(config, sets) * np.arange(1.0, self.epochs + 1.0)
        losses = np.full((2, self.epochs), np.nan)
        rng = generator_for(_SEED, f"trained-mlp-{self.task}", row)
        network = Network(_sizes(config, sets), config["dropout"], rng)
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # where training diverges, which is one of the answers
            for epoch in range(self.epochs):
                self._learn(network, config, sets, epoch, rng)
                found = loss(network, sets.valid), loss(network, sets.test)
                if not (network.is_finite and np.isfinite(found).all()):
                    break
                losses[:, epoch] = found
        return Curve(losses[0], losses[1], seconds)

    def _learn(
        self, network: Network, config: Values, sets: Prepared, epoch: int, rng: np.random.Generator
    ) -> None:
        """One epoch: all rows once, in a new order. The learning rate falls geometrically, by steps."""
        size = int(config["batch_size"])
        order = rng.permutation(len(sets.train.inputs))
        batches = [order[at : at + size] for at in range(0, len(order), size)]
        last = max(self.epochs * len(batches) - 1, 1)
        for i, batch in enumerate(batches):
            way = (epoch * len(batches) + i) / last
            network.learn(
                sets.train.inputs[batch],
                sets.train.targets[batch],
                rate=config["learning_rate"] * config["final_fraction"] ** way,
                momentum=MOMENTUM,
                is_number=sets.is_number,
            )


@dataclass(frozen=True)
class Batches:
    """Rows as the network takes them.

    Args:
        inputs: `(n, features)`, standardized by the training part.
        targets: `(n, outputs)`: a 1 for the right class; or one standardized number.
    """

    inputs: Singles
    targets: Singles


@dataclass(frozen=True)
class Prepared:
    """A data set as the network takes it."""

    is_number: bool
    train: Batches
    valid: Batches
    test: Batches


@lru_cache(maxsize=4)
def prepared(task: str) -> Prepared:
    """A data set by its name, standardized.

    Raises:
        SettingError: scikit-learn is not installed.
    """
    data = load_data(task)
    return Prepared(
        data.n_classes == 0, *(_batches(part, data) for part in (data.train, data.valid, data.test))
    )


def _batches(part: Part, data: Data) -> Batches:
    inputs = _standardized(part.inputs, data.train.inputs)
    if data.n_classes:
        return Batches(inputs, np.eye(data.n_classes, dtype=np.float32)[part.targets.astype(int)])
    return Batches(inputs, _standardized(part.targets[:, None], data.train.targets[:, None]))


def _standardized(values: NDArray[Any], by: NDArray[Any]) -> Singles:
    """With mean 0 and standard deviation 1 in some rows; what is constant there is only shifted."""
    spread = by.std(axis=0)
    scaled: Singles = ((values - by.mean(axis=0)) / np.where(spread > 0, spread, 1.0)).astype(np.float32)
    return scaled


def loss(network: Network, part: Batches) -> float:
    """The rate of error, or the mean squared error of a number; NaN where what the network puts out is none."""
    outputs = network.outputs(part.inputs)
    if not np.isfinite(outputs).all():
        return nan
    if outputs.shape[1] > 1:
        return float((outputs.argmax(axis=1) != part.targets.argmax(axis=1)).mean())
    return float(np.square(outputs - part.targets, dtype=np.float64).mean())


def epoch_seconds(config: Values, sets: Prepared) -> float:
    """What an epoch takes, by count: steps, and multiplications forwards, twice backwards, and in validation."""
    sizes = _sizes(config, sets)
    n_products = sum(m * n for m, n in pairwise(sizes))
    n_train, n_valid = len(sets.train.inputs), len(sets.valid.inputs)
    n_steps = ceil(n_train / int(config["batch_size"]))
    return STEP_SECONDS * n_steps * (len(sizes) - 1) + MULTIPLY_SECONDS * n_products * (3 * n_train + n_valid)


def _sizes(config: Values, sets: Prepared) -> list[int]:
    hidden = [int(config["units"])] * int(config["layers"])
    return [sets.train.inputs.shape[1], *hidden, sets.train.targets.shape[1]]
