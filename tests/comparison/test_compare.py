"""`compare` and `paceline compare`: what is run, what is kept, what is refused."""

import csv
import json

import pytest

from paceline import SettingError
from paceline.benchmarks import CountingOnes, benchmark, names
from paceline.comparison import METHODS, Method, compare
from paceline.comparison.cache import Cache
from paceline.comparison.cells import Cell, Terms
from paceline.comparison.methods import method, variants
from paceline.comparison.page import page
from paceline.comparison.rules import rules
from paceline.comparison.table import COLUMNS, as_csv, rows

SMALL = {"seeds": 3, "workers": 4, "budget": 6, "processes": 1}


@pytest.fixture
def run(tmp_path):
    def go(methods, benchmarks=("counting_ones/4",), **settings):
        return compare(methods, benchmarks, **(SMALL | {"cache": tmp_path / "cache"} | settings))

    return go


def _steps(found):
    """All traces without the seconds that methods took, which no two runs share."""
    return [
        [(s.seconds, s.spent, s.loss, s.regret, s.trial) for s in trace.steps]
        for group in found.groups
        for traces in group.traces.values()
        for trace in traces
    ]


def test_every_method_runs_on_every_benchmark_with_every_seed(run):
    found = run(["random", "asha"], ["counting_ones/4", "counting_ones/8"], workers=[1, 4])
    assert (found.measured, found.cached) == (2 * 2 * 2 * 3, 0)
    assert [group.terms.workers for group in found.groups] == [1, 4]
    for group in found.groups:
        assert group.regrets().shape == (2, 2, 3)
        assert all(trace.jobs for traces in group.traces.values() for trace in traces)


def test_no_run_is_made_twice_and_a_lost_one_is_made_again(run, tmp_path):
    first = run(["random", "asha"])
    files = sorted((tmp_path / "cache").rglob("*.json"))
    assert len(files) == 6
    files[0].unlink()
    files[1].write_text("half of a fi")
    again = run(["random", "asha", "asha-stop"])
    assert (again.measured, again.cached) == (5, 4)
    assert _steps(first) == _steps(run(["random", "asha"]))


def test_processes_change_nothing(run, tmp_path):
    alone = run(["random", "bohb"])
    together = run(["random", "bohb"], processes=2, cache=tmp_path / "another")
    assert (together.measured, together.cached) == (6, 0)
    assert _steps(alone) == _steps(together)


def test_a_key_depends_on_content_and_not_on_names():
    it = benchmark("counting_ones/4")
    asha = METHODS["asha"].make(it)
    one = Cell("asha", it.name, asha, Terms(4, 6.0), 4, 0)
    assert one.key(it) == Cell("another name", it.name, asha, Terms(4, 6.0), 4, 0).key(it)
    others = [
        Cell("asha", it.name, METHODS["asha-stop"].make(it), Terms(4, 6.0), 4, 0).key(it),
        Cell("asha", it.name, asha, Terms(4, 7.0), 4, 0).key(it),
        Cell("asha", it.name, asha, Terms(4, 6.0), 8, 0).key(it),
        Cell("asha", it.name, asha, Terms(4, 6.0), 4, 1).key(it),
        Cell("asha", it.name, asha, Terms(4, 6.0), 4, 0, stream=1).key(it),
        one.key(CountingOnes(4, seed=1)),
        one.key(CountingOnes(8)),
    ]
    assert len({one.key(it), *others}) == 1 + len(others)


def test_twice_the_workers_spend_about_twice_as_much(run):
    (group,) = run(["random", "random-2x"], budget=20).groups
    once, twice = group.spent()
    assert 1.7 < twice / once < 2.3


def test_a_run_fills_both_axes(run):
    (group,) = run(["random", "asha"], budget=12).groups
    problem = group.problems[0]
    for traces in group.traces.values():
        for trace in traces:
            assert trace.spent_at_all >= 12 * problem.max_resource
            assert trace.seconds <= group.end("time") * problem.full_seconds


