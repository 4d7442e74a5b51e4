"""Kernel densities: against statsmodels, against kernels written out by hand, and at the edges."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import logsumexp
from statsmodels.nonparametric.kernel_density import KDEMultivariate

from paceline.density import Density, Layout
from paceline.space import Categorical, Constant, Float, Integer, Ordinal, Space

OF_STATSMODELS = pytest.mark.filterwarnings(
    "ignore:After 0.17:FutureWarning"
)  # of the bootstrap that nobody asks for


def numbers(points):
    """A layout of numbers only, and points as its rows."""
    points = np.asarray(points, dtype=float)
    return Layout([0] * points.shape[1]), points


def centres(names, count):
    return ((np.asarray(names) + 0.5) / count)[:, None]


# Layout ----------------------------------------------------------------------------------------------------------------


def test_a_layout_has_a_column_for_each_number_and_each_name():
    space = Space(
        {
            "c": Categorical(["a", "b", "d"]),
            "x": Float(0, 1),
            "one": Constant(1),
            "o": Ordinal([1, 5, 7]),
            "n": Integer(1, 9),
            "flag": Categorical([False, True]),
            "only": Categorical(["same"]),
        }
    )
    layout = Layout.of(space)
    assert (layout.dimension, layout.width) == (5, 3 + 3 + 2)
    assert list(layout.numbers) == [1, 2, 3]
    assert list(layout.counts) == [3, 2]
    rows = layout.rows(np.array([[0.5, 0.1, 0.2, 0.3, 0.75]]))
    assert rows.tolist() == [[0.1, 0.2, 0.3, 0, 1, 0, 0, 1]]


@given(st.lists(st.sampled_from([0, 2, 3, 7, 1000]), max_size=6), st.integers(0, 5), st.integers(0, 2**32))
@settings(deadline=None)
def test_points_and_rows_are_the_same_thing(n_choices, n, seed):
    layout = Layout(n_choices)
    points = np.random.default_rng(seed).random((n, len(n_choices)))
    for column, count in enumerate(n_choices):
        if count:
            points[:, column] = (np.floor(points[:, column] * count) + 0.5) / count
    rows = layout.rows(points)
    assert rows.shape == (n, layout.width)
    assert (rows[:, len(layout.numbers) :].sum(axis=1) == len(layout.names)).all()
    assert layout.points(rows) == pytest.approx(points)
    assert (layout.rows(layout.points(rows)) == rows).all()


@pytest.mark.parametrize("count", [2, 3, 7, 49, 1000])
def test_every_name_of_a_space_has_its_own_column(count):
    space = Space({"c": Categorical(list(range(count)))})
    layout = Layout.of(space)
    rows = layout.rows(space.encode_many({"c": i} for i in range(count)))
    assert (rows == np.eye(count)).all()
    assert [space.decode(point)["c"] for point in layout.points(rows)] == list(range(count))


def test_the_ends_of_the_unit_interval_are_the_first_and_the_last_name():
    assert Layout([3]).rows(np.array([[0.0], [1.0]])).tolist() == [[1, 0, 0], [0, 0, 1]]


# Shapes and edges ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_choices", [[], [0], [3], [0, 0], [2, 5], [0, 3, 0, 2]])
@pytest.mark.parametrize("n", [1, 2, 9])
@pytest.mark.parametrize("more", [{}, {"truncate": True}, {"prior_weight": 1.0}, {"spread": 0.2}])
def test_shapes(n_choices, n, more):
    generator = np.random.default_rng(0)
    layout = Layout(n_choices)
    density = Density(layout.rows(generator.random((n, len(n_choices)))), layout, **more)
    drawn = density.draw(5, generator, factor=3.0)
    assert len(density) == n
    assert drawn.shape == (5, layout.width)
    logs = density.log(drawn)
    assert logs.shape == (5,)
    assert np.isfinite(logs).all()
    k = len(layout.numbers)
    assert ((drawn[:, :k] >= 0) & (drawn[:, :k] <= 1)).all()
    assert (drawn[:, k:].sum(axis=1) == len(layout.names)).all()
    if not n_choices:
        assert logs == pytest.approx(0.0)  # the one point that there is has all the mass


def test_drawing_leaves_the_observations_alone():
    layout, points = numbers([[0.2], [0.8]])
    density = Density(points, layout)
    density.draw(100, np.random.default_rng(0), factor=3.0)
    assert points.tolist() == [[0.2], [0.8]]


# Bandwidths ------------------------------------------------------------------------------------------------------------


def test_the_normal_reference_rule():
    layout, points = numbers(np.random.default_rng(0).random((30, 3)))
    expected = 1.06 * points.std(axis=0) * 30 ** (-1 / 7)
    assert Density(points, layout).number_bandwidths == pytest.approx(expected)
    given_spread = Density(points, layout, spread=0.19).number_bandwidths
    assert given_spread == pytest.approx([1.06 * 0.19 * 30 ** (-1 / 7)] * 3)


def test_names_count_as_dimensions():
    layout = Layout([0, 2])
    rows = layout.rows(np.random.default_rng(0).random((20, 2)))
    assert Density(rows, layout).number_bandwidths == pytest.approx(
        [1.06 * rows[:, 0].std() * 20 ** (-1 / 6)]
    )


@pytest.mark.parametrize("count", [2, 3, 10])
def test_bandwidths_of_names_are_bounded(count):
    """Beyond (c - 1)/c the own name would be the least likely one."""
    layout = Layout([count])
    same = Density(layout.rows(np.full((50, 1), 0.01)), layout)
    assert same.name_bandwidths == [1e-3]
    all_names = Density(layout.rows(centres(range(count), count)), layout, spread=1.0)
    assert all_names.name_bandwidths <= (count - 1) / count
    assert (all_names.name_bandwidths > 0.4).all()


def test_for_two_names_the_spread_is_the_standard_deviation_of_their_indices():
    layout = Layout([2])
    names = np.array([0, 0, 0, 1, 1, 0, 1])
    h = Density(layout.rows(centres(names, 2)), layout).name_bandwidths
    assert h == pytest.approx([1.06 * names.std() * 7 ** (-1 / 5)])


# Against others --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("n", [6, 60])
@OF_STATSMODELS
def test_numbers_have_the_density_of_statsmodels(d, n):
    """Which the paper's code uses, with these very bandwidths."""
    generator = np.random.default_rng(d)
    layout, points = numbers(generator.random((n, d)))
    mine = Density(points, layout)
    theirs = KDEMultivariate(points, var_type="c" * d, bw="normal_reference")
    assert mine.number_bandwidths == pytest.approx(theirs.bw)
    at = generator.random((40, d))
    assert np.exp(mine.log(at)) == pytest.approx(np.atleast_1d(theirs.pdf(at)), rel=1e-9)


