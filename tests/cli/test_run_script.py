"""`paceline run tune.py` in a process of its own: real workers, Ctrl-C, and looking at it from another process."""

import json
import signal

import pytest

from paceline import Budget, Study
from paceline.errors import StorageError
from paceline.events import Reported

SCRIPT = """
import time
from dataclasses import dataclass
from pathlib import Path

import helper
from paceline import ASHA, Budget, Float, Study


@dataclass
class State:
    x: "float"
    step: int = 0


def accuracy(state):
    return helper.BEST - (state.x - 0.3) ** 2 - 0.1 / (state.step + 1)


def train(trial):
    state = State(trial.config["x"])
    if trial.checkpoint:
        state.step = int((trial.checkpoint / "step").read_text())
    for state.step in trial.steps():
        while (folder / "wait").exists():
            time.sleep(0.01)
        trial.report(accuracy=accuracy(state), save=lambda place: (place / "step").write_text(str(state.step + 1)))


folder = Path(__file__).parent
study = Study(
    "tuned", {"x": Float(0, 1)}, ASHA(max_resource=9), maximize="accuracy", storage=folder / "tuned.db", unit="epoch"
)
budget = Budget(trials=8)
workers = 2

if __name__ == "__main__":
    raise SystemExit("it is not run as a script")
"""


