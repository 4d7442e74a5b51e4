"""Wrong inputs, one row each: what somebody does, which error answers, and what its message must say.

`Case.do` is what the user does, in a `Place`. A case is refused before anything is written, unless it says `records`:
what goes wrong while training is a fact about the study, and is in its journal.

The page `docs/bad-input.md` is made of this table; see `table.py`.
"""

import logging
import math
import os
import shutil
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
from sqlalchemy import event
from tests.bad_input.place import SPACE, CommandFailed, Place, train

from paceline import (
    ASHA,
    Budget,
    Categorical,
    Constraint,
    Float,
    FullResource,
    Grid,
    GridSearch,
    Hyperband,
    Integer,
    QuasiRandom,
    QuasiRandomSearch,
    RandomSearch,
    Space,
    SuccessiveHalving,
    above,
    between,
)
from paceline.errors import (
    CheckpointError,
    JournalConflict,
    ReportError,
    SchemaError,
    SettingError,
    SpaceError,
    StorageError,
    StudyMismatchError,
    StudyNotFoundError,
    TrainingFunctionError,
)
from paceline.events import Job, JobEnded
from paceline.executors.inline import InlineExecutor


@dataclass(frozen=True)
class Case:
    """A wrong input.

    Args:
        came: what came, in the words of the page.
        do: what the user does. Where no error is raised, it answers with what the user can read of it.
        error: the class of what is raised, exactly; `None` where nothing is.
        says: what the message must contain, with `{folder}` for the place's.
        given: what was there before.
        records: whether facts are recorded, of a run that was right to begin.
        is_lost_cause: whether the storage cannot be gone on with.
    """

    came: str
    do: Callable[[Place], object]
    error: type[BaseException] | None
    says: tuple[str, ...]
    given: Callable[[Place], object] | None = None
    records: bool = False
    is_lost_cause: bool = False


def existing(place):
    """A study of five trials."""
    place.exists()


# Space -----------------------------------------------------------------------------------------------------------------

SPACES = (
    Case(
        "no hyperparameters", lambda p: p.study(space={}), SpaceError, ("no hyperparameters", "at least one")
    ),
    Case(
        "a list instead of a dict",
        lambda p: p.study(space=[Float(0, 1)]),
        SpaceError,
        ("of type list", "expected a dict"),
    ),
    Case(
        "`{'lr': (0.1, 1.0)}`",
        lambda p: p.study(space={"lr": (0.1, 1.0)}),
        SpaceError,
        ("'lr'", "write Float(0.1, 1.0)"),
    ),
    Case(
        "`{'act': ['relu', 'tanh']}`",
        lambda p: p.study(space={"act": ["relu", "tanh"]}),
        SpaceError,
        ("'act'", "write Categorical(['relu', 'tanh'])"),
    ),
    Case("`{'lr': 0.1}`", lambda p: p.study(space={"lr": 0.1}), SpaceError, ("'lr'", "write Constant(0.1)")),
    Case(
        "`{1: Float(0, 1)}`",
        lambda p: p.study(space={1: Float(0, 1)}),
        SpaceError,
        ("1 is no name", "expected a str"),
    ),
    Case(
        "`Float(1.0, 0.1)`",
        lambda _: Float(1.0, 0.1),
        SpaceError,
        ("low=1.0, high=0.1", "expected low < high", "swap them"),
    ),
    Case(
        "`Float(0.5, 0.5)`",
        lambda _: Float(0.5, 0.5),
        SpaceError,
        ("expected low < high", "write Constant(0.5)"),
    ),
    Case(
        "`Float('0', 1)`",
        lambda _: Float("0", 1),
        SpaceError,
        ("low", "'0' is of type str", "expected a float"),
    ),
    Case("`Float(0, inf)`", lambda _: Float(0, math.inf), SpaceError, ("high", "inf is not finite")),
    Case(
        "`Float(0, 1, log=True)`",
        lambda _: Float(0, 1, log=True),
        SpaceError,
        ("log=True with low=0.0", "raise low"),
    ),
    Case(
        "`Float(1, 2, log='yes')`",
        lambda _: Float(1, 2, log="yes"),
        SpaceError,
        ("log='yes'", "True or False"),
    ),
    Case(
        "`Float(0, 1, step=2)`",
        lambda _: Float(0, 1, step=2),
        SpaceError,
        ("step=2.0", "at most high - low = 1.0"),
    ),
    Case(
        "`Float(1, 9, log=True, step=1)`",
        lambda _: Float(1, 9, log=True, step=1),
        SpaceError,
        ("log=True", "step=1.0", "drop one"),
    ),
    Case(
        "`Integer(1.5, 3)`",
        lambda _: Integer(1.5, 3),
        SpaceError,
        ("low", "1.5 is of type float", "expected an int"),
    ),
    Case("`Integer(0, 2**50)`", lambda _: Integer(0, 2**50), SpaceError, ("more than 2**40", "write Float")),
    Case(
        "`Categorical([])`", lambda _: Categorical([]), SpaceError, ("choices is empty", "at least one value")
    ),
    Case(
        "`Categorical('relu')`",
        lambda _: Categorical("relu"),
        SpaceError,
        ("choices='relu'", "write ['relu']"),
    ),
    Case(
        "`Categorical([1, 1])`",
        lambda _: Categorical([1, 1]),
        SpaceError,
        ("1 is there 2 times", "write it once"),
    ),
    Case(
        "`Categorical([print])`, an object",
        lambda _: Categorical([print]),
        SpaceError,
        (
            "of type builtin_function_or_method",
            "list names or numbers",
            "look the thing up in the training function",
        ),
    ),
    Case(
        "three mistakes at once",
        lambda p: p.study(space={"a": 1, "b": "x", 3: Float(0, 1)}),
        SpaceError,
        ("3 problems", "'a'", "'b'", "3 is no name"),
    ),
)