@OF_STATSMODELS
def test_with_as_many_names_as_it_sees_statsmodels_agrees_on_names_too():
    generator = np.random.default_rng(3)
    names = generator.integers(3, size=40)
    layout = Layout([0, 3])
    points = np.column_stack([generator.random(40), centres(names, 3)])
    mine = Density(layout.rows(points), layout)
    bw = np.concatenate([mine.number_bandwidths, mine.name_bandwidths])
    theirs = KDEMultivariate(np.column_stack([points[:, 0], names]), var_type="cu", bw=bw)
    at, at_names = generator.random(20), generator.integers(3, size=20)
    logs = mine.log(layout.rows(np.column_stack([at, centres(at_names, 3)])))
    assert np.exp(logs) == pytest.approx(theirs.pdf(np.column_stack([at, at_names])))


def by_hand(rows, at, layout, density, *, truncate, prior_weight):
    """The density at one row, kernel by kernel."""
    k = len(layout.numbers)
    logs = []
    for row in rows:
        log = 0.0
        for x, x_i, h in zip(at[:k], row[:k], density.number_bandwidths, strict=True):
            log += -0.5 * ((x - x_i) / h) ** 2 - math.log(h * math.sqrt(2 * math.pi))
            if truncate:
                mass = 0.5 * (math.erf((1 - x_i) / h / math.sqrt(2)) + math.erf(x_i / h / math.sqrt(2)))
                log -= math.log(mass)
        for block, c, h in zip(layout.blocks, layout.counts, density.name_bandwidths, strict=True):
            log += math.log(1 - h if (row[block] == at[block]).all() else h / (c - 1))
        logs.append(log)
    uniform = -sum(math.log(c) for c in layout.counts)
    weights = [1.0] * len(logs) + [prior_weight]
    return logsumexp([*logs, uniform], b=weights) - math.log(len(logs) + prior_weight)


