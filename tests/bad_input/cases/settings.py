"""What schedulers, studies, runs and budgets are given."""

import math
import os
import sys
from contextlib import contextmanager
from unittest.mock import patch

from tests.bad_input.cases.case import Case

from paceline import (
    ASHA,
    BOHB,
    KDE,
    PB2,
    PBT,
    Alternating,
    Budget,
    FullResource,
    GaussianProcess,
    Grid,
    GridSearch,
    Hyperband,
    Perturb,
    QuasiRandom,
    QuasiRandomSearch,
    Random,
    RandomSearch,
    Replay,
    SuccessiveHalving,
    Trees,
)
from paceline.errors import SettingError
from paceline.executors.inline import InlineExecutor

# Schedulers ------------------------------------------------------------------------------------------------------------


@contextmanager
def without(module):
    """An extra is not installed."""
    hidden = dict.fromkeys([name for name in sys.modules if name.split(".")[0] == module] + [module])
    with patch.dict(sys.modules, hidden):
        yield


def quasirandom_without_scipy(_):
    with without("scipy"), patch.dict(sys.modules, {"scipy.stats": None, "scipy.stats.qmc": None}):
        QuasiRandom()


def trees_without_sklearn(_):
    with without("sklearn"):
        Trees()


SCHEDULERS = (
    Case(
        "`ASHA`, the class",
        lambda p: p.study(scheduler=ASHA),
        SettingError,
        ("scheduler=<class", "Write ASHA(max_resource=...)"),
    ),
    Case(
        "`'asha'`",
        lambda p: p.study(scheduler="asha"),
        SettingError,
        ("scheduler='asha'", "such as ASHA(max_resource=81)"),
    ),
    Case(
        "`ASHA(max_resource=9.0)`",
        lambda _: ASHA(max_resource=9.0),
        SettingError,
        ("max_resource=9.0", "a whole number of at least 1"),
    ),
    Case(
        "`ASHA(max_resource=True)`",
        lambda _: ASHA(max_resource=True),
        SettingError,
        ("max_resource=True", "a whole number"),
    ),
    Case(
        "`ASHA(max_resource=9, min_resource=10)`",
        lambda _: ASHA(max_resource=9, min_resource=10),
        SettingError,
        ("max_resource=9", "at least min_resource, which is 10"),
    ),
    Case(
        "`ASHA(max_resource=9, reduction_factor=1)`",
        lambda _: ASHA(max_resource=9, reduction_factor=1),
        SettingError,
        ("reduction_factor=1", "at least 2"),
    ),
    Case(
        "`ASHA(max_resource=9, variant='pause')`",
        lambda _: ASHA(max_resource=9, variant="pause"),
        SettingError,
        ("variant='pause'", "one of 'promote', 'stop'"),
    ),
    Case(
        "`ASHA(max_resource=9, brackets=4)`",
        lambda _: ASHA(max_resource=9, brackets=4),
        SettingError,
        ("brackets=4", "at most 3, the number of rungs"),
    ),
    Case(
        "`ASHA(max_resource=9, delay=True, variant='stop')`",
        lambda _: ASHA(max_resource=9, delay=True, variant="stop"),
        SettingError,
        ("delay=True", 'variant="stop", which promotes nobody'),
    ),
    Case(
        "`ASHA(max_resource=9, resume='no')`",
        lambda _: ASHA(max_resource=9, resume="no"),
        SettingError,
        ("resume='no'", "True or False"),
    ),
    Case(
        "`ASHA(max_resource=9, sampler='random')`",
        lambda _: ASHA(max_resource=9, sampler="random"),
        SettingError,
        ("sampler='random'", "such as Random()"),
    ),
    Case(
        "`ASHA(max_resource=9, sampler=Grid)`, the class",
        lambda _: ASHA(max_resource=9, sampler=Grid),
        SettingError,
        ("sampler=<class", "Make one, with parentheses"),
    ),
    Case(
        "`PBT(max_resource=9, interval=10)`",
        lambda _: PBT(max_resource=9, interval=10),
        SettingError,
        ("interval=10", "at most max_resource, which is 9"),
    ),
    Case(
        "`PBT(max_resource=9, interval=3, population_size=1)`",
        lambda _: PBT(max_resource=9, interval=3, population_size=1),
        SettingError,
        ("population_size=1", "at least 2"),
    ),
    Case(
        "`PBT(max_resource=9, interval=3, quantile=0.6)`",
        lambda _: PBT(max_resource=9, interval=3, quantile=0.6),
        SettingError,
        ("quantile=0.6", "from 0 to 0.5"),
    ),
    Case(
        "`PBT(max_resource=9, interval=3, exploit='best')`",
        lambda _: PBT(max_resource=9, interval=3, exploit="best"),
        SettingError,
        ("exploit='best'", "'truncation', 'tournament', 't_test'"),
    ),
    Case(
        "`PBT(max_resource=9, interval=3, explore=0.2)`",
        lambda _: PBT(max_resource=9, interval=3, explore=0.2),
        SettingError,
        ("explore=0.2", "Perturb(...)"),
    ),
    Case(
        "`Replay(schedule=[])`",
        lambda _: Replay(schedule=[]),
        SettingError,
        ("schedule=[]", "as study.schedule() gives them"),
    ),
    Case(
        "`Replay` of pieces with a gap",
        lambda _: Replay(
            schedule=[{"start": 0, "stop": 2, "config": {}}, {"start": 3, "stop": 4, "config": {}}]
        ),
        SettingError,
        ("schedule[1]", "begins at 2, where the one before ends"),
    ),
    Case(
        "`Replay` of a schedule for another space",
        lambda p: p.study(scheduler=Replay(schedule=[{"start": 0, "stop": 2, "config": {"lr": 0.1}}])),
        SettingError,
        ("schedule[0]", "a config of the space"),
    ),
    Case(
        "`PB2(max_resource=9, interval=3, max_rows=5)`",
        lambda _: PB2(max_resource=9, interval=3, max_rows=5),
        SettingError,
        ("max_rows=5", "at least 10"),
    ),
    Case(
        "`PB2(max_resource=9, interval=3, max_rows=5000)`",
        lambda _: PB2(max_resource=9, interval=3, max_rows=5000),
        SettingError,
        ("max_rows=5000", "at most 1000"),
    ),
    Case(
        "`PB2(max_resource=9, interval=3, beta=-1)`",
        lambda _: PB2(max_resource=9, interval=3, beta=-1),
        SettingError,
        ("beta=-1", "from 0 to 1000"),
    ),
    Case(
        "`PB2(max_resource=9, interval=3, explore='bandit')`",
        lambda _: PB2(max_resource=9, interval=3, explore="bandit"),
        SettingError,
        ("explore='bandit'", "Perturb(...)"),
    ),
    Case(
        "`Perturb(factors=(0, 1.2))`",
        lambda _: Perturb(factors=(0, 1.2)),
        SettingError,
        ("factors=(0, 1.2)", "above 0"),
    ),
    Case(
        "`ASHA(max_resource=9, hedge=1)`",
        lambda _: ASHA(max_resource=9, hedge=1),
        SettingError,
        ("hedge=1", "a number from 0 to 0.99"),
    ),
    Case(
        "`ASHA(max_resource=9, hedge=0.1, variant='stop')`",
        lambda _: ASHA(max_resource=9, hedge=0.1, variant="stop"),
        SettingError,
        ("hedge=0.1", 'except with variant="promote", one bracket and a finite max_resource'),
    ),
    Case(
        "`BOHB(max_resource=9, sampler=KDE)`, the class",
        lambda _: BOHB(max_resource=9, sampler=KDE),
        SettingError,
        ("sampler=<class", "Make one, with parentheses"),
    ),
    Case(
        "`KDE(random_fraction=33)`",
        lambda _: KDE(random_fraction=33),
        SettingError,
        ("random_fraction=33", "a number from 0 to 1"),
    ),
    Case(
        "`KDE(top_fraction=True)`",
        lambda _: KDE(top_fraction=True),
        SettingError,
        ("top_fraction=True", "a number from 0 to 0.99"),
    ),
    Case(
        "`KDE(min_bandwidth=0)`",
        lambda _: KDE(min_bandwidth=0),
        SettingError,
        ("min_bandwidth=0", "a number from 1e-06 to 1"),
    ),
    Case(
        "`KDE(bandwidth_factor=nan)`",
        lambda _: KDE(bandwidth_factor=math.nan),
        SettingError,
        ("bandwidth_factor=nan", "a number from 0 to 1000"),
    ),
    Case(
        "`KDE(candidates=64.0)`",
        lambda _: KDE(candidates=64.0),
        SettingError,
        ("candidates=64.0", "a whole number of at least 1"),
    ),
    Case(
        "`KDE(min_points_rule='hpband')`",
        lambda _: KDE(min_points_rule="hpband"),
        SettingError,
        ("min_points_rule='hpband'", "one of 'hpbandster', 'paper'"),
    ),
    Case(
        "`KDE(lie='yes')`",
        lambda _: KDE(lie="yes"),
        SettingError,
        ("lie='yes'", "True or False"),
    ),
    Case(
        "`Hyperband(max_resource=9, bracket_rule='bohb')`",
        lambda _: Hyperband(max_resource=9, bracket_rule="bohb"),
        SettingError,
        ("bracket_rule='bohb'", "one of 'paper', 'hpbandster'"),
    ),
    Case(
        "`Hyperband(max_resource=9, sweeps=0)`",
        lambda _: Hyperband(max_resource=9, sweeps=0),
        SettingError,
        ("sweeps=0", "at least 1"),
    ),
    Case(
        "`SuccessiveHalving(max_resource=9, n_trials=4)`",
        lambda _: SuccessiveHalving(max_resource=9, n_trials=4),
        SettingError,
        ("n_trials=4", "at least 9, so that one trial reaches max_resource"),
    ),
    Case(
        "`FullResource(max_resource=0)`",
        lambda _: FullResource(max_resource=0),
        SettingError,
        ("max_resource=0", "at least 1"),
    ),
    Case(
        "`QuasiRandomSearch(sequence='soboll')`",
        lambda _: QuasiRandomSearch(sequence="soboll"),
        SettingError,
        ("sequence='soboll'", "one of 'sobol', 'halton'"),
    ),
    Case(
        "`QuasiRandom()` where SciPy is not installed",
        quasirandom_without_scipy,
        SettingError,
        ("sampler='QuasiRandom'", "SciPy to be installed", "pip install 'paceline[quasirandom]'"),
    ),
    Case(
        "`Trees()` where scikit-learn is not installed",
        trees_without_sklearn,
        SettingError,
        ("sampler='Trees'", "scikit-learn to be installed", "pip install 'paceline[models]'"),
    ),
    Case(
        "`Trees(random_fraction=1.5)`",
        lambda _: Trees(random_fraction=1.5),
        SettingError,
        ("random_fraction=1.5", "a number from 0 to 1"),
    ),
    Case(
        "`GaussianProcess(min_results=1)`",
        lambda _: GaussianProcess(min_results=1),
        SettingError,
        ("min_results=1", "at least 2"),
    ),
    Case(
        "`Alternating(samplers=(Random(),))`",
        lambda _: Alternating(samplers=(Random(),)),
        SettingError,
        ("samplers=(Random(),)", "at least two samplers"),
    ),
    Case(
        "`Alternating(samplers=(Random, GaussianProcess()))`, the class",
        lambda _: Alternating(samplers=(Random, GaussianProcess())),
        SettingError,
        ("samplers[0]=<class", "Make one, with parentheses"),
    ),
    Case(
        "`GridSearch(resolution=0)`",
        lambda _: GridSearch(resolution=0),
        SettingError,
        ("resolution=0", "at least 1"),
    ),
    Case(
        "`GridSearch(resolution={'wdith': 3})`",
        lambda p: p.study(scheduler=GridSearch(resolution={"wdith": 3})),
        SettingError,
        ("resolution={'wdith': 3}", "'wdith' is none", "did you mean 'width'?"),
    ),
)

