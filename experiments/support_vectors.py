"""A support vector machine on handwritten digits, with shares of the training set as resource.

The paper's is a surrogate of MNIST, beside Fabolas and MTBO. Here the grid of 441 configs was really trained on
scikit-learn's digits (`paceline tables svm/digits`); a Gaussian process at full resource stands for the model-based methods. Each
training counts as a hundred times as long as it took.
"""

from __future__ import annotations

import numpy as np
from evidence import Finding, Lab, Table, Verdict, estimate, mean, median, number
from larger import Larger
from targets import censored, compared, interval, ratio_of_means, reached, times_to

from paceline import GaussianProcess
from paceline.benchmarks import Benchmark
from paceline.comparison import Method
from paceline.comparison.results import Group
from paceline.schedulers.single_fidelity import FullResource

TASK = "svm/digits"
BUDGET = 50.0
ABOVE_BEST = 0.002
MARKS = (1, 2, 5, 10, 20, 50)


def _process(it: Benchmark) -> FullResource:
    return FullResource(max_resource=it.max_resource, sampler=GaussianProcess())


METHODS: dict[str, str | Method] = {
    "random": "random",
    "Hyperband": "hyperband:bracket_rule=hpbandster",
    "BOHB": "bohb",
    "ASHA": "asha",
    "TPE": "tpe",
    "Gaussian process": Method("Gaussian process", _process),
}
MODELS = ("TPE", "Gaussian process")


def _compared(lab: Lab) -> Group:
    return compared(
        lab,
        list(METHODS.values()),
        [Larger(TASK)],
        workers=1,
        budget=lab.choose(BUDGET, 10.0),
        seeds=lab.choose(50, 3),
    )


def _key(name: str) -> str:
    it = METHODS[name]
    return it if isinstance(it, str) else it.name


def support_vectors(lab: Lab) -> Finding:
    """BOHB needs at most half of random search's time for a config near the best, and is no worse than Hyperband."""
    group, it = _compared(lab), Larger(TASK)
    targets = {it.name: ABOVE_BEST / (it.median - it.best)}
    end = group.end("time")
    found = {name: times_to(group, _key(name), targets) for name in METHODS}
    times = {name: censored(its, end) for name, its in found.items()}
    beside_random = interval(ratio_of_means, times["BOHB"], times["random"])
    finals = {name: group.regrets()[0, group.methods.index(_key(name))] for name in METHODS}
    gap = estimate(mean, finals["BOHB"] - finals["Hyperband"])
    source = "Falkner et al. 2018, 5.2"
    verdicts = [
        Verdict(
            f"support vectors: BOHB's mean time to an error {ABOVE_BEST:g} above the best, beside random search's",
            source,
            f"× {beside_random}",
            "≤ × 0.5",
            beside_random.value <= 0.5,
            must_hold=False,
        ),
        Verdict(
            "support vectors: BOHB's mean regret at the end less Hyperband's",
            source,
            str(gap),
            "≤ 0",
            gap.value <= 0,
            must_hold=False,
        ),
    ]
    rows = tuple(
        (
            name,
            *(
                estimate(mean, group.regrets("time", at=mark)[0, group.methods.index(_key(name))]).brief
                for mark in MARKS
            ),
            estimate(mean, times[name][0]).brief,
            reached(found[name], end),
        )
        for name in METHODS
    )
    table = Table(
        f"{TASK}: mean regret after so many full trainings of time, and mean time to target, {len(group.seeds)} seeds",
        ("method", *map(str, MARKS), "time to target", "runs that reach it"),
        rows,
    )
    return Finding(verdicts, [table])


def variance(lab: Lab) -> Finding:
    """Hyperband's results vary less from seed to seed than those of a model at full resource."""
    group = _compared(lab)
    rows, spreads = [], {}
    for name in METHODS:
        sample = group.regrets("time", at=group.end("time") / 5)[0, group.methods.index(_key(name))]
        spreads[name] = estimate(_spread, sample)
        rows.append((name, spreads[name].brief, estimate(median, sample).brief))
    model = min(MODELS, key=lambda name: spreads[name].value)
    verdict = Verdict(
        f"support vectors: quartile range of Hyperband's regret after a fifth of the budget, beside that of {model}",
        "Li et al. 2020, appendix",
        f"{spreads['Hyperband']}",
        f"≤ {number(spreads[model].value)}",
        spreads["Hyperband"].value <= spreads[model].value,
        lab.is_decisive,
    )
    table = Table(
        f"{TASK}: regret after {group.end('time') / 5:g} full trainings of time, {len(group.seeds)} seeds",
        ("method", "quartile range", "median"),
        tuple(rows),
    )
    return Finding([verdict], [table])


def _spread(sample: np.ndarray) -> np.ndarray:
    low, high = np.quantile(sample, [0.25, 0.75], axis=-1)
    return np.asarray(high - low)
