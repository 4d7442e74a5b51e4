"""The static pictures of a study: they hold what was recorded, for studies of all kinds, and say what is missing."""

import math
import sys

import numpy as np
import pytest

from paceline import ASHA, PBT, Budget, Categorical, Constant, Float, RandomSearch, Space, Study, pictures
from paceline.errors import SettingError
from paceline.pictures.drawing import begun
from paceline.series.curves import POINTS, curves_of
from paceline.series.record import record_of

SPACE = {
    "lr": Float(1e-5, 1e-1, log=True),
    "optimizer": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.9, when={"optimizer": "sgd"}),
    "size": Constant(3),
}


def train(trial):
    """It fails where the rate is small, and diverges where it is large."""
    rate = trial.config["lr"]
    if rate < 2e-5:
        raise RuntimeError("too slow")
    for step in trial.steps():
        trial.report(loss=math.nan if rate > 0.05 else abs(math.log10(rate) + 3) + 1 / (step + 1))


def member(trial):
    done = 0.0 if trial.checkpoint is None else float((trial.checkpoint / "w").read_text())
    for _ in trial.steps():
        done += trial.config["lr"]
        trial.report(loss=-done, save=lambda folder, w=done: (folder / "w").write_text(str(w)))


def made(scheduler, *, trials, train_=train, space=SPACE):
    study = Study("digits", space, scheduler, storage="memory:", seed=0, unit="epoch")
    if trials:
        budget = Budget(trials=trials)
        study.run(train_, executor="inline", budget=budget, progress=False)
    return study


@pytest.fixture(scope="module")
def study():
    with made(ASHA(max_resource=9), trials=60) as it:
        assert it.spent.failed
        yield it


