"""How soon ASHA has something: the first fully trained config, and one that is as good as one in a thousand."""

from __future__ import annotations

import math
from functools import cache

import msgspec
import numpy as np
from evidence import Estimate, Finding, Lab, Statistic, Table, Verdict, estimate, mean, median, number, ratio
from virtual import GOAL, UNTIL_GOAL, Constant, reported_at, run

from paceline import ASHA, Float, RandomSearch, SuccessiveHalving, simulate
from paceline.events import Config
from paceline.rng import generator_for
from paceline.schedulers.base import SchedulerSettings

ASHA_PAPER = "Li et al. 2020"


# The first config at R --------------------------------------------------------------------------------------


class Climb(msgspec.Struct, frozen=True):
    """Workers that wait for the first config to be trained to R; σ of stragglers."""

    eta: int
    max_resource: int
    workers: int
    resume: bool
    sigma: float = 0.0


LADDERS = ((4, 4), (3, 4), (2, 6))
"""(η, K)."""
LADDERS_TEXT = "(η, R/r) = " + ", ".join(f"({eta}, {eta**k})" for eta, k in LADDERS)
HOW = {False: "retrained", True: "with checkpoints"}


def time_of_first(climb: Climb, seed: int) -> float:
    """When it arrives, in units of time(R); jobs take as many seconds as they train units."""
    asha = ASHA(max_resource=climb.max_resource, reduction_factor=climb.eta, resume=climb.resume)
    training = Constant(goal=climb.max_resource)
    simulation = run(
        asha, seed, training=training, workers=climb.workers, budget=UNTIL_GOAL, straggler_sd=climb.sigma
    )
    return next(at for at, _ in reported_at(simulation, climb.max_resource)) / climb.max_resource


def time_bound(lab: Lab) -> Finding:
    """With η^K workers the first config is at R after Σ η^(k-K) ≤ 2 time(R); with checkpoints, after time(R)."""
    climbs = {resume: [Climb(eta, eta**k, eta**k, resume) for eta, k in LADDERS] for resume in (False, True)}
    exact = {
        False: [sum(eta**i for i in range(k + 1)) / eta**k for eta, k in LADDERS],
        True: [1.0] * len(LADDERS),
    }
    few = {resume: [Climb(4, 256, 25, resume, sigma) for sigma in (0.0, 0.1)] for resume in (False, True)}
    wide_times = lab.measure(time_of_first, climbs[False] + climbs[True], seeds=lab.choose(3, 1))
    few_times = lab.measure(time_of_first, few[False] + few[True], seeds=lab.choose(50, 3))

    def in_wide(*, resume: bool) -> Verdict:
        times = [set(wide_times[climb]) for climb in climbs[resume]]
        return Verdict(
            f"η^K workers: time(R) until the first config is at R, {HOW[resume]}",
            f"{ASHA_PAPER}, 3.3",
            ", ".join(" or ".join(f"{time:.3f}" for time in sorted(found)) for found in times),
            ", ".join(f"{time:.3f}" for time in exact[resume]) + " exactly, for " + LADDERS_TEXT,
            times == [{time} for time in exact[resume]],
        )

    def in_few(*, resume: bool, source: str, expected: int) -> Verdict:
        exact_jobs, straggling = (estimate(mean, few_times[climb]) for climb in few[resume])
        return Verdict(
            f"25 workers, η=4, R/r=256: time(R) until the first config is at R, {HOW[resume]}",
            source,
            f"{exact_jobs}; with stragglers, σ=0.1, {straggling}, {straggling.value * 256:.0f} units",
            f"≤ 1.5; expected for σ=0.1: {expected} units",
            max(exact_jobs.value, straggling.value) <= 1.5,
            lab.is_decisive,
        )

    return Finding(
        [
            in_wide(resume=False),
            in_wide(resume=True),
            in_few(resume=False, source=f"{ASHA_PAPER}, 4.2", expected=382),
            in_few(resume=True, source="ours", expected=287),
        ]
    )


# Time to target ---------------------------------------------------------------------------------------------
#
# The loss of a trial after t units is a + b·t^-c: its config is the curve. Curves cross, so the order at the bottom
# rung is not that at R (the rank correlation is reported). A unit of a trial's training takes log-normal time,
# σ = 0.4, mean 1. R = 256, r = 1, η = 4, SHA with brackets of 256 that overlap, all with checkpoints. A target counts
# as reached by a result at R, never by one below: random search has no others.

R = 256
SPACE = {"a": Float(0.0, 1.0), "b": Float(0.2, 1.0), "c": Float(0.2, 0.8)}
COST_SD = 0.4
ONE_IN = (256, 500, 1000, 2000)
"""The targets: the loss at R that one config in so many reaches."""
TARGET = 1000
"""The target that the claims are judged by; the others show what depends on it."""

METHODS: dict[str, SchedulerSettings] = {
    "ASHA": ASHA(max_resource=R, reduction_factor=4),
    "SHA": SuccessiveHalving(max_resource=R, reduction_factor=4, n_trials=256, brackets=None),
    "random": RandomSearch(max_resource=R),
}


