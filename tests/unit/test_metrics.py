"""What may be reported."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from paceline.errors import ReportError
from paceline.metrics import metrics_of, require


class Tensor:
    """Answers as a scalar tensor of PyTorch does."""

    def __init__(self, *values):
        self.values = values

    def item(self):
        if len(self.values) != 1:
            raise RuntimeError(f"a Tensor with {len(self.values)} elements cannot be converted to Scalar")
        return self.values[0]


@pytest.mark.parametrize(
    "value",
    [2, 2.0, np.float64(2), np.float32(2), np.int8(2), np.array(2.0), np.array([2.0]), np.array([[2]]), Tensor(2.0),
     Tensor(2), Fraction(2), np.longdouble(2)],
)  # fmt: skip
def test_real_numbers_become_plain_floats(value):
    metrics = metrics_of("loss", {"loss": value}, {})
    assert metrics == {"loss": 2.0}
    assert type(metrics["loss"]) is float


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, np.float32("nan"), Tensor(math.nan), 10**400]
)
def test_what_is_not_finite_becomes_none(value):
    assert metrics_of("loss", value, {}) == {"loss": None}


@pytest.mark.parametrize("value", [True, np.bool_(1), np.array(0) == 0, Tensor(True)])
def test_truth_values_are_refused(value):
    with pytest.raises(ReportError, match=r"accuracy=.*float\(accuracy\)"):
        metrics_of("loss", {"accuracy": value}, {})


@pytest.mark.parametrize(
    "value", ["0.5", None, 1j, [0.5], np.array([1, 2]), np.array([]), Tensor(1, 2), object(), Decimal(2)]
)
def test_anything_else_is_refused_by_name(value):
    with pytest.raises(ReportError, match=r"^accuracy: expected one"):
        metrics_of("loss", {"accuracy": value}, {})


def test_the_message_of_a_huge_value_is_short():
    with pytest.raises(ReportError) as caught:
        metrics_of("loss", {"loss": "x" * 10_000}, {})
    assert len(str(caught.value)) < 200


def test_the_forms_of_a_report():
    assert metrics_of("loss", 0.5, {}) == {"loss": 0.5}
    assert metrics_of("loss", None, {"loss": 0.5}) == {"loss": 0.5}
    assert metrics_of("loss", {"top-1": 0.9}, {"loss": 0.5}) == {"top-1": 0.9, "loss": 0.5}
    assert metrics_of("loss", 0.5, {"accuracy": 0.9}) == {"loss": 0.5, "accuracy": 0.9}


def test_a_name_twice_is_refused():
    with pytest.raises(ReportError, match="'loss': reported twice"):
        metrics_of("loss", 0.5, {"loss": 0.4})


def test_a_report_of_nothing_is_refused():
    for given in (None, {}):
        with pytest.raises(ReportError, match="without metrics"):
            metrics_of("loss", given, {})


def test_a_name_that_is_no_string_is_refused():
    with pytest.raises(ReportError, match="must be a string, not an int"):
        metrics_of("loss", {1: 0.5}, {})


def test_the_studys_metric_is_required():
    require("accuracy", {"accuracy": None})
    with pytest.raises(ReportError) as caught:
        require("accuracy", {"acuracy": 0.5, "loss": 0.1})
    for part in ("'accuracy'", "'acuracy', 'loss'", "Did you mean 'accuracy' by 'acuracy'?"):
        assert part in str(caught.value)
    with pytest.raises(ReportError) as caught:
        require("accuracy", {"x": 0.5})
    assert "Did you mean" not in str(caught.value)