# Conditions ------------------------------------------------------------------------------------------------------------

OPTIMIZER = Categorical(["sgd", "adam"])

CONDITIONS = (
    Case(
        "a parent that does not exist",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimiser": "sgd"})}),
        SpaceError,
        ("'m': when['optimiser']", "no such hyperparameter", "did you mean 'optimizer'?"),
    ),
    Case(
        "a value that the parent does not have",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": "SGD"})}),
        SpaceError,
        ("'SGD' is not in Categorical(['sgd', 'adam'])",),
    ),
    Case(
        "`above(1)` on a parent of texts",
        lambda p: p.study(space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": above(1)})}),
        SpaceError,
        ("above(1.0)", "needs a parent whose values are numbers"),
    ),
    Case(
        "`above(9)` on `Integer(1, 9)`, which never holds",
        lambda p: p.study(space={"n": Integer(1, 9), "m": Float(0, 1, when={"n": above(9)})}),
        SpaceError,
        ("'m': when['n']", "above(9.0) never holds for Integer(1, 9)"),
    ),
    Case(
        "conditions in a circle",
        lambda p: p.study(space={"a": Integer(1, 9, when={"b": 1}), "b": Integer(1, 9, when={"a": 1})}),
        SpaceError,
        ("circle", "'a' → 'b' → 'a'"),
    ),
    Case(
        "`when='sgd'`", lambda _: Float(0, 1, when="sgd"), SpaceError, ("when='sgd'", "expected a dict like")
    ),
    Case(
        "`when={'optimizer': []}`",
        lambda _: Float(0, 1, when={"optimizer": []}),
        SpaceError,
        ("could never hold",),
    ),
    Case("`between(3, 1)`", lambda _: between(3, 1), SpaceError, ("no number is between 3 and 1",)),
)

# Constraints -----------------------------------------------------------------------------------------------------------


def space_with(*constraints):
    return Space(SPACE, list(constraints))


def small(config):
    return config["width"] < 256


CONSTRAINTS = (
    Case(
        "a plain function among the constraints",
        lambda _: space_with(small),
        SpaceError,
        ("expected Constraint(name, predicate)",),
    ),
    Case(
        "two constraints of one name",
        lambda _: space_with(Constraint("small", small), Constraint("small", small)),
        SpaceError,
        ("2 constraints are named 'small'", "name each otherwise"),
    ),
    Case(
        "`Constraint('small', 256)`",
        lambda _: Constraint("small", 256),
        SpaceError,
        ("predicate=256", "expected a function"),
    ),
    Case(
        "a constraint that refuses every config",
        lambda p: p.run(study={"space": space_with(Constraint("never", lambda _: False))}),
        SpaceError,
        ("of 1000 configs", "'never' refused 1000", "loosen them"),
    ),
    Case(
        "a constraint that raises",
        lambda p: p.run(study={"space": space_with(Constraint("depth", lambda config: config["depth"] > 1))}),
        SpaceError,
        ("constraint 'depth'", "raised KeyError: 'depth'", "use config.get"),
    ),
    Case(
        "a constraint that answers with a number",
        lambda p: p.run(study={"space": space_with(Constraint("small", lambda _: 1))}),
        SpaceError,
        ("constraint 'small'", "answered 1", "expected True or False"),
    ),
    Case(
        "a study with a constraint, loaded from its journal alone and run",
        lambda p: p.load().run(train, executor="inline", progress=False, budget=Budget(trials=9)),
        SpaceError,
        ("constraint 'small' is code, which no journal holds", "Study(name, space, ...)"),
        given=lambda p: p.run(study={"space": space_with(Constraint("small", small))}),
        is_lost_cause=True,
    ),
)

# Points ----------------------------------------------------------------------------------------------------------------

POINTS = (
    Case(
        "one config instead of a list",
        lambda p: p.study(points={"lr": 0.1, "width": 16}),
        SettingError,
        ("points={'lr': 0.1, 'width': 16}", "expected a list of configs"),
    ),
    Case(
        "points that are none",
        lambda p: p.study(points=[{"lr": 0.1, "width": 16}, {"lr": 3, "wdith": 16}]),
        SpaceError,
        (
            "3 problems",
            "points[1]: 'lr': 3 is outside",
            "'wdith'",
            "did you mean 'width'?",
            "'width' is missing",
        ),
    ),
    Case(
        "a point with a hyperparameter that is inactive",
        lambda p: p.study(
            space={"optimizer": OPTIMIZER, "m": Float(0, 1, when={"optimizer": "sgd"})},
            points=[{"optimizer": "adam", "m": 0.9}],
        ),
        SpaceError,
        ("points[0]: 'm' is inactive", "leave it out", "'optimizer' is 'sgd'"),
    ),
    Case(
        "a point that a constraint refuses",
        lambda p: p.study(space=space_with(Constraint("small", small)), points=[{"lr": 0.1, "width": 300}]),
        SpaceError,
        ("points[0]: constraint 'small' refuses", "'width': 300"),
    ),
)

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

# Storage ---------------------------------------------------------------------------------------------------------------


def postgresql_without_driver(place):
    with patch.dict(sys.modules, {"psycopg": None}):
        place.study(storage="postgresql+psycopg://tuner:secret@db/studies")


def is_anothers(place):
    place.edit("CREATE TABLE customers (name TEXT)")


def is_damaged(statement):
    """A study whose database was changed by something else."""

    def damage(place):
        place.exists()
        place.edit(statement)

    return damage


def with_bytes_overwritten(place):
    place.exists()
    with place.db.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)


