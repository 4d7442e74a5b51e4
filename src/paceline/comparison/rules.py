"""Fifteen rules of fair comparison, and how each is kept: by construction, from what was run, or not at all.

A rule that a comparison in virtual time cannot keep says so, in the place where a reader looks for it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from paceline.comparison.results import Group
from paceline.comparison.statistics import RESAMPLES

Kept = Literal["kept", "partly", "not kept"]


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    Args:
        number: 1 to 15.
        title: what it demands.
        kept: whether it is.
        how: in words, with what was run.
    """

    number: int
    title: str
    kept: Kept
    how: str


def rules(group: Group, *, level: float) -> list[Rule]:
    """All of them, for a group of runs.

    Args:
        group: the runs.
        level: of the tests.
    """
    seeds, tasks = len(group.seeds), len(group.tasks)
    workers, budget = group.terms.workers, group.terms.budget
    varied = sorted({it.varied[0] for it in group.contestants if it.varied})
    has_peers = any(it.versions for it in group.contestants)
    has_double = any(it.workers_factor == 2 for it in group.contestants)
    is_resumed = sorted({it.name.split("/")[0] for it in group.problems if it.resumes})
    is_repeated = sorted({it.name.split("/")[0] for it in group.problems if not it.resumes})
    found: list[tuple[str, Kept, str]] = [
        (
            "Resources are stated",
            "kept",
            (
                f"{workers} workers in virtual time, {budget:g} full trainings' worth of worker time for each run; what each "
                "method spent is in the table of resources. One process on one core measures a run."
            ),
        ),
        (
            "Two axes: time and cumulative resource",
            "kept",
            "Every curve is drawn against both, in units of time(R) and of R, and so are the final figures.",
        ),
        (
            "The same R, space, data and treatment for all",
            "kept",
            "The benchmark gives them to every method; settings that would change them are refused.",
        ),
        (
            "Equal total budget, and random search with twice the workers beside it",
            "kept" if has_double else "partly",
            "Every run has the same worker time."
            + ("" if has_double else " random-2x was not asked for: add it."),
        ),
        (
            "One definition of the incumbent, scored by what no method sees",
            "kept",
            (
                "The best loss observed at R, scored by its config's true loss; the held-out loss is in the table where the "
                "benchmark has one. What could be had from lower resources is a picture of its own."
            ),
        ),
        (
            "Settings fixed in advance, and their sensitivity shown",
            "kept" if varied else "partly",
            "Each method has its library's defaults on all benchmarks; the table of settings has all of them. "
            + (f"Varied here: {', '.join(varied)}." if varied else "Nothing was varied here: see --vary."),
        ),
        (
            "The same care for baselines, checked against a reference library, versions stated",
            "kept" if has_peers else "partly",
            "Baselines are the library's own methods, under the same contract tests. "
            + (
                "Peers run on the same terms, with their versions."
                if has_peers
                else "No peer was asked for here."
            ),
        ),
        (
            "At least 20 seeds, the same for all methods, published, none dropped",
            "kept" if seeds >= 20 else "not kept",
            f"{seeds} seeds: {_listed(group.seeds)}. A run that fails ends the comparison.",
        ),
        (
            "Means with intervals, medians, paired tests with Holm's correction, ranks with a critical difference",
            "kept" if tasks >= 6 else "partly",
            f"95 % bootstrap intervals ({RESAMPLES} resamples of seeds); Wilcoxon's signed-rank test over the seeds' pairs, "
            f"adjusted over all pairs of methods and all {tasks} tasks together, at {level:g}."
            + ("" if tasks >= 6 else " Fewer than six tasks: ranks say little."),
        ),
        (
            "The searcher's own time is included, and reported alone",
            "kept",
            "It is measured in processor seconds of this machine and added to virtual time, as if all workers waited for it.",
        ),
        (
            "Resume or retrain, checkpoint cost and failures are stated, and the same for all",
            "kept",
            _resuming(is_resumed, is_repeated)
            + " Checkpoints cost nothing. What is not finite ranks last; nothing is preempted"
            + (f"; jobs straggle, σ = {group.terms.straggler_sd:g}." if group.terms.straggler_sd else "."),
        ),
        (
            "Strong synchronous baselines",
            "kept",
            (
                "Brackets overlap: a free worker opens the next one instead of waiting. Their sizes are by the rule that the "
                "settings name (the paper's, or HpBandSter's)."
            ),
        ),
        (
            "Variance of training apart from that of the search",
            "partly",
            (
                "Seeds vary the search. Where a benchmark has noise it is drawn anew in each run, by streams that the seed "
                "names; final incumbents are scored without it rather than trained again."
            ),
        ),
        (
            "Surrogates and tables are described, and never left",
            "kept",
            (
                "Each benchmark states its best known loss, and the hash of its content; proposals outside of its space are "
                "refused. How they were made: docs/benchmarks.md. Trainings take the time that the benchmark says."
            ),
        ),
        (
            "Negative results and scope",
            "kept",
            (
                "All methods are in all tables, whoever wins. This is virtual time: nothing was trained here, and what was "
                "scaled down is said beside each experiment."
            ),
        ),
    ]
    return [Rule(number, *it) for number, it in enumerate(found, 1)]


def _listed(seeds: list[int]) -> str:
    if len(seeds) > 3 and seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def _resuming(resumed: list[str], repeated: list[str]) -> str:
    sentences = []
    if resumed:
        sentences.append(f"{', '.join(resumed)}: training resumes, and a promotion pays the difference.")
    if repeated:
        sentences.append(f"{', '.join(repeated)}: each resource is a training from nothing, paid in full.")
    return " ".join(sentences)