def test_a_longer_budget_begins_with_a_shorter_one(run):
    """A budget changes nothing before it is spent."""
    short, long = (run(["asha", "bohb", "recommended"], budget=budget).groups[0] for budget in (6, 12))
    for place in short.traces:
        for first, second in zip(short.traces[place], long.traces[place], strict=True):
            end = 6 * 729 / 4
            assert [(s.trial, s.spent) for s in first.steps if s.seconds <= end] == [
                (s.trial, s.spent) for s in second.steps if s.seconds <= end
            ]


def test_another_stream_means_other_runs_with_the_same_seeds(run):
    other = Method("asha again", METHODS["asha"].make, stream=1)
    (group,) = run(["asha", other], budget=20).groups
    first, second = group.regrets()[0]
    assert (first != second).any()


def test_the_same_method_under_two_names_is_the_same_seed_by_seed(run):
    (group,) = run(["asha", Method("also asha", METHODS["asha"].make)]).groups
    first, second = group.regrets()[0]
    assert (first == second).all()


def test_what_really_trains_is_scored_by_what_was_observed(run):
    (group,) = run(["pbt", "asha", "random"], ["pbt_toy/200"], budget=20, seeds=2).groups
    toy = benchmark("pbt_toy/200")
    forks = 0
    for (_, name), traces in group.traces.items():
        for trace in traces:
            assert trace.steps
            for step in (*trace.steps, *trace.early):
                assert step.regret == toy.regret_of(step.loss)
                assert step.test_loss == step.loss
            forks += trace.trials - 20 if name == "pbt" else 0
    assert forks > 0  # so that some of these incumbents go on from the weights of others
    assert group.test_losses().shape == (1, 3, 2)


def test_pbt_trains_its_population_and_no_more(run):
    (group,) = run(["pbt", "pbt:population_size=8"], ["pbt_toy/200"], budget=20, seeds=2).groups
    whole, small = group.spent()
    assert whole == pytest.approx(20, abs=1)
    assert small <= 8


def test_pbt_is_refused_where_nothing_trains(run, tmp_path):
    with pytest.raises(SettingError, match=r"counting_ones/4.*really trains.*pbt_toy/200.*copied"):
        run(["asha", "pbt"])
    assert not (tmp_path / "cache").exists()


