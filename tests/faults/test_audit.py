"""The audit finds what it is there to find: each way of tampering with a good study is named."""

import msgspec
import pytest

from paceline.checkpoints import CheckpointStore
from paceline.events import JobEnded, JobIssued, Outcome, Reported
from paceline.testing.audit import Audit, Work
from paceline.testing.killing import Victim
from paceline.testing.regression import is_whole, wrong_losses
from paceline.testing.victim import Settings


@pytest.fixture(scope="module")
def victim(tmp_path_factory):
    victim = Victim(tmp_path_factory.mktemp("victim"), Settings(max_resource=9, trials=12))
    victim.run_to_end()
    assert victim.audit() == []
    return victim


def problems(entries, work, store):
    audit = Audit(entries, work, store)
    return "\n".join([*audit.at_rest(), *audit.at_end()])


def of_kind(entries, kind):
    return [seq for seq, (_, event) in enumerate(entries) if isinstance(event, kind)]


def changed(entries, seq, **fields):
    at, event = entries[seq]
    return [*entries[:seq], (at, msgspec.structs.replace(event, **fields)), *entries[seq + 1 :]]


def without(items, index):
    return [*items[:index], *items[index + 1 :]]


def test_facts(victim):
    entries, work, store = victim.entries(), victim.work(), victim.store
    report, end, issue = (of_kind(entries, kind)[-1] for kind in (Reported, JobEnded, JobIssued))
    promotion = next(seq for seq in of_kind(entries, JobIssued) if entries[seq][1].job.start)
    from_nothing = msgspec.structs.replace(entries[promotion][1].job, start=0)
    cases = {
        "the study is not closed": entries[:-1],
        "has not ended": without(entries, end),
        "completed without a report": without(entries, report),
        "its job was not running": [*entries[:-1], entries[end], entries[-1]],
        "had to start from 1": changed(entries, promotion, job=from_nothing),
        "makes no sense": changed(entries, issue, job=msgspec.structs.replace(entries[issue][1].job, id=999)),
        "failed, and was not tried again": without(changed(entries, end, outcome=Outcome.FAILED), report),
    }
    assert problems(entries, work, store) == ""
    for said, tampered in cases.items():
        assert said in problems(tampered, work, store), said


def test_training(victim):
    entries, work, store = victim.entries(), victim.work(), victim.store
    unit = next(index for index, item in enumerate(work) if item.what == "trained" and item.resource == 3)
    done = work[unit]
    cases = {
        "it was carried out before": [*work, Work("called", 1, 10**6, 0, 0)],
        "trained the units [2, 3, 3]": [*work[: unit + 1], done, *work[unit + 1 :]],
        "reported what it did not train": without(work, unit),
        "again, although its trial had completed": [*work, msgspec.structs.replace(done, resource=1)],
        "trained up to": [*work, msgspec.structs.replace(done, resource=10)],
    }
    for said, tampered in cases.items():
        assert said in problems(entries, tampered, store), said


def test_checkpoints(victim, tmp_path):
    entries, work = victim.entries(), victim.work()
    keys = victim.store.keys()
    kept = keys[-1]

    def copy(name):
        store = CheckpointStore(tmp_path / name)
        for key in keys:
            target = store.path(key)
            target.mkdir(parents=True)
            for path in victim.store.path(key).iterdir():
                (target / path.name).write_bytes(path.read_bytes())
        return store

    assert problems(entries, work, copy("same")) == ""
    gone = copy("gone")
    gone.delete(kept)
    assert f"{kept}, the newest of trial" in problems(entries, work, gone)
    torn = copy("torn")
    (torn.path(kept) / "about.json").unlink()
    assert f"{kept} has" in problems(entries, work, torn)
    assert not is_whole(torn.path(kept), kept)
    assert is_whole(victim.store.path(kept), kept)
    more = copy("more")
    more.path("000000/00000002-000999").mkdir()
    (more.path(kept).parent / ".00000009-000999.partial").mkdir()
    found = problems(entries, work, more)
    assert "000000/00000002-000999 remains, and nothing needs it" in found
    assert "00000009-000999.partial remains, half done" in found


def test_losses_and_history(victim):
    entries = victim.entries()
    seq = of_kind(entries, Reported)[3]
    loss = entries[seq][1].metrics["loss"]
    assert list(wrong_losses(entries)) == []
    (problem,) = wrong_losses(changed(entries, seq, metrics={"loss": loss + 1e-9}))
    assert f"undisturbed it is {loss}" in problem
    assert list(victim._lost_history(entries)) == []
    assert "does not begin with" in next(victim._lost_history(entries[1:]))
    assert "the journal has fewer" in "".join(victim._lost_history(entries[:5]))
