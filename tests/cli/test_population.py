"""`paceline lineage` and `paceline schedule`: tables, JSON, pictures, and what is refused."""

import pytest

from paceline import PBT, Categorical, Constant, Float, Ordinal, Replay, Study, pictures, simulate
from paceline.simulation import UnitTraining

SPACE = {
    "lr": Float(1e-4, 1.0, log=True),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
    "size": Ordinal(["s", "m", "l"]),
    "seed": Constant(3),
}


def train(trial):
    done = float((trial.checkpoint / "done").read_text()) if trial.checkpoint else 0.0
    for step in trial.steps():
        done += 1 - abs(trial.config["lr"] - 0.5 * (1 - step / 12))
        trial.report(gain=done, save=lambda folder, done=done: (folder / "done").write_text(str(done)))


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    folder = tmp_path_factory.mktemp("population")
    scheduler = PBT(max_resource=12, interval=3, population_size=8)
    with Study(
        "pop", SPACE, scheduler, maximize="gain", storage=folder / "s.db", unit="step", seed=1
    ) as study:
        study.run(train, executor="inline", progress=False)
        study.where = folder / "s.db"
        yield study


@pytest.fixture(autouse=True)
def here(population, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PACELINE_STORAGE", str(population.where))


def test_lineage(paceline, population):
    header, *rows = paceline("lineage").rows
    assert header == ["trial", "member", "origin", "from", "to", "status", "value", "changes"]
    assert len(rows) == len(population.trials)
    n_forks = 0
    for row, view in zip(rows, population.trials, strict=True):
        assert row[:2] == [str(view.id), str(view.member)]
        assert row[4:6] == [str(view.resource), view.status]
        assert float(row[6]) == view.value
        if view.origin is not None:
            n_forks += 1
            assert row[2:4] == [str(view.origin), str(view.origin_resource)]
            if population.trials[view.origin].config["lr"] != view.config["lr"]:
                assert "lr " in row[7]
    assert n_forks


def test_lineage_of_one_trial_is_its_ancestors(paceline, population):
    trial = max(view.id for view in population.trials if view.origin is not None)
    document = paceline("lineage", "--trial", str(trial), "--json").json
    chain = [trial]
    while (origin := population.trials[chain[-1]].origin) is not None:
        chain.append(origin)
    assert [descent["trial"] for descent in document] == sorted(chain)


def test_schedule(paceline, population):
    result = paceline("schedule")
    pieces = population.schedule()
    header, *rows = [row for row in result.rows if len(row) > 2]
    assert result.facts == {"trial": str(population.incumbent.trial)}
    assert header == ["start", "stop", "trial", *SPACE]
    assert [row[:3] for row in rows] == [[str(it.start), str(it.stop), str(it.trial)] for it in pieces]
    assert [float(row[3]) for row in rows] == [it.config["lr"] for it in pieces]


def test_a_schedule_as_json_can_be_replayed(paceline, population):
    document = paceline("schedule", "--trial", "0", "--json").json
    assert document["trial"] == 0
    end = simulate(Replay(schedule=document["schedule"]), SPACE, UnitTraining([0.5]))
    assert end.ledger.trials[0].trial.config == population.trials[0].config


@pytest.mark.parametrize("command", ["lineage", "schedule"])
@pytest.mark.parametrize(
    ("ending", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")], ids=["png", "svg", "pdf"]
)
def test_a_picture(paceline, tmp_path, command, ending, begin):
    file = tmp_path / f"it.{ending}"
    assert paceline(command, "--picture", str(file)).code == 0
    assert file.read_bytes().startswith(begin)
    again = paceline(command, "--picture", str(file))
    assert (again.code, "overwrite it with --force" in again.err) == (2, True)
    assert paceline(command, "--picture", str(file), "--force").code == 0
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_the_picture_of_a_lineage_shows_each_trial_each_fork_and_the_line(population):
    axes = pictures.lineage(population).axes[0]
    n_forks = sum(view.origin is not None for view in population.trials)
    line = population.schedule()
    everybody, chosen = axes.lines
    assert rows_of(everybody) == [
        (view.origin_resource or 0, view.resource, view.member) for view in population.trials
    ]
    members = [population.trials[piece.trial].member for piece in line]
    assert rows_of(chosen) == [
        (piece.start, piece.stop, member) for piece, member in zip(line, members, strict=True)
    ]
    assert len(axes.texts) == n_forks + len(line) - 1


def test_the_picture_of_schedules_has_a_panel_for_each_hyperparameter(population):
    panels = pictures.schedule(population).axes
    assert [axes.get_ylabel() for axes in panels] == ["lr", "optimizer", "momentum", "size"]
    assert [axes.get_yscale() for axes in panels] == ["log", "linear", "linear", "linear"]
    chosen = panels[0].lines[-1]
    pieces = population.schedule()
    assert list(chosen.get_xdata())[:-1] == [at for it in pieces for at in (it.start, it.stop)]
    assert list(chosen.get_ydata())[:-1] == [it.config["lr"] for it in pieces for _ in range(2)]
    others = panels[0].lines[0]
    last = {view.member: view.id for view in population.trials}
    n_pieces = sum(len(population.schedule(trial)) for trial in last.values())
    assert len(others.get_xdata()) == 2 * n_pieces + len(last)


def rows_of(line):
    """The pieces of a line with gaps: where each begins and ends, and its height."""
    x, y = list(line.get_xdata()), list(line.get_ydata())
    return [(x[i], x[i + 1], y[i]) for i in range(0, len(x), 3)]


def test_pictures_of_a_study_without_results(tmp_path):
    with Study("empty", {"c": Constant(1)}, PBT(max_resource=4, interval=2), storage="memory:") as study:
        assert all(len(line.get_xdata()) == 0 for line in pictures.lineage(study).axes[0].lines)
        assert pictures.schedule(study).axes[0].lines[:] == []


def test_explain_says_who_was_compared_where(paceline, population):
    fork = next(view for view in population.trials if view.origin is not None)
    said = paceline("explain", str(fork.id)).out
    assert f"it goes on from trial {fork.origin}" in said
    assert "results at " in said
    assert "rung" not in said


def test_what_is_refused(paceline, tmp_path):
    assert paceline("lineage", "--trial", "99").code == 1
    wrong = paceline("schedule", "--picture", "it.gif")
    assert (wrong.code, wrong.err.count(".png, .svg, .pdf")) == (2, 1)
    assert list(tmp_path.iterdir()) == []
