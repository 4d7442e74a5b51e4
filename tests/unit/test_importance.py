"""Which hyperparameters mattered: known functions, conditions, ties, failures, doubt, and what is refused."""

import itertools
import math

import numpy as np
import pytest

from paceline import (
    ASHA,
    KDE,
    Budget,
    Categorical,
    Constant,
    Float,
    FullResource,
    Integer,
    Ordinal,
    QuasiRandom,
    Random,
    RandomSearch,
    SettingError,
    Space,
    Study,
)
from paceline.events import (
    Job,
    JobEnded,
    JobIssued,
    Objective,
    Outcome,
    Reported,
    StudyOpened,
    Trial,
    TrialCreated,
)
from paceline.importance import MIN_BEST, importance
from paceline.rng import generator_for, uniforms_for

CUBE = {name: Float(0, 1) for name in "abcdef"}


def journal(space, loss, n, *, seed=0, source=None, reports_at=(1,)):
    """A study of n random configs, whose losses at a resource are `loss(config, noise)`; `None` fails."""
    space = Space.of(space)
    opened = StudyOpened(
        seed=seed, objective=Objective("loss"), space=space.to_json(), scheduler={}, retries=0
    )
    events = [opened]
    noise = generator_for(seed, "noise").standard_normal(n)
    for trial in range(n):
        config = space.sample(source(trial) if source else uniforms_for(seed, "config", trial))
        value = loss(config, noise[trial])
        events += [
            TrialCreated(Trial(trial, config)),
            JobIssued(Job(trial, trial, 0, max(reports_at))),
            *(
                Reported(trial, trial, at, {"loss": value if math.isfinite(value) else None})
                for at in reports_at
                if value is not None
            ),
            JobEnded(trial, trial, Outcome.FAILED if value is None else Outcome.COMPLETED),
        ]
    return [(0.0, event) for event in events]


def judged(space, loss, n, **more):
    top = more.pop("top", 0.1)
    return importance(journal(space, loss, n, **more), Space.of(space), top=top)


def shares(found):
    return {one.name: one.share for one in found.shares}


# Known functions -------------------------------------------------------------------------------------------------


def test_the_only_one_that_matters_has_nearly_all():
    for seed in range(5):
        found = judged(CUBE, lambda config, _: (config["c"] - 0.3) ** 2, 100, seed=seed)
        first = found.shares[0]
        assert first.name == "c"
        assert first.share > 0.8
        assert 0.3 < first.low <= first.share <= first.high
        assert sum(shares(found).values()) == pytest.approx(1)
        low, high = first.quartiles
        assert 0.2 < low < 0.3 < high < 0.4
        assert all(one.low == 0 for one in found.shares[1:])


def test_two_to_one():
    """With small effects of either alone, the best are better at a rate in proportion to it: V goes with its square."""

    def loss(config, noise):
        return math.sqrt(2) * config["a"] + config["b"] + noise

    found = judged(CUBE, loss, 5000, top=0.25)
    assert [one.name for one in found.shares[:2]] == ["a", "b"]
    assert shares(found)["a"] == pytest.approx(2 / 3, abs=0.06)
    assert shares(found)["b"] == pytest.approx(1 / 3, abs=0.06)


def test_what_is_explained_is_what_bayes_says():
    """The best tenth are those with a and z. Who knows a says 0.2 or 0, who knows b 0.5 or 0, and not 0.1."""
    space = {"a": Categorical([False, True]), "b": Categorical(list("vwxyz")), "c": Categorical([1, 2, 3])}

    def loss(config, _):
        return 0.0 if config["a"] and config["b"] == "z" else 1.0

    found = {one.name: one for one in judged(space, loss, 20_000).shares}
    assert found["a"].explained == pytest.approx(0.5 * 0.5 * 0.2**2 / 0.09, abs=0.01)
    assert found["b"].explained == pytest.approx(0.2 * 0.8 * 0.5**2 / 0.09, abs=0.03)
    assert found["c"].explained == pytest.approx(0, abs=0.001)
    assert found["b"].choices[0].value == "z"
    assert found["b"].choices[0].among_best > 0.95
    assert found["b"].choices[0].among_all == pytest.approx(0.2, abs=0.01)
    assert sum(choice.among_all for choice in found["b"].choices) == pytest.approx(1)


