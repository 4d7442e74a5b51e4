"""The page of a study: what stands on it, for studies of all kinds, and that a browser draws it."""

import json
import math
import os
import re

import pytest

from paceline import ASHA, PBT, Budget, Categorical, Float, Study
from paceline.cli.app import run_command
from paceline.errors import TrainingFunctionError
from paceline.report import report
from paceline.series.curves import curves_of
from paceline.series.ladder import ladders
from paceline.series.record import record_of
from paceline.testing.browser import Browser, chromium

READY = """new Promise((done) => {
  const look = () => document.documentElement.dataset.ready || document.documentElement.dataset.error
    ? done({...document.documentElement.dataset}) : setTimeout(look, 10);
  look();
})"""

SPACE = {
    "lr": Float(1e-5, 1e-1, log=True),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.9, when={"optimizer": "sgd"}),
}


def train(trial):
    loss = abs(math.log10(trial.config["lr"]) + 3)
    for step in trial.steps():
        trial.report(loss=math.nan if trial.config["lr"] > 0.05 else loss + 1 / (step + 1))


def crash(trial):
    raise RuntimeError("</script><b>no such file")


def made(tmp_path, train_, scheduler=None, *, name="digits", trials=40, space=SPACE):
    study = Study(
        name, space, scheduler or ASHA(max_resource=9), storage=tmp_path / "s.db", seed=0, unit="epoch"
    )
    if trials:
        study.run(train_, executor="inline", budget=Budget(trials=trials), progress=False)
    return study


def sections(html):
    return re.findall(r'<h2 id="[^"]*">([^<]*)</h2>', html)


def test_a_study_has_all_its_sections_and_equal_pages(tmp_path):
    study = made(tmp_path, train)
    html = report(study)
    assert sections(html) == [
        "Summary", "Incumbent", "Learning curves", "Rungs", "Parallel coordinates", "Slices", "Importance", "Best trials",
        "Failures",
    ]  # fmt: skip
    best = study.incumbent
    assert f"trial {best.trial}: loss" in html
    assert html == report(study)


def test_it_asks_nobody_for_anything(tmp_path):
    html = report(made(tmp_path, train))
    without_library = re.sub(r'<script type="text/plain"[^>]*>.*?</script>', "", html, flags=re.DOTALL)
    assert not re.search(r'(src|href)="(?!#)', without_library)
    assert "default-src 'none'" in html


def test_what_is_drawn_is_what_was_recorded(tmp_path):
    study = made(tmp_path, train)
    record = record_of(study)
    assert record.spent == study.spent.resource
    (ladder,) = ladders(study)
    assert [rung.resource for rung in ladder.rungs] == [1, 3, 9]
    assert ladder.rungs[0].results == 40
    assert ladder.rungs[-1].best == pytest.approx(study.incumbent.value)
    assert curves_of(study, record).lines


def test_a_study_without_trials_says_so(tmp_path):
    study = made(tmp_path, train, trials=0)
    html = report(study)
    assert sections(html) == ["Summary"]
    assert "There is nothing yet" in html


def test_failures_are_told_and_names_are_text(tmp_path):
    study = made(tmp_path, crash, trials=0, space={"<b>lr</b>": Float(0.0, 1.0)})
    with pytest.raises(TrainingFunctionError):
        study.run(crash, executor="inline", budget=Budget(trials=2), progress=False)
    html = report(study)
    assert "No trial has reported a finite value yet" in html
    assert "no such file" in html
    assert "<b>" not in html


def test_a_population_has_its_lineage_and_schedules(tmp_path):
    def member(trial):
        start = 0.0 if trial.checkpoint is None else float((trial.checkpoint / "w").read_text())
        for _ in trial.steps():
            start += trial.config["lr"]
            trial.report(loss=-start, save=lambda folder, w=start: (folder / "w").write_text(str(w)))

    study = made(
        tmp_path, member, PBT(max_resource=6, interval=1, population_size=6), space={"lr": Float(1e-3, 1.0, log=True)},
        trials=20,
    )  # fmt: skip
    assert any(view.origin is not None for view in study.trials)
    assert {"Lineage", "Schedules"} <= set(sections(report(study)))


def test_the_command_writes_the_page_and_overwrites_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    made(tmp_path, train).close()
    line = ["report", "digits", "--storage", "s.db", "--json"]
    assert run_command(line) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"file": "digits.html", "bytes": (tmp_path / "digits.html").stat().st_size}
    assert run_command(line) == 2
    assert "--force" in capsys.readouterr().err
    assert run_command([*line, "--force", "-o", "digits.html"]) == 0


def test_a_browser_draws_all_charts(tmp_path):
    if chromium() is None:
        if os.environ.get("PACELINE_NO_SKIPS") == "1":
            pytest.fail("Chromium is not installed, and PACELINE_NO_SKIPS=1")
        pytest.skip("Chromium is not installed (apt-get install chromium)")
    file = tmp_path / "page.html"
    study = made(tmp_path, train)
    file.write_text(report(study), encoding="utf-8")
    with Browser() as browser:
        browser.open(file)
        said = browser.evaluate(READY)
        assert "error" not in said
        assert browser.errors == []
        assert browser.evaluate("document.querySelectorAll('.chart').length") > 6
        assert browser.evaluate("document.querySelectorAll('.chart.broken').length") == 0
        # All points of one colour are one path, and what is said of them is as many texts.
        slices = "[...document.querySelectorAll('.grid .chart')]"
        dots = browser.evaluate(
            f"{slices}.map((chart) => [...chart.querySelectorAll('.shapelayer path')]"
            ".map((path) => path.getAttribute('d').split('M').length - 1).reduce((a, b) => a + b, 0))"
        )
        said = browser.evaluate(
            f"{slices}.map((chart) => chart.calcdata.filter((points) => points[0].trace.mode === 'none')"
            ".map((points) => points.length).reduce((a, b) => a + b, 0))"
        )
        finite = [view for view in study.trials if view.value is not None]
        active = [view for view in finite if "momentum" in view.config]
        assert sorted(dots) == sorted(said) == sorted([len(active), len(finite), len(finite)])
        width = "getComputedStyle(document.querySelector('.grid .shapelayer path')).strokeLinecap"
        assert browser.evaluate(width) == "round", "a line without length is seen by its ends only"
