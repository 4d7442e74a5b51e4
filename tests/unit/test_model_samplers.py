"""Samplers with a model: they learn, they repeat themselves exactly, and nothing that training does confuses them."""

import hashlib
import math
import os
import subprocess
import sys

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paceline import (
    ASHA,
    Alternating,
    Budget,
    Categorical,
    Constant,
    Constraint,
    Float,
    FullResource,
    GaussianProcess,
    Grid,
    Integer,
    Ordinal,
    Random,
    SettingError,
    Space,
    SpaceError,
    Study,
    Trees,
    above,
)
from paceline.events import JobEnded, TrialId
from paceline.ledger import Ledger
from paceline.rng import generator_for, uniforms_for
from paceline.samplers import fitting, gaussian_process
from paceline.samplers.base import Context, SamplerSettings
from paceline.samplers.points import Candidates, Features
from paceline.samplers.results import Results, ranks
from paceline.schedulers.base import SchedulerSettings
from paceline.simulation import UnitTraining, simulate
from paceline.testing.strategies import configs, spaces
from paceline.testing.studies import Puppet

MODELS = {
    "trees": Trees,
    "gaussian process": GaussianProcess,
    "alternating": lambda **settings: Alternating(samplers=(Trees(**settings), GaussianProcess(**settings))),
}
SPACE = Space(
    {
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "lr": Float(1e-5, 1.0, log=True),
        "layers": Integer(1, 6),
        "width": Integer(8, 512, log=True),
        "optimizer": Categorical(["sgd", "adam", "lion"]),
        "skip": Categorical([True, False], when={"layers": above(2)}),
        "size": Ordinal(["s", "m", "l"]),
        "one": Constant(1, when={"skip": True}),
    }
)
EASY = Space({"x": Float(0, 1), "y": Float(0, 1)})

every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


class Training:
    """A loss that depends on the config, and falls with the resource."""

    def __init__(self, loss):
        self.loss = loss

    def metrics(self, trial, config, resource):
        return {"loss": self.loss(config, resource)}

    def seconds(self, trial, config, resource):
        return resource * (1 + trial % 3 / 10)


def bowl(config, resource=1):
    """Least at lr = 0.01 with sgd, momentum 0.9 and four layers."""
    loss = (math.log10(config["lr"]) + 2) ** 2 / 4 + (config["layers"] - 4) ** 2 / 9
    loss += abs(config["momentum"] - 0.9) if "momentum" in config else 1.0
    return loss + 1 / resource


def study(sampler, *, space=SPACE, loss=bowl, n=60, seed=0, workers=3, top=9, **more):
    return simulate(
        ASHA(max_resource=top, sampler=sampler) if top > 1 else FullResource(sampler=sampler),
        space,
        Training(loss),
        workers=workers,
        budget=Budget(trials=n),
        seed=seed,
        **more,
    )


def drawn(result):
    return [state.trial.config for state in result.ledger.trials]


def rebuilt(sampler, entries, *, space=SPACE, seed=0):
    """A sampler that knows nothing but a journal."""
    ledger = Ledger()
    recorded = SchedulerSettings.from_json(entries[0][1].scheduler)
    fresh = msgspec.structs.replace(recorded, sampler=sampler).build(Context(space, seed, ledger))
    for at, event in entries:
        ledger.apply(event, at)
        fresh.apply(event)
    return fresh.sampler


def taught(sampler, losses, *, space=EASY, seed=0):
    """A sampler that has seen random configs with these losses, at resource 1."""
    training = UnitTraining([loss if math.isfinite(loss) else None for loss in losses])
    told = simulate(FullResource(), space, training, budget=Budget(trials=len(losses)), seed=seed)
    return rebuilt(sampler, told.entries, space=space, seed=seed)


# What a proposal depends on ------------------------------------------------------------------------------------------


@every_model
def test_a_rebuilt_sampler_goes_on_where_the_live_one_was(model):
    result = study(model(), n=40)
    live = result.scheduler.sampler
    again = rebuilt(model(), result.entries)
    assert [again.propose(trial) for trial in range(40, 60)] == [
        live.propose(trial) for trial in range(40, 60)
    ]


@every_model
def test_whenever_it_was_asked_before_the_answer_is_the_same(model):
    """Nothing is fitted when somebody happens to ask."""
    result = study(model(random_fraction=0), n=50, top=1)
    ledger = Ledger()
    curious = model(random_fraction=0).build(Context(SPACE, 0, ledger))
    for at, event in result.entries:
        ledger.apply(event, at)
        if isinstance(event, JobEnded):
            curious.observe(event.trial, 1, ledger.trials[event.trial].loss)
            curious.propose(ledger.next_trial)
    aloof = rebuilt(model(random_fraction=0), result.entries)
    assert curious.propose(50) == aloof.propose(50)


