"""The examples run as they are, say nothing alarming, and go on where they were."""

import importlib.util
import os
import re
import signal
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
NEEDS = {
    "demo": ["sklearn"],
    "population_gan": ["torch"],
    "population_rl": ["gymnasium", "torch"],
    "population_sequence": ["torch"],
    "pytorch": ["sklearn", "torch"],
}
QUICK = {"population_gan", "population_rl", "population_sequence"}
"""Those that take minutes, and have a small version."""

POPULATION, RANDOM = "population-0-quick", "random-0-quick"
STUDIES = {
    "ask_tell": ("ask-tell.db", ["ask-tell"]),
    "demo": ("digits.db", ["digits"]),
    "population_gan": ("population-gan.db", [POPULATION, RANDOM]),
    "population_rl": ("population-rl.db", [POPULATION, RANDOM]),
    "population_sequence": ("population-sequence.db", [POPULATION, RANDOM]),
    "pytorch": ("pytorch-digits.db", ["pytorch-digits"]),
}
"""Those that are kept: where, and the studies' names."""

NO_SKIPS = os.environ.get("PACELINE_NO_SKIPS") == "1"
TIMEOUT_S = 300
ALARMING = re.compile(r"Traceback|LOGGED|Warning\b|[1-9]\d* failed")

LOGGING = 'import logging; logging.basicConfig(format="LOGGED %(levelname)s %(message)s")\n'
"""Run by each interpreter when it starts, those of workers too."""


def named(stem):
    """The example of this name, if what it needs is installed."""
    for module in NEEDS.get(stem, []):
        if importlib.util.find_spec(module) is None:
            if NO_SKIPS:
                pytest.fail(f"{module} is not installed, and PACELINE_NO_SKIPS=1")
            pytest.skip(f"{module} is not installed")
    return next(path for path in EXAMPLES if path.stem == stem)


@pytest.fixture(params=[path.stem for path in EXAMPLES])
def example(request):
    return named(request.param)


@pytest.fixture
def environment(tmp_path):
    (tmp_path / "at-start").mkdir()
    (tmp_path / "at-start" / "sitecustomize.py").write_text(LOGGING)
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(tmp_path / "at-start"), *([before] if before else [])])
    return {**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error"}


def command(example):
    return [sys.executable, str(example), *(["--quick"] if example.stem in QUICK else [])]


def run(example, folder, environment):
    """Its standard output."""
    done = subprocess.run(
        command(example),
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
    """What the journals of its studies say, by name."""
    storage, names = STUDIES[example.stem]
    found = {}
    for name in names:
        with Study.load(name, folder / storage) as study:
            found[name] = [event for _, event in study.entries()]
    return found


def test_an_example_runs_and_runs_again(example, tmp_path, environment):
    first = run(example, tmp_path, environment)
    assert first.strip()
    before = entries(example, tmp_path) if example.stem in STUDIES else None

    second = run(example, tmp_path, environment)

    if before is not None:  # it was done: nothing is trained a second time
        for name, after in entries(example, tmp_path).items():
            known = len(before[name])
            assert after[:known] == before[name]
            assert not any(isinstance(event, JobIssued) for event in after[known:])
        assert second == first


def begin_and_end(example, folder, environment, *, ended_by, jobs):
    """Start it, and send it a signal when so many jobs of its first study are completed."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command(example), cwd=folder, env=environment, **quiet) as process:
        try:
            wait_for_jobs(example, folder, jobs, process)
            process.send_signal(ended_by)
            process.wait(TIMEOUT_S)
        finally:
            process.kill()


def test_the_demo_goes_on_after_kill_9(tmp_path, environment):
    demo = named("demo")
    begin_and_end(demo, tmp_path, environment, ended_by=signal.SIGKILL, jobs=20)

    run(demo, tmp_path, environment)

    events = entries(demo, tmp_path)["digits"]
    targets = {
        event.job.id: (event.job.trial, event.job.target) for event in events if isinstance(event, JobIssued)
    }
    ended = [event for event in events if isinstance(event, JobEnded)]
    completed = Counter(targets[event.job] for event in ended if event.outcome is Outcome.COMPLETED)
    assert {event.error for event in ended if event.outcome is Outcome.LOST} <= {"its driver ended"}
    assert len({trial for trial, _ in completed}) == 60
    assert set(completed.values()) == {1}, "no finished job runs again"


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGKILL], ids=lambda ended_by: ended_by.name)
def test_a_population_goes_on(ended_by, tmp_path, environment):
    example = named("population_sequence")
    begin_and_end(example, tmp_path, environment, ended_by=ended_by, jobs=3)
    storage, names = STUDIES[example.stem]
    with pytest.raises(StudyNotFoundError):  # Ctrl-C ends the example, not its first study only
        Study.load(RANDOM, tmp_path / storage)

    run(example, tmp_path, environment)

    for name in names:
        with Study.load(name, tmp_path / storage) as study:
            assert study.status.startswith("closed")
            assert sum(trial.status == "done" for trial in study.trials) == 4
            assert study.spent.failed == 0
            assert study.replay().is_equal


def wait_for_jobs(example, folder, n, process):
    """Until so many jobs are completed."""
    storage, names = STUDIES[example.stem]
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "it was over too soon"
        with suppress(StudyNotFoundError), Study.load(names[0], folder / storage) as study:
            if study.spent.completed >= n:
                return
        time.sleep(0.05)
    pytest.fail(f"{n} jobs were not completed within {TIMEOUT_S} s")
