"""Stragglers and dropped jobs: ASHA and synchronous successive halving in the simulation of Li et al. 2020, appendix A.1.

25 workers, r = 1, R = 256, η = 4, brackets of 256 configs, everything retrained from nothing. A job takes its nominal
time times 1 + |z|, z ~ N(0, σ²), and is dropped with probability p in each unit of time. Counted: configs trained to R
within 2000 units, and the time of the first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
from evidence import Finding, Lab, Table, Verdict, estimate, mean, number, ratio
from virtual import horizon, reported_at, run

from paceline import ASHA, SuccessiveHalving
from paceline.events import Outcome
from paceline.ledger import TrialState
from paceline.samplers.base import Context
from paceline.schedulers.asha import AshaScheduler
from paceline.schedulers.base import SchedulerSettings

R = 256
UNTIL = 2000
SIGMAS = (0.1, 0.56, 1.33)
DROP_RATES = (0.0, 0.002, 0.005, 0.01)
Trouble = tuple[float, float]
"""σ and p."""


class ForgetfulASHA(ASHA, frozen=True, kw_only=True, tag=True):
    """ASHA that leaves a dropped promotion marked as promoted, for ever."""

    def build(self, context: Context) -> ForgetfulAshaScheduler:
        """The scheduler."""
        return ForgetfulAshaScheduler(self, context)


class ForgetfulAshaScheduler(AshaScheduler):
    """See `ForgetfulASHA`."""

    def _on_lost(self, state: TrialState) -> None:
        """Do nothing: neither is the promotion reopened nor the job repeated."""


class Policy(msgspec.Struct, frozen=True):
    """A method, and what becomes of its dropped jobs: `LOST` ones are due again, `FAILED` ones rank last."""

    scheduler: SchedulerSettings
    drop_outcome: Outcome


def _asha(kind: type[ASHA] = ASHA, *, resume: bool = False) -> ASHA:
    return kind(max_resource=R, reduction_factor=4, resume=resume)


def _halving(*, overlap: bool = True, resume: bool = False) -> SuccessiveHalving:
    return SuccessiveHalving(
        max_resource=R, reduction_factor=4, n_trials=256, brackets=None, overlap=overlap, resume=resume
    )


ASHA_REQUEUE, ASHA_LOST, ASHA_CRASH = "ASHA requeue", "ASHA lost", "ASHA crash"
SHA_OVERLAP, SHA_REPEAT, SHA_SERIAL = "SHA overlapping", "SHA repeating", "SHA serial"
POLICIES = {
    ASHA_REQUEUE: Policy(_asha(), Outcome.LOST),
    ASHA_LOST: Policy(_asha(ForgetfulASHA), Outcome.LOST),
    ASHA_CRASH: Policy(_asha(), Outcome.FAILED),
    SHA_OVERLAP: Policy(_halving(), Outcome.FAILED),
    SHA_REPEAT: Policy(_halving(), Outcome.LOST),
    SHA_SERIAL: Policy(_halving(overlap=False), Outcome.FAILED),
}

REFERENCE = {
    (0.1, 0.0): ("40.9 / 382", "40.9 / 382", "30.4 / 397", "4.9 / 389"),
    (0.1, 0.002): ("33.9 / 389", "22.2 / 414", "17.5 / 434", "3.1 / 610"),
    (0.1, 0.01): ("11.1 / 598", "1.3 / 1026", "2.5 / 894", "0.5 / 1137"),
    (0.56, 0.0): ("26.8 / 463", "26.8 / 463", "21.1 / 530", "3.0 / 525"),
    (0.56, 0.002): ("21.3 / 491", "12.0 / 575", "10.5 / 642", "1.9 / 872"),
    (0.56, 0.01): ("4.5 / 868", "0.3", "0.8 / 1049", "0.1"),
    (1.33, 0.0): ("17.9 / 575", "17.9 / 575", "12.9 / 748", "1.9 / 755"),
    (1.33, 0.01): ("2.4 / 1011", "0.1", "0.3 / 1297", "0.0"),
}
REFERENCE_POLICIES = (ASHA_REQUEUE, ASHA_LOST, SHA_OVERLAP, SHA_SERIAL)
ASHA_RESUMED, SHA_RESUMED = "ASHA, checkpoints", "SHA, checkpoints"
RESUMED = {
    ASHA_RESUMED: Policy(_asha(resume=True), Outcome.LOST),
    SHA_RESUMED: Policy(_halving(resume=True), Outcome.LOST),
}
REFERENCE_RESUMED = {(0.1, 0.0): ("50.2 / 287", "39.9 / 297"), (1.33, 0.0): ("25.3 / 442", "18.0 / 570")}
"""By (σ, p): trained / first, of an independent simulation with 15 seeds, 25 with checkpoints (docs/claims.md)."""


class Cell(msgspec.Struct, frozen=True):
    """One policy under one kind of trouble."""

    policy: Policy
    sigma: float
    drop_rate: float


def fully_trained(cell: Cell, seed: int) -> tuple[int, float]:
    """Configs trained to R within the time, and when the first was; NaN without any."""
    simulation = run(
        cell.policy.scheduler,
        seed,
        workers=25,
        budget=horizon(UNTIL),
        straggler_sd=cell.sigma,
        drop_rate=cell.drop_rate,
        drop_outcome=cell.policy.drop_outcome,
    )
    times = [at for at, _ in reported_at(simulation, R, until=UNTIL)]
    return len(times), times[0] if times else math.nan


class Results:
    """The measured cells of some policies.

    Args:
        lab: where to measure.
        policies: by name.
        troubles: (σ, p).
    """

    def __init__(self, lab: Lab, policies: dict[str, Policy], troubles: list[Trouble]) -> None:
        self._must_hold = lab.is_decisive
        self._cells = {
            (name, trouble): Cell(policy if trouble[1] else _undropped(policy), *trouble)
            for trouble in troubles
            for name, policy in policies.items()
        }
        self._found = lab.measure(fully_trained, self._cells.values(), seeds=lab.choose(25, 2))

    def of(self, name: str, trouble: Trouble, column: int) -> list[float]:
        """Of each seed: how many were trained (column 0), when the first was (1)."""
        return [found[column] for found in self._found[self._cells[name, trouble]]]

    def compare(
        self, claim: str, name: str, to: str, troubles: list[Trouble], *, least: float = 0.0, most: float = math.inf,
        column: int = 0, source: str = "Li et al. 2020, A.1", is_known_to_fail: bool = False,
    ) -> Verdict:  # fmt: skip
        """The ratio of two policies' means, in the cell where it is worst; cells where either has none are left out."""
        ratios = {
            trouble: estimate(ratio(mean), self.of(name, trouble, column), self.of(to, trouble, column))
            for trouble in troubles
        }
        known = [trouble for trouble, figure in ratios.items() if math.isfinite(figure.value)]
        worst = (min if least else max)(known, key=lambda trouble: ratios[trouble].value)
        return Verdict(
            claim,
            source,
            f"× {ratios[worst]} in the worst of {len(known)} cells (σ={worst[0]}, p={worst[1]})",
            f"≥ × {number(least)} in each" if least else f"≤ × {number(most)} in each",
            all(least <= ratios[trouble].value <= most for trouble in known),
            self._must_hold and not is_known_to_fail,
        )

    def table(
        self, title: str, reference: Mapping[Trouble, tuple[str, ...]], referenced: tuple[str, ...]
    ) -> Table:
        """All cells, beside the reference's."""
        rows = []
        for (name, trouble), cell in self._cells.items():
            if cell.drop_rate == 0 and name in (ASHA_LOST, ASHA_CRASH, SHA_REPEAT):
                continue  # nothing is dropped: the same study as the policy's before
            trained, first = (estimate(mean, self.of(name, trouble, column)) for column in (0, 1))
            theirs = dict(zip(referenced, reference.get(trouble, ()), strict=False)).get(name, "")
            rows.append((*map(str, trouble), name, trained.brief, str(first), theirs))
        return Table(title, ("σ", "p", "policy", "trained to R", "first at", "reference"), tuple(rows))