@every_model
def test_all_random_is_random_search(model):
    assert drawn(study(model(random_fraction=1))) == drawn(study(Random()))


@every_model
def test_a_random_share_is_what_random_search_draws(model):
    sampler = rebuilt(model(random_fraction=0.5), study(Random()).entries)
    proposals = [sampler.propose(trial) for trial in range(60, 160)]
    random = [SPACE.sample(uniforms_for(0, "config", trial)) for trial in range(60, 160)]
    same = sum(ours == theirs for ours, theirs in zip(proposals, random, strict=True))
    assert 35 <= same <= 65


@every_model
def test_without_enough_results_it_is_random_search(model):
    wary = model(random_fraction=0, min_results=61)
    assert drawn(study(wary, top=1)) == drawn(study(Random(), top=1))
    assert drawn(study(model(random_fraction=0), top=1, n=8)) == drawn(study(Random(), top=1, n=8))


def fingerprint():
    return hashlib.sha256(repr(drawn(study(Alternating()))).encode()).hexdigest()


def test_other_processes_propose_the_same():
    """Whatever their hash seed, and however many threads linear algebra may take."""
    for number in ("1", "2"):
        script = f"import runpy; print(runpy.run_path({__file__!r})['fingerprint']())"
        environment = {**os.environ, "PYTHONHASHSEED": number, "OPENBLAS_NUM_THREADS": number}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == fingerprint()


def test_a_study_with_a_model_replays(tmp_path):
    def train(trial):
        for resource in trial.steps():
            trial.report(loss=bowl(trial.config, resource + 1))

    scheduler = ASHA(max_resource=3, sampler=Alternating())
    with Study("replayed", SPACE, scheduler, minimize="loss", storage=str(tmp_path / "study.db")) as first:
        first.run(train, budget=Budget(trials=20), executor="inline")
    with Study("replayed", SPACE, scheduler, minimize="loss", storage=str(tmp_path / "study.db")) as again:
        assert again.replay().is_equal
        again.run(train, budget=Budget(trials=30), executor="inline")
        assert again.replay().is_equal
        assert len(again.trials) == 30


def test_without_threadpoolctl_proposals_are_the_same(monkeypatch):
    losses = [float((37 * i) % 31) for i in range(30)]
    wanted = [taught(GaussianProcess(random_fraction=0), losses).propose(trial) for trial in (30, 31)]
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    fitting._controller.cache_clear()
    configs = [taught(GaussianProcess(random_fraction=0), losses).propose(trial) for trial in (30, 31)]
    fitting._controller.cache_clear()
    for ours, theirs in zip(configs, wanted, strict=True):
        assert ours == pytest.approx(theirs)


# What it may propose -------------------------------------------------------------------------------------------------


@every_model
def test_constraints_that_refuse_everything_are_an_error(model):
    space = Space({"x": Integer(1, 5)}, [Constraint("never", lambda config: False)])
    ledger = Ledger()
    with pytest.raises(SpaceError, match="'never' refused 1000"):
        model(random_fraction=0).build(Context(space, 0, ledger)).propose(0)


@every_model
@pytest.mark.parametrize(
    "space",
    [
        Space(
            {"a": Integer(1, 4), "b": Categorical(["x", "y", "z"]), "c": Ordinal([1, 10], when={"b": "x"})}
        ),
        Space({"a": Integer(1, 60, log=True)}),
    ],
    ids=["mixed", "logarithmic"],
)
def test_nothing_is_tried_twice_while_something_is_left(model, space):
    """Beyond the first eight, which are random."""
    configs = drawn(
        study(model(random_fraction=0), space=space, loss=lambda c, _: c["a"], n=70, top=1, workers=1)
    )
    first, others = configs[:8], configs[8:]
    n_left = space.n_configs - len({repr(config) for config in first})
    fresh = others[:n_left]
    assert len({repr(config) for config in first + fresh}) == space.n_configs


@every_model
def test_a_space_without_a_choice(model):
    configs = drawn(study(model(), space=Space({"x": Constant(3)}), loss=lambda *_: 1.0, n=20))
    assert configs == [{"x": 3}] * 20