@given(
    st.lists(st.sampled_from([0, 0, 2, 3, 6]), min_size=1, max_size=5),
    st.integers(1, 12),
    st.fixed_dictionaries(
        {"truncate": st.booleans(), "prior_weight": st.sampled_from([0.0, 0.5, 1.0, 1000.0])}
    ),
    st.sampled_from([None, 0.01, 0.3]),
    st.integers(0, 2**32),
)
@settings(deadline=None, max_examples=60)
def test_mixed_densities_are_those_written_out_by_hand(n_choices, n, more, spread, seed):
    generator = np.random.default_rng(seed)
    layout = Layout(n_choices)
    rows = layout.rows(generator.random((n, len(n_choices))))
    at = layout.rows(generator.random((4, len(n_choices))))
    density = Density(rows, layout, spread=spread, **more)
    expected = [by_hand(rows, row, layout, density, **more) for row in at]
    assert density.log(at) == pytest.approx(expected, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("count", [2, 5])
def test_names_have_mass_one_in_all(count):
    """Aitchison and Aitken's kernel with the true number of names, whether they were seen or not."""
    layout = Layout([count])
    density = Density(layout.rows(centres([0, 0, 1], count)), layout)
    every = layout.rows(centres(range(count), count))
    assert np.exp(density.log(every)).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("prior_weight", [0.0, 1.0])
@pytest.mark.parametrize("spread", [0.01, 0.2, 1.0])
def test_truncated_kernels_have_mass_one_on_the_unit_interval(spread, prior_weight):
    layout, points = numbers([[0.0], [0.05], [0.7], [1.0]])
    density = Density(points, layout, spread=spread, truncate=True, prior_weight=prior_weight)
    at = np.linspace(0, 1, 20_001)
    assert integrate.simpson(np.exp(density.log(at[:, None])), x=at) == pytest.approx(1.0, abs=1e-5)
    plain = Density(points, layout, spread=spread, prior_weight=prior_weight)
    assert integrate.simpson(np.exp(plain.log(at[:, None])), x=at) < 0.95


def test_the_prior_is_one_kernel_more():
    layout = Layout([0, 4])
    generator = np.random.default_rng(0)
    rows, at = layout.rows(generator.random((9, 2))), layout.rows(generator.random((20, 2)))
    plain, mixed = Density(rows, layout), Density(rows, layout, prior_weight=2.0)
    assert np.exp(mixed.log(at)) == pytest.approx((9 * np.exp(plain.log(at)) + 2.0 * 0.25) / 11)
    (far,) = Density(rows[:1] * 0 + layout.rows(np.array([[0.0, 0.1]])), layout, prior_weight=1.0).log(
        layout.rows(np.array([[1.0, 0.9]]))
    )
    assert far == pytest.approx(math.log(0.25 / 2))


def test_sixty_four_dimensions_do_not_underflow():
    """A product of kernels does, and its ratio is 0/0."""
    generator = np.random.default_rng(0)
    layout, points = numbers(generator.random((20, 64)))
    density = Density(points, layout, spread=0.01)
    at = generator.random((5, 64))
    z = (at[:, None, :] - points) / density.number_bandwidths
    kernels = np.exp(-0.5 * z**2) / (density.number_bandwidths * math.sqrt(2 * math.pi))
    assert (kernels.prod(axis=2).mean(axis=1) == 0).all()
    logs = (-0.5 * z**2 - np.log(density.number_bandwidths * math.sqrt(2 * math.pi))).sum(axis=2)
    assert density.log(at) == pytest.approx(logsumexp(logs, axis=1) - math.log(20), rel=1e-9)


def test_narrow_kernels_keep_their_precision():
    """Inner products of numbers around 1, with weights of 1e12, cancel."""
    layout, points = numbers([[1.0], [1.0 - 1e-6]])
    density = Density(points, layout, min_bandwidth=1e-6)
    at = 1.0 - np.array([[0.0], [1e-6], [3e-6]])
    z = (at - points.T) / 1e-6
    expected = np.log(np.exp(-0.5 * z**2).mean(axis=1) / (1e-6 * math.sqrt(2 * math.pi)))
    assert density.log(at) == pytest.approx(expected, abs=1e-3)


def test_the_order_in_which_names_are_listed_does_not_matter():
    generator = np.random.default_rng(5)
    names, x = generator.choice(4, size=25, p=[0.6, 0.2, 0.15, 0.05]), generator.random((25, 1))
    layout = Layout([0, 4])
    found = []
    for order in permutations(range(4)):
        shuffled = np.array(order)
        rows = layout.rows(np.hstack([x, centres(shuffled[names], 4)]))
        at = layout.rows(np.hstack([np.full((4, 1), 0.4), centres(shuffled, 4)]))
        found.append(Density(rows, layout).log(at))
    assert np.array(found) == pytest.approx(np.array([found[0]] * 24))


@pytest.mark.parametrize("d", [1, 20, 64])
def test_a_density_at_many_points_is_that_at_each(d):
    """Products are taken in pieces, whatever their sizes."""
    generator = np.random.default_rng(0)
    layout, points = numbers(generator.random((1500, d)))
    density = Density(points, layout)
    at = generator.random((64, d))
    assert density.log(at) == pytest.approx(np.concatenate([density.log(row[None]) for row in at]))