def is_read_only(place):
    place.exists()
    place.db.chmod(0o444)
    place.folder.chmod(0o555)


STORAGES = (
    Case(
        "`storage=7`",
        lambda p: p.study(storage=7),
        SettingError,
        ("storage=7", "sqlite:///study.db", "memory:"),
    ),
    Case(
        "`storage='my study'`",
        lambda p: p.study(storage="my study"),
        SettingError,
        ("storage='my study'", 'a path that ends in ".db"'),
    ),
    Case(
        "`storage='sqlite:/s.db'`, a slash too few",
        lambda p: p.study(storage="sqlite:/s.db"),
        SettingError,
        ("storage='sqlite:/s.db'", "sqlite:///study.db"),
    ),
    Case(
        "`storage='oracl://tuner:secret@db/studies'`",
        lambda p: p.study(storage="oracl://tuner:secret@db/studies"),
        SettingError,
        ("storage='oracl://tuner:***@db/studies'", "a database URL such as", "dialects:oracl"),
    ),
    Case(
        "`storage='postgresql://tuner:secret@db:port/studies'`",
        lambda p: p.study(storage="postgresql://tuner:secret@db:port/studies"),
        SettingError,
        ("storage='postgresql://tuner:***@db:port/studies'", "a database URL such as", "'port'"),
    ),
    Case(
        "a PostgreSQL URL where its driver is not installed",
        postgresql_without_driver,
        SettingError,
        (
            "storage='postgresql+psycopg://tuner:***@db/studies'",
            "the driver 'psycopg'",
            "pip install 'paceline[postgres]'",
        ),
    ),
    Case(
        "a folder that does not exist",
        lambda p: p.study(storage=p.folder / "runs" / "s.db"),
        StorageError,
        ("the folder {folder}/runs does not exist", "create it first"),
    ),
    Case(
        "a path below a file",
        lambda p: p.study(storage=p.folder / "notes" / "s.db"),
        StorageError,
        ("{folder}/notes is a file, not a folder",),
        given=lambda p: p.write("notes", "to do"),
    ),
    Case(
        "a folder instead of a file",
        lambda p: p.study(),
        StorageError,
        ("{folder}/s.db is a folder", "name a file in it"),
        given=lambda p: p.db.mkdir(),
        is_lost_cause=True,
    ),
    Case(
        "a file that is no database",
        lambda p: p.study(),
        StorageError,
        ("s.db: could not open the database", "not a database", "name another one"),
        given=lambda p: p.write("s.db", "loss, epoch\n" * 500),
        is_lost_cause=True,
    ),
    Case(
        "the database of another application",
        lambda p: p.study(),
        SchemaError,
        ("s.db: it is a database of something else", "customers", "Name another file", "Nothing was changed"),
        given=is_anothers,
        is_lost_cause=True,
    ),
    Case(
        "a place where no file can be made, such as `/proc`",
        lambda p: p.run(study={"storage": "/proc/s.db", "folder": p.folder}),
        StorageError,
        ("sqlite:////proc/s.db", "unable to open database file", "folder exists and is writable"),
    ),
    Case(
        "a folder that is read-only",
        lambda p: p.elsewhere("place.run()", as_nobody=True),
        SettingError,
        ("s-files/s'", "{folder} cannot be written to", "Name another one with folder="),
        given=lambda p: p.folder.chmod(0o555),
        is_lost_cause=True,
    ),
    Case(
        "a database that is read-only, in such a folder",
        lambda p: p.elsewhere("place.study()", as_nobody=True),
        StorageError,
        ("s.db: could not open the database", "readonly", "Make the file and its folder writable"),
        given=is_read_only,
        is_lost_cause=True,
    ),
    Case(
        "a database of a newer version",
        lambda p: p.study(),
        SchemaError,
        ("its schema is version 99", "knows up to 1", "Upgrade Paceline", "nothing was changed"),
        given=is_damaged("UPDATE paceline_schema SET version = 99"),
        is_lost_cause=True,
    ),
    Case(
        "a study that a newer version has recorded",
        lambda p: p.study(),
        SchemaError,
        ("study 's' was recorded in version 99", "Upgrade Paceline"),
        given=is_damaged(
            """UPDATE paceline_events SET event = replace(event, '"StudyOpened"', '"StudyOpened","schema":99')"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a database without a version",
        lambda p: p.study(),
        SchemaError,
        ("its schema is version None", "damaged", "restore it from a copy"),
        given=is_damaged("DELETE FROM paceline_schema"),
        is_lost_cause=True,
    ),
    Case(
        "a journal with an event that nobody knows",
        lambda p: p.study(),
        SchemaError,
        (
            "study 's', event 7",
            "no event of schema 1",
            "'Promoted'",
            "upgrade, or restore it from a copy",
            "Nothing was changed",
        ),
        given=is_damaged(
            """UPDATE paceline_events SET event = '{"event":"Promoted","trial":3}' WHERE seq = 7"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a journal with a line that is cut off",
        lambda p: p.study(),
        SchemaError,
        ("study 's', event 7", "truncated", "damaged"),
        given=is_damaged("UPDATE paceline_events SET event = substr(event, 1, 20) WHERE seq = 7"),
        is_lost_cause=True,
    ),
    Case(
        "a journal whose first event is missing",
        lambda p: p.study(),
        SchemaError,
        ("study 's': event 0 of its journal is missing", "restore it from a copy", "Nothing was changed"),
        given=is_damaged("DELETE FROM paceline_events WHERE seq = 0"),
        is_lost_cause=True,
    ),
    Case(
        "a journal with a gap",
        lambda p: p.study(),
        SchemaError,
        ("event 7 of its journal is missing", "the next one there is event 8"),
        given=is_damaged("DELETE FROM paceline_events WHERE seq = 7"),
        is_lost_cause=True,
    ),
    Case(
        "a journal that begins with another event",
        lambda p: p.study(),
        SchemaError,
        ("begins with StudyClosed, not with StudyOpened", "Restore it from a copy", "nothing was changed"),
        given=is_damaged(
            """UPDATE paceline_events SET event = '{"event":"StudyClosed","reason":""}' WHERE seq = 0"""
        ),
        is_lost_cause=True,
    ),
    Case(
        "a database without its table of events",
        lambda p: p.study(),
        StorageError,
        ("no such table: paceline_events", "restore it from a copy"),
        given=is_damaged("DROP TABLE paceline_events"),
        is_lost_cause=True,
    ),
    Case(
        "a database with a part overwritten",
        lambda p: p.study(),
        StorageError,
        ("s.db: could not", "malformed", "damaged; restore it from a copy"),
        given=with_bytes_overwritten,
        is_lost_cause=True,
    ),
)

# Another study ---------------------------------------------------------------------------------------------------------


def is_driven(place):
    """Somebody else asks for jobs of the study, at this moment."""
    place.exists()
    other = place.study()
    other.ask()
    return other


def while_driven(act):
    def acts(place):
        other = place.study()
        other.set_budget(Budget(trials=9))
        job = other.ask()
        try:
            act(place)
        finally:
            other.tell(job, loss=1.0)

    return acts


OTHERS = (
    Case(
        "another space",
        lambda p: p.study(space={"lr": Float(1e-4, 1.0, log=True), "depth": Integer(1, 9)}),
        StudyMismatchError,
        (
            "'width' is gone",
            "'depth' is new",
            "'lr' was Float(0.0001, 0.1, log=True) and is now",
            "nothing was changed",
            "Use another name",
        ),
        given=existing,
    ),
    Case(
        "a constraint that it did not have",
        lambda p: p.study(space=space_with(Constraint("small", small))),
        StudyMismatchError,
        ("constraint 'small' is new", "nothing was changed"),
        given=existing,
    ),
    Case(
        "another scheduler",
        lambda p: p.study(scheduler=Hyperband(max_resource=9)),
        StudyMismatchError,
        ("it was made with ASHA, not Hyperband", "Use another name"),
        given=existing,
    ),
    Case(
        "another setting of the scheduler",
        lambda p: p.study(scheduler=ASHA(max_resource=9, reduction_factor=4)),
        StudyMismatchError,
        ("reduction_factor was 3, not 4", "only max_resource may change, upwards"),
        given=existing,
    ),
    Case(
        "a `max_resource` that is lowered",
        lambda p: p.study(scheduler=ASHA(max_resource=3)),
        StudyMismatchError,
        ("max_resource was 9, not 3", "only max_resource may change, upwards"),
        given=existing,
    ),
    Case(
        "another metric and direction",
        lambda p: p.study(maximize="accuracy"),
        StudyMismatchError,
        ("it minimizes 'loss', not maximizes 'accuracy'",),
        given=existing,
    ),
    Case(
        "another seed",
        lambda p: p.study(seed=7),
        StudyMismatchError,
        ("the seed was 0, not 7",),
        given=existing,
    ),
    Case(
        "other retries",
        lambda p: p.study(retries=5),
        StudyMismatchError,
        ("retries was 2, not 5",),
        given=existing,
    ),
    Case(
        "a study that somebody else is driving",
        while_driven(lambda p: p.run(budget=Budget(trials=12))),
        JournalConflict,
        ("study 's' is being driven by", "One driver at a time; nothing was written", "run again"),
        given=existing,
        records=True,
    ),
    Case(
        "a study that this very object is asked for jobs of",
        lambda p: is_driven(p).run(train, executor="inline", progress=False, budget=Budget(trials=12)),
        SettingError,
        ("close() it first",),
        given=existing,
        records=True,
    ),
    Case(
        "a name that the storage does not have",
        lambda p: p.load("s1"),
        StudyNotFoundError,
        ("there is no study 's1'", "there are: 's'", "Did you mean 's'?"),
        given=existing,
    ),
    Case(
        "a storage that holds no study",
        lambda p: p.load(storage=p.folder / "t.db"),
        StudyNotFoundError,
        ("t.db: there is no study 's'", "there are none, so it may be another storage"),
    ),
    Case(
        "a place for checkpoints that is a file",
        lambda p: p.run(study={"folder": p.folder / "notes"}),
        SettingError,
        ("folder='{folder}/notes/s'", "{folder}/notes is a file", "Name another one with folder="),
        given=lambda p: p.write("notes", "to do"),
    ),
)

# The training function -------------------------------------------------------------------------------------------------


class Net:
    pass


async def train_async(trial):
    pass


def train_by_yield(trial):
    yield trial


def train_nothing():
    pass


def train_on(trial, data):
    pass


def unpicklable():
    lock = threading.Lock()

    def locked(trial):
        with lock:
            train(trial)

    return locked


def fails_in_workers(place):
    """A module that can be imported here, but not where the database of the data set is missing."""
    place.write(
        "flaky_module.py",
        f"import os\nif os.getpid() != {os.getpid()}: raise RuntimeError('no data set here')\ndef train(trial): pass\n",
    )
    sys.path.insert(0, str(place.folder))
    try:
        import flaky_module

        place.run(flaky_module.train, executor="processes")
    finally:
        sys.path.remove(str(place.folder))
        sys.modules.pop("flaky_module", None)
        shutil.rmtree(place.folder / "__pycache__", ignore_errors=True)


def always_raises(trial):
    raise FileNotFoundError("data/train.csv")


def passes_a_wrong_name(trial):
    def build(*, lr):
        return lr

    return build(**trial.config)


def returns_nothing(trial):
    pass


FUNCTIONS = (
    Case(
        "`None`",
        lambda p: p.run(None),
        TrainingFunctionError,
        ("is None", "expected a function `def train(trial): ...`"),
    ),
    Case("a class", lambda p: p.run(Net), TrainingFunctionError, ("is the class Net", "def train(trial)")),
    Case(
        "an `async def`",
        lambda p: p.run(train_async),
        TrainingFunctionError,
        ("train_async is asynchronous", "remove `async`"),
    ),
    Case(
        "a generator",
        lambda p: p.run(train_by_yield),
        TrainingFunctionError,
        ("train_by_yield is a generator", "remove `yield`"),
    ),
    Case(
        "`def train():`",
        lambda p: p.run(train_nothing),
        TrainingFunctionError,
        ("train_nothing()", "cannot be called with a trial alone", "def train(trial)"),
    ),
    Case(
        "`def train(trial, data):`",
        lambda p: p.run(train_on),
        TrainingFunctionError,
        ("train_on(trial, data)", "missing a required argument: 'data'", "functools.partial"),
    ),
    Case(
        "a function that uses a lock, sent to worker processes",
        lambda p: p.run(unpicklable(), executor="processes"),
        TrainingFunctionError,
        (
            "locked cannot be sent to worker processes",
            "its variable 'lock' (a _thread.lock)",
            'executor="inline"',
        ),
    ),
    Case(
        "a function whose module fails when workers import it",
        fails_in_workers,
        TrainingFunctionError,
        ("could not load the training function", "RuntimeError: no data set here"),
        records=True,
    ),
    Case(
        "a function that always raises",
        lambda p: p.run(always_raises, budget=Budget(trials=50)),
        TrainingFunctionError,
        (
            "each of the first 5 configs",
            "What was recorded is kept",
            "run again",
            "FileNotFoundError: data/train.csv",
        ),
        records=True,
    ),
    Case(
        "a function that always raises, and a budget of three trials",
        lambda p: p.run(always_raises, budget=Budget(trials=3)),
        TrainingFunctionError,
        (
            "each of the 3 configs",
            "the budget of 3 trials is spent",
            "with a larger budget",
            "FileNotFoundError",
        ),
        records=True,
    ),
    Case(
        "a function that takes no notice of a hyperparameter",
        lambda p: p.run(passes_a_wrong_name),
        TrainingFunctionError,
        ("TypeError", "unexpected keyword argument 'width'"),
        records=True,
    ),
    Case(
        "a function that reports nothing",
        lambda p: p.run(returns_nothing),
        TrainingFunctionError,
        (
            "returned None",
            "resource 1, the job's target, was not reported",
            "trial.report(loss=...)",
            "return loss",
        ),
        records=True,
    ),
)

# Metrics ---------------------------------------------------------------------------------------------------------------


def reporting(**metrics):
    """A run whose training function reports these at each step."""

    def do(place):
        def train(trial):
            for _ in trial.steps():
                trial.report(**metrics)

        place.run(train, study={"maximize": "accuracy"})

    return do


def returning(result):
    return lambda place: place.run(lambda _: result, study={"maximize": "accuracy"})


def only_nan(place):
    study = place.run(lambda _: math.nan, study={"maximize": "accuracy"})
    return f"study.incumbent is {study.incumbent}, study.status is {study.status!r}"


METRICS = (
    Case(
        "`report(accuracy='0.9')`",
        reporting(accuracy="0.9"),
        TrainingFunctionError,
        ("accuracy: expected one real number, got a str: '0.9'",),
        records=True,
    ),
    Case(
        "`report(accuracy=True)`",
        reporting(accuracy=True),
        TrainingFunctionError,
        ("accuracy=True: a truth value is no measurement", "float(accuracy)"),
        records=True,
    ),
    Case(
        "`report(accuracy=0.9 + 1j)`",
        reporting(accuracy=0.9 + 1j),
        TrainingFunctionError,
        ("expected one real number", "complex"),
        records=True,
    ),
    Case(
        "`report(accuracy=numpy.array([0.8, 0.9]))`",
        reporting(accuracy=np.array([0.8, 0.9])),
        TrainingFunctionError,
        ("accuracy: expected one number", "a numpy.ndarray which holds none or several", "by its mean"),
        records=True,
    ),
    Case(
        "`report(accuracy=None)`",
        reporting(accuracy=None),
        TrainingFunctionError,
        ("accuracy: expected one real number", "NoneType"),
        records=True,
    ),
    Case(
        "`report()`",
        reporting(),
        TrainingFunctionError,
        ("a report without metrics", "report(accuracy=...)"),
        records=True,
    ),
    Case(
        "`report(acuracy=0.9)`, so that the objective is never reported",
        reporting(acuracy=0.9),
        TrainingFunctionError,
        ("the study optimizes 'accuracy'", "has only 'acuracy'", "Did you mean 'accuracy' by 'acuracy'?"),
        records=True,
    ),
    Case(
        "`report({1: 0.9})`",
        lambda p: p.run(lambda trial: trial.report({1: 0.9})),
        TrainingFunctionError,
        ("1: the name of a metric must be a string",),
        records=True,
    ),
    Case(
        "`report({'': 0.9})`",
        lambda p: p.run(lambda trial: trial.report({"": 0.9})),
        TrainingFunctionError,
        ("'': the name of a metric", "not empty"),
        records=True,
    ),
    Case(
        "`report({'accuracy': 0.9}, accuracy=0.8)`",
        lambda p: p.run(lambda trial: trial.report({"accuracy": 0.9}, accuracy=0.8)),
        TrainingFunctionError,
        ("'accuracy': reported twice",),
        records=True,
    ),
    Case(
        "`return 'good'`",
        returning("good"),
        TrainingFunctionError,
        ("accuracy: expected one real number, got a str: 'good'",),
        records=True,
    ),
    Case("`return {}`", returning({}), TrainingFunctionError, ("a report without metrics",), records=True),
    Case(
        "NaN, from every trial",
        only_nan,
        None,
        ("study.incumbent is None", "the budget of 5 trials is spent"),
        records=True,
    ),
)

# Reports ---------------------------------------------------------------------------------------------------------------


def reports(*resources):
    """A run whose training function reports at these resources, of a job from 0 to 3."""

    def do(place):
        def train(trial):
            for resource in resources:
                trial.report(loss=1.0, resource=resource)

        place.run(train, study={"scheduler": RandomSearch(max_resource=3)})

    return do


@contextmanager
def logged(name):
    """The messages of a logger, as a list that grows."""
    messages = []

    class Keep(logging.Handler):
        def emit(self, record):
            messages.append(f"{record.getMessage()}: {record.exc_info[1]}")

    logger, handler = logging.getLogger(name), Keep()
    logger.addHandler(handler)
    try:
        yield messages
    finally:
        logger.removeHandler(handler)


def after_the_end(place):
    def train(trial):
        trial.report(loss=1.0, resource=trial.target)
        trial.report(loss=0.5)

    with logged("paceline.session") as messages:
        study = place.run(train)
    assert all(trial.status != "failed" for trial in study.trials)
    return messages[0]


REPORTS = (
    Case(
        "a resource that goes back",
        reports(2, 1),
        TrainingFunctionError,
        ("resource=1: expected one from 3 to 3", "2 is reported already", "rises"),
        records=True,
    ),
    Case(
        "a resource twice",
        reports(1, 1),
        TrainingFunctionError,
        ("resource=1: expected one from 2 to 3", "Report once in each step"),
        records=True,
    ),
    Case(
        "a resource beyond the target",
        reports(4),
        TrainingFunctionError,
        ("resource=4: expected one from 1 to 3, the job's target", "Train no further"),
        records=True,
    ),
    Case(
        "`resource=0`",
        reports(0),
        TrainingFunctionError,
        ("resource=0: expected one from 1 to 3", "0 is where training started"),
        records=True,
    ),
    Case(
        "`resource=1.0`",
        reports(1.0),
        TrainingFunctionError,
        ("resource=1.0: expected a whole number", "report(..., resource=3)"),
        records=True,
    ),
    Case(
        "`resource=True`",
        reports(True),
        TrainingFunctionError,
        ("resource=True: expected a whole number",),
        records=True,
    ),
    Case(
        "a report after the end",
        after_the_end,
        None,
        ("a report after the job ended at resource 1", "loop over trial.steps()", "ignored"),
        records=True,
    ),
)

# Checkpoints -----------------------------------------------------------------------------------------------------------


def saving(save):
    """A run whose training function saves like this."""

    def do(place):
        def train(trial):
            for _ in trial.steps():
                trial.report(loss=1.0, save=save)

        place.run(train)

    return do


def save_raises(folder):
    (folder / "half").write_text("1")
    raise ValueError("cannot serialize the optimizer")


def loads(trial):
    """A training function that goes on from its checkpoint."""
    if trial.checkpoint:
        float((trial.checkpoint / "weights").read_text())
    train(trial)


def checkpoints(place):
    return sorted((place.folder / "s-files" / "s" / "checkpoints").glob("*/*"))


def gone(place):
    """The checkpoints of a study of five trials are deleted by somebody."""
    for checkpoint in checkpoints(place):
        shutil.rmtree(checkpoint.parent)
    seen = []

    def train_and_note(trial):
        if trial.id < 5:
            seen.append(f"trial.checkpoint is {trial.checkpoint}, trial.start is {trial.start}")
        train(trial)

    place.run(train_and_note, budget=Budget(trials=9))
    return seen[0]


def garbled(place):
    """They are overwritten, and a promoted trial fails to load its own until its last try, which does without."""
    for checkpoint in checkpoints(place):
        (checkpoint / "weights").write_bytes(b"\x00garbage")
    study = place.run(loads, budget=Budget(trials=9))
    errors = [event.error for _, event in study.entries() if isinstance(event, JobEnded) and event.error]
    assert errors, "nothing was promoted, so nothing was loaded"
    assert all(trial.status != "failed" for trial in study.trials)
    return errors[0]


CHECKPOINTS = (
    Case(
        "`save='weights.pt'`",
        saving("weights.pt"),
        TrainingFunctionError,
        ("save='weights.pt': expected a function that is given a folder",),
        records=True,
    ),
    Case(
        "a `save` that raises",
        saving(save_raises),
        TrainingFunctionError,
        ("ValueError: cannot serialize the optimizer",),
        records=True,
    ),
    Case(
        "a `save` that writes nothing into its folder",
        saving(lambda _: None),
        TrainingFunctionError,
        ("save wrote nothing into", "Write into that folder", "or leave save out"),
        records=True,
    ),
    Case(
        "a checkpoint that has vanished",
        gone,
        None,
        ("trial.checkpoint is None, trial.start is 0",),
        given=existing,
        records=True,
    ),
    Case(
        "a checkpoint that cannot be read; the last try starts from nothing",
        garbled,
        None,
        ("ValueError: could not convert string to float",),
        given=existing,
        records=True,
    ),
)

# The disk --------------------------------------------------------------------------------------------------------------


def limit_pages(study, n_more):
    """The database may grow by so many pages of 4 KiB."""

    def limit(connection, _):
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + n_more}")

    study.storage.close()
    event.listen(study.storage._engine, "connect", limit)


