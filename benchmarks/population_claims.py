"""PBT against constants: in reinforcement learning, on digits, in a GAN; population size, exploit, what is copied."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
from evidence import Estimate, Finding, Lab, Table, Verdict, estimate, mean, median, number, ratio
from msgspec.structs import replace
from population_methods import Method, Outcome, gap, held_out, outcome, resource, standard_error, usual
from population_tasks import R
from scipy.stats import page_trend_test, spearmanr

PAPER = "Jaderberg et al. 2017"

SEEDS = 20
"""Of the ablations."""


# Reinforcement learning ------------------------------------------------------------------------------------------


def returns(lab: Lab) -> Finding:
    """P2: agents trained by PBT end with a higher return than the best of as many constants."""
    pbt, random = cells = [usual(lab, "balance"), usual(lab, "balance", "random")]
    found = lab.measure(outcome, cells, seeds=lab.choose(30, 2))
    finals = {cell: held_out(found[cell]) for cell in cells}
    areas = {cell: np.array([one.area for one in found[cell]]) for cell in cells}
    lead, lead_of_areas = gap(finals[pbt], finals[random]), gap(areas[pbt], areas[random])
    wins = float((finals[pbt] > finals[random]).mean())
    source = f"{PAPER}, 4.1"
    return Finding(
        [
            Verdict(
                "reinforcement learning: PBT's final return less that of the best of as many random constants",
                source,
                f"{lead}; higher in {wins:.0%} of seeds; each {resource(found[pbt])}",
                "> 0, with its interval",
                lead.low > 0,
                lab.is_decisive,
            ),
            Verdict(
                "... and its lead in the mean over the training, of whoever is best at the time",
                source,
                str(lead_of_areas),
                "> 0, with its interval",
                lead_of_areas.low > 0,
                lab.is_decisive,
            ),
        ],
        [
            Table(
                f"Balancing a pole: held-out return of the chosen member, {pbt.n} members",
                ("method", "final", "median", "mean over the training", "at R/4", "at R/2", "units in time"),
                tuple(
                    (
                        cell.method,
                        *(
                            str(estimate(mean, finals[cell])),
                            estimate(median, finals[cell]).brief,
                            estimate(mean, areas[cell]).brief,
                        ),
                        *(_on_the_way(found[cell], share).brief for share in (0.25, 0.5)),
                        resource(found[cell]),
                    )
                    for cell in cells
                ),
            )
        ],
    )


def _on_the_way(outcomes: list[Outcome], share: float) -> Estimate:
    return estimate(mean, [one.curve[round(len(one.curve) * share) - 1] for one in outcomes])


# Supervised learning ---------------------------------------------------------------------------------------------


def falls(found: Outcome) -> float:
    """Spearman's correlation of time and learning rate, of what the chosen member was trained with."""
    rates = [config["lr"] for config in found.configs]
    return 0.0 if len(set(rates)) == 1 else float(spearmanr(range(len(rates)), rates).statistic)