@every_model
def test_the_same_config_many_times(model):
    points = [{"x": 0.5, "y": 0.5}] * 30
    result = simulate(
        FullResource(sampler=model(random_fraction=0)),
        EASY,
        UnitTraining([3.0, 1.0, 2.0]),
        budget=Budget(trials=40),
        points=points,
    )
    assert len({repr(config) for config in drawn(result)}) == 11


# Whether it learns ---------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("top", [1, 9])
def test_it_finds_a_bowls_bottom_better_than_chance(model, top):
    def best(sampler, seed):
        result = study(
            sampler,
            space=EASY,
            loss=lambda c, r: (c["x"] - 0.3) ** 2 + (c["y"] - 0.7) ** 2 + 1 / r,
            seed=seed,
            n=80,
            top=top,
        )
        return math.sqrt(result.ledger.incumbent().loss - 1 / top)

    distances = [best(model(), seed) for seed in range(7)]
    by_chance = [best(Random(), seed) for seed in range(7)]
    assert np.median(distances) < 0.8 * np.median(by_chance)


@every_model
def test_a_bad_name_is_avoided(model):
    space = Space({"x": Float(0, 1), "c": Categorical(list("abcdef"))})
    configs = drawn(
        study(model(random_fraction=0), space=space, loss=lambda c, _: c["c"] in "bd", n=80, top=1)
    )
    assert sum(config["c"] in "bd" for config in configs[20:]) < 6  # 20 of 60 by chance


def test_trees_carry_what_low_rungs_say_upward():
    """Nothing but the bottom rung knows that y matters."""
    losses = {}

    def loss(config, resource):
        losses[resource] = losses.get(resource, 0) + 1
        return config["y"] if resource == 1 else 0.0

    result = study(Trees(random_fraction=0), space=EASY, loss=loss, n=100)
    assert np.mean([config["y"] for config in drawn(result)[20:]]) < 0.35


def test_a_gaussian_process_looks_at_the_highest_rung_with_eight_results():
    """Lower rungs say the opposite."""
    settings = GaussianProcess(random_fraction=0)
    result = study(settings, space=EASY, loss=lambda c, r: c["x"] if r == 1 else -10 - c["x"], n=120, top=3)
    assert "results at 3" in result.scheduler.sampler.explain(TrialId(120))
    assert np.mean([config["x"] for config in drawn(result)[60:]]) > 0.6


# Alternating ---------------------------------------------------------------------------------------------------------


def test_samplers_take_turns_and_all_learn():
    entries = study(Random()).entries
    members = (Trees(), GaussianProcess())
    both = rebuilt(Alternating(samplers=members), entries)
    alone = [rebuilt(member, entries) for member in members]
    for trial in range(60, 80):
        assert both.propose(trial) == alone[trial % 2].propose(trial)


def test_it_has_a_model_if_one_of_its_members_has():
    context = Context(EASY, 0, Ledger())
    assert not Alternating(samplers=(Random(), Random())).build(context).has_model
    assert Alternating(samplers=(Random(), GaussianProcess())).build(context).has_model


class Once(SamplerSettings, frozen=True, kw_only=True, tag=True):
    def build(self, context):
        return OnceSampler(context)


class OnceSampler(type(Random().build(Context(EASY, 0, Ledger())))):
    @property
    def is_exhausted(self):
        return self.ledger.n_sampled > 0

    def propose(self, trial):
        return None if self.is_exhausted else super().propose(trial)


def test_a_sampler_that_has_nothing_more_is_passed_over():
    configs = drawn(study(Alternating(samplers=(Once(), Random())), n=10))
    assert configs == drawn(study(Random(), n=10))
    assert len(drawn(study(Alternating(samplers=(Once(), Once())), n=10))) == 1


# Results -------------------------------------------------------------------------------------------------------------


def puppet():
    return Puppet(ASHA(max_resource=9, sampler=GaussianProcess()), retries=0)


def test_results_stand_in_the_order_of_their_arrival():
    study = puppet()
    jobs = [study.take() for _ in range(5)]
    results = Results(Context(study.space, 0, study.ledger))
    for job, loss in zip(jobs, (0.3, math.inf, math.nan, 0.1, 0.2), strict=True):
        results.add(job.trial, 1, loss)
    results.add(jobs[0].trial, 3, 0.05)
    assert results.losses.tolist() == [0.3, math.inf, math.inf, 0.1, 0.2, 0.05]
    assert results.resources.tolist() == [1, 1, 1, 1, 1, 3]
    assert results.rungs == [1, 3]
    assert (results.highest(1), results.highest(5), results.highest(6)) == (3, 1, None)
    assert results.rows_at(3).tolist() == [5]
    assert results.rows_at(9).tolist() == []
    encoded = [study.space.encode(study.ledger.trials[trial].trial.config) for trial in (0, 1, 2, 3, 4, 0)]
    assert np.array_equal(results.points, np.array(encoded))


