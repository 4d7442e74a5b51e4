"""`paceline tables`: what is there, what is made, and what it says of a wrong command line."""

import pytest

from paceline.benchmarks.trained import MLP, shelf
from paceline.benchmarks.trained.parts import encoded, part_file


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """A cache of its own, and two small tables."""
    recipes = (MLP("wine", n_configs=20, epochs=3, minutes=0.5), MLP("diabetes", n_configs=10, epochs=3))
    monkeypatch.setattr(shelf, "RECIPES", {recipe.name: recipe for recipe in recipes})
    monkeypatch.setenv("PACELINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_list_makes_nothing(paceline, cache):
    shown = paceline("tables")
    assert shown.code == 0
    assert shown.rows[0] == ["table", "state", "configs", "trained", "minutes", "size", "file"]
    assert shown.rows[1][:6] == ["mlp/wine", "not made", "20", "0", "0.5", "0 B"]
    assert shown.facts == {"folder": str(cache / "tables"), "outdated": "0 B"}
    assert shown.err == ""
    assert not cache.exists()


def test_what_is_named_is_made_once(paceline, cache):
    shown = paceline("tables", "mlp/wine", "--processes", "1", "--json")
    assert shown.code == 0
    assert shown.err.splitlines()[-1] == "mlp/wine: 20 of 20 configs are trained"
    [wine] = shown.json["tables"]
    assert (wine["name"], wine["state"], wine["trained"]) == ("mlp/wine", "made", 20)
    file = cache / "tables" / wine["file"]
    assert file.stat().st_size == wine["bytes"]
    again = paceline("tables", "mlp/wine", "--json")
    assert (again.json, again.err) == (shown.json, "")
    assert [it["state"] for it in paceline("tables", "--json").json["tables"]] == ["made", "not made"]


def test_all_are_made_and_can_be_compared_on(paceline, cache):
    assert paceline("tables", "--all", "--processes", "1").code == 0
    assert [it["state"] for it in paceline("tables", "--json").json["tables"]] == ["made", "made"]
    compared = paceline(
        "compare", "random", "asha", "--benchmark", "mlp/*", "--seeds", "2", "--budget", "3", "--processes", "1", "--json"
    )  # fmt: skip
    assert compared.code == 0
    assert compared.json["groups"][0]["benchmarks"] == ["mlp/wine", "mlp/diabetes"]


def test_what_is_begun_is_told_and_taken_up(paceline, cache):
    recipe = shelf.RECIPES["mlp/wine"]
    part = part_file(shelf.file_of(recipe, cache / "tables"), range(10))
    part.parent.mkdir(parents=True)
    part.write_bytes(encoded(recipe, [recipe.train(row) for row in range(10)]))
    assert paceline("tables").rows[1][1:4] == ["begun", "20", "10"]
    shown = paceline("tables", "mlp/wine", "--processes", "1")
    assert shown.err.splitlines()[0] == "mlp/wine: 10 of 20 configs are trained"
    assert shown.rows[1][1:4] == ["made", "20", "20"]
    assert not part.parent.exists()


def test_what_other_recipes_have_left_is_told(paceline, cache):
    old = cache / "tables" / "mlp-0123" / "mlp" / "wine.npz"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"0" * 1500)
    assert paceline("tables").facts["outdated"] == "1.5 kB"


def test_a_table_that_is_not_made_is_no_benchmark_yet(paceline, cache):
    done = paceline("compare", "asha", "random", "--benchmark", "mlp/wine")
    assert done.code == 1
    assert "Run: paceline tables mlp/wine" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mlp/wine", "--all"], "name tables, or give --all, not both."),
        (["--processes", "2"], "--processes is for making tables"),
        (["mlp/wine", "--processes", "0"], "at least 1"),
    ],
)
def test_a_wrong_command_line_is_refused(paceline, cache, arguments, message):
    done = paceline("tables", *arguments)
    assert done.code == 2
    assert message in done.err


def test_a_wrong_name_is_refused_with_a_suggestion(paceline, cache):
    done = paceline("tables", "mlp/wines")
    assert done.code == 1
    assert "did you mean 'mlp/wine'" in done.err.lower()