def learning_rates(lab: Lab) -> Finding:
    """P3: PBT is no worse than the best constant of a grid, and finds that learning rates should fall."""
    methods: tuple[Method, ...] = ("PBT", "grid", "grid, cosine", "random")
    cells = [usual(lab, "digits", method) for method in methods]
    found = dict(zip(methods, lab.measure(outcome, cells, seeds=lab.choose(30, 2)).values(), strict=True))
    errors = {method: held_out(found[method]) for method in methods}
    excess = {method: gap(errors["PBT"], errors[method]) for method in methods[1:]}
    correlations = np.array([falls(one) for one in found["PBT"]])
    n_falling = estimate(mean, (correlations < -0.5).astype(float))
    source = f"{PAPER}, 4.2 (translation)"
    return Finding(
        [
            Verdict(
                "digits: PBT's test error less that of the best constant of a grid, per cent",
                source,
                f"{excess['grid']}; each {resource(found['PBT'])}",
                "≤ 0",
                excess["grid"].value <= 0,
                lab.is_decisive,
            ),
            Verdict(
                "... less that of the same grid with a learning rate that falls by a cosine",
                "ours",
                str(excess["grid, cosine"]),
                "≤ 0",
                excess["grid, cosine"].value <= 0,
                must_hold=False,
            ),
            Verdict(
                "the learning rate that PBT learns falls: Spearman's correlation with time below -0.5",
                source,
                f"{n_falling} of seeds; median correlation {estimate(median, correlations).brief}",
                "≥ 0.8 of seeds",
                n_falling.value >= 0.8,
                lab.is_decisive,
            ),
        ],
        [
            Table(
                f"Digits: errors of the chosen member in per cent, {cells[0].n} members",
                ("method", "held out", "median", "PBT less this", "selected by", "units in time"),
                tuple(
                    (
                        method,
                        *(
                            str(estimate(mean, errors[method])),
                            estimate(median, errors[method]).brief,
                            "" if method == "PBT" else excess[method].brief,
                            estimate(mean, [one.metrics["score"] or 0.0 for one in found[method]]).brief,
                        ),
                        resource(found[method]),
                    )
                    for method in methods
                ),
            ),
            Table(
                "Digits: what PBT's chosen member was trained with, medians",
                ("share of the training", "learning rate", "dropout"),
                tuple(
                    (
                        f"{(i + 0.5) / len(found['PBT'][0].configs):.1%}",
                        *(
                            number(float(np.median([one.configs[i][name] for one in found["PBT"]])))
                            for name in ("lr", "dropout")
                        ),
                    )
                    for i in (0, 4, 9, 14, 19)
                ),
            ),
        ],
    )


# A generative adversarial network --------------------------------------------------------------------------------


def generators(lab: Lab) -> Finding:
    """P4: a GAN trained by PBT is nearer to the distribution."""
    pbt, random = cells = [usual(lab, "mixture"), usual(lab, "mixture", "random")]
    found = lab.measure(outcome, cells, seeds=lab.choose(20, 1))
    distances = {cell: held_out(found[cell]) for cell in cells}
    below = estimate(ratio(median), distances[pbt], distances[random])
    return Finding(
        [
            Verdict(
                "GAN: PBT's median energy distance, as a multiple of random search's",
                f"{PAPER}, 4.3",
                f"{below}; each {resource(found[pbt])}",
                "≤ 0.9",
                below.value <= 0.9,
                lab.is_decisive,
            )
        ],
        [
            Table(
                f"Eight Gaussians: the chosen generator, {pbt.n} members",
                ("method", "1000 × energy distance, median", "mean", "modes covered, mean", "units in time"),
                tuple(
                    (
                        cell.method,
                        str(estimate(median, distances[cell])),
                        estimate(mean, distances[cell]).brief,
                        estimate(mean, [one.metrics["modes"] or 0.0 for one in found[cell]]).brief,
                        resource(found[cell]),
                    )
                    for cell in cells
                ),
            )
        ],
    )


# Population size -------------------------------------------------------------------------------------------------


def population_sizes(lab: Lab) -> Finding:
    """P5: larger populations end better, by less and less."""
    sizes = lab.choose((2, 4, 8, 16, 32), (2, 4, 8))
    methods: tuple[Method, ...] = ("PBT", "random")
    cells = {method: [replace(usual(lab, "balance", method), n=n) for n in sizes] for method in methods}
    found = {method: lab.measure(outcome, cells[method], lab.choose(SEEDS, 2)) for method in methods}
    finals = {method: [held_out(one) for one in cells.values()] for method, cells in found.items()}
    pbt, random = finals["PBT"], finals["random"]
    gains = [gap(after, before) for before, after in pairwise(pbt)]
    p = float(page_trend_test(np.stack(pbt, axis=1)).pvalue)
    bend = estimate(mean, (pbt[-1] - pbt[-2]) - (pbt[2] - pbt[1]))
    source = f"{PAPER}, 5 (ablations)"
    return Finding(
        [
            Verdict(
                "larger populations end with a higher return",
                source,
                f"from one size to the next {', '.join(one.brief for one in gains)}; Page's trend test p = {p:.2g}",
                "p < 0.05, and no mean falls",
                p < 0.05 and all(one.value >= 0 for one in gains),
                lab.is_decisive,
            ),
            Verdict(
                f"the gain saturates: from {sizes[-2]} to {sizes[-1]} members less that from 4 to 8",
                source,
                str(bend),
                "< 0",
                bend.value < 0,
                lab.is_decisive,
            ),
        ],
        [
            Table(
                "Balancing a pole: final return by population size",
                ("members", "PBT", "median", "random constants", "PBT's lead", "units in time"),
                tuple(
                    (
                        *(str(n), str(estimate(mean, pbt[i])), estimate(median, pbt[i]).brief),
                        *(estimate(mean, random[i]).brief, gap(pbt[i], random[i]).brief),
                        resource(found["PBT"][cells["PBT"][i]]),
                    )
                    for i, n in enumerate(sizes)
                ),
            )
        ],
    )


