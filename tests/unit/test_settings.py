"""Settings: JSON, and what may grow."""

import json

import pytest

from paceline.errors import SchemaError
from paceline.samplers.alternating import Alternating
from paceline.samplers.gaussian_process import GaussianProcess
from paceline.samplers.grid import Grid
from paceline.samplers.quasirandom import QuasiRandom
from paceline.samplers.random import Random
from paceline.samplers.trees import Trees
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.single_fidelity import FullResource, GridSearch, QuasiRandomSearch, RandomSearch
from paceline.schedulers.successive_halving import SuccessiveHalving

ALL = [
    RandomSearch(max_resource=7),
    GridSearch(resolution={"x": 3, "y": 2}),
    GridSearch(resolution={"type": 3}),  # a hyperparameter's name, not a class's
    QuasiRandomSearch(sequence="halton"),
    FullResource(sampler=QuasiRandom()),
    SuccessiveHalving(max_resource=27, n_trials=40, brackets=None, overlap=False, resume=False),
    Hyperband(max_resource=81, min_resource=2, bracket_rule="hpbandster", sweeps=None),
    ASHA(
        max_resource=100,
        reduction_factor=4,
        variant="stop",
        brackets=2,
        bracket_rule="trained",
        rung_value="best",
    ),
    ASHA(max_resource=None, delay=True, resume=False, sampler=Grid(resolution=2)),
    FullResource(sampler=Trees(n_trees=5, candidates=9, random_fraction=0.5)),
    ASHA(max_resource=3, sampler=GaussianProcess(min_results=20, local_candidates=0)),
    FullResource(sampler=Alternating(samplers=(QuasiRandom(), Alternating(samplers=(Trees(), Random()))))),
]


@pytest.mark.parametrize("settings", ALL, ids=repr)
def test_settings_come_back_equal(settings):
    back = SchedulerSettings.from_json(settings.to_json())
    assert back == settings
    assert type(back.sampler) is type(settings.sampler)
    assert json.loads(json.dumps(settings.to_json())) == settings.to_json()  # as the journal gives it back


@pytest.mark.parametrize(
    ("data", "phrase"),
    [
        ({"type": "Unheard"}, "import its module"),
        ({}, "no SchedulerSettings"),
        ({"type": "ASHA", "max_resource": 9, "colour": "red"}, "colour"),
        ({"type": "ASHA", "max_resource": -9}, "-9"),
        ({"type": "Random"}, "no SchedulerSettings"),
    ],
)
def test_what_this_version_does_not_know_is_refused(data, phrase):
    with pytest.raises(SchemaError, match=phrase):
        SchedulerSettings.from_json(data)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ASHA(max_resource=9), ASHA(max_resource=9)),
        (ASHA(max_resource=9), ASHA(max_resource=27)),
        (ASHA(max_resource=9), ASHA(max_resource=None)),
        (Hyperband(max_resource=9, sweeps=1), Hyperband(max_resource=9, sweeps=2)),
        (SuccessiveHalving(max_resource=9), SuccessiveHalving(max_resource=9, brackets=None)),
    ],
)
def test_what_may_grow_may_grow(old, new):
    assert old.differences(new) == []


@pytest.mark.parametrize(
    ("old", "new", "phrase"),
    [
        (ASHA(max_resource=9), ASHA(max_resource=3), "max_resource was 9, not 3"),
        (ASHA(max_resource=None), ASHA(max_resource=3), "max_resource was None, not 3"),
        (ASHA(max_resource=9), ASHA(max_resource=9, reduction_factor=2), "reduction_factor was 3, not 2"),
        (ASHA(max_resource=9), Hyperband(max_resource=9), "Hyperband"),
        (FullResource(max_resource=3), FullResource(max_resource=9), "max_resource was 3, not 9"),
        (RandomSearch(), GridSearch(), "sampler"),
    ],
)
def test_everything_else_stays(old, new, phrase):
    assert any(phrase in difference for difference in old.differences(new))
