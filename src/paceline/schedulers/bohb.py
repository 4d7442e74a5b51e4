"""BOHB (Falkner et al. 2018): Hyperband whose new configs come from a model of the results so far.

It is no scheduler of its own: Hyperband with the number of trials per bracket that the authors' code has, and their
sampler. The parallel form is Hyperband's, with brackets that overlap; `ASHA(sampler=KDE())` is the asynchronous one.
"""

from __future__ import annotations

from paceline.samplers.kde import KDE, MinPointsRule
from paceline.schedulers.hyperband import Hyperband


def BOHB(  # noqa: N802 - it reads as the other methods do
    *,
    max_resource: int,
    min_resource: int = 1,
    reduction_factor: int = 3,
    sweeps: int | None = None,
    overlap: bool = True,
    resume: bool = True,
    random_fraction: float = 1 / 3,
    top_fraction: float = 0.15,
    candidates: int = 64,
    bandwidth_factor: float = 3.0,
    min_bandwidth: float = 1e-3,
    min_points: int | None = None,
    min_points_rule: MinPointsRule = "hpbandster",
    lie: bool = False,
) -> Hyperband:
    """BOHB as published: `Hyperband(bracket_rule="hpbandster", sampler=KDE(...))`.

    Args:
        max_resource: R, in the study's unit.
        min_resource: r: no rung is below it; rungs are R/η^k.
        reduction_factor: η.
        sweeps: how often all brackets are run; `None` until the budget ends.
        overlap: start the next bracket while one waits for its last results; otherwise slots idle.
        resume: go on from checkpoints; otherwise each promotion trains anew.
        random_fraction: ρ; this and those below are the settings of `KDE`, whose defaults are the paper's.
        top_fraction: q.
        candidates: N_s.
        bandwidth_factor: b_w.
        min_bandwidth: no bandwidth is below it.
        min_points: N_min; `None` is d + 1.
        min_points_rule: how many results a resource needs for a model.
        lie: running trials count as bad; the paper leaves them out.

    Raises:
        SettingError: a setting is wrong.
    """
    sampler = KDE(
        random_fraction=random_fraction,
        top_fraction=top_fraction,
        candidates=candidates,
        bandwidth_factor=bandwidth_factor,
        min_bandwidth=min_bandwidth,
        min_points=min_points,
        min_points_rule=min_points_rule,
        lie=lie,
    )
    return Hyperband(
        max_resource=max_resource,
        min_resource=min_resource,
        reduction_factor=reduction_factor,
        bracket_rule="hpbandster",
        sweeps=sweeps,
        overlap=overlap,
        resume=resume,
        sampler=sampler,
    )