# What a study is given -------------------------------------------------------------------------------------------------

STUDIES = (
    Case("`name=''`", lambda p: p.study(name=""), SettingError, ("name=''", "1 to 200 printable characters")),
    Case("`name='a\\nb'`", lambda p: p.study(name="a\nb"), SettingError, ("name='a\\nb'", "printable")),
    Case(
        "a name of 201 characters", lambda p: p.study(name="x" * 201), SettingError, ("name='xxx", "1 to 200")
    ),
    Case("`name=7`", lambda p: p.study(name=7), SettingError, ("name=7", "printable characters")),
    Case(
        "`maximize='accuracy', minimize='loss'`",
        lambda p: p.study(maximize="accuracy", minimize="loss"),
        SettingError,
        ("maximize='accuracy'", "minimize='loss' was given too", "one objective"),
    ),
    Case(
        "`maximize=True`",
        lambda p: p.study(maximize=True),
        SettingError,
        ("maximize=True", "the name of a metric"),
    ),
    Case(
        "`minimize=''`", lambda p: p.study(minimize=""), SettingError, ("minimize=''", "the name of a metric")
    ),
    Case("`seed=-1`", lambda p: p.study(seed=-1), SettingError, ("seed=-1", "a whole number of at least 0")),
    Case("`seed=1.5`", lambda p: p.study(seed=1.5), SettingError, ("seed=1.5", "a whole number")),
    Case("`unit=10`", lambda p: p.study(unit=10), SettingError, ("unit=10", 'such as "epoch"')),
    Case("`retries=-1`", lambda p: p.study(retries=-1), SettingError, ("retries=-1", "at least 0")),
    Case(
        "`keep_checkpoints=-1`",
        lambda p: p.study(keep_checkpoints=-1),
        SettingError,
        ("keep_checkpoints=-1", "at least 0"),
    ),
    Case(
        "`max_checkpoint_bytes='1 GB'`",
        lambda p: p.study(max_checkpoint_bytes="1 GB"),
        SettingError,
        ("max_checkpoint_bytes='1 GB'", "a whole number"),
    ),
    Case("`folder=7`", lambda p: p.study(folder=7), SettingError, ("folder=7", "the path of a local folder")),
    Case(
        "`folder='s3://bucket/study'`",
        lambda p: p.study(folder="s3://bucket/study"),
        SettingError,
        ("folder='s3://bucket/study'", "a local folder"),
    ),
)