def words(figure):
    """All that is written on a figure."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    for legend in figure.legends:
        found += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    note = figure.get_supxlabel()
    return " | ".join([*found, note]).replace("\n", " ")


def test_the_incumbents_are_those_of_the_journal(study):
    (axes,) = pictures.incumbent(study).axes
    record = record_of(study)
    lucky, *parts = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(lucky.get_ydata())[:-1] == [one.value for one in record.best]
    values = [value for part in parts for value in part.get_ydata()[:-1]]
    assert values == [one.value for one in record.incumbents]
    assert parts[-1].get_ydata()[-1] == study.incumbent.value
    assert parts[-1].get_xdata()[-1] == study.spent.resource


def test_the_incumbent_over_time_ends_when_the_study_did(study):
    record = record_of(study)
    (axes,) = pictures.incumbent(study, over="time").axes
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(record.elapsed_s)
    assert "seconds" in axes.get_xlabel()


def test_the_incumbent_is_over_nothing_else(study):
    with pytest.raises(SettingError, match="over='money': expected 'resource' or 'time'"):
        pictures.incumbent(study, over="money")


def test_each_curve_is_a_line_or_a_point_with_the_reported_values(study):
    (axes,) = pictures.curves(study).axes
    record = record_of(study)
    lines = [
        segment
        for bundle in axes.collections
        if hasattr(bundle, "get_segments")
        for segment in bundle.get_segments()
    ]
    points = [
        tuple(at)
        for bundle in axes.collections
        if not hasattr(bundle, "get_segments")
        for at in bundle.get_offsets()
    ]
    several = [curve for curve in record.curves.values() if len(curve.resources) > 1]
    single = [curve for curve in record.curves.values() if len(curve.resources) == 1]
    assert several
    assert single
    best = record.curves[study.incumbent.trial]
    assert len(lines) == len(several) + 1, "the incumbent's is drawn once more, above the others"
    drawn = [[(x, None if math.isnan(y) else y) for x, y in line] for line in lines]
    for curve in several:
        assert list(zip(curve.resources, curve.values, strict=True)) in drawn
    assert drawn[-1] == list(zip(best.resources, best.values, strict=True))
    finite = [(curve.resources[0], curve.values[0]) for curve in single if curve.values[0] is not None]
    kept = [at for at in points if not np.ma.is_masked(at[1]) and not math.isnan(at[1])]
    assert np.allclose(sorted(kept), sorted(finite))


def test_long_curves_are_thinned_and_it_is_said():
    def long(trial):
        for step in trial.steps():
            trial.report(loss=1 / (step + 1))

    with made(RandomSearch(max_resource=500), trials=2, train_=long) as study:
        found = curves_of(study, record_of(study))
        assert [len(line.curve.resources) for line in found.lines] == [POINTS] * 2
        assert {line.curve.resources[0] for line in found.lines} == {1}
        assert {line.curve.resources[-1] for line in found.lines} == {500}
        assert f"{POINTS} reports are drawn" in words(pictures.curves(study))


def test_the_bars_of_rungs_are_their_counts(study):
    left, right = pictures.rungs(study).axes
    (bracket,) = study.rungs()
    bars = {bars.get_label(): [bar.get_width() for bar in bars] for bars in left.containers}
    assert bars["results"] == [rung.n_results for rung in bracket.rungs]
    assert bars["promoted"] == [rung.n_promoted for rung in bracket.rungs]
    assert [label.get_text() for label in left.get_yticklabels()] == ["1 epoch", "3 epochs", "9 epochs"]
    assert list(right.lines[0].get_xdata()) == [rung.best_loss for rung in bracket.rungs]


def test_parallel_coordinates_cross_each_axis_at_the_config(study):
    (axes,) = pictures.parallel(study).axes
    *groups, best = axes.collections
    finite = [view for view in study.trials if view.value is not None]
    assert sum(len(group.get_segments()) for group in groups) == len(finite)
    names = [text.get_text() for text in axes.texts if text.get_weight() == "bold"]
    assert {"epochs", "lr", "optimizer", "momentum", "loss"} == set(names)
    (line,) = best.get_segments()
    place = names.index("lr")
    config = study.trials[study.incumbent.trial].config
    assert line[place][1] == pytest.approx((math.log10(config["lr"]) + 5) / 4)
    if "momentum" not in config:
        assert line[names.index("momentum")][1] < 0
    assert "inactive" in words(axes.figure)
    assert "without a finite value" in words(axes.figure)


def test_slices_hold_each_trial_where_the_hyperparameter_is_active(study):
    panels = {axes.get_xlabel(): axes for axes in pictures.slices(study).axes if axes.get_xlabel()}
    assert set(panels) == {"lr", "optimizer", "momentum"}
    finite = [view for view in study.trials if view.value is not None]
    for name, axes in panels.items():
        clouds = [cloud for cloud in axes.collections if cloud.get_label() != "incumbent"]
        drawn = sorted(float(y) for cloud in clouds for _, y in cloud.get_offsets())
        assert drawn == pytest.approx(sorted(view.value for view in finite if name in view.config))
    star = next(one for one in panels["lr"].collections if one.get_label() == "incumbent")
    best = study.incumbent
    assert tuple(star.get_offsets()[0]) == pytest.approx((best.config["lr"], best.value))
    assert panels["lr"].get_xscale() == "log"


def test_importance_has_a_bar_for_each_share_and_its_interval(study):
    judged = study.importance()
    (axes,) = pictures.importance(study).axes
    assert [bar.get_width() for bar in axes.patches] == [one.share for one in judged.shares[::-1]]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == [one.name for one in judged.shares[::-1]]
    (intervals,) = [one for one in axes.collections if hasattr(one, "get_segments")]
    ends = [(low[0], high[0]) for low, high in intervals.get_segments()]
    assert np.allclose(ends, [(one.low, one.high) for one in judged.shares[::-1]])


def nothing():
    return made(ASHA(max_resource=9), trials=0)


def failed():
    def crash(trial):
        trial.report(loss=math.nan)

    return made(ASHA(max_resource=9), trials=4, train_=crash)


def one():
    return made(ASHA(max_resource=1), trials=1)


def constants():
    return made(RandomSearch(max_resource=3), trials=1, space={"c": Constant(1)}, train_=flat)


def flat(trial):
    for _ in trial.steps():
        trial.report(loss=1.0)


def population():
    scheduler = PBT(max_resource=6, interval=1, population_size=6)
    return made(scheduler, trials=20, train_=member, space={"lr": Float(1e-3, 1.0, log=True)})


@pytest.mark.parametrize("kind", pictures.KINDS)
@pytest.mark.parametrize("make", [nothing, failed, one, constants, population])
def test_each_picture_of_each_study_can_be_saved(make, kind, tmp_path):
    with make() as study:
        figure = pictures.KINDS[kind](study)
        figure.savefig(tmp_path / "it.png")
        assert study.name in words(figure)


@pytest.mark.parametrize(
    ("make", "kind", "said"),
    [
        (nothing, "incumbent", "No trial has reported a finite value yet."),
        (failed, "incumbent", "No trial has reported a finite value yet."),
        (nothing, "curves", "No trial has reported anything yet."),
        (nothing, "rungs", "No trial has been created yet."),
        (population, "rungs", "has no rungs"),
        (failed, "parallel", "There is nothing to compare"),
        (constants, "slices", "There is nothing to compare"),
        (one, "importance", "results"),
    ],
)
def test_a_picture_says_why_there_is_nothing(make, kind, said):
    with make() as study:
        assert said in words(pictures.KINDS[kind](study))


def test_a_study_that_runs_elsewhere_is_read_anew(tmp_path):
    with Study("s", SPACE, ASHA(max_resource=9), storage=tmp_path / "s.db", seed=0, unit="epoch") as driver:
        driver.run(flat, executor="inline", budget=Budget(trials=1), progress=False)
        with Study.load("s", tmp_path / "s.db") as reader:
            driver.run(flat, executor="inline", budget=Budget(trials=9), progress=False)
            left, _ = pictures.rungs(reader).axes
            assert left.containers[0][0].get_width() == driver.rungs()[0].rungs[0].n_results == 9


def test_without_matplotlib_it_is_said_what_to_install(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in pictures.KINDS.values():
        with pytest.raises(SettingError, match=r"pip install 'paceline\[pictures\]'"):
            draw(study)


def test_what_is_imported_is_what_is_listed():
    for name, draw in pictures.KINDS.items():
        assert getattr(pictures, name) is draw


def test_a_figure_is_at_least_as_high_as_its_words_need(study):
    assert begun(study, 0.1).get_figheight() == 2.5


def test_many_hyperparameters_are_left_out_and_named():
    space = Space({f"x{number}": Float(0.0, 1.0) for number in range(15)})
    with made(RandomSearch(max_resource=1), trials=3, space=space, train_=flat) as study:
        figure = pictures.slices(study)
        assert len([axes for axes in figure.axes if axes.get_xlabel()]) == 12
        assert "left out: x12, x13, x14" in words(figure)
