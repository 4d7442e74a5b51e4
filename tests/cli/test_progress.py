"""Both displays: that they count right, say what is worth knowing, and give the terminal back."""

import io
import threading

import pytest
from rich.console import Console

from paceline import ASHA, Budget, Float, Hyperband, RandomSearch, Space, SuccessiveHalving
from paceline.driver import Driver, Recorder
from paceline.events import BudgetSet, Objective, Outcome, RunStarted, StudyOpened
from paceline.executors.simulated import SimulatedExecutor
from paceline.journal import MemoryJournal
from paceline.ledger import Ledger
from paceline.progress import progress_for
from paceline.progress.lines import LineProgress
from paceline.progress.live import MAX_JOBS, LiveProgress, picture
from paceline.progress.tally import Tally
from paceline.samplers.base import Context
from paceline.simulation import UnitTraining

SPACE = Space({"x": Float(0.0, 1.0)})
SCHEDULERS = [
    ASHA(max_resource=9),
    ASHA(max_resource=9, variant="stop"),
    ASHA(max_resource=27, brackets=3, resume=False),
    ASHA(max_resource=None),
    SuccessiveHalving(max_resource=9, n_trials=12, brackets=None),
    Hyperband(max_resource=27, sweeps=None),
]


class Virtual:
    """A study in virtual time, whose facts are told to observers."""

    def __init__(self, scheduler, *, workers=4, n_trials=60, maximize=False, budget=None, **executor):
        self.ledger = Ledger()
        self.scheduler = scheduler.build(Context(SPACE, 3, self.ledger))
        self.recorder = Recorder(MemoryJournal(), self.ledger, self.scheduler)
        losses = [((7 * i) % 31) / 31 for i in range(31)]
        training = UnitTraining(losses, metric="accuracy")
        self.executor = SimulatedExecutor(training, slots=workers, seed=3, report_every=1, **executor)
        opened = StudyOpened(
            seed=3,
            objective=Objective("accuracy", maximize=maximize),
            space=SPACE.to_json(),
            scheduler=scheduler.to_json(),
            unit="epoch",
            retries=1,
        )
        limits = BudgetSet(Budget(trials=n_trials) if budget is None else budget)
        self.recorder.record([opened, RunStarted("me", workers, "simulated"), limits], 0.0)
        self.recorder.commit()

    def run(self, observer):
        self.recorder.observe(observer)
        Driver(self.recorder, self.executor).run()


def seen(tally):
    return {
        (number, resource): (rung.results, rung.running, rung.capacity)
        for number, rungs in tally.brackets.items()
        for resource, rung in rungs.items()
    }


def true(scheduler):
    return {
        (bracket.number, rung.resource): (rung.n_results, rung.n_running, rung.capacity)
        for bracket in scheduler.view()
        for rung in bracket.rungs
    }


@pytest.mark.parametrize("scheduler", SCHEDULERS, ids=repr)
@pytest.mark.parametrize("outcome", [Outcome.LOST, Outcome.FAILED])
def test_the_tally_counts_what_the_scheduler_counts(scheduler, outcome):
    study = Virtual(scheduler, drop_rate=0.05, drop_outcome=outcome)
    tally = Tally(study.ledger, study.scheduler)

    def check(entries):
        tally.add(entries)
        assert seen(tally) == true(study.scheduler)
        assert {job: running.resource for job, running in tally.running.items()} == {
            job: running.resource for job, running in study.ledger.running.items()
        }
        assert sum(tally.busy.values()) == len(tally.running)
        assert tally.incumbent == study.ledger.best_at_max_resource
        assert seen(Tally(study.ledger, study.scheduler)) == seen(tally)  # entered later, it says the same

    study.run(check)
    assert tally.n_trials == 60
    assert tally.n_jobs == tally.n_completed + tally.n_failed + tally.n_lost
    assert (tally.n_lost if outcome is Outcome.LOST else tally.n_failed) > 0


def test_a_scheduler_without_rungs_is_counted_too():
    study = Virtual(RandomSearch(max_resource=5), n_trials=7)
    tally = Tally(study.ledger, study.scheduler)
    study.run(tally.add)
    assert seen(tally) == {(0, 5): (7, 0, None)}


def test_time_goes_on_while_nothing_is_recorded():
    study = Virtual(ASHA(max_resource=9))
    now = [100.0]
    tally = Tally(study.ledger, study.scheduler, lambda: now[0])
    study.run(tally.add)
    before = tally.elapsed_s
    now[0] += 5
    assert tally.elapsed_s == before + 5


# Lines ---------------------------------------------------------------------------------------------------------


def lines_of(study, **settings):
    stream = io.StringIO()
    with LineProgress("digits", study.ledger, study.scheduler, stream, **settings) as progress:
        study.run(progress)
    return stream.getvalue().splitlines()


def test_lines_say_each_incumbent_and_how_it_ended():
    study = Virtual(ASHA(max_resource=9), maximize=True)
    incumbents = []

    def note(_):
        if study.ledger.best_at_max_resource not in [*incumbents, None]:
            incumbents.append(study.ledger.best_at_max_resource)

    study.recorder.observe(note)
    lines = lines_of(study)
    assert all(line.startswith("digits: ") for line in lines)
    news = [line for line in lines if "new incumbent" in line]
    assert len(news) == len(incumbents)
    for line, best in zip(news, incumbents, strict=True):
        unit = "epoch" if best.resource == 1 else "epochs"
        assert f"trial {best.trial}, accuracy {-best.loss:.6g} at {best.resource} {unit}: x=" in line
    *_, summary, closing = lines
    assert "60 of 60 trials, 0 left" in summary
    assert f"{study.ledger.trained} epochs" in summary
    assert "closed: the budget of 60 trials is spent; best: trial" in closing


