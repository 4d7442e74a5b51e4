"""Commands that look at a finished study: what they print in a pipe and as JSON."""

import json
import math

import pytest

from paceline import ASHA, Budget, Constraint, Float, Space, Study, __version__


def test_version_and_help_name_the_program(paceline):
    assert paceline("--version").out == f"paceline {__version__}\n"
    result = paceline()
    assert result.code == 0
    commands = (
        "run",
        "list",
        "status",
        "best",
        "trials",
        "importance",
        "lineage",
        "schedule",
        "explain",
        "replay",
        "export",
        "delete",
        "du",
        "plan",
        "compare",
        "report",
        "whatif",
    )
    for command in commands:
        assert f"\n  {command} " in result.out
        assert paceline(command, "--help").code == 0


def test_list(paceline, digits):
    [study] = paceline("list", "--json").json["studies"]
    assert study == {
        "study": "digits",
        "status": "closed",
        "trials": 14,
        "jobs": digits.spent.jobs,
        "metric": "accuracy",
        "best": digits.incumbent.value,
        "driven_by": None,
    }
    header, row = paceline("list").rows
    assert dict(zip(header, row, strict=True))["best"] == repr(digits.incumbent.value)


def test_list_of_an_empty_storage_creates_nothing(paceline, tmp_path):
    result = paceline("list", "--storage", "none.db")
    assert (result.code, "holds no study" in result.out) == (0, True)
    assert paceline("list", "--storage", "none.db", "--json").json["studies"] == []
    assert not list(tmp_path.iterdir())


def test_status(paceline, digits):
    status = paceline("status", "--json").json
    assert status["study"] == "digits"
    assert status["status"] == "closed"
    assert status["reason"] == "the budget of 14 trials is spent"
    assert status["holder"] is None
    assert (status["metric"], status["direction"], status["unit"]) == ("accuracy", "maximize", "epoch")
    assert status["budget"] == {"trials": {"limit": 14.0, "spent": 14.0, "left": 0.0}}
    assert status["running"] == []
    assert sum(status["trials"].values()) == 14
    assert status["trials"]["failed"] == 1
    assert status["spent"]["failed"] == 3
    [bracket] = digits.rungs()
    for shown, rung in zip(status["rungs"], bracket.rungs, strict=True):
        assert (shown["resource"], shown["results"], shown["promoted"]) == (
            rung.resource,
            rung.n_results,
            rung.n_promoted,
        )
        assert shown["best"] == -rung.best_loss  # in the metric's own sign
    assert status["incumbent"]["config"] == digits.incumbent.config


def test_status_in_a_pipe_is_names_and_values(paceline, digits):
    result = paceline("status", "digits")
    assert result.facts["status"] == "closed: the budget of 14 trials is spent"
    assert result.facts["goal"] == "maximize accuracy"
    assert result.facts["driven by"] == "nobody"
    assert f"trial {digits.incumbent.trial}, " in result.facts["best"]
    rungs = [row[:2] for row in result.rows if row[0] == "0"]
    assert rungs == [["0", "1"], ["0", "3"], ["0", "9"]]
    assert "\x1b" not in result.out


def test_best(paceline, digits):
    best = paceline("best", "--json").json
    assert best["trial"] == digits.incumbent.trial
    assert best["value"] == digits.incumbent.value
    assert best["checkpoint"] == str(digits.incumbent.checkpoint)
    facts = paceline("best", "--at", "any").facts
    assert float(facts["accuracy"]) == digits.best("any").value
    assert float(facts["config.x"]) == digits.best("any").config["x"]


def test_best_of_a_study_without_results(paceline):
    with Study("empty", {"x": Float(0, 1)}, ASHA(max_resource=9), storage="empty.db") as study:
        study.ask()
    result = paceline("best", "--storage", "empty.db", "--json")
    assert (result.code, result.json) == (0, None)
    assert "no finite result yet" in paceline("best", "--storage", "empty.db").out
    assert paceline("status", "--storage", "empty.db", "--json").json["incumbent"] is None


def test_trials(paceline, digits):
    header, *rows = paceline("trials").rows
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [int(row["trial"]) for row in table] == [view.id for view in digits.trials]
    for row, view in zip(table, digits.trials, strict=True):
        assert row["status"] == view.status
        assert row["value"] == ("" if view.value is None else repr(view.value))
        assert float(row["x"]) == view.config["x"]
        assert row["kind"] == view.config["kind"].replace("\t", "\\t")


def test_trials_sorted_and_selected(paceline, digits):
    views = paceline("trials", "--sort", "value", "--json").json
    values = [-math.inf if view["value"] is None else view["value"] for view in views]
    assert values == sorted(values, reverse=True)
    assert [view["id"] for view in paceline("trials", "--sort", "value", "--limit", 2, "--json").json] == [
        view["id"] for view in views[:2]
    ]
    resources = [view["resource"] for view in paceline("trials", "--sort", "resource", "--json").json]
    assert resources == sorted(resources, reverse=True)
    assert [view["id"] for view in paceline("trials", "--status", "failed", "--json").json] == [0]
    assert {view.status for view in digits.trials} == {"failed", "paused", "done"}