def full_database(place):
    study = place.study()
    limit_pages(study, 4)
    study.run(train, executor="inline", progress=False, budget=Budget(trials=500))


def full_disk(folder):
    Path("/dev/full").write_text("1.5")


def failing_sync(place):
    def fails(_):
        raise OSError(28, os.strerror(28))

    with patch("os.fsync", fails):
        place.run()


DISKS = (
    Case(
        "a disk that is full for the database",
        full_database,
        StorageError,
        (
            "could not write to study 's'",
            "database or disk is full",
            "Free some disk space and run again: it continues",
        ),
        given=existing,
        records=True,
    ),
    Case(
        "a limit on the size of files, reached by the database",
        lambda p: p.elsewhere(
            "import resource\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))\n"
            "place.run(budget=Budget(trials=500))"
        ),
        StorageError,
        ("could not write to study 's'", "disk I/O error", "a limit on the size of files or a quota"),
        given=existing,
        records=True,
    ),
    Case(
        "a disk that is full for a checkpoint",
        saving(full_disk),
        CheckpointError,
        (
            "cannot write the checkpoint {folder}/s-files/s/checkpoints/",
            "No space left on device",
            "Free some space",
            "run the study again to go on",
        ),
        records=True,
    ),
    Case(
        "the same, in a worker process",
        lambda p: p.run(lambda trial: trial.report(loss=1.0, save=full_disk), executor="processes"),
        CheckpointError,
        (
            "cannot write the checkpoint {folder}/s-files/s/checkpoints/",
            "No space left on device",
            "The journal is intact",
        ),
        records=True,
    ),
    Case(
        "a disk that is full when a checkpoint is synced",
        failing_sync,
        CheckpointError,
        ("cannot write the checkpoint", "No space left on device", "keep fewer checkpoints"),
        records=True,
    ),
)

