"""SIGKILL, at random instants and at named points, for the driver and for its workers: `make faults` in small.

After each kill, and at the end of each study, everything in `paceline.testing.audit` holds.
"""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from tests.faults.saboteur import DRIVER_POINTS, WORKER_POINTS
from tests.faults.steps import assert_well, audit_of, bring_to_its_end, killed_itself

from paceline.events import JobEnded, Outcome
from paceline.testing.killing import Victim, state_of
from paceline.testing.victim import Settings

SABOTEUR = Path(__file__).with_name("saboteur.py")
SMALL = Settings(max_resource=9, trials=12)

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


@pytest.mark.parametrize("point", DRIVER_POINTS)
def test_a_driver_killed_at_a_named_point_loses_nothing(tmp_path, point):
    victim = Victim(tmp_path / "study", SMALL, program=[SABOTEUR, point])
    killed_itself(victim)
    bring_to_its_end(victim)


@pytest.mark.parametrize("point", [point for point in WORKER_POINTS if point.startswith("driver")])
def test_a_driver_killed_while_a_worker_saves_loses_nothing(tmp_path, point):
    victim = Victim(tmp_path / "study", SMALL, program=[SABOTEUR, point])
    killed_itself(victim)
    bring_to_its_end(victim)


@pytest.mark.parametrize("point", [point for point in WORKER_POINTS if point.startswith("worker")])
def test_a_worker_killed_while_it_saves_leaves_nothing(tmp_path, point):
    victim = Victim(tmp_path / "study", SMALL, program=[SABOTEUR, point])
    bring_to_its_end(victim)
    (failed,) = [job for job in audit_of(victim).jobs if not job.is_completed]
    assert failed.end.outcome is Outcome.FAILED
    assert "SIGKILL" in failed.end.error


def test_drivers_killed_at_random_instants(tmp_path):
    random = Random(0)
    n_kills = 0
    number = 0
    while n_kills < 6:
        victim = Victim(
            tmp_path / str(number), Settings(max_resource=9, trials=20, seed=number, pace_s=0.005)
        )
        number += 1
        while not victim.has_closed():
            victim.start()
            if n_kills < 6 and victim.wait_for(random.choice(["opening", "running", "running", "closing"])):
                time.sleep(random.uniform(0, 0.3))
                n_kills += victim.is_running
                victim.kill()
            else:
                assert victim.wait() == 0, victim.output()
            assert_well(victim)
        entries = victim.entries()
        victim.run_to_end()
        assert victim.entries() == entries, "to run a closed study again changes nothing"


@pytest.mark.parametrize("scheduler", ["asha", "halving"])
def test_workers_killed_at_random_instants(tmp_path, scheduler):
    random = Random(1)
    victim = Victim(
        tmp_path, Settings(max_resource=9, trials=27, scheduler=scheduler, workers=3, pace_s=0.02)
    )
    victim.start()
    victim.wait_until(lambda: bool(victim.work()))
    killed = []
    while victim.is_running and len(killed) < 3:
        workers = [pid for pid in victim.workers() if state_of(pid, victim.work()) != "starting"]
        if workers:
            killed.append(random.choice(workers))
            with suppress(ProcessLookupError):
                os.kill(killed[-1], signal.SIGKILL)
        time.sleep(random.uniform(0, 0.3))
    assert victim.wait() == 0, victim.output()
    assert victim.has_closed()
    assert_well(victim)
    ends = [event for _, event in victim.entries() if isinstance(event, JobEnded)]
    errors = [end.error for end in ends if end.outcome is not Outcome.COMPLETED]
    assert len(errors) <= len(killed)
    for error in errors:
        assert any(f"worker process {pid} was killed by signal 9" in error for pid in killed)
