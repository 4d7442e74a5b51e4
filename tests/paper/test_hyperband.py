"""Li et al. 2018: the table of brackets, in both readings, and what every bracket keeps to."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline.schedulers.hyperband import Hyperband, bracket_sizes
from paceline.schedulers.rungs import n_halvings, rung_resources
from paceline.simulation import UnitTraining, simulate
from paceline.space import Float

SPACE = {"x": Float(0, 1)}


@pytest.mark.parametrize(
    ("eta", "max_resource", "rule", "sizes", "second"),
    [
        (3, 81, "paper", [81, 34, 15, 8, 5], (34, 11, 3, 1)),
        (3, 81, "hpbandster", [81, 27, 9, 6, 5], (27, 9, 3, 1)),
        (3, 27, "paper", [27, 12, 6, 4], (12, 4, 1)),
        (3, 27, "hpbandster", [27, 9, 6, 4], (9, 3, 1)),
        (4, 256, "paper", [256, 80, 27, 10, 5], (80, 20, 5, 1)),
        (4, 256, "hpbandster", [256, 64, 16, 8, 5], (64, 16, 4, 1)),
    ],
)
def test_the_table(eta, max_resource, rule, sizes, second):
    assert bracket_sizes(max_resource, eta, rule=rule) == sizes
    settings = Hyperband(max_resource=max_resource, reduction_factor=eta, bracket_rule=rule)
    shapes = settings.shapes()
    assert [shape.sizes[0] for shape in shapes] == sizes
    assert shapes[1].sizes == second
    assert {shape.resources[-1] for shape in shapes} == {max_resource}


@pytest.mark.parametrize(
    ("max_resource", "eta", "n_rungs"), [(243, 3, 6), (1000, 10, 4), (81, 3, 5), (100, 3, 5), (1, 3, 1)]
)
def test_rungs_are_counted_exactly(max_resource, eta, n_rungs):
    """A float logarithm gives 5 for log(243)/log(3) + 1 and 3 for log(1000)/log(10) + 1."""
    assert n_halvings(1, max_resource, eta) + 1 == n_rungs
    assert len(Hyperband(max_resource=max_resource, reduction_factor=eta).shapes()) == n_rungs


@given(st.integers(1, 30), st.integers(1, 2000), st.integers(2, 6), st.sampled_from(["paper", "hpbandster"]))
def test_every_bracket_narrows_to_the_full_resource(min_resource, ratio, eta, rule):
    max_resource = min_resource * ratio
    settings = Hyperband(
        max_resource=max_resource, min_resource=min_resource, reduction_factor=eta, bracket_rule=rule
    )
    s_max = n_halvings(min_resource, max_resource, eta)
    for s, shape in zip(range(s_max, -1, -1), settings.shapes(), strict=True):
        assert len(shape.sizes) == len(shape.resources) == s + 1
        assert shape.resources[-1] == max_resource
        assert all(low < high for low, high in pairwise(shape.resources))
        assert shape.resources[0] >= min_resource
        assert all(few == many // eta for many, few in pairwise(shape.sizes))
        assert shape.sizes[-1] >= 1
        slack = shape.resources[0] * (s + 1)  # of the ceiling
        assert sum(map(int.__mul__, shape.sizes, shape.resources)) <= (s_max + 1) * max_resource + slack


@given(st.integers(1, 50), st.integers(1, 5000), st.integers(2, 7))
def test_rungs_from_below_rise_by_eta_and_end_at_the_maximum(min_resource, extra, eta):
    resources = rung_resources(min_resource, min_resource + extra, eta)
    assert resources[0] == min_resource
    assert resources[-1] == min_resource + extra
    assert all(high == low * eta for low, high in pairwise(resources[:-1]))  # the last step may be shorter
    assert resources[-2] < resources[-1] <= resources[-2] * eta


@pytest.mark.parametrize("rule", ["paper", "hpbandster"])
@pytest.mark.parametrize("workers", [1, 7])
def test_a_sweep_trains_exactly_the_table(rule, workers):
    settings = Hyperband(max_resource=27, bracket_rule=rule, sweeps=2)
    losses = [(17 * i) % 101 / 101 for i in range(101)]
    study = simulate(settings, SPACE, UnitTraining(losses), workers=workers)
    assert study.ledger.closed == "the scheduler has nothing left to do"
    for number, bracket in enumerate(study.scheduler.view()):
        shape = settings.shapes()[number % 4]
        assert tuple(rung.n_results for rung in bracket.rungs) == shape.sizes
    assert number == 7