# Ask and tell ----------------------------------------------------------------------------------------------------------


def asked(then, **changes):
    """Ask for a job and do something with it."""

    def do(place):
        study = place.study(**changes)
        study.set_budget(Budget(trials=9))
        job = study.ask()
        try:
            then(study, job)
        finally:
            study.tell(job, loss=1.0) if job.id in study.ledger.running else None

    return do


def tells_twice(study, job):
    study.tell(job, loss=1.0)
    study.tell(job, loss=0.5)


def tells_backwards(study, job):
    study.tell(job, loss=0.8, resource=2)
    study.tell(job, loss=0.9, resource=1)


def tells_late(place):
    """A job of a process that has ended."""
    first = place.study()
    first.set_budget(Budget(trials=9))
    job = first.ask()
    first.close()
    second = place.study()
    second.ask()
    second.tell(job, loss=1.0)


ASKED = (
    Case(
        "`tell('s', loss=1.0)`",
        asked(lambda study, _: study.tell("s", loss=1.0)),
        ReportError,
        ("'s' is no job", "tell what ask() has answered"),
        records=True,
    ),
    Case(
        "a job that nobody asked for",
        lambda p: p.study().tell(Job(99, 3, 0, 9), loss=1.0),
        ReportError,
        ("job 99 of trial 3 is not open", "Ask for a new one"),
        given=existing,
    ),
    Case(
        "a job twice",
        asked(tells_twice),
        ReportError,
        ("job 0 of trial 0 is not open", "it was told already", "nothing was recorded"),
        records=True,
    ),
    Case(
        "a job of a process that has ended",
        tells_late,
        ReportError,
        ("is not open", "asked for by a process that has ended"),
        records=True,
    ),
    Case(
        "a resource beyond the target",
        asked(lambda study, job: study.tell(job, loss=1.0, resource=5)),
        ReportError,
        ("resource=5 came", "a whole number above 0 and up to 1", "Nothing was recorded"),
        records=True,
    ),
    Case(
        "a resource that goes back",
        asked(tells_backwards, scheduler=RandomSearch(max_resource=3)),
        ReportError,
        ("resource=1 came", "above 2 and up to 3"),
        records=True,
    ),
    Case(
        "`resource=1.0`",
        asked(lambda study, job: study.tell(job, loss=1.0, resource=1.0)),
        ReportError,
        ("resource=1.0 came", "a whole number"),
        records=True,
    ),
    Case(
        "`seconds=-3`",
        asked(lambda study, job: study.tell(job, loss=1.0, seconds=-3)),
        ReportError,
        ("seconds=-3", "a number from 0 on"),
        records=True,
    ),
    Case(
        "`failed=True`",
        asked(lambda study, job: study.tell(job, failed=True)),
        ReportError,
        ("failed=True", "expected what went wrong, as a str"),
        records=True,
    ),
    Case(
        "`loss=1.0, failed='out of memory'`",
        asked(lambda study, job: study.tell(job, loss=1.0, failed="out of memory")),
        ReportError,
        ("metrics and failed='out of memory'", "Tell one of them"),
        records=True,
    ),
    Case(
        "`accuracy=0.9`, of a study that minimizes `loss`",
        asked(lambda study, job: study.tell(job, accuracy=0.9)),
        ReportError,
        ("optimizes 'loss'", "has only 'accuracy'"),
        records=True,
    ),
    Case(
        "`set_budget(10)`",
        lambda p: p.study().set_budget(10),
        SettingError,
        ("budget=10", "expected a Budget"),
    ),
)

