"""The toy of figure 2 of the paper on population based training: its closed forms, its traps, its picture.

All seeds: make population-toy.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from evidence import Lab
from population_toy import OURS, Variant, best_at_end, climbed, draw, quality, toy


@pytest.mark.parametrize("interval", [4, 10])
@pytest.mark.parametrize(
    "variant",
    [
        Variant("grid"),
        Variant("exploit", copies="both"),
        Variant("pbt", "multiplicative", "both"),
        Variant("exploit", is_strict=True),
        Variant("pbt", "additive", is_strict=True),
    ],
    ids=str,
)
def test_what_stays_at_the_grid_s_quality(variant, interval):
    alone = 1.2 - 0.81 - 0.81 * 0.98**400
    assert best_at_end(replace(variant, interval=interval), 0) == pytest.approx(alone, abs=0.01)


def test_copying_weights_alone_combines_the_halves():
    """The younger copies at the tie, and then the better one's steps are gone on from in turn."""
    paths = climbed(Variant("exploit"), 0)
    assert [len(path) for path in paths] == [201, 201]
    assert max(quality(path[-1]) for path in paths) == pytest.approx(1.172, abs=1e-3)


def test_pbt_is_above_a_walk_and_a_zero_is_left():
    seeds = range(8)
    pbt = np.mean([best_at_end(Variant("pbt", "additive"), seed) for seed in seeds])
    walk = np.mean([best_at_end(Variant("explore", "additive"), seed) for seed in seeds])
    stuck = np.mean([best_at_end(Variant("explore", "multiplicative"), seed) for seed in seeds])
    assert 1.15 < pbt <= 1.2
    assert stuck < 0.4 < walk < pbt
    assert best_at_end(OURS, 0) > 1.15


def test_the_table_and_the_picture(tmp_path):
    finding = toy(Lab(quick=True))
    assert len(finding.tables[0].rows) == 12
    failing = [verdict.claim for verdict in finding.verdicts if not verdict.holds]
    assert set(failing) <= {"PBT is better than exploring alone"}, "ten seeds leave wide intervals"
    draw(tmp_path / "toy.png")
    assert (tmp_path / "toy.png").read_bytes().startswith(b"\x89PNG")
