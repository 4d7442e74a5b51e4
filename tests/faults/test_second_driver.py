"""One driver at a time: the second one is told who is at work and writes nothing; after a crash the next one goes on."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from paceline import ASHA, Budget, Float, Study
from paceline.errors import JournalConflict, StudyMismatchError
from paceline.journal import open_storage
from paceline.testing.executors import Gate
from paceline.testing.killing import Victim
from paceline.testing.victim import NAME, Settings, storage_url

LONG = Settings(trials=1000, pace_s=0.05)

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


class Beside(Victim):
    """Another driver of a victim's study, with an output and marks of its own."""

    def __init__(self, victim, folder):
        super().__init__(folder, victim.settings)
        (folder / "study.db").symlink_to(victim.folder / "study.db")
        (folder / NAME).symlink_to(victim.folder / NAME)


@pytest.fixture
def victim(tmp_path):
    victim = Victim(tmp_path / "first", LONG)
    victim.start()
    assert victim.wait_until(lambda: bool(victim.work()))
    yield victim
    victim.kill()
    assert victim.survivors() == []


def run_starts(victim):
    return [event.holder for _, event in victim.entries() if type(event).__name__ == "RunStarted"]


@needs_proc
def test_the_second_driver_is_told_who_is_at_work_and_writes_nothing(victim, tmp_path):
    second = Beside(victim, tmp_path / "second")
    second.start()
    assert second.wait() == 1
    last = second.output().strip().splitlines()[-1]
    assert "JournalConflict" in last
    assert f"process {victim.driver.pid}" in last
    assert "nothing was written" in last
    assert second.work() == []
    assert second.survivors() == []
    assert victim.is_running
    assert len(run_starts(victim)) == 1

    victim.kill()
    victim.settings = Settings(trials=5)
    victim.run_to_end()  # at once: no need to wait for the holder to be forgotten
    assert victim.survivors() == []
    assert victim.audit() == []
    assert len(run_starts(victim)) == 2


@needs_proc
def test_a_dead_driver_that_nobody_has_asked_for_holds_nothing(victim):
    victim.driver.kill()
    os.waitid(os.P_PID, victim.driver.pid, os.WEXITED | os.WNOWAIT)  # dead, and still listed: a zombie
    storage = open_storage(storage_url(victim.folder))
    assert storage.holder(NAME) is None
    journal = storage.journal(NAME)
    journal.acquire()
    journal.release()


SIMULTANEOUS = """
    import sys
    from paceline import ASHA, Budget, Float, JournalConflict, Study
    from paceline.testing.executors import pass_gate

    folder, number, gate = sys.argv[1:]
    pass_gate(gate)
    name = "the same" if number.startswith("same") else number
    study = Study(name, {"x": Float(0, 1)}, ASHA(max_resource=3), storage=f"sqlite:///{folder}/studies.db")
    try:
        study.run(lambda trial: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    except JournalConflict:
        print("conflict")
    else:
        print("ran")
"""


@pytest.mark.parametrize("kind", ["other", "same"])
def test_drivers_that_start_at_the_same_moment_in_a_new_database(tmp_path, kind):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(SIMULTANEOUS))
    with Gate(tmp_path / "gate") as gate:
        commands = [[sys.executable, program, tmp_path, f"{kind} {number}", gate.path] for number in range(4)]
        drivers = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for command in commands
        ]
        gate.open(4)
        said = [driver.communicate() for driver in drivers]
    assert [error for _, error in said] == [""] * 4
    outcomes = [output.strip() for output, _ in said]
    if kind == "other":
        assert outcomes == ["ran"] * 4
    else:  # whoever comes when the first one has ended finds a study that is closed
        assert "ran" in outcomes
        assert set(outcomes) <= {"ran", "conflict"}
    storage = open_storage(f"sqlite:///{tmp_path}/studies.db")
    for name in storage.studies():
        study = Study.load(name, storage)
        assert study.status.startswith("closed")
        assert study.replay().is_equal
        assert len(study.trials) == 3


def study(folder, scheduler=None, **settings):
    scheduler = ASHA(max_resource=3) if scheduler is None else scheduler
    return Study("twice", {"x": Float(0, 1)}, scheduler, storage=folder / "study.db", **settings)


def test_two_of_one_process(tmp_path):
    first, second = study(tmp_path), study(tmp_path)
    job = first.ask()
    with pytest.raises(JournalConflict, match=f"process {os.getpid()}"):
        second.run(lambda _: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    first.tell(job, 0.5)
    first.close()
    second.run(lambda _: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    assert second.status.startswith("closed")


def test_a_study_made_before_the_database_sees_what_another_one_writes(tmp_path):
    early = study(tmp_path)
    study(tmp_path).run(lambda _: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    early.refresh()
    assert len(early.trials) == 3
    assert early.status.startswith("closed")


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"retries": 0}, {"scheduler": ASHA(max_resource=9, brackets=2)}]
)
def test_a_study_that_was_opened_otherwise_meanwhile_is_refused(tmp_path, other):
    late = study(tmp_path, **other)
    first = study(tmp_path)
    first.run(lambda _: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    entries = list(first.entries())
    for take_up in (
        late.refresh,
        late.ask,
        lambda: late.run(lambda _: 0.5, budget=Budget(trials=9), progress=False),
    ):
        with pytest.raises(StudyMismatchError):
            take_up()
    assert list(first.entries()) == entries
    assert first.storage.holder("twice") is None


def test_a_setting_that_has_grown_meanwhile_does_not_shrink(tmp_path):
    small = study(tmp_path, scheduler=ASHA(max_resource=3))
    small.run(lambda _: 0.5, executor="inline", budget=Budget(trials=3), progress=False)
    large = study(tmp_path, scheduler=ASHA(max_resource=9))
    large.run(lambda _: 0.5, executor="inline", budget=Budget(trials=4), progress=False)
    entries = list(large.entries())
    with pytest.raises(StudyMismatchError, match="max_resource was 9, not 3"):
        small.run(lambda _: 0.5, executor="inline", budget=Budget(trials=5), progress=False)
    assert list(large.entries()) == entries
    assert large.storage.holder("twice") is None