# Looking ---------------------------------------------------------------------------------------------------------------

LOOKING = (
    Case(
        "`explain(99)`",
        lambda p: p.load().explain(99),
        SettingError,
        ("trial=99", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`explain('3')`",
        lambda p: p.load().explain("3"),
        SettingError,
        ("trial='3'", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`explain(0)` of a study without trials",
        lambda p: p.study().explain(0),
        SettingError,
        ("trial=0", "the study has none yet"),
    ),
    Case(
        "`reports(99)`",
        lambda p: list(p.load().reports(99)),
        SettingError,
        ("trial=99", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`best('last')`",
        lambda p: p.load().best("last"),
        SettingError,
        ("at='last'", "'max_resource' or 'any'"),
        given=existing,
    ),
    Case(
        "`to_dataframe('curves')`",
        lambda p: p.load().to_dataframe("curves"),
        SettingError,
        ("what='curves'", "'trials', 'reports' or 'events'"),
        given=existing,
    ),
)

# The command line ------------------------------------------------------------------------------------------------------

SCRIPT = """
from paceline import ASHA, Budget, Float, Integer, Study
study = Study("s", {"lr": Float(1e-4, 1e-1, log=True), "width": Integer(16, 512)}, ASHA(max_resource=9), storage="s.db")
def train(trial):
    for step in trial.steps():
        trial.report(loss=trial.config["lr"])
"""

CONFIG = """
name = "s"
metrik = "loss"
[space]
lr = {type = "float", low = 1, high = 0.1}
[scheduler]
type = "ASHAA"
max_resource = 9
[budget]
trials = 0
"""


def script(text=SCRIPT):
    return lambda place: place.write("tune.py", text)


def on(place, *arguments):
    """A command on the place's database."""
    place.paceline(*arguments, "--storage", str(place.db))


def with_config(place):
    place.write("module_with_train.py", "def train(trial): return 1.0\n")
    place.write("s.toml", CONFIG)


COMMANDS = (
    Case(
        "`paceline rum tune.py`",
        lambda p: p.paceline("rum", "tune.py"),
        CommandFailed,
        ("No such command 'rum'", "paceline --help"),
    ),
    Case(
        "`paceline run tune.py` where there is no such file",
        lambda p: p.paceline("run", "tune.py"),
        CommandFailed,
        ("tune.py: there is no such file", "a Python file that makes a Study"),
    ),
    Case(
        "`--workers 0`",
        lambda p: p.paceline("run", "tune.py", "--workers", "0"),
        CommandFailed,
        ("--workers", "got 0", "at least 1"),
        given=script(),
    ),
    Case(
        "`--minutes nan`",
        lambda p: p.paceline("run", "tune.py", "--minutes", "nan"),
        CommandFailed,
        ("--minutes", "got nan", "above 0"),
        given=script(),
    ),
    Case(
        "`--gpus ,`",
        lambda p: p.paceline("run", "tune.py", "--gpus", ","),
        CommandFailed,
        ("--gpus: got ,", "how many, as 2, or which, as 0,1"),
        given=script(),
    ),
    Case(
        "`--executor threads`",
        lambda p: p.paceline("run", "tune.py", "--executor", "threads"),
        CommandFailed,
        ("--executor", "'threads' is not one of 'processes', 'inline'"),
        given=script(),
    ),
    Case(
        "`--budget 10`",
        lambda p: p.paceline("run", "tune.py", "--budget", "10"),
        CommandFailed,
        ("--budget", "--trials"),
        given=script(),
    ),
    Case(
        "no budget",
        lambda p: p.paceline("run", "tune.py"),
        CommandFailed,
        ("expected a limit", "ASHA goes on for ever"),
        given=script(),
    ),
    Case(
        "a file without a study",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("expected one Study at its top level", "study = Study(...)"),
        given=script("x = 1\n"),
    ),
    Case(
        "a file without a training function",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("has no function 'train'", "Found: fit", "--train NAME"),
        given=script(SCRIPT.replace("def train", "def fit")),
    ),
    Case(
        "a file that raises",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("tune.py failed", "ZeroDivisionError"),
        given=script("1 / 0\n"),
    ),
    Case(
        "a TOML file with four mistakes",
        lambda p: p.paceline("run", "module_with_train:train", "--config", "s.toml"),
        CommandFailed,
        ("s.toml", "'metrik'", "low=1.0, high=0.1", "'ASHAA'", "Budget(trials)=0"),
        given=with_config,
    ),
    Case(
        "`paceline status` of a study that does not exist",
        lambda p: on(p, "status", "S"),
        CommandFailed,
        ("there is no study 'S'", "there are: 's'"),
        given=existing,
    ),
    Case(
        "`paceline explain s 99`",
        lambda p: on(p, "explain", "s", "99"),
        CommandFailed,
        ("trial=99", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`paceline status` of a file that is no database",
        lambda p: on(p, "status", "s"),
        CommandFailed,
        ("not a database", "name another one"),
        given=lambda p: p.write("s.db", "loss\n" * 500),
        is_lost_cause=True,
    ),
)

GROUPS = {
    "Space": SPACES,
    "Conditions": CONDITIONS,
    "Constraints": CONSTRAINTS,
    "Points": POINTS,
    "Schedulers": SCHEDULERS,
    "What a study is given": STUDIES,
    "What a run is given": RUNS,
    "Storage": STORAGES,
    "Another study than the one there is": OTHERS,
    "The training function": FUNCTIONS,
    "Metrics": METRICS,
    "Reports": REPORTS,
    "Checkpoints": CHECKPOINTS,
    "The disk": DISKS,
    "Ask and tell": ASKED,
    "Looking": LOOKING,
    "The command line": COMMANDS,
}
