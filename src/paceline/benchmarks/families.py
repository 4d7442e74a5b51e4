"""What the columns of YAHPO Gym's networks mean, by family: the folders of its data do not say it.

The names of columns, and their order, are those of YAHPO Gym 1.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Resource:
    """What a family's resource is, in whole units.

    Args:
        unit: for people.
        column: the network's input that it stands for.
        minimum: the lowest resource that says something.
        maximum: the highest.
        pieces: of a curve, each computed at once when it is asked for. Most configs are trained to the first few only.
        per_unit: of the network's input.
        resumes: whether a training goes on from a lower resource.
    """

    unit: str
    column: str
    minimum: int
    maximum: int
    pieces: tuple[tuple[int, ...], ...]
    per_unit: float
    resumes: bool


@dataclass(frozen=True, slots=True)
class Family:
    """What the columns of a network mean.

    Args:
        resource: what the resource is.
        instance: the input that names the data set; the first of the words.
        words: the other inputs `x_cat`, in order.
        numbers: the inputs `x_cont`, in order.
        targets: the outputs, in order.
        loss: the output that the loss is made of.
        offset: the loss is `offset` + `factor` times the output.
        factor: see there.
        time: the output that holds seconds.
        fixed: inputs that are always the same, with their values.
    """

    resource: Resource
    instance: str
    words: tuple[str, ...]
    numbers: tuple[str, ...]
    targets: tuple[str, ...]
    loss: str
    offset: float
    factor: float
    time: str
    fixed: tuple[tuple[str, float], ...] = ()


_PIECES = ((1, 4), (5, 8), (9, 20), (21, 52))
"""First and last epochs of pieces, each of which brings a curve to the next rung of η = 3 from epoch 2 on (2, 6, 18, 52).

Their lengths are multiples of four: ONNX Runtime takes rows by fours, and of these it says exactly what it says of all 52.
"""

EPOCHS = Resource(
    "epoch",
    "epoch",
    2,
    52,
    tuple(tuple(range(first, last + 1)) for first, last in _PIECES),
    1.0,
    resumes=True,
)
"""Epoch 1 is the untrained network: its losses order configs by chance."""

SHARES = Resource("1/27 of the training set", "trainsize", 1, 27, ((1, 3, 9, 27),), 1 / 27, resumes=False)
"""Each share of the training set is a fit from nothing."""

_IMPUTATION = "num.impute.selected.cpo"

_LCBENCH = Family(
    resource=EPOCHS,
    instance="OpenML_task_id",
    words=(),
    numbers=(
        "epoch",
        "batch_size",
        "learning_rate",
        "momentum",
        "weight_decay",
        "num_layers",
        "max_units",
        "max_dropout",
    ),
    targets=(
        "time",
        "val_accuracy",
        "val_cross_entropy",
        "val_balanced_accuracy",
        "test_cross_entropy",
        "test_balanced_accuracy",
    ),
    loss="val_accuracy",
    offset=1.0,
    factor=-0.01,
    time="time",
)


def _rbv2(words: tuple[str, ...], numbers: tuple[str, ...]) -> Family:
    """A family of random bot v2; `repl` is at its highest."""
    return Family(
        resource=SHARES,
        instance="task_id",
        words=words,
        numbers=(*numbers, "trainsize", "repl"),
        targets=("acc", "bac", "auc", "brier", "f1", "logloss", "timetrain", "timepredict", "memory"),
        loss="acc",
        offset=1.0,
        factor=-1.0,
        time="timetrain",
        fixed=(("repl", 10.0),),
    )


_XGBOOST = _rbv2(
    words=("booster", _IMPUTATION),
    numbers=(
        "nrounds",
        "eta",
        "gamma",
        "lambda",
        "alpha",
        "subsample",
        "max_depth",
        "min_child_weight",
        "colsample_bytree",
        "colsample_bylevel",
        "rate_drop",
        "skip_drop",
    ),
)

_RPART = _rbv2(words=(_IMPUTATION,), numbers=("cp", "maxdepth", "minbucket", "minsplit"))

_GLMNET = Family(
    resource=SHARES,
    instance="task_id",
    words=(),
    numbers=("alpha", "s", "trainsize"),
    targets=(
        "mmce",
        "f1",
        "auc",
        "logloss",
        "ramtrain",
        "rammodel",
        "rampredict",
        "timetrain",
        "timepredict",
        "mec",
        "ias",
        "nf",
    ),
    loss="mmce",
    offset=0.0,
    factor=1.0,
    time="timetrain",
)

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {"lcbench": _LCBENCH, "rbv2_xgboost": _XGBOOST, "rbv2_rpart": _RPART, "iaml_glmnet": _GLMNET}
)
"""Those that can be read, by the name of their folder."""
