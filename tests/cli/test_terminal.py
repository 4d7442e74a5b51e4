"""What appears on a terminal: tables, colours unless they are not wanted, questions, a display that gives it back."""

import os
import pty
import re
import subprocess
import sys

from paceline import Study

STYLES = re.compile(r"\x1b\[([0-9;]*)m")
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-7]|4[0-7]|9[0-7]|38;|48;)[0-9;]*m")
BOX = "─"


def words(result):
    """What can be read, without codes and layout."""
    return " ".join(CODES.sub("", result.out).split())


def test_tables_on_a_terminal(terminal, digits):
    result = terminal("trials", "--limit", 3)
    assert result.code == 0
    assert BOX in result.out
    assert STYLES.search(result.out)
    assert "trial status resource value" in words(result)


def test_a_config_is_no_markup(terminal, digits):
    assert "[red]" in words(terminal("trials"))


def test_no_boxes_in_a_pipe(start, digits):
    result = start("trials").finish()
    assert BOX not in result.out
    assert "\x1b" not in result.out
    assert result.rows[0][:2] == ["trial", "status"]


def test_json_is_the_same_on_a_terminal(terminal, start, digits):
    result = terminal("status", "--json")
    assert result.out.replace("\r\n", "\n") == start("status", "--json").finish().out


def test_no_color_is_honoured(terminal, tmp_path):
    (tmp_path / "tune.py").write_text(SCRIPT)
    coloured = terminal("run", "tune.py")
    assert COLOURS.search(coloured.out)
    (tmp_path / "tune.db").unlink()
    plain = terminal("run", "tune.py", NO_COLOR="1")
    assert not COLOURS.search(plain.out)
    assert "closed: the budget of 4 trials is spent" in words(plain)


SCRIPT = """
from paceline import ASHA, Budget, Float, Study

def train(trial):
    for step in trial.steps():
        if trial.id == 1:
            raise ValueError("too [red]red[/red]")
        trial.report(loss=trial.config["x"] / (step + 1))

study = Study("shown", {"x": Float(0, 1)}, ASHA(max_resource=3), storage="tune.db", unit="epoch", retries=0)
budget = Budget(trials=4)
"""


def test_a_run_is_shown_live_and_the_cursor_comes_back(terminal, tmp_path):
    (tmp_path / "tune.py").write_text(SCRIPT)
    result = terminal("run", "tune.py")
    assert result.code == 0
    hidden, shown = result.out.rfind("\x1b[?25l"), result.out.rfind("\x1b[?25h")
    assert 0 <= hidden < shown
    display = words(result)
    assert "shown: minimize loss, 1 worker" in display
    assert "4 of 4 trials, 0 left" in display
    assert "trial 1 failed at 0 epochs (for good): ValueError: too [red]red[/red]" in display


def test_watching_ends_when_the_study_is_closed(terminal, digits):
    result = terminal("status", "--watch")
    assert result.code == 0
    assert "closed: the budget of 14 trials is spent" in words(result)
    assert result.out.rfind("\x1b[?25l") < result.out.rfind("\x1b[?25h")


def test_delete_asks(tmp_path, digits):
    for reply, is_left in (("n\n", True), ("y\n", False)):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "paceline.cli", "delete", "digits"]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path)
        os.close(theirs)
        asked = b""
        while b"[y/N]" not in asked:
            asked += os.read(ours, 1024)
        assert b"digits" in asked
        os.write(ours, reply.encode())
        assert process.wait(60) == (130 if is_left else 0)
        os.close(ours)
        with Study.load("digits", "study.db") if is_left else _nothing() as study:
            assert (study is not None) is is_left


def _nothing():
    from contextlib import nullcontext

    from paceline.journal import open_storage

    storage = open_storage("study.db")
    assert storage.studies() == []
    storage.close()
    return nullcontext()
