"""kill -9 of a real population, and a driver of one that dies at every write: `make faults population` in small.

After each kill everything in `paceline.testing.audit` and `regression` holds: members are fully trained once, each fork has
loaded what its donor has saved, and what a checkpoint holds was trained by the chain of origins.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from tests.faults.inline import Stumbling, run_inline
from tests.faults.saboteur import FORK_POINTS, FORK_WORKER_POINTS
from tests.faults.steps import assert_well, audit_of, bring_to_its_end, killed_itself

from paceline.events import JobEnded, Outcome, TrialCreated
from paceline.testing.faults import crash_points
from paceline.testing.killing import Victim, state_of
from paceline.testing.regression import wrong_histories, wrong_losses
from paceline.testing.victim import Settings, train

SABOTEUR = Path(__file__).with_name("saboteur.py")
SMALL = Settings(scheduler="population", max_resource=6, members=4)
SLOW = msgspec.structs.replace(SMALL, pace_s=0.02)
TINY = Settings(scheduler="population", max_resource=4, members=4, interval=1)

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


def forks_of(victim):
    return [
        e.trial for _, e in victim.entries() if isinstance(e, TrialCreated) and e.trial.origin is not None
    ]


@needs_proc
@pytest.mark.parametrize("point", FORK_POINTS)
def test_a_driver_killed_at_a_fork_loses_nothing(tmp_path, point):
    victim = Victim(tmp_path / "study", SMALL, program=[SABOTEUR, point])
    killed_itself(victim)
    assert_well(victim)
    assert len(forks_of(victim)) == ("after" in point), "a fork is recorded whole, or not at all"
    bring_to_its_end(victim)


@needs_proc
@pytest.mark.parametrize("point", FORK_WORKER_POINTS)
def test_a_kill_while_a_fork_saves_loses_nothing(tmp_path, point):
    victim = Victim(tmp_path / "study", SMALL, program=[SABOTEUR, point])
    victim.start()
    code = victim.wait()
    if point.startswith("driver"):
        assert code == -signal.SIGKILL, victim.output()
    assert_well(victim)
    bring_to_its_end(victim)
    (first, *_) = [job for job in audit_of(victim).jobs if not job.is_completed and job.job.start]
    again = next(
        job for job in audit_of(victim).jobs if job.job.trial == first.job.trial and job.job.attempt == 2
    )
    assert again.job.start == first.job.start, "its donor's checkpoint is still there"
    assert again.loads == first.loads != []


@needs_proc
def test_drivers_and_workers_killed_at_random_instants(tmp_path):
    random = Random(3)
    victim = Victim(
        tmp_path, msgspec.structs.replace(SLOW, max_resource=12, members=5, workers=3, mortality=0.03)
    )
    killed, n_drivers = [], 0
    while not victim.has_closed():
        n_before = len(victim.work())
        victim.start()
        if n_drivers < 3 and victim.wait_until(lambda n=n_before: len(victim.work()) > n):
            time.sleep(random.uniform(0, 0.2))
            workers = [pid for pid in victim.workers() if state_of(pid, victim.work()) != "starting"]
            if workers:
                killed.append(random.choice(workers))
                with suppress(ProcessLookupError):
                    os.kill(killed[-1], signal.SIGKILL)
            time.sleep(random.uniform(0, 0.2))
            n_drivers += victim.is_running
            victim.kill()
        else:
            assert victim.wait() == 0, victim.output()
        assert_well(victim)
    entries = victim.entries()
    victim.run_to_end()
    assert victim.entries() == entries, "to run a closed study again changes nothing"
    assert killed
    assert forks_of(victim)
    died = {item.pid for item in victim.work() if item.what == "died"}
    failures = [
        e.error for _, e in victim.entries() if isinstance(e, JobEnded) and e.outcome is Outcome.FAILED
    ]
    assert len(failures) <= len(killed) + len(died)


@needs_proc
def test_a_population_that_landed_goes_on(tmp_path):
    """Ctrl-C once, after the first fork: not one unit is trained twice."""
    victim = Victim(tmp_path, msgspec.structs.replace(SLOW, max_resource=40))
    victim.start()
    assert victim.wait_until(lambda: bool(forks_of(victim)))
    victim.signal(signal.SIGINT)
    assert victim.wait() == 0, victim.output()
    assert "Landing" in victim.output()
    assert not victim.has_closed()
    assert_well(victim)
    n_forks = len(forks_of(victim))
    victim.settings = msgspec.structs.replace(victim.settings, pace_s=0.0)
    bring_to_its_end(victim)
    assert len(forks_of(victim)) > n_forks
    assert audit_of(victim).n_repeated == 0


def test_a_driver_that_dies_at_any_write_loses_nothing(tmp_path):
    """With real checkpoints and real states, before and after each append."""
    n_crashes = n_forks = 0
    for point in crash_points():
        victim = Victim(tmp_path / str(point), TINY)
        if not run_inline(victim.folder, TINY, point=point):
            break
        n_crashes += 1
        assert victim.audit() == [], point
        run_inline(victim.folder, TINY)
        assert victim.has_closed(), point
        assert victim.audit() == [], point
        n_forks += len(forks_of(victim))
        assert audit_of(victim).n_repeated <= 1, point
    assert n_crashes > 30
    assert n_forks > n_crashes, "there was something to lose"


def test_a_fork_whose_donor_s_checkpoint_was_removed_fails(tmp_path):
    """By somebody else. From nothing it would have become another trial, with a lineage that is not true."""
    victim = Victim(tmp_path, SMALL)

    def remove(entries):
        for _, event in entries:
            if isinstance(event, TrialCreated) and event.trial.origin is not None:
                victim.store.delete(event.trial.origin.checkpoint.key)

    run_inline(tmp_path, SMALL, observers=[remove])
    assert victim.has_closed()
    entries = victim.entries()
    failed = [e for _, e in entries if isinstance(e, JobEnded) and e.outcome is Outcome.FAILED]
    assert failed
    assert all("from which this fork was to go on, is gone" in end.error for end in failed)
    assert list(wrong_losses(entries)) == []
    assert list(wrong_histories(entries, victim.store)) == []


@pytest.mark.parametrize("training", [train, Stumbling()], ids=["well", "stumbling"])
def test_all_is_well_after_each_write(tmp_path, training):
    victim = Victim(tmp_path, SMALL)
    audits = []
    run_inline(tmp_path, SMALL, observers=[lambda _: audits.append(victim.audit())], training=training)
    assert len(audits) > 20
    assert not any(audits)
    assert forks_of(victim)
    assert victim.has_closed()
