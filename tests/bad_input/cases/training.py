"""Training functions, and what they report."""

import logging
import math
import os
import shutil
import sys
import threading
from contextlib import contextmanager

import numpy as np
from tests.bad_input.cases.case import Case
from tests.bad_input.place import train

from paceline import Budget, RandomSearch
from paceline.errors import TrainingFunctionError

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
