"""Wrong command lines and errors: exit codes, and messages that say what came, what was expected, what to do."""

import json

import pytest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["statsu"], ["statsu"]),
        (["status", "--wtach"], ["--wtach"]),
        (["status", "a", "b"], ["b"]),
        (["status", "--watch", "--json"], ["--watch", "--json"]),
        (["trials", "--limit", "0"], ["--limit", "got 0", "at least 1"]),
        (["trials", "--limit", "few"], ["--limit", "few"]),
        (["trials", "--sort", "color"], ["--sort", "color", "value"]),
        (["trials", "--status", "happy"], ["--status", "happy", "paused"]),
        (["best", "--at", "top"], ["--at", "top", "max_resource"]),
        (["explain"], ["TRIAL"]),
        (["explain", "digits", "first"], ["'first'", "whole number"]),
        (["explain", "a", "b", "c"], ["a b c"]),
        (["delete"], ["STUDY"]),
        (["run"], ["FILE.py"]),
        (["run", "nope.py"], ["nope.py", "no such file"]),
        (["run", "nope"], ["'nope'", "module:function"]),
        (["run", "module:function"], ["--config"]),
        (["run", "module:function", "--config", "none.toml", "--train", "f"], ["--train"]),
        (["run", "a.py", "--config", "s.toml"], ["--config", "MODULE:FUNCTION"]),
        (["run", "a.py", "--storage", "s.db"], ["--storage", "MODULE:FUNCTION"]),
        (["run", "a.py", "--workers", "0"], ["--workers", "got 0", "at least 1"]),
        (["run", "a.py", "--workers", "two"], ["--workers", "two"]),
        (["run", "a.py", "--trials", "-3"], ["--trials", "got -3"]),
        (["run", "a.py", "--resource", "0"], ["--resource", "got 0"]),
        (["run", "a.py", "--minutes", "0"], ["--minutes", "got 0", "above 0"]),
        (["run", "a.py", "--minutes", "inf"], ["--minutes", "got inf"]),
        (["run", "a.py", "--target", "nan"], ["--target", "got nan", "finite"]),
        (["run", "a.py", "--budget", "nonsense"], ["--budget", "--trials, --resource, --minutes, --target"]),
        (["run", "a.py", "--executor", "dask"], ["--executor", "dask", "processes"]),
        (["run", "a.py", "--checkpoint-every", "0"], ["--checkpoint-every", "got 0"]),
        (["run", "a.py", "--patience", "-1"], ["--patience", "got -1"]),
        (["run", "a.py", "--gpus", ","], ["--gpus", "got ,", "0,1"]),
        (["run", "a.py", "--gpus-per-worker", "0"], ["--gpus-per-worker", "got 0"]),
        (["run", "a.py", "--threads-per-worker", "0"], ["--threads-per-worker", "got 0"]),
        (["plan"], ["--scheduler", "asha"]),
        (["plan", "--scheduler", "magic"], ["magic", "hyperband"]),
        (["plan", "--scheduler", "asha"], ["--max-resource"]),
        (
            ["plan", "--scheduler", "full-resource", "--max-resource", "9", "--min-resource", "1"],
            ["--min-resource"],
        ),
        (["plan", "s.toml", "--scheduler", "asha"], ["--scheduler", "s.toml"]),
        (["plan", "s.toml"], ["s.toml", "no such file"]),
        (["plan", "s.toml", "--study-object", "s"], ["--study-object"]),
        (["plan", "--scheduler", "asha", "--max-resource", "9", "--seconds-per-unit", "0"], ["got 0"]),
        (["--import", "no_such_module", "list"], ["no_such_module"]),
    ],
)
def test_a_wrong_command_line_exits_with_2(paceline, arguments, words):
    result = paceline(*arguments)
    assert result.code == 2, result
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in [*words, "--help"]:
        assert word in result.err
    told = json.loads(paceline(*arguments, "--json").err)["error"]
    assert told["type"] == "UsageError"
    assert told["message"]


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        ("none.db", ["none.db", "holds no study", "--storage"]),
        ("study.txt", ["study.txt", "database URL"]),
        ("oracle9://x", ["oracle9", "database URL"]),
        ("nowhere/study.db", ["nowhere", "does not exist"]),
        ("text.db", ["text.db", "not a database"]),
    ],
)
@pytest.mark.parametrize(
    "command", [["status"], ["best"], ["trials"], ["explain", "0"], ["replay"], ["export"]]
)
def test_an_error_exits_with_1_and_its_message(paceline, tmp_path, command, storage, words):
    (tmp_path / "text.db").write_text("This is no database, and long enough to be seen as none. " * 10)
    result = paceline(*command, "--storage", storage)
    assert result.code == 1
    assert result.out == ""
    assert "Traceback" not in result.err
    for word in words:
        assert word in result.err
    told = paceline(*command, "--storage", storage, "--json")
    assert told.out == ""
    assert json.loads(told.err)["error"]["type"].endswith("Error")


def test_a_bug_is_not_hidden(paceline, digits, monkeypatch):
    from paceline.cli.commands import best

    monkeypatch.setattr(best, "answer", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        paceline("best")


def test_ctrl_c_exits_with_130(paceline, digits, monkeypatch):
    from paceline.cli.commands import best

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(best, "answer", interrupt)
    assert (paceline("best").code, paceline("best").err) == (130, "paceline: interrupted\n")


def test_a_reader_who_has_gone_is_no_error(start, digits):
    process = start("trials", "--json").process
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


def test_a_scheduler_of_one_s_own_is_imported_by_name(paceline, tmp_path):
    (tmp_path / "my_schedulers.py").write_text(
        "from paceline import FullResource\n"
        "class Mine(FullResource, frozen=True, kw_only=True, tag=True):\n"
        "    'A scheduler of my own.'\n"
    )
    (tmp_path / "tune.py").write_text(
        "from my_schedulers import Mine\n"
        "from paceline import Float, Study\n"
        "study = Study('own', {'x': Float(0, 1)}, Mine(), storage='own.db')\n"
        "def train(trial):\n"
        "    return trial.config['x']\n"
    )
    import subprocess
    import sys

    def run(*arguments):
        command = [sys.executable, "-m", "paceline.cli", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("run", "tune.py", "--trials", "2", "--quiet", "--executor", "inline").returncode == 0
    assert "import its module" in run("status", "--storage", "own.db").stderr
    assert run("--import", "my_schedulers", "status", "--storage", "own.db").returncode == 0
    assert run("list", "--storage", "own.db").returncode == 0
    assert run("delete", "own", "--storage", "own.db", "--yes").returncode == 0
