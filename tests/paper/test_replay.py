"""Replay of a schedule: the recorded chain of hyperparameters, and where training is deterministic the same result."""

import json
import math

import pytest

from paceline import PBT, Budget, Categorical, Float, Perturb, Replay, Study, TrainingFunctionError, simulate
from paceline.errors import SettingError, StudyMismatchError
from paceline.executors.simulated import StatefulTraining
from paceline.lineage import schedule
from paceline.settings import Settings
from paceline.simulation import UnitTraining

SPACE = {"rate": Float(0.01, 1.0, log=True), "kind": Categorical(["a", "b"])}
PIECES = [
    {"start": 0, "stop": 4, "config": {"rate": 0.5, "kind": "a"}},
    {"start": 4, "stop": 6, "config": {"rate": 0.1, "kind": "b"}},
    {"start": 6, "stop": 9, "config": {"rate": 0.1, "kind": "b"}},
    {"start": 9, "stop": 10, "config": {"rate": 0.2, "kind": "b"}},
]


class Descent(StatefulTraining):
    """Gradient descent on a quadratic: the order of the rates matters, and there is no chance in it."""

    def begin(self, config, rng):
        return {"x": 1.0, "rates": []}

    def train(self, state, config, start, stop, rng):
        for step in range(start, stop):
            state["x"] -= 0.3 * config["rate"] * (math.sin(step) + state["x"]) * (1 + (config["kind"] == "b"))
            state["rates"].append(config["rate"])
        return state, {"loss": state["x"] ** 2}


def population(seed):
    scheduler = PBT(max_resource=40, interval=4, population_size=8, explore=Perturb(resample=0.1))
    return simulate(scheduler, SPACE, Descent(), workers=3, seed=seed)


@pytest.mark.parametrize("seed", range(5))
def test_a_replayed_schedule_gives_the_same_result_where_training_is_deterministic(seed):
    end = population(seed)
    best = end.ledger.incumbent()
    pieces = schedule(end.ledger, best.trial)
    assert len(pieces) > 1
    assert [piece.start for piece in pieces] == [0, *(piece.stop for piece in pieces[:-1])]

    again = simulate(Replay(schedule=pieces), SPACE, Descent(), workers=3, seed=seed + 100)

    assert again.ledger.incumbent().loss == best.loss
    assert again.ledger.trained == 40
    replayed = schedule(again.ledger, again.ledger.incumbent().trial)
    for resource in range(40):
        assert config_at(replayed, resource) == config_at(pieces, resource)


def config_at(pieces, resource):
    return next(piece.config for piece in pieces if piece.start <= resource < piece.stop)


def test_pieces_with_the_same_config_are_one_job():
    end = simulate(Replay(schedule=PIECES), SPACE, UnitTraining([0.5]))
    assert [(piece.start, piece.stop) for piece in schedule(end.ledger, 2)] == [(0, 4), (4, 9), (9, 10)]
    assert end.ledger.n_jobs == 3
    assert {state.trial.member for state in end.ledger.trials} == {0}


@pytest.mark.parametrize(
    ("max_resource", "ends"), [(None, [4, 9, 10]), (5, [4, 5]), (4, [4]), (30, [4, 9, 30])]
)
def test_the_last_config_is_kept_on_and_what_comes_later_is_left_out(max_resource, ends):
    end = simulate(Replay(schedule=PIECES, max_resource=max_resource), SPACE, UnitTraining([0.5]))
    assert [state.resource for state in end.ledger.trials] == ends
    assert end.ledger.is_fully_trained(end.ledger.trials[-1])


def test_several_models_are_trained_side_by_side_and_each_from_nothing():
    end = simulate(Replay(schedule=PIECES, n_models=3), SPACE, UnitTraining([0.5]), workers=3)
    assert end.ledger.elapsed_s == 10
    assert [state.trial.member for state in end.ledger.trials if state.trial.origin is None] == [0, 1, 2]
    assert end.ledger.trained == 30


def test_a_model_that_has_diverged_goes_no_further():
    class Diverging(UnitTraining):
        def metrics(self, trial, config, resource):
            return {"loss": None if resource == 9 else 1.0}

    end = simulate(Replay(schedule=PIECES), SPACE, Diverging([0.5]))
    assert [state.resource for state in end.ledger.trials] == [4, 9]


def train(trial):
    rates = json.loads((trial.checkpoint / "rates").read_text()) if trial.checkpoint else []
    assert len(rates) == trial.start
    for _ in trial.steps():
        rates.append(trial.config["rate"])
        trial.report(loss=sum(rates), save=lambda folder: (folder / "rates").write_text(json.dumps(rates)))


def test_a_study_replays_goes_on_after_a_budget_and_is_raised(tmp_path):
    def study(**more):
        return Study("again", SPACE, Replay(schedule=PIECES, **more), storage=tmp_path / "s.db")

    with study() as first:
        first.run(train, executor="inline", progress=False, budget=Budget(resource=5))
        assert first.spent.resource == 4
    with study(max_resource=12) as second:
        second.run(train, executor="inline", progress=False, budget=Budget(resource=100))
        assert second.incumbent.resource == 12
        assert second.incumbent.value == pytest.approx(4 * 0.5 + 5 * 0.1 + 3 * 0.2)
        assert [(it.start, it.stop) for it in second.schedule()] == [(0, 4), (4, 9), (9, 12)]
        assert second.replay().is_equal
        said = second.explain(1)[0].because.text
        assert "piece 2 of 4 of the schedule: it goes on from 4, up to 9" in said
        kept = {f"{path.parent.name}/{path.name}" for path in second.checkpoint_folder.glob("*/*")}
        assert kept == {second.trials[2].checkpoint}
    with pytest.raises(StudyMismatchError, match="schedule was"):
        Study("again", SPACE, Replay(schedule=PIECES[:2], max_resource=12), storage=tmp_path / "s.db")


def test_training_that_saves_nothing_is_told_what_to_write(tmp_path):
    study = Study("again", SPACE, Replay(schedule=PIECES), storage=tmp_path / "s.db")
    with pytest.raises(
        TrainingFunctionError, match="Replay goes on from weights, and trial 0 has saved none at"
    ):
        study.run(
            lambda trial: [trial.report(loss=1.0) for _ in trial.steps()], executor="inline", progress=False
        )


def test_settings_survive_the_journal():
    replay = Replay(schedule=PIECES, n_models=2)
    assert Settings.from_json(replay.to_json()) == replay
    assert replay.max_resource == 10


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ([], "schedule=[]"),
        ("lr", "schedule='lr'"),
        ([{"start": 1, "stop": 2, "config": {}}], "schedule[0]"),
        ([PIECES[0], PIECES[2]], "a piece that begins at 4"),
        ([{"start": 0, "stop": 0, "config": {}}], "ends after that"),
        ([{"start": 0, "config": {}}], "`stop`"),
        ([{"start": 0, "stop": 2.5, "config": {}}], "Expected `int`"),
    ],
)
def test_a_wrong_schedule_is_refused(schedule, said):
    with pytest.raises(SettingError) as caught:
        Replay(schedule=schedule)
    assert said in str(caught.value)


def test_a_schedule_of_another_space_is_refused():
    wrong = [{"start": 0, "stop": 2, "config": {"rate": 5.0, "kind": "a"}}]
    with pytest.raises(SettingError, match=r"schedule\[0\]"):
        Study("again", SPACE, Replay(schedule=wrong), storage="memory:")
