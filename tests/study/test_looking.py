"""What a study can be asked: explanations, replay, tables, loading, forecasts."""

import json

import pytest

from paceline import (
    ASHA,
    Budget,
    Float,
    Hyperband,
    RandomSearch,
    SettingError,
    Study,
    StudyMismatchError,
    forecast,
)
from paceline.events import Trial, TrialCreated
from paceline.export import rows, write_csv, write_json_lines

SPACE = {"x": Float(0.0, 1.0)}


@pytest.fixture
def study(tmp_path):
    with Study(
        "s", SPACE, ASHA(max_resource=9), storage=f"sqlite:///{tmp_path}/study.db", unit="epoch"
    ) as study:
        study.run(constant, budget=Budget(trials=20), executor="inline", progress=False)
        yield study


def constant(trial):
    for _ in trial.steps():
        trial.report(loss=trial.config["x"], other=1.0)


def test_explain_tells_rank_and_cut_off_of_each_promotion(study):
    best = study.incumbent.trial
    start, *promotions = study.explain(best)
    assert start.decision == "start, train to 1"
    assert [reason.because.resource for reason in promotions] == [1, 3]
    for reason in promotions:
        because = reason.because
        assert because.rank <= because.n_permitted == because.n_results // 3
        assert study.trials[best].value <= because.cutoff
        assert (best, study.trials[best].value) in because.peers
        assert f"rank {because.rank} of {because.n_results}" in because.text


def test_standing_tells_what_a_trial_waits_for(study):
    assert "fully trained" in study.standing(study.incumbent.trial).text
    worst = max(study.trials, key=lambda trial: trial.value)
    assert "paused until the rung has grown" in study.standing(worst.id).text


@pytest.mark.parametrize("trial", [20, -1, True, "0", None])
def test_an_unknown_trial_is_refused(study, trial):
    with pytest.raises(SettingError, match="from 0 to 19"):
        study.explain(trial)


def test_replay_derives_every_decision_again(study):
    report = study.replay()
    assert report.is_equal
    assert report.n_decisions == study.spent.jobs
    assert report.n_events == len(list(study.entries()))


def test_replay_reports_the_first_difference(tmp_path, study):
    entries = list(study.entries())
    seq, (at, event) = next(
        (i, entry) for i, entry in enumerate(entries) if isinstance(entry[1], TrialCreated)
    )
    entries[seq] = (at, TrialCreated(Trial(event.trial.id, {"x": 0.123}, event.trial.bracket)))
    url = f"sqlite:///{tmp_path}/forged.db"
    with Study("forged", SPACE, ASHA(max_resource=9), storage=url, unit="epoch") as forged:
        forged.storage.journal("forged").append(entries)
    with Study.load("forged", url) as forged:
        report = forged.replay()
        assert report.seq == seq
        assert report.recorded[0].trial.config == {"x": 0.123}
        assert report.derived[0].trial.config == event.trial.config


def test_tables_have_a_row_for_each_trial_and_report(study, tmp_path):
    frame = study.to_dataframe()
    assert len(frame) == 20
    assert list(frame["config.x"]) == [trial.config["x"] for trial in study.trials]
    reports = study.to_dataframe("reports")
    assert len(reports) == len(list(study.reports()))
    assert set(reports.columns) >= {"trial", "resource", "metric.loss", "metric.other"}
    with (tmp_path / "t.csv").open("w", newline="") as file:
        write_csv(rows(study, "trials"), file)
    assert (tmp_path / "t.csv").read_text().startswith("id,status,resource")
    with (tmp_path / "t.jsonl").open("w") as file:
        write_json_lines(rows(study, "reports"), file)
    assert [json.loads(line)["resource"] for line in (tmp_path / "t.jsonl").read_text().splitlines()] == [
        report.resource for report in study.reports()
    ]


def test_a_study_can_be_loaded_from_its_journal_alone(study, tmp_path):
    with Study.load("s", f"sqlite:///{tmp_path}/study.db") as loaded:
        assert loaded.space == study.space
        assert loaded.settings == study.settings
        assert loaded.trials == study.trials
        assert loaded.unit == "epoch"
        loaded.run(constant, budget=Budget(trials=25), executor="inline", progress=False)
        assert len(loaded.trials) == 25


def test_loading_takes_the_latest_settings(study, tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    with Study("s", SPACE, ASHA(max_resource=27), storage=url, unit="epoch") as raised:
        raised.run(constant, executor="inline", progress=False)
    with Study.load("s", url) as loaded:
        assert loaded.settings == ASHA(max_resource=27)
    with pytest.raises(StudyMismatchError, match="max_resource was 27, not 9"):
        Study("s", SPACE, ASHA(max_resource=9), storage=url, unit="epoch")


def test_every_difference_to_the_recorded_study_is_named(study, tmp_path):
    with pytest.raises(StudyMismatchError) as caught:
        Study(
            "s", {"y": Float(0, 1)}, Hyperband(max_resource=9), maximize="accuracy", seed=5, retries=0,
            storage=f"sqlite:///{tmp_path}/study.db",
        )  # fmt: skip
    for phrase in ("'x' is gone", "'y' is new", "ASHA", "minimizes 'loss'", "seed was 0", "retries was 2"):
        assert phrase in str(caught.value)


def test_refresh_takes_in_what_another_process_wrote(study, tmp_path):
    with Study.load("s", f"sqlite:///{tmp_path}/study.db") as reader:
        study.run(constant, budget=Budget(trials=22), executor="inline", progress=False)
        assert len(reader.trials) == 20
        reader.refresh()
        assert len(reader.trials) == 22


def test_a_forecast_counts_what_a_run_then_does(tmp_path):
    expected = forecast(Hyperband(max_resource=27), SPACE, workers=1, seconds_per_unit=60.0)
    with Study("h", SPACE, Hyperband(max_resource=27), storage="memory:") as study:
        study.run(constant, executor="inline", progress=False)
        held = [rung for bracket in study.rungs() for rung in bracket.rungs]
        assert dict(expected.rungs) == {
            resource: sum(rung.n_results for rung in held if rung.resource == resource)
            for resource in (1, 3, 9, 27)
        }
        assert (expected.trials, expected.jobs) == (study.spent.trials, study.spent.jobs)
    assert expected.wall_s == 60.0 * expected.resource  # one worker, never idle
    assert expected.first_full_s <= expected.wall_s
    assert "configs" in expected.line()


def test_a_forecast_knows_when_it_cannot_know():
    assert forecast(RandomSearch(), SPACE, budget=Budget(minutes=5)) is None
    assert forecast(RandomSearch(), SPACE, budget=Budget(minutes=5), seconds_per_unit=30.0).trials == 10
