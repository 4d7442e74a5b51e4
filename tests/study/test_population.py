"""A population on real executors, with real checkpoints."""

import pytest

from paceline import ASHA, PB2, PBT, Budget, Float, Perturb, Study, TrainingFunctionError
from paceline.schedulers.bandit import Bandit

SPACE = {"rate": Float(0.01, 1.0, log=True)}
POPULATION = PBT(max_resource=12, interval=3, population_size=4, quantile=0.25, explore=Perturb(resample=0.0))


def train(trial):
    """Its state is how far it has come; who loads another's goes on from there."""
    done, at = 0.0, 0
    if trial.checkpoint:
        done, at = map(float, (trial.checkpoint / "state").read_text().split())
    assert at == trial.start
    for step in trial.steps():
        done += trial.config["rate"]
        state = f"{done} {step + 1}"
        trial.report(progress=done, save=lambda folder, state=state: (folder / "state").write_text(state))


def learned(study, trial):
    """What a member has come to, summed along its chain of origins."""
    by_id = {each.id: each for each in study.trials}
    total, until = 0.0, trial.resource
    while trial.origin is not None:
        total += trial.config["rate"] * (until - trial.origin_resource)
        until, trial = trial.origin_resource, by_id[trial.origin]
    return total + trial.config["rate"] * until


@pytest.mark.parametrize(("executor", "workers"), [("inline", 1), ("processes", 2)])
def test_what_a_member_has_learned_is_the_sum_along_its_origins(tmp_path, executor, workers):
    study = Study("p", SPACE, POPULATION, maximize="progress", storage=tmp_path / "p.db", seed=3)
    study.run(train, workers=workers, executor=executor, progress=False)
    done = [trial for trial in study.trials if trial.status == "done"]
    assert sorted(trial.member for trial in done) == [0, 1, 2, 3]
    assert any(trial.origin is not None for trial in study.trials)
    for trial in done:
        assert trial.value == pytest.approx(learned(study, trial))
        pieces = study.schedule(trial.id)
        assert trial.value == pytest.approx(sum(it.config["rate"] * (it.stop - it.start) for it in pieces))
        assert [it.start for it in pieces] == [0, *(it.stop for it in pieces[:-1])]
        assert (pieces[-1].stop, pieces[-1].trial) == (12, trial.id)
    assert study.schedule() == study.schedule(study.incumbent.trial)
    for edge, trial in zip(study.lineage(), study.trials, strict=True):
        assert (edge.trial, edge.origin, edge.member) == (trial.id, trial.origin, trial.member)
        if edge.origin is not None:
            rates = study.trials[edge.origin].config["rate"], trial.config["rate"]
            assert edge.changes == {"rate": rates}
    assert study.replay().is_equal
    fork = next(trial for trial in study.trials if trial.origin is not None)
    assert "it goes on from trial" in study.explain(fork.id)[0].because.text
    kept = {path.parent.name + "/" + path.name for path in study.checkpoint_folder.glob("*/*")}
    assert kept == {trial.checkpoint for trial in done}, "nobody else can be gone on from"


def test_a_population_goes_on_where_a_budget_has_ended_it(tmp_path):
    study = Study("p", SPACE, POPULATION, maximize="progress", storage=tmp_path / "p.db")
    study.run(train, executor="inline", progress=False, budget=Budget(resource=20))
    assert study.spent.resource <= 20
    again = Study.load("p", tmp_path / "p.db")
    again.run(train, executor="inline", progress=False, budget=Budget(resource=200))
    assert sum(trial.status == "done" for trial in again.trials) == 4
    assert again.replay().is_equal


def test_training_that_saves_nothing_is_told_what_to_write(tmp_path):
    def forgetful(trial):
        for _ in trial.steps():
            trial.report(progress=trial.config["rate"])

    study = Study("p", SPACE, POPULATION, maximize="progress", storage=tmp_path / "p.db")
    with pytest.raises(TrainingFunctionError, match="PBT copies weights"):
        study.run(forgetful, executor="inline", progress=False)
    assert study.status == "open"
    assert study.replay().is_equal


def test_a_bandit_s_population_is_stored_explained_and_derived_again(tmp_path, monkeypatch):
    bandits = PB2(max_resource=24, interval=3, population_size=4, beta=1.0)
    study = Study("b", SPACE, bandits, maximize="progress", storage=tmp_path / "b.db", seed=3)
    study.run(train, executor="inline", progress=False)
    texts = [study.explain(trial.id)[0].because.text for trial in study.trials if trial.origin is not None]
    assert any("numbers chosen by a Gaussian process of " in text for text in texts)
    again = Study("b", SPACE, bandits, maximize="progress", storage=tmp_path / "b.db")
    monkeypatch.setattr(Bandit, "ranked", None)  # nothing is fitted
    assert again.replay().is_equal


def test_a_population_begins_with_the_best_of_another_study(tmp_path):
    first = Study("first", SPACE, ASHA(max_resource=9), maximize="progress", storage=tmp_path / "p.db")
    first.run(train, executor="inline", budget=Budget(trials=30), progress=False)
    done = sorted((it for it in first.trials if it.status == "done"), key=lambda it: -it.value)
    best = [it.config for it in done[:2]]
    second = Study("second", SPACE, POPULATION, maximize="progress", storage=tmp_path / "p.db", points=best)
    second.run(train, executor="inline", progress=False)
    assert [it.config for it in second.trials[:2]] == best
    assert second.incumbent.value >= max(it.value for it in done) * 12 / 9 * (1 - 1e-9)