def test_settings_of_a_method_can_be_given_and_varied():
    it = benchmark("counting_ones/4")
    assert method("asha:reduction_factor=4,delay=true").make(it).reduction_factor == 4
    assert type(method("asha:sampler=TPE").make(it).sampler).__name__ == "TPE"
    found = variants([METHODS["random"], METHODS["asha-kde"]],
                     {"reduction_factor": ["2", "4"], "sampler.random_fraction": ["0"]}, it)  # fmt: skip
    assert [one.name for one in found] == [
        "random",
        "asha-kde",
        "asha-kde reduction_factor=2",
        "asha-kde reduction_factor=4",
        "asha-kde sampler.random_fraction=0",
    ]
    assert found[-1].make(it).sampler.random_fraction == 0


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda run: run(["ahsa"]), "did you mean 'asha'"),
        (lambda run: run(["asha:eta=3"]), "reduction_factor"),
        (lambda run: run(["asha:max_resource=3"]), "the benchmark decides"),
        (lambda run: run(["asha:reduction_factor=1"]), "at least 2"),
        (lambda run: run(["asha:reduction_factor"]), "NAME=VALUE"),
        (lambda run: run(["asha"], ["counting/8"]), "counting_ones/8"),
        (lambda run: run(["asha"], []), "at least one"),
        (lambda run: run([]), "at least one"),
        (lambda run: run(["asha"], seeds=1), "at least 2"),
        (lambda run: run(["asha"], seeds=[1, 1]), "each once"),
        (lambda run: run(["asha"], workers=0), "at least 1"),
        (lambda run: run(["asha"], budget=-1), "above 0"),
        (lambda run: run(["asha"], vary={"populatoin": ["2"]}), "a setting that one of the methods has"),
        (lambda run: run(["asha", Method("asha", METHODS["random"].make)]), "another name"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_runs(run, tmp_path, what, message):
    with pytest.raises(SettingError, match=message):
        what(run)
    assert not (tmp_path / "cache").exists()


def test_names_are_resolved_by_patterns():
    assert names("counting_ones/5") == ["counting_ones/5"]
    assert "counting_ones/32" in names("counting_*")
    with pytest.raises(SettingError, match="not a pattern"):
        benchmark("counting_ones/*")


def test_the_table_has_a_row_for_each_incumbent_and_each_end(run):
    found = run(["random", "asha"])
    (group,) = found.groups
    table = list(rows(found))
    ends = [row for row in table if row["rule"] == "end"]
    assert len(ends) == 6
    expected = sum(len(trace.steps) for traces in group.traces.values() for trace in traces)
    assert sum(row["rule"] == "max_resource" for row in table) == expected
    read = list(csv.DictReader(as_csv(found).decode().splitlines()))
    assert list(read[0]) == list(COLUMNS)
    assert len(read) == len(table)
    assert float(read[-1]["spent"]) == ends[-1]["spent"]


def test_the_page_states_what_was_done_and_keeps_out_what_names_hold(run):
    hostile = Method("</script><b>", METHODS["random"].make)
    html = page(
        run(["asha", hostile, "random-2x"], vary={"reduction_factor": ["2"]}), command="paceline compare"
    )
    assert "</script><b>" not in html
    for text in ("Sensitivity", "asha reduction_factor=2", "critical difference", "Holm", "paceline compare"):
        assert text in html
    assert html == page(
        run(["asha", hostile, "random-2x"], vary={"reduction_factor": ["2"]}), command="paceline compare"
    )


def test_rules_say_where_they_are_not_kept(run):
    (group,) = run(["asha", "random"]).groups
    found = {it.number: it for it in rules(group, level=0.01)}
    assert list(found) == list(range(1, 16))
    assert found[8].kept == "not kept"
    assert "0, 1, 2" in found[8].how
    assert found[4].kept == found[6].kept == "partly"


def test_the_command_writes_a_table_and_a_page(tmp_path, monkeypatch, capsys):
    from paceline.cli.app import run_command

    monkeypatch.chdir(tmp_path)
    line = [
        "compare",
        "asha",
        "random",
        "-b",
        "counting_ones/4",
        "--seeds",
        "3",
        "--budget",
        "5",
        "--processes",
        "1",
    ]
    line += ["--cache", "kept", "--workers", "1,4", "--json"]
    assert run_command(line) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["measured"], answer["cached"]) == (12, 0)
    assert [group["terms"]["workers"] for group in answer["groups"]] == [1, 4]
    assert (tmp_path / "comparison" / "page.html").read_text().startswith("<!doctype html>")
    assert run_command(line) == 2  # it does not overwrite
    assert "--force" in capsys.readouterr().err
    assert run_command([*line, "--force", "--format", "parquet"]) == 0
    import pandas as pd

    assert set(pd.read_parquet(tmp_path / "comparison" / "runs.parquet").columns) == set(COLUMNS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["compare"], "METHOD"),
        (["compare", "asha"], "--benchmark"),
        (["compare", "asha", "-b", "counting_ones/4", "--workers", "1,x"], "whole number"),
        (["compare", "asha", "-b", "counting_ones/4", "--vary", "reduction_factor"], "NAME=VALUE,VALUE"),
    ],
)
def test_the_command_says_what_is_missing(tmp_path, monkeypatch, capsys, line, message):
    from paceline.cli.app import run_command

    monkeypatch.chdir(tmp_path)
    assert run_command(line) in {1, 2}
    assert message in capsys.readouterr().err


def test_the_list_names_methods_and_benchmarks(capsys):
    from paceline.cli.app import run_command

    assert run_command(["compare", "--list", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {"asha", "bohb", "optuna-tpe"} <= set(answer["methods"])
    assert "counting_ones/8" in answer["benchmarks"]


def test_a_draft_is_never_read(tmp_path):
    cache = Cache(tmp_path)
    assert cache.get("ab" * 16) is None
    assert not list(tmp_path.iterdir())