def test_lines_say_what_failed_and_why():
    study = Virtual(ASHA(max_resource=9), drop_rate=0.1, drop_outcome=Outcome.FAILED)
    lines = lines_of(study)
    failed = [line for line in lines if " failed at " in line]
    assert len(failed) == study.ledger.outcomes[Outcome.FAILED]
    assert all(line.endswith(": dropped") for line in failed)
    assert any("(attempt 1 of 2)" in line for line in failed)
    n_final = sum("(for good)" in line for line in failed)
    assert n_final == sum(state.has_failed for state in study.ledger.trials)


def test_lines_sum_up_now_and_then():
    times = iter(range(10**9))
    study = Virtual(ASHA(max_resource=9), budget=Budget(trials=60, resource=500, minutes=90, target=-1.0))
    lines = lines_of(study, every_s=30, clock=lambda: next(times))
    summaries = [line for line in lines if " running, " in line]
    assert len(summaries) > 2
    for summary in summaries:
        assert " of 500 epochs, " in summary
        assert " of 90 min, " in summary
        assert "target -1" in summary


def test_lines_say_that_an_interrupted_study_is_open():
    study = Virtual(ASHA(max_resource=9))
    stream = io.StringIO()
    with LineProgress("digits", study.ledger, study.scheduler, stream):
        pass
    assert "the study is open" in stream.getvalue()
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), LineProgress("digits", study.ledger, study.scheduler, stream):
        raise KeyboardInterrupt
    assert "ended by KeyboardInterrupt" in stream.getvalue()


def test_a_reader_who_has_gone_does_not_end_the_run():
    class Gone(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    study = Virtual(ASHA(max_resource=9))
    with LineProgress("digits", study.ledger, study.scheduler, Gone()) as progress:
        study.run(progress)
    assert study.ledger.closed == "the budget of 60 trials is spent"


# Live ----------------------------------------------------------------------------------------------------------


def drawn(tally):
    console = Console(width=120, file=io.StringIO())
    console.print(picture("digits", tally))
    return console.file.getvalue()


def live(study, stream):
    console = Console(file=stream, force_terminal=True, width=100, height=40)
    return LiveProgress("digits", study.ledger, study.scheduler, stream, console=console)


def test_the_picture_shows_rungs_jobs_best_and_budget():
    study = Virtual(
        Hyperband(max_resource=27, sweeps=None), workers=20, budget=Budget(trials=60, target=-1.0)
    )
    tally = Tally(study.ledger, study.scheduler)
    pictures = []

    def observe(entries):
        tally.add(entries)
        pictures.append(drawn(tally))

    study.run(observe)
    crowded = next(text for text in pictures if f"and {20 - MAX_JOBS} jobs more" in text)
    assert crowded.count("trial ") >= MAX_JOBS
    assert any("bracket 1" in text and "bracket 2" in text for text in pictures)
    assert any("27 of 27" in text for text in pictures)
    assert "60 of 60 trials, 0 left" in pictures[-1]
    assert "target -1" in pictures[-1]
    best = study.ledger.best_at_max_resource
    assert f"trial {best.trial}, accuracy" in pictures[-1]


def test_the_picture_reads_nothing_but_the_tally():
    """It is drawn by another thread while the driver changes the ledger and the scheduler."""
    study = Virtual(ASHA(max_resource=9), drop_rate=0.1, drop_outcome=Outcome.FAILED)
    tally = Tally(study.ledger, study.scheduler)
    study.run(tally.add)
    before = drawn(tally)
    del tally._ledger, tally._scheduler
    assert drawn(tally).split("\n")[1:] == before.split("\n")[1:]  # the first line has the time


def test_the_live_display_shows_the_end_and_gives_the_terminal_back():
    study = Virtual(ASHA(max_resource=9))
    stream = io.StringIO()
    with live(study, stream) as progress:
        study.run(progress)
    text = stream.getvalue()
    assert "60 of 60 trials, 0 left" in text
    assert text.rfind("\x1b[?25l") < text.rfind("\x1b[?25h")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_exception_gives_the_terminal_back(error):
    study = Virtual(ASHA(max_resource=9))
    stream = io.StringIO()
    before = set(threading.enumerate())
    drawing = set()

    def fail():
        with live(study, stream):
            drawing.update(set(threading.enumerate()) - before)
            raise error

    with pytest.raises(error):
        fail()
    assert stream.getvalue().rfind("\x1b[?25l") < stream.getvalue().rfind("\x1b[?25h")
    assert len(drawing) == 1
    for thread in drawing:  # it was told to end
        thread.join(60)
        assert not thread.is_alive()


def test_drawing_never_waits_for_the_driver():
    study = Virtual(ASHA(max_resource=9))
    with live(study, io.StringIO()) as progress:
        shown = progress._draw()
        with progress._lock:  # as while an event is taken in
            assert progress._draw() is shown


@pytest.mark.parametrize(
    ("is_terminal", "term", "kind"),
    [
        (True, "xterm", LiveProgress),
        (True, "dumb", LineProgress),
        (True, "", LineProgress),
        (False, "xterm", LineProgress),
    ],
)
def test_the_display_suits_the_stream(monkeypatch, is_terminal, term, kind):
    study = Virtual(ASHA(max_resource=9))
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal
    monkeypatch.setenv("TERM", term)
    assert isinstance(progress_for(stream)("digits", study.ledger, study.scheduler), kind)
