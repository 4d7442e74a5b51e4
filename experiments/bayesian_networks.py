"""BOHB on a Bayesian neural network whose chains take 37 to 1,000 steps (Falkner et al. 2018, 5).

The claim holds, and says little: all four methods end level, and no difference is beyond its interval. On so few rows
any step size that is neither too small nor too large does, which seven random chains have nearly found already.
"""

from __future__ import annotations

import msgspec
from bayesian_training import Chains
from evidence import Finding, Lab
from trained_search import Found, Method, Terms, comparison, gap, held_out, no_worse, search, spent_by

TERMS = Terms(max_resource=1000, min_resource=37, sweeps=4, resumes=False)
METHODS: tuple[Method, ...] = ("BOHB", "Hyperband", "TPE", "random")
SEEDS = 10


class Cell(msgspec.Struct, frozen=True):
    """A method on this task."""

    method: Method
    terms: Terms = TERMS


def outcome(cell: Cell, seed: int) -> Found:
    """Search once; data and chains are the seed's."""
    return search(cell.terms, cell.method, Chains.space, Chains(seed), seed)


def bayesian_networks(lab: Lab) -> Finding:
    """B5: at equal steps BOHB ends with a likelihood no lower than Hyperband's."""
    terms = lab.choose(TERMS, Terms(max_resource=108, min_resource=12, sweeps=1, resumes=False))
    cells = [Cell(method, terms) for method in METHODS]
    measured = lab.measure(outcome, cells, seeds=lab.choose(SEEDS, 2))
    found = {cell.method: measured[cell] for cell in cells}
    bohb, hyperband = (held_out(found[method], terms.resource) for method in ("BOHB", "Hyperband"))
    return Finding(
        [
            no_worse(
                "Bayesian networks: BOHB's negative log-likelihood of test data less Hyperband's, at equal steps",
                "Falkner et al. 2018, 5",
                gap(bohb, hyperband),
                spent_by(found["BOHB"]),
                must_hold=lab.is_decisive,
            )
        ],
        [
            comparison(
                "Diabetes: mean negative log-likelihood of test data, by the share of steps spent",
                terms,
                found,
            )
        ],
    )
