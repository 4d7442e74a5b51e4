"""A driver that dies before and after every single write: the next one brings the study to a legal end."""

from contextlib import suppress

import pytest

from paceline.errors import JournalConflict
from paceline.events import Budget, JobEnded, JobIssued, Outcome, Reported, TrialCreated, encode
from paceline.journal import MemoryJournal
from paceline.samplers.grid import Grid
from paceline.samplers.kde import KDE
from paceline.schedulers.asha import ASHA
from paceline.schedulers.bohb import BOHB
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pb2 import PB2
from paceline.schedulers.pbt import PBT
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.testing.faults import Crash, CrashingJournal, CrashPoint, crash_points
from paceline.testing.snapshots import snapshot
from paceline.testing.studies import Puppet, drive

TRIALS = Budget(trials=18)
SCHEDULERS = {
    "random": (FullResource(max_resource=3), TRIALS),
    "grid": (FullResource(max_resource=2, sampler=Grid(resolution={"x": 2, "n": 9})), None),
    "halving": (SuccessiveHalving(max_resource=9), None),
    "waiting": (SuccessiveHalving(max_resource=4, reduction_factor=2, brackets=4, overlap=False), None),
    "hyperband": (Hyperband(max_resource=4, reduction_factor=2), None),
    "asha": (ASHA(max_resource=9), TRIALS),
    "retraining": (ASHA(max_resource=4, reduction_factor=2, resume=False), TRIALS),
    "stopping": (ASHA(max_resource=4, reduction_factor=2, variant="stop"), TRIALS),
    "brackets": (ASHA(max_resource=4, reduction_factor=2, brackets=2), Budget(resource=50)),
    "infinite": (ASHA(max_resource=None, reduction_factor=2), TRIALS),
    "hedged": (ASHA(max_resource=4, reduction_factor=2, hedge=0.3), TRIALS),
    "pbt": (PBT(max_resource=6, interval=2, population_size=5), None),
    "pbt-t-test": (
        PBT(max_resource=6, interval=3, population_size=4, exploit="t_test", copies="weights"),
        None,
    ),
    "pbt-bandit": (PB2(max_resource=6, interval=1, population_size=4, quantile=0.5), None),
    "bohb": (BOHB(max_resource=4, reduction_factor=2), TRIALS),
    "asha-kde": (ASHA(max_resource=4, reduction_factor=2, sampler=KDE(min_points=1, spread=0.2)), TRIALS),
}


class Training:
    """Learning curves that cross, training times that differ, and now and then a trial that diverges."""

    def metrics(self, trial, config, resource):
        loss = (trial * 7 % 11) / 11 + (trial * 5 % 7) / (7 * resource)
        return {"loss": None if trial % 6 == 4 else loss}

    def seconds(self, trial, config, resource):
        return resource * (1 + trial % 3 / 10)


def run(journal, name):
    scheduler, budget = SCHEDULERS[name]
    return drive(journal, scheduler, Training(), slots=3, budget=budget, report_every=1)


def configs_of(entries):
    return {event.trial.id: event.trial.config for _, event in entries if isinstance(event, TrialCreated)}


def forks_of(entries):
    """Their configs depend on whom they copy, and that on who has come first."""
    return {e.trial.id for _, e in entries if isinstance(e, TrialCreated) and e.trial.origin is not None}


