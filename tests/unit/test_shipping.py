"""Functions that remember their results go to the workers from wherever they were written."""

import functools
import subprocess
import sys
import textwrap

import pytest

from paceline.events import Objective
from paceline.executors.shipping import pack, unpack
from paceline.folders import _temporary
from paceline.worker import TrainingContext

SCRIPT = """
    import functools
    from paceline import ASHA, Budget, Float, Study

    @functools.cache
    def load_data():
        return [0.5]

    @functools.lru_cache(maxsize=2)
    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    def train(trial):
        assert load_data.cache_info().maxsize is None and fibonacci.cache_info().maxsize == 2
        assert load_data() is load_data()
        return load_data()[0] + fibonacci(10)

    study = Study("cached", {"x": Float(0, 1)}, ASHA(max_resource=3), storage="memory:")
    study.run(train, budget=Budget(trials=3), progress=False)
    print(study.incumbent.value)
"""


@pytest.mark.parametrize("way", ["a script", "standard input"])
def test_cached_functions_of_a_script(tmp_path, way):
    script = tmp_path / "tune.py"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, script if way == "a script" else "-"]
    done = subprocess.run(
        command, input=script.read_text(), capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (done.stdout, done.stderr) == ("55.5\n", "")


def test_cached_functions_of_a_function(tmp_path):
    @functools.cache
    def load_data():
        return 0.25

    train, _ = unpack(pack(lambda _: load_data(), TrainingContext("s", Objective("loss"), tmp_path)))
    assert train(None) == 0.25


def test_cached_functions_of_a_module_go_by_name(tmp_path):
    cached, _ = unpack(pack(_temporary, TrainingContext("s", Objective("loss"), tmp_path)))
    assert cached is _temporary