def test_a_log_scaled_range_is_compared_in_its_logarithm():
    space = {"lr": Float(1e-5, 1e-1, log=True), "width": Integer(16, 1024, log=True), "x": Float(0, 1)}
    found = judged(space, lambda config, _: abs(math.log10(config["lr"]) + 3), 100)
    assert found.shares[0].name == "lr"
    low, high = found.shares[0].quartiles
    assert 10**-3.3 < low < 1e-3 < high < 10**-2.7
    quartiles = next(one.quartiles for one in found.shares if one.name == "width")
    assert all(type(value) is int for value in quartiles)


def test_ordinals_are_numbers_and_told_by_their_values():
    space = {"size": Ordinal(["small", "medium", "large", "huge"]), "x": Float(0, 1)}
    found = judged(space, lambda config, _: float(config["size"] != "large"), 100)
    assert found.shares[0].name == "size"
    assert found.shares[0].quartiles == ("large", "large")
    assert found.shares[0].choices == ()


def test_a_conditional_is_judged_where_it_is_active():
    space = {
        "kind": Categorical(["plain", "deep"]),
        "depth": Integer(1, 30, when={"kind": "deep"}),
        "rare": Float(0, 1, when={"depth": 3}),
        "x": Float(0, 1),
    }

    def loss(config, noise):
        return abs(config["depth"] - 20) if "depth" in config else 12 + abs(noise)

    entries = journal(space, loss, 300)
    n_deep = sum(
        isinstance(event, TrialCreated) and event.trial.config["kind"] == "deep" for _, event in entries
    )
    found = importance(entries, Space(space))
    by_name = {one.name: one for one in found.shares}
    assert found.unjudged == ("rare",)
    assert by_name["depth"].n_results == n_deep
    assert by_name["kind"].n_results == found.n_results == 300
    assert found.shares[0].name == "depth"
    assert by_name["depth"].share > 5 * by_name["x"].share
    low, high = by_name["depth"].quartiles
    assert 15 < low <= 20 <= high < 25


def test_what_was_sampled_often_does_not_count_as_important():
    """A sampler that loves low b's: they are frequent among the best, and as frequent among the others."""

    def eager(trial):
        class Source:
            def random(self, size):
                point = uniforms_for(0, "eager", trial).random(size)
                point[1] = point[1] ** 4
                return point

        return Source()

    found = judged(CUBE, lambda config, _: config["a"], 300, source=eager)
    assert shares(found)["a"] > 0.9
    assert shares(found)["b"] < 0.05


# Invariance and determinism -----------------------------------------------------------------------------------------


def test_only_the_order_of_losses_counts():
    def loss(config, noise):
        return config["a"] + config["b"] ** 2 + 0.1 * noise

    plain = judged(CUBE, loss, 200)
    for transform in (lambda v: 1e6 * v - 5, math.atan, lambda v: v**3):
        assert judged(CUBE, lambda *it, f=transform: f(loss(*it)), 200) == plain


def test_it_is_the_same_each_time_and_in_any_order_of_arrival():
    entries = journal(CUBE, lambda config, _: config["a"], 60)
    head, trials = entries[:1], [entries[1 + 4 * trial : 5 + 4 * trial] for trial in range(60)]
    created = [trial[0] for trial in trials]
    backwards = [*head, *created, *itertools.chain.from_iterable(trial[1:] for trial in reversed(trials))]
    found = importance(entries, Space(CUBE))
    assert importance(entries, Space(CUBE)) == found
    assert importance(backwards, Space(CUBE)) == found


def test_names_may_be_listed_in_any_order():
    first = judged(
        {"c": Categorical(list("uvw")), "x": Float(0, 1)}, lambda config, _: config["c"] != "v", 99
    )
    other = journal(
        {"c": Categorical(list("uvw")), "x": Float(0, 1)}, lambda config, _: config["c"] != "v", 99
    )
    second = importance(other, Space({"c": Categorical(list("wvu")), "x": Float(0, 1)}))
    assert shares(second) == pytest.approx(shares(first))


