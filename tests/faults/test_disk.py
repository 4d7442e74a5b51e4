"""No room on the disk: a clear error, nothing lost that was told before, and the same command goes on once there is."""

import resource
from functools import partial

import msgspec
import pytest

from paceline import ASHA, Budget, Float, Study
from paceline.errors import CheckpointError
from paceline.events import JobEnded, Outcome, Reported
from paceline.testing.killing import Victim
from paceline.testing.victim import Settings

SMALL = Settings(max_resource=9, trials=12)


@pytest.mark.parametrize("what", ["checkpoints", "journal"])
def test_files_that_may_grow_no_further(tmp_path, what):
    victim = Victim(
        tmp_path, msgspec.structs.replace(SMALL, padding_bytes=1 << 20 if what == "checkpoints" else 0)
    )
    limit_bytes = 1 << 19 if what == "checkpoints" else 1 << 16
    victim.start(partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY)))
    assert victim.wait() == 1
    last = victim.output().strip().splitlines()[-1]
    assert ("CheckpointError" if what == "checkpoints" else "StorageError") in last
    assert str(victim.store.folder if what == "checkpoints" else tmp_path / "study.db") in last
    assert not victim.has_closed()
    assert victim.survivors() == []
    assert victim.audit() == []
    victim.run_to_end()
    assert victim.has_closed()
    assert victim.audit() == []


def test_what_was_told_together_with_the_trouble_is_recorded(tmp_path):
    """One worker completes a job while the other one finds the disk full: the result is not lost with the run."""

    class Place:
        slots = 2

        def __init__(self):
            self.jobs = []

        def start(self, assignment):
            self.jobs.append(assignment.job)

        def wait(self, deliver, timeout_s):
            done, unlucky = self.jobs
            deliver(
                [
                    Reported(done.id, done.trial, done.target, {"loss": 0.5}),
                    JobEnded(done.id, done.trial, Outcome.COMPLETED),
                    JobEnded(unlucky.id, unlucky.trial, Outcome.LOST, error="no room"),
                ]
            )
            raise CheckpointError("no room")

        def interrupt(self):
            pass

        def now(self):
            return 0.0

        def close(self):
            pass

    study = Study("full", {"x": Float(0, 1)}, ASHA(max_resource=3), storage=tmp_path / "study.db")
    with pytest.raises(CheckpointError, match="no room"):
        study.run(lambda _: 0.5, executor=Place(), budget=Budget(trials=2), progress=False)
    assert [event.outcome for _, event in study.entries() if isinstance(event, JobEnded)] == [
        "completed",
        "lost",
    ]
    assert study.spent.completed == 1
