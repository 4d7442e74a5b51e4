"""Small data as the real ones are: written by hand, so that what they mean is known."""

import json

import numpy as np

from paceline.benchmarks.families import FAMILIES
from paceline.rng import uniforms_for

KNOWN = {"best": 0.1, "median": 0.3, "full_seconds": 500.0}

RANGES = [
    {"name": "learning_rate", "type": "float", "lower": 1e-4, "upper": 1.0, "log": True},
    {"name": "beta1", "type": "float", "lower": 0.0, "upper": 0.9999, "log": False, "log_of_one_minus": True},
]
ROWS = np.array([[1e-4, 0.0], [1e-2, 0.99], [1.0, 0.9999]])  # along the diagonal of the unit square
VALID = np.array(
    [[2.0, 1.0, 0.5, 0.25], [2.0, 3.0, np.nan, np.nan], [2.0, 4.0, 1e30, 1e34]], dtype=np.float32
)


CHOICES = [
    {"name": "activation", "type": "cat", "choices": ["relu", "tanh"]},
    {"name": "rate", "type": "ordinal", "choices": [0.01, 0.1, 1]},
]
REPEATED = np.array(
    [
        [[1e-4, 3e-4, 2e-4], [1e-2, 1e-2, 1e-2], [4e-2, 5e-2, 6e-2]],
        [[1e-3, 3e-3, np.nan], [1.0, 2.0, 6.0], [np.nan, 8.0, 4.0]],
    ]
)
"""Of a grid: activation, rate, repetition."""

LEARNERS = ["tree", "svm", "bayes"]
ANCHORS = [16, 23, 90]
N_SPLITS = 25


def learning_curves():
    """Arrays as LCDB's: the tree always learns, the svm fails on all splits but one at 90, bayes on all at 90 and 16."""
    splits = np.arange(N_SPLITS) / 1000
    valid = np.empty((3, 3, N_SPLITS))
    valid[0] = np.array([0.5, 0.4, 0.2])[:, None] + splits
    valid[1] = np.array([0.4, 0.3, 0.1])[:, None] + splits
    valid[2] = 0.6
    valid[1, 2, 1:] = valid[2, 2] = valid[2, 0] = np.nan
    seconds = np.empty((3, 3, N_SPLITS))
    seconds[0] = np.array([2.0, 1.0, 3.0])[:, None]  # a clock may say less of more
    seconds[1] = np.array([1.0, 10.0, 100.0])[:, None] + np.arange(N_SPLITS)
    seconds[2] = 0.0
    seconds[np.isnan(valid)] = np.nan
    return {
        "learners": np.array(LEARNERS),
        "anchors": np.array(ANCHORS, np.int32),
        "err_valid": valid.astype(np.float32),
        "err_test": (valid / 2).astype(np.float32),
        "seconds": seconds.astype(np.float32),
    }


def random_configs(benchmark, n, seed=0):
    return [benchmark.space.sample(uniforms_for(seed, "config", trial)) for trial in range(n)]


def number(name, lower=0.0, upper=1.0, **more):
    return {"name": name, "type": "uniform_float", "log": False, "lower": lower, "upper": upper, **more}


def write_family(folder, family, *, choices, conditions=(), instances=("7", "11")):
    """A folder as YAHPO has it, without a network that could run: all hyperparameters from 0 to 1."""
    folder = folder / family
    folder.mkdir()
    columns = FAMILIES[family]
    words = {columns.instance: list(instances), **choices}
    hyperparameters = [
        *({"name": name, "type": "categorical", "choices": listed} for name, listed in words.items()),
        *map(number, columns.numbers),
    ]
    space = {"hyperparameters": hyperparameters, "conditions": list(conditions), "forbiddens": []}
    (folder / "config_space.json").write_text(json.dumps(space))
    codes = {
        name: {"#na#": 0} | {word: 1 + i for i, word in enumerate(listed)} for name, listed in words.items()
    }
    (folder / "encoding.json").write_text(json.dumps(codes))
    (folder / "model.onnx").write_bytes(b"")
    return folder


class Fake:
    """A network that answers with given columns, and remembers what it was asked."""

    def __init__(self, family, **columns):
        self.targets = FAMILIES[family].targets
        self.columns = columns
        self.asked = []

    def __call__(self, x_cat, x_cont):
        self.asked.append((x_cat, x_cont))
        out = np.zeros((len(x_cont), len(self.targets)), np.float32)
        for name, column in self.columns.items():
            out[:, self.targets.index(name)] = column(x_cont)
        return out


def field(number, value):
    """A field of a protobuf message: an int, or bytes, or a str."""

    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def linear_network(weights, bias):
    """An ONNX model, by hand: the targets are weights @ [code of the instance, numbers] + bias."""

    def tensor(name, array):
        dims = b"".join(field(1, size) for size in array.shape)
        return field(5, dims + field(2, 1) + field(8, name) + field(9, array.astype("<f4").tobytes()))

    def value(name, kind, width):
        shape = field(1, field(2, "n")) + field(1, field(1, width))
        return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))

    def node(kind, inputs, output, attribute=b""):
        return field(
            1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind) + attribute
        )

    def integer(name, n):
        return field(5, field(1, name) + field(3, n) + field(20, 2))

    graph = (
        node("Cast", ["x_cat"], "codes", integer("to", 1))
        + node("Concat", ["codes", "x_cont"], "x", integer("axis", 1))
        + node("Gemm", ["x", "weights", "bias"], "y", integer("transB", 1))
        + field(2, "linear")
        + tensor("weights", weights)
        + tensor("bias", bias)
        + field(11, value("x_cat", 6, 1))
        + field(11, value("x_cont", 1, weights.shape[1] - 1))
        + field(12, value("y", 1, len(bias)))
    )
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))