# Little to tell ------------------------------------------------------------------------------------------------------


def test_hyperparameters_of_one_value_are_absent():
    space = {"x": Float(0, 1), "one": Constant(7), "alone": Categorical(["a"])}
    found = judged(space, lambda config, _: config["x"], 30)
    assert [one.name for one in found.shares] == ["x"]
    assert found.unjudged == ()
    assert found.shares[0].share == 1
    assert judged({"one": Constant(7)}, lambda *_: 1.0, 30).shares == ()


@pytest.mark.parametrize("value", [1.0, math.inf])
def test_equal_losses_tell_nothing(value):
    found = judged(CUBE, lambda *_: value, 50)
    assert set(shares(found).values()) == {0.0}
    assert {(one.low, one.high, one.explained) for one in found.shares} == {(0.0, 0.0, 0.0)}
    assert len(found.shares) == len(CUBE)


def test_noise_has_intervals_that_begin_at_nothing():
    n_sure = 0
    for seed in range(20):
        found = judged(CUBE, lambda _, noise: noise, 60, seed=seed)
        n_sure += sum(one.low > 0 for one in found.shares)
        assert all(one.explained < 0.35 for one in found.shares)
        assert all(0 <= one.low <= one.high <= 1 for one in found.shares)
    assert n_sure <= 0.05 * 20 * len(CUBE)


def test_intervals_narrow_with_more_results_and_hold_the_truth():
    """a explains twice what b does (see above): nine of ten intervals should hold 2/3; at least seven of ten do."""
    widths, held = [], []
    for n in (200, 2000):
        found = [
            judged(CUBE, lambda config, noise: math.sqrt(2) * config["a"] + config["b"] + noise, n, seed=seed, top=0.25)
            for seed in range(10)
        ]  # fmt: skip
        first = [next(one for one in it.shares if one.name == "a") for it in found]
        widths.append(np.mean([one.high - one.low for one in first]))
        held += [one.low <= 2 / 3 <= one.high for one in first]
    assert widths[1] < 0.6 * widths[0]
    assert sum(held) >= 14


def test_names_as_many_as_results_explain_nothing():
    names = list(range(1000))
    found = judged({"c": Categorical(names), "x": Float(0, 1)}, lambda config, _: config["x"], 20)
    assert found.shares[0].name == "x"
    assert all(math.isfinite(one.share) for one in found.shares)


def test_a_tie_at_the_border_is_shared():
    """Half of the results are equal and best: which of them came first must not matter."""
    space = {"c": Categorical(["good", "bad"]), "x": Float(0, 1)}
    found = judged(space, lambda config, _: float(config["c"] == "bad"), 100)
    assert found.n_best == 10
    assert found.shares[0].choices[0].among_best == pytest.approx(1)
    assert shares(found)["c"] > 0.95


# Failures --------------------------------------------------------------------------------------------------------------


def test_failures_rank_last_but_count():
    """Large a's fail: with all that is left equal, that a matters is known from the failures alone."""
    for failure in (None, math.inf):
        found = judged(
            CUBE, lambda config, _, failure=failure: failure if config["a"] > 0.4 else 1.0, 100, top=0.3
        )
        assert found.n_results == 100
        assert found.shares[0].name == "a"
        assert found.shares[0].share > 0.8
        assert found.shares[0].quartiles[1] < 0.4


def test_a_failed_trial_counts_at_what_it_should_have_reached_only():
    with Study("s", {"x": Float(0, 1)}, ASHA(max_resource=9), storage="memory:", retries=0) as study:
        study.run(fails_after_two, executor="inline", budget=Budget(trials=90), progress=False)
        n_second = len({report.trial for report in study.reports() if report.resource == 2})
        n_failed = sum(trial.status == "failed" for trial in study.trials)
        assert n_failed > 0
        assert study.importance(resource=1).n_results == 90
        assert study.importance(resource=2).n_results == n_second
        n_third = len({report.trial for report in study.reports() if report.resource == 3})
        assert study.importance(resource=3).n_results == n_third + n_failed


def fails_after_two(trial):
    for step in trial.steps():
        if step == 2 and trial.id % 3 == 0:
            raise RuntimeError("no memory left")
        trial.report(loss=trial.config["x"])


