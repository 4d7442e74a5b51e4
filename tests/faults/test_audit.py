"""The audit finds what it is there to find: each way of tampering with a good study is named, and each wrong library."""

import functools

import msgspec
import pytest
from tests.faults.inline import Stumbling, run_inline
from tests.faults.saboteur import MUTANTS

from paceline.checkpoints import CheckpointStore
from paceline.events import Job, JobEnded, JobIssued, Outcome, Reported, TrialCreated, TrialStopped
from paceline.testing.audit import Audit, Work
from paceline.testing.killing import Victim
from paceline.testing.regression import is_whole, wrong_histories, wrong_losses
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


POPULATION = Settings(scheduler="population", max_resource=6, members=4, seed=1)


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    victim = Victim(tmp_path_factory.mktemp("population"), POPULATION)
    run_inline(victim.folder, POPULATION)
    assert victim.has_closed()
    assert victim.audit() == []
    return victim


def test_facts_of_forks(population):
    entries, work, store = population.entries(), population.work(), population.store
    fork = next(seq for seq in of_kind(entries, TrialCreated) if entries[seq][1].trial.origin)
    trial = entries[fork][1].trial
    assert isinstance(entries[fork + 1][1], TrialStopped)
    job = entries[fork + 2][1].job

    def from_(**origin):
        changed_origin = msgspec.structs.replace(trial.origin, **origin)
        return changed(entries, fork, trial=msgspec.structs.replace(trial, origin=changed_origin))

    later = msgspec.structs.replace(trial.origin.checkpoint, key="000000/00000002-000999")
    elsewhere = msgspec.structs.replace(trial, member=9)
    cases = {
        "which was not there": from_(trial=99),
        "had not reported": from_(checkpoint=later),
        f"was not stopped when trial {trial.id}": without(entries, fork + 1),
        f"trial {trial.id} was created without a first job from 2": [
            *entries[: fork + 2],
            entries[-1],
        ],
        "had to start from 2": changed(entries, fork + 2, job=msgspec.structs.replace(job, start=0)),
        "there are the members [0, 1, 2, 3, 9]": changed(entries, fork, trial=elsewhere),
        "was stopped, and nobody has taken its place": [
            *entries[:-1],
            (entries[-1][0], TrialStopped(entries[-2][1].trial, "by hand")),
            entries[-1],
        ],
    }
    assert problems(entries, work, store) == ""
    assert isinstance(job, Job)
    for said, tampered in cases.items():
        assert said in problems(tampered, work, store), said


def test_training_of_forks(population):
    entries, work, store = population.entries(), population.work(), population.store
    loaded = next(
        index for index, item in enumerate(work) if item.what == "loaded" and item.source != item.trial
    )
    item = work[loaded]
    others = msgspec.structs.replace(item, source=item.trial)
    earlier = msgspec.structs.replace(item, resource=1)
    for tampered in (
        without(work, loaded),
        [*work[:loaded], others, *work[loaded + 1 :]],
        [*work[:loaded], earlier, *work[loaded + 1 :]],
    ):
        assert f"and had to load [({item.source}, {item.resource})]" in problems(entries, tampered, store)
    called = without(work, loaded - 1)
    assert work[loaded - 1].what == "called"
    assert f"went on in memory, where trial {item.trial} was not" in problems(entries, called, store)


def test_what_checkpoints_hold(population):
    entries, store = population.entries(), population.store
    assert list(wrong_histories(entries, store)) == []
    fork = [seq for seq in of_kind(entries, TrialCreated) if entries[seq][1].trial.origin][-1]
    trial = entries[fork][1].trial
    config = {**trial.config, "lr": trial.config["lr"] * 1.2}
    tampered = changed(entries, fork, trial=msgspec.structs.replace(trial, config=config))
    assert "was trained by" in "".join(wrong_histories(tampered, store))
    assert "undisturbed it is" in "".join(wrong_losses(tampered))


def name_of(mutant):
    return mutant.keywords["choose"].__name__ if isinstance(mutant, functools.partial) else mutant.__name__


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_library_that_is_wrong(tmp_path, mutant):
    """Seen after each write, or at the end."""
    victim = Victim(tmp_path, POPULATION)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        observers = [lambda _: found.extend(victim.audit())]
        run_inline(tmp_path, POPULATION, observers=observers, training=Stumbling())
    said = "\n".join(found)
    for expected in MUTANTS[mutant]:
        assert expected in said
