"""The papers' claims that hold for every single run, on few seeds. All of them, with means: make claims."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from claims import CLAIMS
from evidence import Lab


@pytest.mark.parametrize("name", ["time-bound", "infinite-horizon", "delay-rule"])
def test_what_must_hold_for_each_seed_does(name):
    exact = [verdict for verdict in CLAIMS[name](Lab(quick=True)).verdicts if verdict.must_hold]
    assert exact
    assert [verdict for verdict in exact if not verdict.holds] == []