@pytest.fixture
def script(tmp_path):
    """A file beside a module that it imports; while a file `wait` exists, training waits."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "helper.py").write_text("BEST = 1.0\n")
    (folder / "tune.py").write_text(SCRIPT)
    return folder / "tune.py"


def test_a_file_is_run_with_its_own_defaults(start, script):
    result = start("run", script).finish()
    assert result.code == 0, result.err
    assert result.facts["status"] == "closed: the budget of 8 trials is spent"
    assert "tuned: " in result.err  # progress
    with Study.load("tuned", script.parent / "tuned.db") as study:
        assert len(study.trials) == 8
        assert {view.status for view in study.trials} <= {"paused", "done"}
        assert study.ledger.run.slots == 2
        assert study.replay().is_equal
    again = start("run", script, "--json", "--trials", 12, "--workers", 1).finish()
    assert again.code == 0
    assert again.err == ""
    assert again.json["spent"]["trials"] == 12


def test_ctrl_c_lands_and_the_next_run_goes_on(start, script):
    (script.parent / "wait").touch()
    process = start("run", script)
    process.wait_until(lambda: _n_running(script) == 2)
    process.process.send_signal(signal.SIGINT)
    (script.parent / "wait").unlink()
    landed = process.finish()
    assert landed.code == 130
    assert "Landing" in landed.err
    assert landed.facts["status"] == "open"
    with Study.load("tuned", script.parent / "tuned.db") as study:
        ledger = study.ledger
    assert (ledger.closed, ledger.running, len(ledger.trials)) == (None, {}, 2)
    done = start("run", script).finish()
    assert done.code == 0, done.err
    with Study.load("tuned", script.parent / "tuned.db") as study:
        assert study.ledger.closed == "the budget of 8 trials is spent"
        reports = [
            (event.trial, event.resource) for _, event in study.entries() if isinstance(event, Reported)
        ]
        assert len(reports) == len(set(reports))  # what had landed was not trained again


def test_ctrl_c_twice_stops_at_once(start, script):
    (script.parent / "wait").touch()
    process = start("run", script)
    process.wait_until(lambda: _n_running(script) == 2)
    process.process.send_signal(signal.SIGINT)
    while "Landing" not in process.process.stderr.readline():
        assert process.process.poll() is None
    process.process.send_signal(signal.SIGINT)
    result = process.finish()
    assert result.code == 130
    assert "Traceback" not in result.err


def test_a_running_study_is_seen_from_another_process(start, paceline, script):
    (script.parent / "wait").touch()
    storage = script.parent / "tuned.db"
    process = start("run", script, "--quiet")
    process.wait_until(lambda: _n_running(script) == 2)
    status = paceline("status", "--storage", storage, "--json").json
    assert status["status"] == "open"
    assert status["holder"].endswith(f"process {process.pid}")
    assert [(job["trial"], job["resource"], job["target"]) for job in status["running"]] == [
        (0, 0, 1),
        (1, 0, 1),
    ]
    assert status["rungs"][0]["running"] == 2
    assert status["trials"] == {"running": 2}
    [row] = paceline("list", "--storage", storage, "--json").json["studies"]
    assert row["driven_by"] == status["holder"]
    second = start("run", script, "--quiet", "--json").finish()
    assert second.code == 1
    assert json.loads(second.err)["error"]["type"] == "JournalConflict"
    assert str(process.pid) in json.loads(second.err)["error"]["message"]
    watch = start("status", "--storage", storage, "--watch")
    first = watch.process.stdout.readline()
    assert first.startswith("study\ttuned")
    (script.parent / "wait").unlink()
    assert process.finish().code == 0
    shown = watch.finish()
    assert shown.code == 0
    assert "status\tclosed: the budget of 8 trials is spent" in shown.out
    assert paceline("status", "--storage", storage, "--json").json["holder"] is None


def test_a_study_whose_driver_was_killed_is_nobody_s(start, paceline, script):
    (script.parent / "wait").touch()
    storage = script.parent / "tuned.db"
    process = start("run", script, "--quiet")
    process.wait_until(lambda: _n_running(script) == 2)
    process.kill()
    status = paceline("status", "--storage", storage, "--json").json
    assert (status["status"], status["holder"], len(status["running"])) == ("open", None, 2)
    assert "Jobs whose driver has ended" in paceline("status", "--storage", storage).out
    (script.parent / "wait").unlink()
    assert start("run", script, "--quiet").finish().code == 0


def test_training_that_always_fails_is_an_error_with_its_cause(start, tmp_path):
    (tmp_path / "tune.py").write_text(
        "from paceline import ASHA, Float, Study\n"
        "study = Study('bad', {'x': Float(0, 1)}, ASHA(max_resource=9), storage='bad.db', retries=0)\n"
        "def train(trial):\n"
        "    raise ValueError('no such file: data.csv')\n"
    )
    result = start("run", "tune.py", "--trials", 20, "--executor", "inline").finish()
    assert result.code == 1
    assert "failed for each of the first" in result.err
    assert "ValueError: no such file: data.csv" in result.err
    assert "(for good): ValueError" in result.err  # in the progress


def _n_running(script):
    storage = script.parent / "tuned.db"
    try:
        with Study.load("tuned", storage) as study:
            return len(study.ledger.running)
    except StorageError:  # it has not begun
        return 0


# What a file may hold ------------------------------------------------------------------------------------------

HEAD = "from paceline import ASHA, Budget, Float, Study\n"
ONE = "study = Study('one', {'x': Float(0, 1)}, ASHA(max_resource=3), storage='one.db')\n"
TWO = "second = Study('two', {'x': Float(0, 1)}, ASHA(max_resource=3), storage='one.db')\n"
TRAIN = "def train(trial):\n    return trial.config['x']\n"


@pytest.mark.parametrize(
    ("text", "flags", "words"),
    [
        (HEAD + TRAIN, [], ["expected one Study", "Found: none", "study = Study(...)"]),
        (HEAD + ONE + TWO + TRAIN, [], ["study (study 'one'), second (study 'two')", "--study-object"]),
        (HEAD + ONE + TRAIN, ["--study-object", "third"], ["'third'", "study (study 'one')"]),
        (HEAD + ONE + "def fit(trial):\n    pass\n", [], ["'train'", "Found: fit", "--train NAME"]),
        (HEAD + ONE + "train = 3\n", [], ["'train'", "Found: none"]),
        (HEAD + ONE + TRAIN, ["--train", "fit"], ["'fit'", "Found: train"]),
        (HEAD + ONE + TRAIN + "workers = 'two'\n", [], ["workers='two'", "a whole number"]),
        (HEAD + ONE + TRAIN + "budget = 10\n", [], ["budget=10", "a Budget"]),
        (HEAD + "import no_such_module\n", [], ["tune.py", "line 2", "No module named 'no_such_module'"]),
        (HEAD + "raise SystemExit(3)\n", [], ["tune.py", "SystemExit"]),
        ("def f(:\n", [], ["tune.py", "SyntaxError"]),
        (HEAD + "ASHA(max_resource=-1)\n", [], ["max_resource=-1", "at least 1"]),
        (HEAD + ONE + "async def train(trial):\n    pass\n", ["--trials", "3"], ["asynchronous"]),
        (HEAD + ONE + TRAIN, [], ["budget", "a limit"]),
        (
            HEAD + ONE + TRAIN,
            ["--trials", "3", "--executor", "inline", "--workers", "2"],
            ["workers=2", "inline"],
        ),
    ],
)
def test_a_file_that_cannot_be_run_says_why(paceline, tmp_path, text, flags, words):
    (tmp_path / "tune.py").write_text(text)
    result = paceline("run", "tune.py", *flags)
    assert result.code == 1, result
    assert result.out == ""
    for word in words:
        assert word in result.err
    assert "paceline/cli" not in result.err  # a traceback begins in the user's file
    assert not (tmp_path / "one.db").exists()


def test_the_study_and_the_function_can_be_chosen(paceline, tmp_path):
    (tmp_path / "tune.py").write_text(HEAD + ONE + TWO + TRAIN.replace("train", "fit"))
    flags = ["--study-object", "second", "--train", "fit", "--trials", "3", "--executor", "inline"]
    assert paceline("run", "tune.py", *flags, "--json").json["study"] == "two"


def test_the_same_study_under_two_names_is_one(paceline, tmp_path):
    (tmp_path / "tune.py").write_text(HEAD + ONE + "also = study\n" + TRAIN)
    assert paceline("run", "tune.py", "--trials", "3", "--executor", "inline", "--quiet").code == 0


def test_flags_reach_the_run(paceline, tmp_path, monkeypatch):
    (tmp_path / "tune.py").write_text(
        HEAD + ONE + TRAIN + "workers = 3\nbudget = Budget(trials=5, minutes=9)\n"
    )
    seen = {}
    monkeypatch.setattr(Study, "run", lambda self, train, **settings: seen.update(settings))
    flags = {
        "--workers": "2",
        "--resource": "50",
        "--minutes": "1.5",
        "--target": "0.25",
        "--executor": "processes",
        "--checkpoint-every": "4",
        "--patience": "30",
        "--gpus": "0,GPU-7",
        "--gpus-per-worker": "1",
        "--threads-per-worker": "2",
    }
    paceline("run", "tune.py", *(word for pair in flags.items() for word in pair))
    assert seen == {
        "workers": 2,
        "budget": Budget(trials=5, resource=50, minutes=1.5, target=0.25),
        "executor": "processes",
        "checkpoint_every": 4,
        "patience_s": 30.0,
        "gpus": [0, "GPU-7"],
        "gpus_per_worker": 1,
        "threads_per_worker": 2,
        "progress": True,
    }
