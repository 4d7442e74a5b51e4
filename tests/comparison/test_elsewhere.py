"""Peers in an interpreter of their own: the pipe, and spaces that go through it. A library is not needed for this."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from paceline import Categorical, Constant, Constraint, Float, Integer, Ordinal, Space, above, below, between
from paceline.benchmarks import Benchmark
from paceline.comparison.peers import drive
from paceline.comparison.peers.children import configspaces, serving
from paceline.comparison.peers.elsewhere import Child, NamedSettings
from paceline.comparison.peers.spaces import describe, read
from paceline.comparison.peers.trials import Trials
from paceline.errors import SettingError
from paceline.events import JobIssued, Reported

SCRIPT = """
import sys, time
sys.path.insert(0, {children!r})
from serving import serve

class Counting:
    def __init__(self, task):
        self.task, self.count, self.told = task, 0, []
        if task["seed"] == 13:
            raise ValueError("thirteen")

    def ask(self):
        print("this is no answer")
        began = time.process_time()
        while time.process_time() < began + 0.02:
            pass
        if self.count == 7:
            return None
        self.count += 1
        return {{"name": "the one", "config": {{"x": self.count / 10}}, "resource": 2.6, "token": self.count}}

    def tell(self, token, loss):
        assert loss is None or loss == token / 10, (token, loss)

