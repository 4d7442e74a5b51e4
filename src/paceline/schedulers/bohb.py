"""BOHB (Falkner et al. 2018): Hyperband whose new configs come from a model of the results so far.

It is no scheduler of its own: Hyperband with as many trials in a bracket as the authors' code starts, and their sampler.
The parallel form is Hyperband's, with brackets that overlap; `ASHA(sampler=KDE())` is the asynchronous one.
"""

from __future__ import annotations

import msgspec

from paceline.samplers.base import SamplerSettings
from paceline.samplers.kde import KDE
from paceline.schedulers.hyperband import BracketRule, Hyperband


def _as_published() -> KDE:
    return KDE(lie=False)


class BOHB(Hyperband, frozen=True, kw_only=True, tag=True):
    """Hyperband with BOHB's defaults; see `Hyperband` for the other settings.

    Args:
        bracket_rule: how many configs start a bracket.
        sweeps: how often all brackets are run; `None` until the budget ends.
        sampler: the model. The paper's leaves running trials out of account; `KDE()` does not, and differs in that only.
    """

    bracket_rule: BracketRule = "hpbandster"
    sweeps: int | None = None
    sampler: SamplerSettings = msgspec.field(default_factory=_as_published)