@pytest.mark.parametrize(
    ("losses", "wanted"),
    [
        ([], []),
        ([7.0], [0.0]),
        ([3.0, 1.0, 2.0], [1.0, 0.0, 0.5]),
        ([math.inf, 0.0, math.inf], [0.75, 0.0, 0.75]),
        ([1.0] * 4, [0.5] * 4),
    ],
)
def test_ranks(losses, wanted):
    assert ranks(np.array(losses)).tolist() == wanted


# Points --------------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_candidates_are_where_their_configs_are_encoded(data):
    space = data.draw(spaces())
    candidates = Candidates(space)
    random = generator_for(data.draw(st.integers(0, 9)), "test")
    drawn = candidates.draw(20, random)
    base = space.encode(data.draw(configs(space)))
    if space.dimension:
        drawn = np.concatenate([drawn, candidates.near(base, 20, random)])
    for point in drawn:
        assert np.allclose(space.encode(space.decode(point)), point, atol=1e-9, rtol=0, equal_nan=True)


def test_candidates_are_uniform_and_few_configs_are_all_there():
    points = Candidates(EASY).draw(4000, generator_for(0, "test"))
    assert abs(points.mean() - 0.5) < 0.02
    space = Space({"a": Integer(1, 4), "b": Categorical(["x", "y"], when={"a": 2})})
    points = Candidates(space).draw(3, generator_for(0, "test"))
    assert len({repr(space.decode(point)) for point in points}) == len(points) == 5


def test_names_are_features_of_their_own():
    space = Space({"x": Float(0, 1), "c": Categorical(["a", "b", "c"]), "y": Float(0, 1, when={"c": "b"})})
    features = Features(space, names=range(3, 10), inactive=-1.0, height=2.0)
    points = space.encode_many([{"x": 0.25, "c": "a"}, {"x": 0.5, "c": "b", "y": 0.75}])
    assert features.of(points).tolist() == [[0.25, -1.0, 2.0, 0.0, 0.0], [0.5, 0.75, 0.0, 2.0, 0.0]]
    assert features.owners.tolist() == [0, 2, 1, 1, 1]
    assert Features(space, names=range(4, 10), inactive=-1.0, height=2.0).owners.tolist() == [0, 1, 2]


# The Gaussian process' mathematics -----------------------------------------------------------------------------------


def some_data(n=25, d=3):
    random = generator_for(0, "data")
    x = random.random((n, d))
    return x, gaussian_process._normal_scores(x[:, 0] ** 2 + 0.1 * random.standard_normal(n), np.arange(n))


def test_the_gradient_is_that_of_the_likelihood():
    x, y = some_data()
    squares = np.array([gaussian_process._squares(x[:, [j]]) for j in range(3)])
    at = np.array([0.3, -0.5, 1.0, -2.0])
    _, slope = gaussian_process._log_likelihood(squares, y, at)
    for j, step in enumerate(1e-5 * np.eye(4)):
        above, _ = gaussian_process._log_likelihood(squares, y, at + step)
        below, _ = gaussian_process._log_likelihood(squares, y, at - step)
        assert slope[j] == pytest.approx((above - below) / 2e-5, rel=1e-5)


def test_the_likelihood_is_that_of_scipy():
    from scipy.stats import multivariate_normal

    x, y = some_data()
    lengths, noise = np.array([0.5, 1.0, 2.0]), 0.1
    squares = np.array([gaussian_process._squares(x[:, [j]]) for j in range(3)])
    r = np.sqrt((squares / lengths[:, None, None] ** 2).sum(0))
    plain = (1 + math.sqrt(5) * r + 5 / 3 * r**2) * np.exp(-math.sqrt(5) * r)
    value, _ = gaussian_process._log_likelihood(squares, y, np.log([*lengths, noise]))
    wanted = multivariate_normal(np.zeros(25), plain + noise * np.eye(25)).logpdf(y)
    assert value - 12.5 * math.log(2 * math.pi) == pytest.approx(wanted)
    assert np.allclose(gaussian_process._Kernel(1 / lengths, noise).between(x, x), plain)