# Who copies whom, and what ---------------------------------------------------------------------------------------


def exploits(lab: Lab) -> Finding:
    """P6: to copy both is best; the rules of exploit differ little, and each beats random search.

    The table has a longer interval as well, of which no claim is made.
    """
    both = usual(lab, "balance")
    weights, hyperparameters = (replace(both, copies=copies) for copies in ("weights", "hyperparameters"))
    tournament, t_test = (replace(both, exploit=kind) for kind in ("tournament", "t_test"))
    seldom = replace(both, interval=8)
    random = usual(lab, "balance", "random")
    found = lab.measure(
        outcome,
        [both, weights, hyperparameters, tournament, t_test, seldom, random],
        seeds=lab.choose(SEEDS, 2),
    )
    finals = {cell: held_out(outcomes) for cell, outcomes in found.items()}
    better = max((weights, hyperparameters), key=lambda cell: finals[cell].mean())
    over_better = finals[both] - finals[better]
    kinds = (both, tournament, t_test)
    apart = {
        pair: abs(float(difference.mean())) / standard_error(difference)
        for pair in combinations(kinds, 2)
        if (difference := finals[pair[0]] - finals[pair[1]]).any()
    }
    furthest = max(apart, key=lambda pair: apart[pair], default=(both, tournament))
    leads = {cell: gap(finals[cell], finals[random]) for cell in kinds}
    least = min(kinds, key=lambda cell: leads[cell].value)
    source = f"{PAPER}, 5 (ablations)"
    return Finding(
        [
            Verdict(
                "copying weights and hyperparameters, less the better of copying one of them",
                source,
                f"{gap(finals[both], finals[better])} (better: {better.copies}); each {resource(found[both])}",
                f"≥ -1 standard error, {number(-standard_error(over_better))}",
                float(over_better.mean()) >= -standard_error(over_better),
                lab.is_decisive,
            ),
            Verdict(
                "truncation, tournament and t-test end alike",
                source,
                f"{number(apart.get(furthest, 0.0))} standard errors apart at most ({furthest[0].exploit}, {furthest[1].exploit})",
                "≤ 2 for each pair",
                apart.get(furthest, 0.0) <= 2,
                must_hold=False,
            ),
            Verdict(
                "... each above random search",
                source,
                f"{leads[least]} at least ({least.exploit})",
                "≥ 0 for each",
                leads[least].value >= 0,
                lab.is_decisive,
            ),
        ],
        [
            Table(
                f"Balancing a pole: final return by what is copied and from whom, {both.n} members of {R} units",
                ("exploit", "copies", "every", "final", "median", "lead over random", "units in time"),
                tuple(
                    (
                        *(
                            (cell.exploit, cell.copies, f"{cell.interval} units")
                            if cell.method == "PBT"
                            else ("none (random search)", "", "")
                        ),
                        *(str(estimate(mean, finals[cell])), estimate(median, finals[cell]).brief),
                        "" if cell == random else gap(finals[cell], finals[random]).brief,
                        resource(found[cell]),
                    )
                    for cell in found
                ),
            )
        ],
    )
