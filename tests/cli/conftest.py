"""A small finished study, and ways to run the command line on it: in this process, in another, on a terminal."""

import gc
import json
import os
import pty
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest

from paceline import ASHA, Budget, Categorical, Float, Study
from paceline.cli.app import run_command
from paceline.cli.script import MODULE_NAME

PATIENCE_S = 120


@dataclass(frozen=True)
class Result:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def rows(self):
        """The lines of plain output, cut at tabs."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def facts(self):
        return {row[0]: row[1] for row in self.rows if len(row) == 2}


def train(trial):
    for step in trial.steps():
        if trial.config["x"] > 0.95:
            raise RuntimeError("x is too large")
        accuracy = 1 - (trial.config["x"] - 0.3) ** 2 - 0.1 / (step + 1)
        trial.report(accuracy=accuracy, save=lambda folder: (folder / "state").write_text("0" * 500))


SPACE = {"x": Float(0.0, 1.0), "kind": Categorical(["plain", "[red]\ttab"])}


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished study `digits` in `study.db`, with 14 trials of which some failed."""
    folder = tmp_path_factory.mktemp("finished")
    points = [{"x": 0.99, "kind": "plain"}]
    study = Study(
        "digits",
        SPACE,
        ASHA(max_resource=9),
        maximize="accuracy",
        storage=folder / "study.db",
        unit="epoch",
        seed=5,
        points=points,
    )
    with study:
        study.run(train, executor="inline", budget=Budget(trials=14), progress=False)
    return folder


@pytest.fixture
def digits(finished, tmp_path, monkeypatch):
    """A copy of it in the working folder, where PACELINE_STORAGE points."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACELINE_STORAGE", "study.db")
    with Study.load("digits", "study.db") as study:
        yield study


@pytest.fixture
def paceline(capsys, monkeypatch, tmp_path):
    """Run a command line in this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def run(*arguments):
        capsys.readouterr()
        code = run_command([str(argument) for argument in arguments])
        sys.modules.pop(MODULE_NAME, None)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    yield run
    gc.collect()  # what was left open is told here, not in some later test


class Running:
    """A command line in a process of its own, as a shell would start it."""

    def __init__(self, arguments, folder):
        command = [sys.executable, "-W", "error", "-m", "paceline.cli", *map(str, arguments)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder)

    @property
    def pid(self):
        return self.process.pid

    def finish(self):
        """Wait for its end; all that it has said."""
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return Result(self.process.returncode, out, err)

    def wait_until(self, holds):
        """Wait for a fact; fail if it does not come, or if this process has ended without it."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            if self.process.poll() is not None:
                pytest.fail(f"it ended: {self.process.communicate()}")
            if time.monotonic() > deadline:
                pytest.fail("it did not happen")
            time.sleep(0.01)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@pytest.fixture
def start(tmp_path):
    """Start a command line and go on."""
    started = []

    def run(*arguments):
        started.append(Running(arguments, tmp_path))
        return started[-1]

    yield run
    for running in started:
        running.kill()


@pytest.fixture
def terminal(tmp_path):
    """Run a command line on a terminal; its exit code and all that appeared there."""

    def run(*arguments, **environment):
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "paceline.cli", *map(str, arguments)]
        environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environment}
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=tmp_path,
            env=environment,
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        try:
            while chunk := _read(ours):
                shown += chunk
        finally:
            os.close(ours)
        return Result(process.wait(PATIENCE_S), shown.decode(), "")

    return run


def _read(terminal):
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # the other end is closed
        return b""