class Crossing:
    """Training whose loss falls by a power law, at a cost per unit that differs from trial to trial.

    A result at R that reaches the hardest target ends the study; `value` is the curve's there too.

    Args:
        seed: of the costs.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._costs: dict[int, float] = {}

    def metrics(self, trial: int, config: Config, resource: int) -> dict[str, float | None]:  # noqa: ARG002
        """The curve's value."""
        a, b, c = (float(config[name]) for name in "abc")  # type: ignore[arg-type]  # they are numbers
        value = a + b * resource**-c
        is_goal = resource == R and value <= targets()[max(ONE_IN)]
        return {"loss": GOAL if is_goal else value, "value": value}

    def seconds(self, trial: int, config: Config, resource: int) -> float:  # noqa: ARG002
        """In proportion to the resource."""
        if trial not in self._costs:
            z = generator_for(self._seed, "cost of a unit", trial).standard_normal()
            self._costs[trial] = math.exp(COST_SD * z - COST_SD**2 / 2)
        return resource * self._costs[trial]


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """Losses at r and at R of a million configs."""
    uniform = np.random.default_rng(0).random((3, 1_000_000))
    a, b, c = (
        domain.low + (domain.high - domain.low) * u for domain, u in zip(SPACE.values(), uniform, strict=True)
    )
    return a + b, a + b * R**-c


@cache
def targets() -> dict[int, float]:
    """The loss at R that one config in so many reaches."""
    return {one_in: float(np.quantile(population()[1], 1 / one_in)) for one_in in ONE_IN}


class Search(msgspec.Struct, frozen=True):
    """A method and its workers."""

    method: str
    workers: int


def times_to_targets(search: Search, seed: int) -> dict[int, float]:
    """When a config that reaches each target is fully trained, in units of time(R)."""
    simulation = simulate(
        METHODS[search.method], SPACE, Crossing(seed), workers=search.workers, budget=UNTIL_GOAL, seed=seed
    )
    results = [(at / R, event.metrics["value"] or 0.0) for at, event in reported_at(simulation, R)]
    return {
        one_in: next(at for at, value in results if value <= target) for one_in, target in targets().items()
    }


def time_to_target(lab: Lab) -> Finding:
    """ASHA costs little against SHA on one worker, saves much against random search, and uses 25 workers well."""
    searches = [Search(method, workers) for workers in (1, 25) for method in METHODS]
    found = lab.measure(times_to_targets, searches, seeds=lab.choose(100, 3))

    def times(method: str, workers: int, one_in: int = TARGET) -> list[float]:
        return [times[one_in] for times in found[Search(method, workers)]]

    def speed_up(method: str, of: Statistic, one_in: int = TARGET) -> Estimate:
        return estimate(ratio(of), times(method, 1, one_in), times(method, 25, one_in))

    def verdict(
        claim: str, source: str, measured: Estimate, *, least: float = 0.0, most: float = math.inf
    ) -> Verdict:
        return Verdict(
            claim,
            f"{ASHA_PAPER}, {source}",
            str(measured),
            f"≥ {number(least)}" if least else f"≤ {number(most)}",
            least <= measured.value <= most,
            lab.is_decisive,
        )

    verdicts = [
        verdict(
            "1 worker: ASHA's mean time to target / SHA's",
            "4.1",
            estimate(ratio(mean), times("ASHA", 1), times("SHA", 1)),
            most=1.2,
        ),
        verdict(
            "1 worker: ASHA's mean time to target / random search's",
            "4.1",
            estimate(ratio(mean), times("ASHA", 1), times("random", 1)),
            most=0.5,
        ),
        verdict(
            "25 workers: ASHA's median time to target, in time(R)",
            "4.2",
            estimate(median, times("ASHA", 25)),
            most=1.5,
        ),
        verdict(
            "speed-up from 1 to 25 workers, mean time to target", "4.2", speed_up("ASHA", mean), least=10
        ),
        msgspec.structs.replace(
            verdict(
                "speed-up from 1 to 25 workers, median time to target",
                "4.2",
                speed_up("ASHA", median),
                least=10,
            ),
            must_hold=False,
        ),
    ]
    at_bottom, at_top = (np.argsort(np.argsort(losses)) for losses in population())
    correlation = float(np.corrcoef(at_bottom, at_top)[0, 1])
    table = Table(
        f"Time to target in time(R), {len(times('ASHA', 1))} seeds; rank correlation of the losses at r and R "
        f"{correlation:.2f}",
        (
            "one in",
            "method",
            "1 worker: mean",
            "median",
            "25 workers: mean",
            "median",
            "speed-up: mean",
            "median",
        ),
        tuple(
            (
                *(str(one_in), method),
                *(estimate(of, times(method, n, one_in)).brief for n in (1, 25) for of in (mean, median)),
                *(speed_up(method, of, one_in).brief for of in (mean, median)),
            )
            for one_in in ONE_IN
            for method in METHODS
        ),
    )
    return Finding(verdicts, [table])