def test_reports_without_the_metric_are_no_results():
    def train(trial):
        for step in trial.steps():
            trial.report({"loss": trial.config["x"]} if step == trial.target - 1 else {"speed": 1.0})

    with Study("s", {"x": Float(0, 1)}, RandomSearch(max_resource=2), storage="memory:") as study:
        study.run(train, executor="inline", budget=Budget(trials=20), progress=False)
        assert study.importance().resource == 2
        with pytest.raises(SettingError, match="it has 0; enough are at 2"):
            study.importance(resource=1)


# At which resource ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laddered():
    """What matters changes on the way: a at first, b in the end."""

    def train(trial):
        for step in trial.steps():
            trial.report(loss=trial.config["a"] if step < 2 else 1 + trial.config["b"])

    with Study("s", CUBE, ASHA(max_resource=27), storage="memory:", seed=3) as study:
        study.run(train, executor="inline", budget=Budget(trials=150), progress=False)
        yield study


def test_the_highest_resource_with_enough_results_is_compared(laddered):
    found = laddered.importance()
    n_at = {at: len({r.trial for r in laddered.reports() if r.resource == at}) for at in range(1, 28)}
    assert found.resource == max(at for at, n in n_at.items() if n >= 20)
    assert found.n_results == n_at[found.resource]
    assert found.shares[0].name == "b"
    assert laddered.importance(resource=1).shares[0].name == "a"
    assert laddered.importance(resource=1).n_results == 150


def test_many_hyperparameters_need_more_results():
    space = {f"x{i}": Float(0, 1) for i in range(12)}
    assert judged(space, lambda config, _: config["x0"], 26).n_results == 26
    with pytest.raises(SettingError, match="at least 26 results; the most are 25, at resource 1"):
        judged(space, lambda config, _: config["x0"], 25)


def test_too_few_results_are_told_with_how_many_are_needed(laddered):
    with pytest.raises(SettingError, match="at least 20 results, and it has 7; enough are at 1, 2, 3"):
        laddered.importance(resource=27)
    with pytest.raises(SettingError, match="at least 20 results, and it has 0"):
        laddered.importance(resource=28)
    with (
        Study("new", CUBE, ASHA(max_resource=27), storage="memory:") as new,
        pytest.raises(SettingError, match="at least 20 results; there are none yet"),
    ):
        new.importance()


@pytest.mark.parametrize(
    "wrong", [{"resource": 0}, {"resource": 1.5}, {"top": 0}, {"top": 1}, {"top": "few"}]
)
def test_wrong_settings_are_refused(laddered, wrong):
    with pytest.raises(SettingError):
        laddered.importance(**wrong)


def test_so_many_are_the_best(laddered):
    assert laddered.importance(resource=1, top=0.1).n_best == 15
    assert laddered.importance(resource=1, top=0.07).n_best == 11
    assert laddered.importance(resource=1, top=0.01).n_best == MIN_BEST


# Samplers with a model -------------------------------------------------------------------------------------------------


def tuned(sampler, n):
    study = Study(
        "s", {"x": Float(0, 1), "idle": Float(0, 1)}, FullResource(sampler=sampler), storage="memory:"
    )
    study.run(
        lambda trial: (trial.config["x"] - 0.3) ** 2,
        executor="inline",
        budget=Budget(trials=n),
        progress=False,
    )
    return study.importance()


@pytest.mark.parametrize("sampler", [Random(), QuasiRandom()])
def test_without_a_model_all_results_are_compared(sampler):
    found = tuned(sampler, 20)
    assert (found.n_results, found.n_left_out, found.is_guided) == (20, 0, False)


def test_of_a_model_only_random_draws_are_compared():
    found = tuned(KDE(random_fraction=0.5), 120)
    assert not found.is_guided
    assert 40 <= found.n_results <= 80
    assert found.n_results + found.n_left_out == 120
    assert found.shares[0].name == "x"
    assert found.shares[0].share > 0.8


def test_too_few_random_draws_are_told():
    found = tuned(KDE(random_fraction=0.0), 60)
    assert (found.n_results, found.n_left_out, found.is_guided) == (60, 0, True)
