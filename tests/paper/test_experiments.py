"""The papers' experiments by name: what is read off runs, how results are kept, and the page that they make."""

import math
import pickle
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
sys.path.append(str(Path(__file__).parents[2] / "experiments"))

from evidence import Finding, Lab, Table, Verdict
from experiment import RESULTS, Experiment, Resources, Result, run, store, stored
from results_page import write
from targets import censored, compared, interval, rare_regret, ratio_of_medians, reached, times_to

from paceline.benchmarks import benchmark
from paceline.rng import uniforms_for

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results.md"
TASK = "crossing/16"


def experiments():
    pytest.importorskip("sklearn", reason="the populations among the experiments need scikit-learn")
    from catalogue import EXPERIMENTS

    return EXPERIMENTS


def finding(*, holds=True):
    return Finding(
        [Verdict("a claim", "a paper", "1.5 [1, 2] (n=20)", "≤ 2", holds)],
        [Table("figures", ("method", "regret"), (("asha", "0.1"),))],
    )


def experiment(name="one", **changes):
    made = Experiment(name, "A title", "A paper, 4", lambda _: finding(), "30 full trainings", 1)
    return msgspec.structs.replace(made, **changes)


def result(name="one", *, holds=True):
    return Result(name, finding(holds=holds), Resources(100.0, 60.0, 2), {"paceline": "0"})


def page_at(path):
    path.write_text(
        "above\n<!-- measured: written by experiments/run.py --page -->\n<!-- end of measured -->\nbelow\n"
    )
    return path


# The page ------------------------------------------------------------------------------------------------------------


def test_the_page_is_made_of_the_results_that_are_kept(tmp_path):
    renewed = tmp_path / "results.md"
    renewed.write_text(PAGE.read_text())
    write(renewed, stored(), experiments())
    assert renewed.read_text() == PAGE.read_text(), "run: python experiments/run.py --page"


def test_each_result_that_is_kept_is_of_an_experiment_and_not_of_a_quick_look():
    for name, kept in stored().items():
        assert name in experiments()
        assert not kept.is_quick
        assert kept.finding.verdicts


def test_the_page_shows_what_fails_and_what_is_missing(tmp_path):
    page = page_at(tmp_path / "results.md")
    write(page, {"one": result(holds=False)}, {"one": experiment(), "two": experiment("two")})
    text = page.read_text()
    assert "0 of 1 verdicts hold, of 1 experiments." in text
    assert "Without a result so far: two." in text
    assert "| a claim | a paper | 1.5 [1, 2] (n=20) | ≤ 2 | FAILS |" in text
    assert "*figures*" in text
    assert text.startswith("above\n")
    assert text.endswith("below\n")


def test_figures_that_stand_on_another_page_are_not_repeated(tmp_path):
    page = page_at(tmp_path / "results.md")
    write(page, {"one": result()}, {"one": experiment(page="claims.md")})
    assert "*figures*" not in page.read_text()
    assert "[claims](claims.md)" in page.read_text()


# Running and keeping -------------------------------------------------------------------------------------------------


def test_a_run_counts_the_processor_of_all_processes():
    pytest.importorskip("joblib")
    found = run(experiment(measure=burn), quick=True, processes=2)
    assert found.is_quick
    assert found.resources.processor_s >= 4 * BURNED_S
    assert found.finding.verdicts[0].measured == "4 runs"


def burn(lab):
    runs = lab.measure(burned, ["a", "b"], 2)
    n_runs = sum(map(len, runs.values()))
    return Finding([Verdict("all were measured", "ours", f"{n_runs} runs", "4", n_runs == 4)])


BURNED_S = 0.05


def burned(cell, seed):
    """Takes so much of its own processor's time."""
    began = time.process_time()
    while time.process_time() < began + BURNED_S:
        pass
    return len(cell) + seed


def test_a_result_is_read_as_it_was_kept(tmp_path):
    path = store(result(), tmp_path / "results")
    assert stored(path.parent) == {"one": result()}
    assert [it.name for it in path.parent.iterdir()] == ["one.json"]