def test_explain(paceline, digits):
    promoted = digits.incumbent.trial
    found = paceline("explain", promoted, "--json").json
    assert (found["study"], found["trial"]) == ("digits", promoted)
    _, first, *_ = found["decisions"]
    assert first["decision"] == "train on from 1 to 3"
    assert (first["rung"], first["resource"]) == (0, 1)
    assert first["rank"] <= first["n_permitted"]
    assert first["cutoff"] <= next(peer["value"] for peer in first["peers"] if peer["trial"] == promoted)
    assert "fully trained" in found["standing"]["because"]
    result = paceline("explain", "digits", promoted)
    assert "train on from 1 to 3: rank" in result.out
    assert "now: rank" in result.out


def test_explain_a_trial_that_is_not_there(paceline, digits):
    result = paceline("explain", "digits", 99)
    assert result.code == 1
    assert "from 0 to 13" in result.err


def test_replay(paceline, digits):
    found = paceline("replay", "--json")
    assert found.code == 0
    assert found.json["is_equal"]
    assert found.json["n_events"] == sum(1 for _ in digits.entries())
    assert "came out as it was recorded" in paceline("replay").out


def test_replay_tells_the_first_difference(paceline, digits):
    from sqlalchemy import create_engine, text

    engine = create_engine("sqlite:///study.db")
    with engine.begin() as connection:  # somebody has written another config into the journal
        query = "SELECT seq, event FROM paceline_events WHERE event LIKE '%TrialCreated%' ORDER BY seq"
        seq, event = connection.execute(text(query)).all()[5]
        changed = json.loads(event)
        changed["trial"]["config"]["x"] = 0.5
        update = text("UPDATE paceline_events SET event = :event WHERE seq = :seq")
        connection.execute(update, {"event": json.dumps(changed), "seq": seq})
    engine.dispose()
    found = paceline("replay", "--json")
    assert found.code == 1
    assert found.json["seq"] == seq
    assert found.json["recorded"][0]["trial"]["config"]["x"] == 0.5
    assert found.json["derived"][0]["trial"]["config"]["x"] != 0.5
    result = paceline("replay")
    assert result.code == 1
    assert f"at event {seq}" in result.out
    assert result.err == ""


def test_du(paceline, digits, tmp_path):
    found = paceline("du", "--json").json
    [study] = found["studies"]
    by_trial = {int(trial): n_bytes for trial, n_bytes in study["trials"].items()}
    assert by_trial == {view.id: 500 for view in digits.trials if view.checkpoint is not None}
    assert study["checkpoints_bytes"] == sum(by_trial.values())
    assert found["journal_bytes"] >= (tmp_path / "study.db").stat().st_size
    assert ["digits", "all checkpoints", "6.5 kB", "6500"] in paceline("du").rows


def test_a_study_of_several_must_be_named(paceline, digits):
    with Study("other", {"x": Float(0, 1)}, ASHA(max_resource=9), storage="study.db") as study:
        study.ask()
    result = paceline("status")
    assert result.code == 1
    assert "name one of them: digits, other" in result.err
    assert paceline("status", "other").code == 0
    assert len(paceline("du", "--json").json["studies"]) == 2
    wrong = paceline("status", "dogits")
    assert wrong.code == 1
    assert "there is no study 'dogits'; there are: 'digits', 'other'" in wrong.err


def is_small(config):
    return config["x"] < 0.5


SCRIPT = """
from paceline import ASHA, Constraint, Float, Space, Study

def is_small(config):
    return config["x"] < 0.5

space = Space({"x": Float(0, 1)}, [Constraint("small", is_small)])
study = Study("tight", space, ASHA(max_resource=3), storage="tight.db", minimize="loss")
"""


def test_a_study_with_constraints_can_be_looked_at_and_replayed_with_its_script(paceline, tmp_path):
    space = Space({"x": Float(0, 1)}, [Constraint("small", is_small)])
    with Study("tight", space, ASHA(max_resource=3), storage="tight.db", minimize="loss") as study:
        study.run(lambda trial: trial.config["x"], executor="inline", budget=Budget(trials=6), progress=False)
    for command in (["status"], ["best"], ["trials"], ["explain", "3"], ["export"], ["du"], ["list"]):
        assert paceline(*command, "--storage", "tight.db").code == 0, command
    result = paceline("replay", "--storage", "tight.db")
    assert result.code == 1
    assert "'small'" in result.err
    assert "--file" in result.err
    (tmp_path / "tune.py").write_text(SCRIPT)
    assert paceline("replay", "--file", "tune.py", "--json").json["is_equal"]


@pytest.mark.parametrize("name", ["two words", "a/b", "..", "naïve"])
def test_any_name_of_a_study_will_do(paceline, name, tmp_path):
    with Study(name, {"x": Float(0, 1)}, ASHA(max_resource=3), storage="study.db") as study:
        study.run(lambda trial: trial.config["x"], executor="inline", budget=Budget(trials=3), progress=False)
        assert study.checkpoint_folder.resolve().is_relative_to(tmp_path / "study-files")
    assert paceline("status", name, "--storage", "study.db", "--json").json["study"] == name
