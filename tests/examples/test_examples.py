"""The examples run as they are, say nothing alarming, and go on where they were."""

import importlib.util
import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from paceline import Study, StudyNotFoundError
from paceline.events import JobEnded, JobIssued, Outcome

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
NEEDS = {"pytorch": "torch", "demo": "sklearn"}
STUDIES = {"ask_tell": ("ask-tell", "ask-tell.db"), "demo": ("digits", "digits.db"),
           "pytorch": ("pytorch-digits", "pytorch-digits.db")}  # fmt: skip
"""Those that are kept: the study's name, and where."""

NO_SKIPS = os.environ.get("PACELINE_NO_SKIPS") == "1"
TIMEOUT_S = 300
ALARMING = re.compile(r"Traceback|LOGGED|Warning\b|[1-9]\d* failed")

LOGGING = 'import logging; logging.basicConfig(format="LOGGED %(levelname)s %(message)s")\n'
"""Run by each interpreter when it starts, those of workers too."""


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request):
    module = NEEDS.get(request.param.stem)
    if module is not None and importlib.util.find_spec(module) is None:
        if NO_SKIPS:
            pytest.fail(f"{module} is not installed, and PACELINE_NO_SKIPS=1")
        pytest.skip(f"{module} is not installed")
    return request.param


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "at-start").mkdir()
    (tmp_path / "at-start" / "sitecustomize.py").write_text(LOGGING)
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(tmp_path / "at-start"), *([before] if before else [])])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}


def run(example, folder, environment):
    """Its standard output."""
    done = subprocess.run(
        [sys.executable, str(example)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    logs = "".join(log.read_text() for log in folder.glob("*-files/*/logs/*.log"))
    said = done.stderr + logs
    assert done.returncode == 0, said
    assert not ALARMING.search(said), said
    return done.stdout


def entries(example, folder):
    name, storage = STUDIES[example.stem]
    with Study.load(name, folder / storage) as study:
        return [event for _, event in study.entries()]


def test_an_example_runs_and_runs_again(example, tmp_path, environment):
    first = run(example, tmp_path, environment)
    assert first.strip()
    before = entries(example, tmp_path) if example.stem in STUDIES else None

    second = run(example, tmp_path, environment)

    if before is not None:  # it was done: nothing is trained a second time
        after = entries(example, tmp_path)
        assert after[: len(before)] == before
        assert not any(isinstance(event, JobIssued) for event in after[len(before) :])
        assert second == first


def test_the_demo_goes_on_after_kill_9(tmp_path, environment):
    demo = next(path for path in EXAMPLES if path.stem == "demo")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, str(demo)], cwd=tmp_path, env=environment, **quiet) as process:
        try:
            wait_for_jobs(demo, tmp_path, 20, process)
        finally:
            process.kill()

    run(demo, tmp_path, environment)

    events = entries(demo, tmp_path)
    targets = {
        event.job.id: (event.job.trial, event.job.target) for event in events if isinstance(event, JobIssued)
    }
    ended = [event for event in events if isinstance(event, JobEnded)]
    completed = Counter(targets[event.job] for event in ended if event.outcome is Outcome.COMPLETED)
    assert {event.error for event in ended if event.outcome is Outcome.LOST} <= {"its driver ended"}
    assert len({trial for trial, _ in completed}) == 60
    assert set(completed.values()) == {1}, "no finished job runs again"


def wait_for_jobs(example, folder, n, process):
    """Until so many jobs are completed."""
    name, storage = STUDIES[example.stem]
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "it was over too soon"
        with suppress(StudyNotFoundError), Study.load(name, folder / storage) as study:
            if study.spent.completed >= n:
                return
        time.sleep(0.05)
    pytest.fail(f"{n} jobs were not completed within {TIMEOUT_S} s")