def test_the_fit_is_scipys():
    from scipy.optimize import minimize

    x, y = some_data()
    squares = np.array([gaussian_process._squares(x[:, [j]]) for j in range(3)])
    centre = np.array([math.log(0.4) + 0.5 * math.log(3)] * 3 + [math.log(0.05)])

    def cost(at):
        value, slope = gaussian_process._log_likelihood(squares, y, at)
        return -value + 0.5 * ((at - centre) ** 2).sum(), -slope + at - centre

    kernel = gaussian_process._fit(x, y, np.arange(3))
    ours = np.append(-np.log(kernel._inverse_lengths), math.log(kernel._noise))
    best = minimize(cost, centre, jac=True)
    assert cost(ours)[0] == pytest.approx(best.fun, abs=0.01)


def test_draws_are_those_of_the_posterior():
    """By their mean and spread over 2,000 draws."""
    x, y = some_data()
    kernel = gaussian_process._Kernel(np.ones(3), 0.1)
    candidates = generator_for(1, "data").random((5, 3))
    random = generator_for(2, "data")
    draws = np.array([kernel.draw(x, y, candidates, random) for _ in range(2000)])
    gain = kernel.between(candidates, x) @ np.linalg.inv(kernel.between(x, x) + 0.1 * np.eye(25))
    covariance = kernel.between(candidates, candidates) - gain @ kernel.between(x, candidates)
    assert np.allclose(draws.mean(0), gain @ y, atol=0.03)
    assert np.allclose(np.cov(draws.T), covariance, atol=0.03)


def test_scores_are_normal_quantiles_of_places_among_all():
    losses = np.array([0.3, 0.1, math.inf, 0.2, 0.2])
    quantiles = stats.norm.ppf((np.arange(5) + 0.5) / 5)
    shared = (quantiles[1] + quantiles[2]) / 2
    wanted = np.array([quantiles[3], quantiles[0], quantiles[4], shared, shared])
    assert np.allclose(gaussian_process._normal_scores(losses, np.arange(5)), wanted)
    assert np.allclose(gaussian_process._normal_scores(losses, np.array([1, 4])), wanted[[1, 4]])


def test_thinning_keeps_the_best_and_the_newest():
    losses = np.array([5.0, 0.0, 4.0, 3.0, 1.0, 2.0, math.inf])
    assert gaussian_process._thinned(losses, 7).tolist() == list(range(7))
    assert gaussian_process._thinned(losses, 4).tolist() == [1, 4, 5, 6]
    assert gaussian_process._thinned(losses, 5).tolist() == [1, 3, 4, 5, 6]


def test_many_results_are_thinned_out():
    """More than either model takes in at once."""
    losses = [float((37 * i) % 2003) for i in range(1200)]
    for model in (Trees, GaussianProcess):
        sampler = taught(model(random_fraction=0), losses)
        assert EASY.validate(sampler.propose(1200))


# Settings ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "phrase"),
    [
        (lambda: Trees(random_fraction=1.5), "random_fraction=1.5: expected a number from 0 to 1"),
        (lambda: GaussianProcess(random_fraction=math.nan), "a number from 0 to 1"),
        (lambda: Trees(random_fraction=True), "random_fraction=True"),
        (lambda: GaussianProcess(random_fraction="all"), "random_fraction='all'"),
        (lambda: Trees(min_results=1), "min_results=1: expected a whole number of at least 2"),
        (lambda: GaussianProcess(min_results=2.5), "min_results=2.5"),
        (lambda: Trees(n_trees=0), "n_trees=0: expected a whole number of at least 1"),
        (lambda: Trees(candidates=0), "candidates=0"),
        (lambda: GaussianProcess(random_candidates=0), "random_candidates=0"),
        (lambda: GaussianProcess(local_candidates=-1), "local_candidates=-1"),
        (lambda: Alternating(samplers=()), "at least two samplers"),
        (lambda: Alternating(samplers=(Random(),)), "at least two samplers"),
        (lambda: Alternating(samplers=Random()), "at least two samplers"),
        (lambda: Alternating(samplers=(Random(), Random)), r"samplers\[1\].*with parentheses"),
        (lambda: Alternating(samplers=(Random(), "trees")), r"samplers\[1\]='trees': expected a sampler"),
        (lambda: Alternating(samplers=(Grid(), Random())), "every turn"),
    ],
)
def test_wrong_settings_are_refused(make, phrase):
    with pytest.raises(SettingError, match=phrase):
        make()


def test_a_list_of_samplers_will_do():
    assert Alternating(samplers=[Random(), Random()]) == Alternating(samplers=(Random(), Random()))


def test_no_local_candidates():
    assert len(drawn(study(GaussianProcess(local_candidates=0), n=20))) == 20
