"""The method to begin with, chosen by what was measured (docs/model-based.md), not by fashion.

    training resumes     hedged ASHA: low rungs are cheap, since what they cost is not spent again; a tenth of the resource
                         is spent on direct trials, in case they mislead
    it does not          every config at full resource: a low rung costs a fit of its own, and mostly does not pay

Either way two models take turns, of different kinds, so that what misleads one does not mislead the search.
"""

from __future__ import annotations

from importlib.util import find_spec

import msgspec

from paceline.errors import SettingError
from paceline.samplers.alternating import Alternating
from paceline.samplers.base import SamplerSettings
from paceline.samplers.gaussian_process import GaussianProcess
from paceline.samplers.kde import KDE, TPE
from paceline.samplers.trees import Trees
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.rungs import n_halvings
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import check_resources
from paceline.settings import true_or_false

HEDGE = 0.1
"""The share of resource for direct trials."""


class Recommendation(msgspec.Struct, frozen=True):
    """What `recommended` answers.

    Args:
        scheduler: the settings, for `Study` and `simulate`.
        why: what was chosen and why, in one line.
    """

    scheduler: SchedulerSettings
    why: str

    def __str__(self) -> str:
        return self.why


def recommended(
    *,
    max_resource: int,
    min_resource: int = 1,
    resumes: bool = True,
    trust_low_resources: bool | None = None,
    reduction_factor: int = 3,
) -> Recommendation:
    """The method that was best over the benchmarks, for training of this kind.

    Args:
        max_resource: R, in the study's unit: how long a model is trained that is meant to be used.
        min_resource: the lowest resource at which a result says something.
        resumes: whether training goes on from a checkpoint. If not, each rung is a training from nothing.
        trust_low_resources: whether configs may be judged before `max_resource`; `None` is yes if training resumes. Say
            `True` for training that does not, where low resources are cheap and rank configs nearly as R does.
        reduction_factor: η.

    Raises:
        SettingError: a setting is wrong.
    """
    check_resources(min_resource, max_resource, reduction_factor)
    true_or_false("resumes", resumes)
    if trust_low_resources is not None:
        true_or_false("trust_low_resources", trust_low_resources)
    climbs = resumes if trust_low_resources is None else trust_low_resources
    if n_halvings(min_resource, max_resource, reduction_factor) == 0:
        if trust_low_resources:
            raise SettingError(
                "trust_low_resources",
                trust_low_resources,
                expected=f"False or None with max_resource={max_resource}, min_resource={min_resource}: there is no rung "
                f"between them with reduction_factor={reduction_factor}",
            )
        return _at_full_resource(max_resource, "there is no lower resource to judge at")
    if not climbs:
        cause = "they are not to be trusted" if resumes else "a lower one costs a training of its own"
        return _at_full_resource(max_resource, cause)
    sampler, models = _under_asha()
    scheduler = ASHA(
        max_resource=max_resource,
        min_resource=min_resource,
        reduction_factor=reduction_factor,
        resume=resumes,
        hedge=HEDGE,
        sampler=sampler,
    )
    cause = "training resumes, so low resources are cheap" if resumes else "low resources are to be trusted"
    return Recommendation(
        scheduler,
        f"ASHA from {min_resource} to {max_resource}, because {cause}; {HEDGE:.0%} of the resource on configs that are "
        f"trained to {max_resource} at once, in case they mislead; configs by {models}",
    )


def _at_full_resource(max_resource: int, cause: str) -> Recommendation:
    sampler = Alternating(samplers=(TPE(), GaussianProcess(random_fraction=0.1)))
    return Recommendation(
        FullResource(max_resource=max_resource, sampler=sampler),
        f"every config trained to {max_resource}, because {cause}; configs by kernel densities and a Gaussian process in "
        "turn",
    )


def _under_asha() -> tuple[SamplerSettings, str]:
    if find_spec("sklearn") is not None:
        return Alternating(samplers=(Trees(), GaussianProcess())), "trees and a Gaussian process in turn"
    models = (
        "kernel densities and a Gaussian process in turn (with scikit-learn, trees take the place of the densities: pip "
        "install 'paceline[models]')"
    )
    return Alternating(samplers=(KDE(), GaussianProcess())), models