# What a run is given ---------------------------------------------------------------------------------------------------


def with_gpus(place, gpus, *, visible, **changes):
    with patch.dict(os.environ, {"CUDA_VISIBLE_DEVICES": visible}):
        place.run(executor="processes", gpus=gpus, **changes)


RUNS = (
    Case("`workers=0`", lambda p: p.run(workers=0), SettingError, ("workers=0", "at least 1")),
    Case("`workers='4'`", lambda p: p.run(workers="4"), SettingError, ("workers='4'", "a whole number")),
    Case(
        "`workers=2, executor='inline'`",
        lambda p: p.run(workers=2),
        SettingError,
        ("workers=2", '1 with executor="inline"'),
    ),
    Case(
        "`executor='threads'`",
        lambda p: p.run(executor="threads"),
        SettingError,
        ("executor='threads'", '"processes", "inline"'),
    ),
    Case(
        "`executor=InlineExecutor`, the class",
        lambda p: p.run(executor=InlineExecutor),
        SettingError,
        ("executor=<class", "an object, not its class"),
    ),
    Case(
        "`patience_s=0`",
        lambda p: p.run(executor="processes", patience_s=0),
        SettingError,
        ("patience_s=0", "above 0, or None"),
    ),
    Case(
        "`patience_s='60'`",
        lambda p: p.run(executor="processes", patience_s="60"),
        SettingError,
        ("patience_s='60'", "a number of seconds"),
    ),
    Case(
        "`patience_s=60, executor='inline'`",
        lambda p: p.run(patience_s=60),
        SettingError,
        ("patience_s=60", 'None with executor="inline", which has no worker processes'),
    ),
    Case(
        "`checkpoint_every=0`",
        lambda p: p.run(checkpoint_every=0),
        SettingError,
        ("checkpoint_every=0", "at least 1"),
    ),
    Case(
        "`gpus=0`",
        lambda p: p.run(executor="processes", gpus=0),
        SettingError,
        ("gpus=0", "a number of GPUs from 1"),
    ),
    Case(
        "`gpus='0,1'`",
        lambda p: p.run(executor="processes", gpus="0,1"),
        SettingError,
        ("gpus='0,1'", "such as [0, 1]"),
    ),
    Case(
        "`gpus=1.5`",
        lambda p: p.run(executor="processes", gpus=1.5),
        SettingError,
        ("gpus=1.5", "such as [0, 1]"),
    ),
    Case(
        "`gpus=[0, 0]`",
        lambda p: p.run(executor="processes", gpus=[0, 0]),
        SettingError,
        ("gpus=[0, 0]", "different GPUs"),
    ),
    Case(
        "`gpus=[7]` where `CUDA_VISIBLE_DEVICES` is `0,1`",
        lambda p: with_gpus(p, [7], visible="0,1"),
        SettingError,
        ("gpus=[7]", "GPUs that this process may use", "CUDA_VISIBLE_DEVICES is '0,1'"),
    ),
    Case(
        "`gpus_per_worker=2` with 3 GPUs for 2 workers",
        lambda p: with_gpus(p, 3, visible="0,1,2", gpus_per_worker=2, workers=2),
        SettingError,
        ("gpus_per_worker=2", "there are 3 GPUs for 2 workers", "write workers=1"),
    ),
    Case(
        "`threads_per_worker=0`",
        lambda p: p.run(executor="processes", threads_per_worker=0),
        SettingError,
        ("threads_per_worker=0", "at least 1"),
    ),
    Case(
        "`observers=print`",
        lambda p: p.run(observers=print),
        SettingError,
        ("observers=", "a list of functions"),
    ),
    Case(
        "`budget={'trials': 5}`",
        lambda p: p.run(budget={"trials": 5}),
        SettingError,
        ("budget={'trials': 5}", "Budget(trials=100)"),
    ),
    Case(
        "no budget for a scheduler without end",
        lambda p: p.run(budget=None),
        SettingError,
        ("budget=None", "ASHA goes on for ever", "Budget(minutes=10)"),
    ),
    Case(
        "`RandomSearch()` with `Budget()`",
        lambda p: p.run(study={"scheduler": RandomSearch()}, budget=Budget()),
        SettingError,
        ("a limit, because FullResource goes on for ever",),
    ),
    Case(
        "`Budget(trials=0)`",
        lambda _: Budget(trials=0),
        SettingError,
        ("Budget(trials)=0", "at least 1, or None"),
    ),
    Case(
        "`Budget(trials=True)`",
        lambda _: Budget(trials=True),
        SettingError,
        ("Budget(trials)=True", "a whole number"),
    ),
    Case(
        "`Budget(resource=-5)`",
        lambda _: Budget(resource=-5),
        SettingError,
        ("Budget(resource)=-5", "at least 1"),
    ),
    Case(
        "`Budget(resource=1.5)`",
        lambda _: Budget(resource=1.5),
        SettingError,
        ("Budget(resource)=1.5", "a whole number"),
    ),
    Case(
        "`Budget(minutes=0)`", lambda _: Budget(minutes=0), SettingError, ("Budget(minutes)=0", "more than 0")
    ),
    Case(
        "`Budget(minutes=nan)`",
        lambda _: Budget(minutes=math.nan),
        SettingError,
        ("Budget(minutes)=nan", "a finite number"),
    ),
    Case(
        "`Budget(minutes='10')`",
        lambda _: Budget(minutes="10"),
        SettingError,
        ("Budget(minutes)='10'", "a number, or None"),
    ),
    Case(
        "`Budget(target=inf)`",
        lambda _: Budget(target=math.inf),
        SettingError,
        ("Budget(target)=inf", "a finite number"),
    ),
)
