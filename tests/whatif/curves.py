"""Curves whose every point is known, and studies in memory that have recorded some of them."""

from paceline import Float, Study, simulate
from paceline.events import (
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Outcome,
    Reported,
    RunStarted,
    StudyClosed,
    StudyOpened,
    Trial,
    TrialCreated,
    TrialId,
)
from paceline.journal import MemoryStorage
from paceline.space import Space

SPACE = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}


class Crossing:
    """Curves that cross: who is best early is not best late. Times are sums of powers of two, so no bit is lost."""

    def metrics(self, trial, config, resource):
        return {"loss": config["x"] + (1.5 - config["x"]) * (0.1 + config["y"]) / resource}

    def seconds(self, trial, config, resource):
        return resource * (0.25 if config["y"] < 0.5 else 1.0) + 0.5


def loaded(entries):
    """A study that was recorded so."""
    storage = MemoryStorage()
    storage.journal("s").append(list(entries))
    return Study.load("s", storage)


def recorded(scheduler, training=None, space=None, **settings):
    """A study in virtual time, loaded from what it recorded."""
    return loaded(simulate(scheduler, space or SPACE, training or Crossing(), **settings).entries)


def by_hand(scheduler, curves, *, failing=(), maximize=False, retries=0):
    """A study of one worker: each trial trained in one job through the resources of its curve, a second for each unit.

    `curves` are dicts resource → value; the trials in `failing` then fail, two seconds later.
    """
    objective = Objective("loss", maximize=maximize)
    events = [
        StudyOpened(0, objective, Space.of(SPACE).to_json(), scheduler.to_json(), retries=retries),
        RunStarted("test", 1, "by hand"),
    ]
    entries = [(0.0, event) for event in events]
    now = 0.0
    top = scheduler.max_resource
    for i, curve in enumerate(curves):
        trial, job = TrialId(i), JobId(i)
        failure = i in failing
        target = top if failure else max(curve)
        entries += [
            (now, TrialCreated(Trial(trial, {"x": i / 10, "y": 0.5}))),
            (now, JobIssued(Job(job, trial, 0, target))),
        ]
        last = 0
        for resource, value in curve.items():
            now += resource - last
            entries.append((now, Reported(job, trial, resource, {"loss": value}, float(resource - last))))
            last = resource
        now += 2.0 * failure
        entries.append((now, JobEnded(job, trial, Outcome.FAILED if failure else Outcome.COMPLETED)))
    return loaded([*entries, (now, StudyClosed("all is done"))])