serve(Counting)
"""


class Line(Benchmark):
    family, name, unit = "line", "line/1", "step"
    space = Space({"x": Float(0.0, 1.0)})
    min_resource, max_resource, resumes = 1, 9, True
    full_seconds, best, median = 9.0, 0.0, 1.0

    def loss(self, config, resource, trial=0):
        return float("nan") if config["x"] == 0.5 else config["x"]

    def true_loss(self, config):
        return config["x"]

    def seconds(self, trial, config, resource):
        return float(resource)


class Counting(NamedSettings, frozen=True, kw_only=True, tag=True):
    """A library that counts."""

    library: ClassVar[str] = "msgspec"  # any that is there
    variable: ClassVar[str] = "PACELINE_COUNTING_PYTHON"
    stamp: ClassVar[str] = ".make/counting"
    child: ClassVar[str] = ""
    others: ClassVar[tuple[str, ...]] = ("numpy",)

    def task(self, benchmark):
        return {"max_resource": benchmark.max_resource}

    def describe(self):
        return "It counts."


@pytest.fixture
def counting(tmp_path, monkeypatch):
    script = tmp_path / "run_counting.py"
    script.write_text(SCRIPT.format(children=str(Path(serving.__file__).parent)))
    monkeypatch.setattr(Counting, "child", str(script))
    monkeypatch.setenv("PACELINE_COUNTING_PYTHON", sys.executable)
    return Counting()


def test_what_takes_time_elsewhere_counts(counting):
    driven = drive(
        counting.make(Line(), seed=0, workers=2), Line(), workers=2, seed=0, seconds=100.0, units=100
    )
    jobs = [event.job for _, event in driven.entries if isinstance(event, JobIssued)]
    assert [job.target for job in jobs] == [3] * 7
    assert len({job.trial for job in jobs}) == 7, "the same config again is another trial"
    assert sum(isinstance(event, Reported) for _, event in driven.entries) == 7
    assert driven.overheads[-1] >= 7 * 0.02


def test_versions_are_those_of_the_other_interpreter(counting):
    import msgspec
    import numpy as np

    assert counting.versions() == {"msgspec": msgspec.__version__, "numpy": np.__version__}


def test_an_error_elsewhere_is_told_here(counting):
    peer = counting.make(Line(), seed=13, workers=1)
    with pytest.raises(RuntimeError, match=r"(?s)run_counting\.py:.*ValueError: thirteen"):
        peer.ask()
    peer.close()


def test_an_interpreter_that_ends_is_told_with_its_last_words(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("raise SystemExit('I have no such library')")
    child = Child(sys.executable, str(script), {})
    with pytest.raises(RuntimeError, match=r"(?s)has ended:.*I have no such library"):
        child.say({"ask": True})
    child.close()


def test_the_interpreter_ends_with_its_peer(counting, monkeypatch):
    started = []
    original = subprocess.Popen

    def popen(*arguments, **options):
        started.append(original(*arguments, **options))
        return started[-1]

    peer = counting.make(Line(), seed=0, workers=1)
    monkeypatch.setattr(subprocess, "Popen", popen)
    peer.ask()
    assert started[0].poll() is None
    del peer
    assert started[0].poll() == 0


def test_a_config_that_is_asked_for_again_is_another_trial():
    trials = Trials(resumes=True)
    first = trials.begin("a", {}, 3)
    twin = trials.begin("a", {}, 9)  # while the first is being trained
    assert (first.key, first.start, twin.key, twin.start) == (0, 0, 1, 0)
    trials.end(first)
    trials.end(twin)
    assert trials.begin("a", {}, 9).key == 2
    low = trials.begin("b", {}, 3)
    trials.end(low)
    high = trials.begin("b", {}, 9)
    assert (high.key, high.start) == (low.key, 3)


# Spaces --------------------------------------------------------------------------------------------------------------

EVERYTHING = Space(
    {
        "kind": Categorical(["a", "b", None]),
        "size": Ordinal([1, 2.5, "big"]),
        "rate": Float(1e-4, 1.0, log=True),
        "count": Integer(1, 300, log=True),
        "part": Float(0.1, 0.9, step=0.2),
        "pick": Integer(10, 30, step=5),
        "fixed": Constant("yes"),
        "of_kind": Float(0.0, 1.0, when={"kind": ["a", None]}),
        "of_size": Integer(0, 9, when={"size": ["big", 1]}),
        "of_rate": Float(0.0, 1.0, when={"rate": above(0.01)}),
        "of_count": Float(0.0, 1.0, when={"count": between(5, 40)}),
        "of_part": Float(0.0, 1.0, when={"part": below(0.4)}),
        "of_pick": Float(0.0, 1.0, when={"pick": above(12), "kind": "b"}),
        "of_fixed": Categorical(["only"], when={"kind": "b"}),
        "of_of_fixed": Float(0.0, 1.0, when={"of_fixed": "only", "fixed": "yes"}),
        "deep": Float(0.0, 1.0, when={"of_kind": between(0.25, 1.0)}),
    }
)


class Wide(Line):
    space = EVERYTHING


def test_a_configspace_has_the_same_configs():
    pytest.importorskip("ConfigSpace", reason="the extra configspace is not installed")
    parts = describe(Wide(), "it")
    assert [part["name"] for part in parts] == [
        name for name in EVERYTHING.names if name not in ("fixed", "of_fixed")
    ]
    for ordinals in (True, False):
        theirs = configspaces.build(parts, seed=1, ordinals=ordinals)
        seen = set()
        for config in theirs.sample_configuration(400):
            values = dict(config)
            ours = read(EVERYTHING, values)
            assert set(values) == set(ours) - {"fixed", "of_fixed"}
            seen |= {
                (name, str(value)) for name, value in ours.items() if name in ("kind", "size", "pick", "part")
            }
        assert len(seen) == 3 + 3 + 5 + 5


def test_inactive_values_are_left_out_and_numbers_stay_within():
    values = {
        name: 0 for name in EVERYTHING.names if name not in ("fixed", "of_fixed", "kind", "rate", "count")
    }
    config = read(EVERYTHING, {**values, "kind": "1", "rate": 1.0000001, "count": 301})
    assert config["rate"] == 1.0
    assert config["count"] == 300
    assert "of_kind" not in config
    assert config["of_rate"] == 0.0
    assert (config["size"], config["part"], config["pick"]) == (1, 0.1, 10)


def test_what_is_never_active_is_not_described():
    class Narrow(Line):
        space = Space(
            {
                "a": Constant(1),
                "b": Categorical([2], when={"a": 1}),
                "x": Float(0.0, 1.0, when={"b": 2}),
                "y": Float(0.0, 1.0),
            }
        )

    assert [(part["name"], part["when"]) for part in describe(Narrow(), "it")] == [("x", []), ("y", [])]


def test_constraints_are_refused():
    class Bound(Line):
        space = Space({"x": Float(0.0, 1.0)}, [Constraint("small x", lambda config: config["x"] < 0.5)])

    with pytest.raises(SettingError, match=r"without constraints for HpBandSter.*'small x'"):
        describe(Bound(), "HpBandSter")
