"""`paceline importance`: the table in a pipe, on a terminal and as JSON, and what is refused."""

import pytest

from paceline import ASHA, Budget, Categorical, Constant, Float, Study

SPACE = {
    "lr": Float(1e-4, 1e-1, log=True),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
    "rare": Float(0.0, 1.0, when={"momentum": 0.0}),
    "width": Constant(64),
}
COLUMNS = ["hyperparameter", "share", "low", "high", "explained", "results", "among the best"]


def train(trial):
    for step in trial.steps():
        trial.report(loss=trial.config["lr"] + (trial.config["optimizer"] == "sgd") + 1 / (step + 1))


def constant(trial):
    return 1.0


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setenv("PACELINE_STORAGE", "study.db")
    with Study("s", SPACE, ASHA(max_resource=9), storage=tmp_path / "study.db") as study:
        study.run(train, executor="inline", budget=Budget(trials=60), progress=False)
        yield study


def test_importance(paceline, study):
    result = paceline("importance", "--resource", "1")
    found = study.importance(resource=1)
    assert result.code == 0
    assert result.facts == {"resource": "1", "results": "60", "best": "6"}
    header, *rows = [row for row in result.rows if len(row) == len(COLUMNS)]
    assert header == COLUMNS
    assert [row[0] for row in rows] == [one.name for one in found.shares]
    assert [float(row[1]) for row in rows] == [one.share for one in found.shares]
    assert [int(row[5]) for row in rows] == [one.n_results for one in found.shares]
    by_name = {row[0]: row[-1] for row in rows}
    assert by_name["optimizer"].startswith("adam 100 % (of all ")
    assert " to " in by_name["lr"]
    assert result.rows[-1] == ["Active in too few results: rare."]


def test_importance_as_json(paceline, study):
    document = paceline("importance", "--top", "0.3", "--json").json
    found = study.importance(top=0.3)
    assert document["resource"] == found.resource
    assert document["n_best"] == found.n_best
    assert document["unjudged"] == list(found.unjudged)
    for shown, one in zip(document["shares"], found.shares, strict=True):
        assert (shown["name"], shown["share"], shown["low"], shown["high"]) == (
            one.name,
            one.share,
            one.low,
            one.high,
        )
    [optimizer] = [shown for shown in document["shares"] if shown["name"] == "optimizer"]
    assert optimizer["quartiles"] is None
    assert optimizer["choices"][0] == {
        "value": "adam",
        "among_best": pytest.approx(1),
        "among_all": pytest.approx(optimizer["choices"][0]["among_all"]),
    }


def test_importance_on_a_terminal(terminal, study):
    result = terminal("importance", "--resource", "1")
    assert result.code == 0
    assert "hyperparameter" in result.out
    assert "adam 100 %" in result.out


def test_equal_results_are_told_to_tell_nothing(paceline):
    with Study("flat", {"x": Float(0, 1)}, ASHA(max_resource=1), storage="flat.db") as study:
        study.run(constant, executor="inline", budget=Budget(trials=20), progress=False)
    result = paceline("importance", "--storage", "flat.db")
    assert (result.code, "better than chance" in result.out) == (0, True)


def test_too_few_results_are_refused(paceline, study):
    result = paceline("importance", "--resource", "9", "--json")
    assert result.code == 1
    assert "at least 20 results" in result.err
    assert paceline("importance", "--top", "2").code == 2
