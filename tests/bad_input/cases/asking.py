"""Loops of the user's own, and questions about a study."""

from tests.bad_input.cases.case import Case, existing

from paceline import Budget, RandomSearch
from paceline.errors import ReportError, SettingError
from paceline.events import Job

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
            if job.id in study.ledger.running:
                study.tell(job, loss=1.0)

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
    Case(
        "`importance()` of a study with five results",
        lambda p: p.load().importance(),
        SettingError,
        ("at least 20 results", "the most are 5, at resource 1", "Let more trials report there"),
        given=existing,
    ),
    Case(
        "`importance()` of a study without trials",
        lambda p: p.study().importance(),
        SettingError,
        ("at least 20 results", "there are none yet"),
    ),
    Case(
        "`importance(resource=7)`, where nothing was reported",
        lambda p: p.load().importance(resource=7),
        SettingError,
        ("resource=7", "and it has 0", "the most are 5, at resource 1"),
        given=existing,
    ),
    Case(
        "`importance(resource=1.0)`",
        lambda p: p.load().importance(resource=1.0),
        SettingError,
        ("resource=1.0", "a whole number of at least 1"),
        given=existing,
    ),
    Case(
        "`importance(top=10)`",
        lambda p: p.load().importance(top=10),
        SettingError,
        ("top=10", "a number from 0.01 to 0.99"),
        given=existing,
    ),
)
