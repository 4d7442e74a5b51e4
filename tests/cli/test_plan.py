"""`paceline plan`: the forecast, from flags and from files."""

import pytest

from paceline import ASHA, Budget, Float, Hyperband, Study, forecast

SPACE = {"x": Float(0, 1)}


@pytest.mark.parametrize("name", ["asha", "hyperband", "successive-halving", "full-resource"])
def test_every_scheduler_has_a_plan(paceline, name):
    plan = paceline("plan", "--scheduler", name, "--max-resource", 27, "--trials", 40, "--json").json
    assert 0 < plan["trials"] <= 40
    assert plan["rungs"][-1]["resource"] == 27
    assert sum(rung["trials"] for rung in plan["rungs"]) == plan["jobs"]
    assert plan["wall_s"] is None


def test_a_plan_is_the_forecast(paceline, tmp_path):
    flags = [
        "--scheduler",
        "asha",
        "--max-resource",
        81,
        "--workers",
        4,
        "--trials",
        100,
        "--seconds-per-unit",
        3,
    ]
    plan = paceline("plan", *flags, "--json").json
    expected = forecast(
        ASHA(max_resource=81), SPACE, workers=4, budget=Budget(trials=100), seconds_per_unit=3
    )
    assert [(rung["resource"], rung["trials"]) for rung in plan["rungs"]] == list(expected.rungs)
    assert plan["wall_s"] == expected.wall_s
    assert plan["first_full_s"] == expected.first_full_s
    result = paceline("plan", *flags)
    assert ["1", "100"] in result.rows
    assert result.facts["trials"] == "100"
    assert not list(tmp_path.iterdir())


def test_time_alone_needs_to_know_how_long_a_unit_is(paceline):
    flags = ["plan", "--scheduler", "asha", "--max-resource", 9]
    for more in ([], ["--minutes", 1]):
        result = paceline(*flags, *more)
        assert result.code == 1
        assert "--seconds-per-unit" in result.err
    plan = paceline(*flags, "--minutes", 1, "--seconds-per-unit", 2, "--json").json
    assert plan["resource"] == 30


def test_a_plan_from_a_script(paceline, tmp_path):
    (tmp_path / "tune.py").write_text(
        "from paceline import Budget, Float, Hyperband, Study\n"
        "study = Study('hb', {'x': Float(0, 1)}, Hyperband(max_resource=27), storage='hb.db', unit='epoch')\n"
        "workers = 3\n"
        "budget = Budget(trials=20)\n"
    )
    plan = paceline("plan", "tune.py", "--json").json
    expected = forecast(Hyperband(max_resource=27), SPACE, workers=3, budget=Budget(trials=20), unit="epoch")
    assert (plan["trials"], plan["wall_units"], plan["unit"]) == (20, expected.wall_units, "epoch")
    assert paceline("plan", "tune.py", "--trials", 9, "--json").json["trials"] == 9
    assert not (tmp_path / "hb.db").exists()


def test_a_study_that_has_run_knows_how_long_a_unit_takes(paceline, tmp_path):
    with Study("digits", SPACE, ASHA(max_resource=9), storage="study.db") as study:
        study.set_budget(Budget(trials=5))
        job = study.ask()
        study.tell(job, loss=1.0, seconds=8.0 * job.target)
    (tmp_path / "tune.py").write_text(
        "from paceline import ASHA, Float, Study\n"
        "study = Study('digits', {'x': Float(0, 1)}, ASHA(max_resource=9), storage='study.db')\n"
    )
    plan = paceline("plan", "tune.py", "--json").json
    assert (plan["seconds_per_unit"], plan["trials"]) == (8.0, 5)
    assert plan["wall_s"] == 8.0 * plan["wall_units"]