def assert_legal_end(entries, recorder, name):
    """Closed, with nothing running; no finished job was issued again, so each (trial, resource) counts once."""
    assert recorder.ledger.closed is not None
    issued, finished, ended, first, reported = {}, set(), set(), [], set()
    rungs = {rung.resource for bracket in recorder.scheduler.view() for rung in bracket.rungs}
    for _, event in entries:
        if isinstance(event, JobIssued):
            assert event.job.id == len(issued)
            assert (event.job.trial, event.job.target) not in finished
            issued[event.job.id] = event.job
            if event.job.trial == len(first):
                first.append(event.job.target)
        elif isinstance(event, Reported):
            reported.add((event.trial, event.resource))
        elif isinstance(event, JobEnded):
            assert event.job not in ended
            ended.add(event.job)
            if event.outcome is Outcome.COMPLETED:
                finished.add((event.trial, issued[event.job].target))
    assert ended == issued.keys()
    if name.startswith("pbt"):
        full = [state for state in recorder.ledger.trials if recorder.ledger.is_fully_trained(state)]
        members = sorted(state.trial.member for state in full if not state.is_stopped)
        assert members == list(range(SCHEDULERS[name][0].population_size))
    in_rungs = [rung.n_results for bracket in recorder.scheduler.view() for rung in bracket.rungs]
    # What a trial that is trained to the top at once passes on its way counts as well.
    passed = {
        (trial, resource)
        for trial, resource in reported
        if name == "hedged" and resource in rungs and resource < first[trial]
    }
    assert not in_rungs or sum(in_rungs) == len(finished | passed)


def assert_replays(entries, recorder, name):
    """The fold of what was written is the state of the driver that wrote it; times apart, which no decision reads."""
    folded = Puppet(SCHEDULERS[name][0], lines=[encode(event) for _, event in entries])
    ignore = (
        "space",
        "_drawn",
        "_remaining",
        "_fitted",
        "_known",
        "_waiting",
        "_layout",
        "elapsed_s",
        "_last_at",
    )
    live, again = (snapshot((each.ledger, each.scheduler), ignore=ignore) for each in (recorder, folded))
    assert live == again


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_crash_at_any_write_loses_nothing(name):
    uncrashed = MemoryJournal()
    assert_legal_end(uncrashed.entries, run(uncrashed, name), name)
    configs = configs_of(uncrashed.entries)
    n_crashes = 0
    for point in crash_points():
        crashing = CrashingJournal(MemoryJournal(entries := []), point)
        with suppress(Crash):
            run(crashing, name)
        if not crashing.has_crashed:
            break
        n_crashes += 1
        written = list(entries)
        recorder = run(MemoryJournal(entries), name)
        assert entries[: len(written)] == written
        assert_legal_end(entries, recorder, name)
        assert_replays(entries, recorder, name)
        drawn = configs_of(entries)
        if not recorder.scheduler.sampler.has_model:  # then what is drawn for a trial depends on its id alone
            sampled = drawn.keys() & configs.keys() - forks_of(entries) - forks_of(uncrashed.entries)
            assert all(drawn[trial] == configs[trial] for trial in sampled)
        if SCHEDULERS[name][1] in (TRIALS, None) and not name.startswith("pbt"):
            assert drawn.keys() == configs.keys()
    assert n_crashes == 2 * crashing.n_appends > 20


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_study_survives_drivers_that_die_one_after_the_other(name):
    entries, n_crashes, has_crashed = [], 0, True
    while has_crashed:
        crashing = CrashingJournal(MemoryJournal(entries), CrashPoint(10 + n_crashes % 3, "after"))
        with suppress(Crash):
            recorder = run(crashing, name)
        has_crashed = crashing.has_crashed
        n_crashes += has_crashed
    assert n_crashes > 1
    assert_legal_end(entries, recorder, name)
    assert_replays(entries, recorder, name)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_second_driver_fails_on_its_first_write(name):
    class Overtaken(MemoryJournal):
        """After its driver has read it, and before that driver writes, another one takes the study to its end."""

        def read(self):
            yield from super().read()
            run(MemoryJournal(self.entries), name)
            at_the_end.extend(self.entries)

    entries, at_the_end = [], []
    with suppress(Crash):
        run(CrashingJournal(MemoryJournal(entries), CrashPoint(5, "after")), name)
    with pytest.raises(JournalConflict):
        run(Overtaken(entries), name)
    assert entries == at_the_end
