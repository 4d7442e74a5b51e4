"""Ctrl-C once lands, twice stops at once; SIGTERM lands; whoever is let in next finds nobody at work."""

import os
import select
import signal
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from paceline import ASHA, Budget, Float, Study
from paceline.events import Job, JobEnded, JobId, Objective, Outcome, Reported, TrialId
from paceline.executors.processes import ProcessExecutor
from paceline.executors.protocol import Assignment
from paceline.signals import interrupts, signals_wait
from paceline.testing.audit import Audit
from paceline.testing.killing import DEADLINE_S, Victim, state_of
from paceline.testing.victim import Settings
from paceline.worker import TrainingContext

ENDLESS = Settings(trials=1000, pace_s=0.02)
SLOW = Settings(trials=1000, pace_s=DEADLINE_S)

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


def running(folder, settings):
    """A study whose two workers train."""
    victim = Victim(folder, settings)
    victim.start()
    assert victim.wait_until(lambda: len({item.pid for item in victim.work()}) == 2)
    return victim


def assert_well(victim):
    assert victim.survivors() == []
    assert victim.audit() == []


def assert_goes_on(victim):
    """The same command with a budget that ends it."""
    n_trials = len({item.trial for item in victim.work()})
    victim.settings = msgspec.structs.replace(victim.settings, trials=n_trials + 2, pace_s=0.0)
    victim.run_to_end()
    assert victim.has_closed()
    assert_well(victim)


@needs_proc
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_lands_and_no_unit_is_trained_twice(tmp_path, number):
    victim = running(tmp_path, ENDLESS)
    victim.signal(number)
    assert victim.wait() == 0
    assert "Landing: running jobs end at their next report" in victim.output()
    assert not victim.has_closed()
    assert_well(victim)
    events = [event for _, event in victim.entries()]
    paused = [event for event in events if isinstance(event, JobEnded) and event.outcome is Outcome.LOST]
    for end in paused:
        assert "paused" in end.error
        last = [event for event in events if isinstance(event, Reported) and event.job == end.job][-1]
        assert last.checkpoint is not None
    assert_goes_on(victim)
    assert Audit(victim.entries(), victim.work(), victim.store).n_repeated == 0


@needs_proc
def test_twice_stops_now(tmp_path):
    victim = running(tmp_path, SLOW)
    victim.signal(signal.SIGINT)
    assert victim.wait_until(lambda: "Landing" in victim.output())
    victim.signal(signal.SIGINT)
    assert victim.wait(DEADLINE_S / 2) == -signal.SIGINT, "long before the next report"
    assert "KeyboardInterrupt" in victim.output()
    assert not victim.has_closed()
    assert_well(victim)
    assert_goes_on(victim)


@needs_proc
def test_a_terminals_ctrl_c_reaches_the_driver_alone(tmp_path):
    """A terminal sends it to all processes of its foreground group: were workers among them, none could land."""
    victim = running(tmp_path, SLOW)
    try:
        groups = {os.getpgid(pid) for pid in (victim.driver.pid, *victim.workers())}
        assert len(groups) == 3
    finally:
        victim.kill()
    assert victim.survivors() == []


@needs_proc
def test_a_worker_that_is_stopped_counts_as_hanging(tmp_path):
    victim = running(tmp_path, Settings(max_resource=9, trials=12, patience_s=0.5, pace_s=0.02))
    training = [pid for pid in victim.workers() if state_of(pid, victim.work()) == "training"]
    stopped = training[0] if training else victim.workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    assert victim.wait() == 0, victim.output()
    assert victim.has_closed()
    assert_well(victim)
    errors = [event.error or "" for _, event in victim.entries() if isinstance(event, JobEnded)]
    assert any(
        f"worker process {stopped} was killed, because it had not reported for" in text for text in errors
    )


def test_a_terminal_that_is_busy_does_not_hinder_the_landing(tmp_path, monkeypatch):
    """Ctrl-C comes while the progress display waits for a slow reader: Python refuses a second write within the first."""
    reading, writing = os.pipe()
    landed = threading.Event()

    def press_and_read():
        while select.select([], [writing], [], 0)[1]:  # full: the main thread waits in its write
            time.sleep(0.001)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        landed.wait(5)
        while os.read(reading, 1 << 16):
            pass

    with open(writing, "w", buffering=1) as terminal:  # noqa: PTH123 - of a descriptor
        monkeypatch.setattr("sys.stderr", terminal)
        reader = threading.Thread(target=press_and_read)
        with interrupts(landed.set):
            reader.start()
            terminal.write("." * (1 << 18) + "\n")
    reader.join()
    os.close(reading)
    assert landed.is_set()


def test_the_study_is_held_until_the_workers_are_gone(tmp_path):
    """Whoever takes it up next would share the GPUs with them, and sweep away what they are saving."""
    held = []

    class Place:
        slots = 1

        def start(self, assignment):
            raise KeyboardInterrupt

        def wait(self, deliver, timeout_s):
            raise AssertionError("nothing was started")

        def interrupt(self):
            pass

        def now(self):
            return 0.0

        def close(self):
            held.append(study.storage.holder("held"))

    study = Study("held", {"x": Float(0, 1)}, ASHA(max_resource=3), storage=tmp_path / "study.db")
    with pytest.raises(KeyboardInterrupt):
        study.run(lambda _: 0.5, executor=Place(), budget=Budget(trials=1), progress=False)
    assert held[0] is not None
    assert study.storage.holder("held") is None


def test_signals_wait_until_a_step_is_done():
    seen = []
    with interrupts(lambda: seen.append("landing")), signals_wait():
        signal.raise_signal(signal.SIGTERM)
        seen.append("done")
    assert seen == ["done", "landing"]


def test_a_worker_that_starts_as_the_driver_is_stopped_is_ended(tmp_path, monkeypatch, request):
    started = []

    class Interrupted(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    context = TrainingContext("interrupted", Objective("loss"), tmp_path)
    with closing(ProcessExecutor(lambda trial: 0.5, context, workers=2)) as executor:
        with pytest.raises(KeyboardInterrupt):
            executor.start(Assignment(Job(JobId(0), TrialId(0), 0, 1), {}, None))
        assert len(started) == 1
        assert started[0].poll() is None
    assert started[0].poll() is not None