def _undropped(policy: Policy) -> Policy:
    """What a policy comes down to where nothing is dropped: several coincide, and are measured once."""
    scheduler = policy.scheduler
    return Policy(_asha(resume=scheduler.resume) if isinstance(scheduler, ASHA) else scheduler, Outcome.LOST)


def stragglers(lab: Lab) -> Finding:
    """ASHA trains more configs to R and the first one sooner, the more so the more jobs straggle and drop."""
    sigmas = lab.choose(SIGMAS, (0.1, 1.33))
    troubles = [(sigma, p) for sigma in sigmas for p in lab.choose(DROP_RATES, (0.0, 0.005))]
    undropped = [trouble for trouble in troubles if trouble[1] == 0]
    straggling = [trouble for trouble in troubles if trouble[0] >= 0.5]
    dropping = [trouble for trouble in troubles if trouble[1] >= 0.005]
    results = Results(lab, POLICIES, troubles)
    resumed = Results(lab, RESUMED, undropped)
    return Finding(
        [
            results.compare(
                "ASHA trains more configs to R than overlapping SHA",
                *(ASHA_REQUEUE, SHA_OVERLAP, troubles),
                least=1.25,
            ),
            results.compare(
                "ASHA's first config at R comes no later than overlapping SHA's, σ ≥ 0.5",
                *(ASHA_REQUEUE, SHA_OVERLAP, straggling),
                most=1.0,
                column=1,
            ),
            results.compare(
                "ASHA trains many times as many as SHA whose workers idle, p = 0",
                *(ASHA_REQUEUE, SHA_SERIAL, undropped),
                least=8.0,
            ),
            resumed.compare(
                "with checkpoints, p = 0: ASHA trains more configs to R than overlapping SHA",
                *(ASHA_RESUMED, SHA_RESUMED, undropped),
                least=1.25,
            ),
            results.compare(
                "ASHA that takes a lost promotion for a finished one falls below overlapping SHA, p ≥ 0.005",
                *(ASHA_LOST, SHA_OVERLAP, dropping),
                most=1.0,
                source="ours",
            ),
            results.compare(
                "ASHA trains more configs to R than overlapping SHA that repeats dropped jobs as well",
                *(ASHA_REQUEUE, SHA_REPEAT, troubles),
                least=1.25,
                source="ours",
                is_known_to_fail=True,
            ),
        ],
        [
            results.table(
                "Stragglers and drops: configs trained to R within 2000 units", REFERENCE, REFERENCE_POLICIES
            ),
            resumed.table("Stragglers, with checkpoints", REFERENCE_RESUMED, tuple(RESUMED)),
        ],
    )