def test_the_command_names_experiments_and_refuses_what_is_none():
    experiments()
    command = [sys.executable, str(ROOT / "experiments" / "run.py")]
    listed = subprocess.run([*command, "--list"], capture_output=True, text=True, check=True).stdout
    assert "five-hundred-workers" in listed
    refused = subprocess.run([*command, "five-hundred"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "no experiment is named five-hundred" in refused.stderr
    both = subprocess.run(
        [*command, "toy", "--quick", "--record"], capture_output=True, text=True, check=False
    )
    assert both.returncode == 2
    assert "leave out" in both.stderr


def test_results_are_in_the_repository():
    assert RESULTS == ROOT / "experiments" / "results"


# Targets -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    pytest.importorskip("joblib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PACELINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        return compared(Lab(), ["asha", "random"], [TASK], workers=4, budget=20.0, seeds=5)


def test_a_target_is_as_rare_as_it_says():
    often, seldom = rare_regret(TASK, 2), rare_regret(TASK, 100)
    assert often == pytest.approx(1.0, abs=0.05)  # half of random configs are no worse than the median
    assert 0 < seldom < often


def test_time_to_target_is_that_of_the_first_incumbent_that_is_good_enough(group):
    target = rare_regret(TASK, 10)
    times = times_to(group, "asha", {TASK: target})
    spent = times_to(group, "asha", {TASK: target}, axis="resource")
    full_seconds = group.problems[0].full_seconds
    for seed, trace in enumerate(group.traces[TASK, "asha"]):
        reaching = [step for step in trace.steps if step.regret <= target]
        if reaching:
            first = reaching[0]
            assert times[0, seed] == (first.seconds + first.overhead_s) / full_seconds
            assert spent[0, seed] == first.spent / 16
        else:
            assert times[0, seed] == spent[0, seed] == math.inf
    assert np.isfinite(times).any()


def test_what_is_not_reached_counts_at_the_end_of_the_budget(group):
    times = times_to(group, "random", {TASK: -1.0})
    assert np.isinf(times).all()
    assert censored(times, group.end("time")).tolist() == [[5.0] * 5]
    assert reached(times, group.end("time")) == "0 of 5"


def test_a_larger_training_is_the_same_but_for_its_seconds():
    from larger import Larger

    once, larger = benchmark(TASK), Larger(TASK, 100.0)
    config = once.space.sample(uniforms_for(0, "larger"))
    assert larger.loss(config, 4) == once.loss(config, 4)
    assert larger.regret(config) == once.regret(config)
    assert larger.seconds(0, config, 16) == 100.0 * once.seconds(0, config, 16)
    assert larger.full_seconds == 100.0 * once.full_seconds
    assert larger.fingerprint not in {once.fingerprint, Larger(TASK, 10.0).fingerprint}
    again = pickle.loads(pickle.dumps(larger))
    assert (again.fingerprint, again.seconds(0, config, 5)) == (
        larger.fingerprint,
        larger.seconds(0, config, 5),
    )


def test_speed_up_is_of_when_random_search_came_to_its_level(monkeypatch):
    """Random search has its last level at 4 of 10 already; the method has it at 1: four times sooner, not ten."""
    import networks

    def paths(_, method, grid):
        falls = {"random": 4.0, "bohb": 1.0}[method]
        return np.where(grid >= falls, 0.5, 1.0)[None, :, None].repeat(3, axis=2)

    monkeypatch.setattr(networks, "_paths", paths)
    found = networks._speed_up(None, "BOHB", 10.0)
    assert found.value == pytest.approx(4.0, rel=0.03)
    assert found.low == found.high == found.value


def test_ratios_are_of_medians_and_geometric_over_tasks():
    above, below = np.array([[1.0, 2.0, 90.0], [8.0, 8.0, 8.0]]), np.array([[4.0, 4.0, 4.0], [2.0, 4.0, 9.0]])
    found = interval(ratio_of_medians, above, below)
    assert found.value == pytest.approx(math.sqrt(2 / 4 * 8 / 4))
    assert found.low <= found.value <= found.high


def test_an_interval_resamples_seeds_for_all_tasks_alike():
    """Where tasks are each other's mirror image, resampling them together leaves their mean as it is."""
    sample = np.array([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    found = interval(lambda it: it.mean(axis=(-2, -1)), sample)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
