"""Studies whose configs come from a model: opened, asked, replayed, explained, and what a user may do to them."""

import math
from collections import Counter

import msgspec
import numpy as np
import pytest

from paceline import (
    ASHA,
    BOHB,
    KDE,
    Budget,
    Categorical,
    Constant,
    Constraint,
    Float,
    FullResource,
    Integer,
    Random,
    Space,
    SpaceError,
    Study,
)
from paceline.density import Density
from paceline.events import JobIssued, Trial, TrialCreated, decode, encode
from paceline.forecast import forecast
from paceline.history import check
from paceline.ledger import Ledger
from paceline.rng import uniforms_for
from paceline.samplers import known
from paceline.samplers.base import Context
from paceline.samplers.kde import RankedRows
from paceline.simulation import UnitTraining, simulate
from paceline.testing.studies import Puppet

SPACE = Space(
    {"x": Float(0, 1), "n": Integer(1, 9)}, [Constraint("not both", lambda c: c["x"] + c["n"] / 9 < 1.5)]
)
MODEL = KDE(random_fraction=0.1)
SCHEDULERS = {
    "full": FullResource(sampler=MODEL),
    "asha": ASHA(max_resource=9, sampler=MODEL),
    "hedged": ASHA(max_resource=9, sampler=MODEL, hedge=0.2),
    "bohb": BOHB(max_resource=9),
}


def train(trial):
    for step in trial.steps():
        trial.report(loss=trial.config["x"] + 1 / (step + 1))


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/study.db"


@pytest.fixture(params=SCHEDULERS)
def made(request, url):
    with Study("s", SPACE, SCHEDULERS[request.param], storage=url, points=[{"x": 0.25, "n": 3}]) as study:
        study.run(train, executor="inline", budget=Budget(trials=30), progress=False)
        yield study


class Odd:
    """Losses from the config, or `None`."""

    def __init__(self, loss):
        self.loss = loss

    def metrics(self, trial, config, resource):
        return {"loss": self.loss(trial)}

    def seconds(self, trial, config, resource):
        return float(resource)


# Journals --------------------------------------------------------------------------------------------------------------


def test_a_study_is_replayed_and_goes_on(made, url):
    assert made.replay().is_equal
    assert made.trials[0].config == {"x": 0.25, "n": 3}
    again = Study("s", SPACE, made.settings, storage=url)
    again.run(train, executor="inline", budget=Budget(trials=40), progress=False)
    assert len(again.trials) == 40
    assert again.replay().is_equal
    again.close()


def test_every_trial_is_explained(made):
    texts = [made.explain(trial)[0].because.text for trial in range(30)]
    assert texts[0].endswith("one of the points given")
    assert all("drawn at random" in text or "like the best" in text for text in texts[1:])
    assert "like the best" in "".join(texts)


def test_a_study_loaded_without_its_constraints_can_be_looked_at(made, url):
    """They are code, and in no journal."""
    with Study.load("s", url) as loaded:
        assert loaded.replay().is_equal
        assert all(loaded.explain(trial)[0].because.text for trial in range(30))


def test_what_a_model_proposed_is_taken_from_the_journal(url):
    """On another machine, or with another version, it may propose something else: the decisions are the same."""
    study = Puppet(ASHA(max_resource=9, sampler=MODEL), space=SPACE)
    for i in range(40):
        study.complete(study.take(), i * 7 % 13 / 13)
    (place,) = [
        i for i, event in enumerate(study.events) if isinstance(event, TrialCreated) and event.trial.id == 12
    ]
    event = study.events[place]
    other = {"x": 0.125, "n": 2}
    assert event.trial.config != other
    lines = [
        line.replace(encode(event), encode(TrialCreated(replaced(event.trial, config=other))))
        for line in study.lines
    ]
    assert report_of(lines, SPACE, study.settings).is_equal
    # What is the scheduler's own is derived: a target that it would not have chosen is found.
    job = next(event for event in study.events if isinstance(event, JobIssued) and event.job.trial == 12)
    lines = [
        line.replace(encode(job), encode(JobIssued(replaced(job.job, target=3)))) for line in study.lines
    ]
    assert not report_of(lines, SPACE, study.settings).is_equal


def replaced(record, **changes):
    return msgspec.structs.replace(record, **changes)


def report_of(lines, space, settings):
    ledger = Ledger()
    return check([(0.0, decode(line)) for line in lines], ledger, settings.build(Context(space, 0, ledger)))


def test_a_replay_fits_nothing(made, monkeypatch):
    monkeypatch.setattr(Density, "__init__", lambda *_, **__: pytest.fail("fitted"))
    assert made.replay().is_equal


def test_ask_and_tell_with_points_given_in_between(url):
    with Study("s", SPACE, ASHA(max_resource=9, sampler=MODEL, hedge=0.3), storage=url) as study:
        study.set_budget(Budget(trials=40))
        n_jobs = 0
        while (job := study.ask()) is not None:
            n_jobs += 1
            SPACE.validate(job.config)
            if n_jobs % 7 == 3:
                study.tell(job, failed="the power went out")
            else:
                study.tell(job, job.config["x"])
        assert study.status.startswith("closed")
        assert study.replay().is_equal


def test_a_forecast_fits_nothing(monkeypatch):
    monkeypatch.setattr(Density, "__init__", lambda *_, **__: pytest.fail("fitted"))
    for settings in SCHEDULERS.values():
        plain = replaced(settings, sampler=Random())
        more = {"workers": 3, "budget": Budget(trials=100)}
        assert forecast(settings, SPACE, **more) == forecast(plain, SPACE, **more)


# Odd spaces and losses -------------------------------------------------------------------------------------------------

SPACES = {
    "constants only": Space({"a": Constant(1), "b": Constant("x")}),
    "a thousand names": Space({"c": Categorical([f"name {i}" for i in range(1000)])}),
    "64 dimensions": Space({f"x{i}": Float(0, 1) for i in range(64)}),
    "wide ranges": Space(
        {"x": Float(1e-300, 1e300, log=True), "n": Integer(1, 10**12, log=True), "y": Float(-1e308, 1e307)}
    ),
    "branches": Space(
        {
            "z": Float(0, 1, when={"b": "r"}),
            "a": Categorical(["p", "q"]),
            "b": Categorical(["r", "s"], when={"a": "p"}),
            "d": Integer(1, 5, when={"a": "q"}),
        }
    ),
    "a narrow band": Space(
        {"x": Float(0, 1), "y": Float(0, 1)}, [Constraint("band", lambda c: abs(c["x"] - c["y"]) < 0.01)]
    ),
}


@pytest.mark.parametrize(
    "loss", [lambda trial: trial * 37 % 101 / 101, lambda trial: 1.0, lambda trial: None]
)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_odd_spaces_and_losses_are_no_trouble(space, loss):
    sampler = KDE(random_fraction=0.1, min_points=1, spread=0.2, truncate=True, prior_weight=1.0)
    for settings in (ASHA(max_resource=9, sampler=MODEL, hedge=0.2), FullResource(sampler=sampler)):
        study = simulate(settings, space, Odd(loss), workers=3, budget=Budget(trials=25))
        assert len(study.ledger.trials) == 25
        for state in study.ledger.trials:
            assert space.validate(state.trial.config) == state.trial.config


# Finite spaces ---------------------------------------------------------------------------------------------------------


def configs(space, sampler, n, seed=0):
    study = simulate(
        FullResource(sampler=sampler),
        space,
        UnitTraining([0.5, 0.25, 0.75]),
        budget=Budget(trials=n),
        seed=seed,
    )
    return [tuple(state.trial.config.items()) for state in study.ledger.trials]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "space",
    [
        Space({"a": Integer(1, 5), "c": Categorical(["u", "v", "w"]), "one": Constant(1)}),
        Space(
            {
                "a": Integer(1, 5),
                "b": Categorical([1, 1.5, True, "1"], when={"a": 3}),
                "d": Categorical([False, 0, 2, 3]),
            }
        ),
        Space({"a": Integer(1, 8), "b": Integer(1, 8)}, [Constraint("less", lambda c: c["a"] < c["b"])]),
        Space(
            {"a": Integer(1, 90), "b": Integer(1, 90)},
            [Constraint("few", lambda c: c["a"] == 50 and c["b"] <= 40)],
        ),
    ],
    ids=["plain", "conditional", "constrained", "tightly constrained"],
)
def test_nothing_is_tried_twice_until_everything_was_tried_once(space, seed):
    every = {tuple(config.items()) for config in space.grid(100)}
    found = configs(space, MODEL, len(every) + 25, seed)
    assert len(set(map(repr, found[: len(every)]))) == len(every)
    assert set(found) <= every


def test_given_points_are_known_and_may_repeat():
    space = Space({"a": Integer(1, 6)})
    study = simulate(
        FullResource(sampler=MODEL),
        space,
        UnitTraining([0.5]),
        budget=Budget(trials=8),
        points=[{"a": 2}, {"a": 2}, {"a": 5}],
    )
    counts = Counter(state.trial.config["a"] for state in study.ledger.trials)
    assert counts == {1: 1, 2: 2, 3: 1, 4: 1, 5: 1, 6: 1} | {a: 2 for a, n in counts.items() if n == 2}
    assert sum(counts.values()) == 8


def test_a_constraint_that_allows_nothing_is_told_as_with_random_configs():
    space = Space({"a": Integer(1, 5)}, [Constraint("none", lambda c: False)])
    for sampler in (MODEL, Random()):
        with pytest.raises(SpaceError, match="'none' refused 1000"):
            configs(space, sampler, 1)


# Many results ----------------------------------------------------------------------------------------------------------


def test_once_all_is_known_nobody_looks_again(monkeypatch):
    """The configs that are read, for each trial, once all that the constraints allow were tried."""
    space = Space({"a": Integer(1, 30), "b": Integer(1, 30)}, [Constraint("edge", lambda c: c["a"] < 3)])
    n_read = []
    key = known._key
    monkeypatch.setattr(known, "_key", lambda config: n_read.append(1) or key(config))

    def read_for(n):
        n_read.clear()
        configs(space, KDE(random_fraction=0.99), n)
        return len(n_read)

    at_200, at_400 = read_for(200), read_for(400)
    assert at_400 - at_200 <= 200 * (2 + 64)


def test_a_result_moves_no_other():
    """Rows may be a thousand names wide: only their order is kept up to date, and of that an index each."""
    results = RankedRows(5)
    rows = np.random.default_rng(0).random((300, 5))
    losses = [i * 37 % 101 / 101 if i % 9 else math.inf for i in range(300)]
    for trial, (row, loss) in enumerate(zip(rows, losses, strict=True)):
        before = results._rows[:trial].copy()
        results.add(trial, loss, row)
        results.add(trial, -1.0, row)  # a second time, it is no news
        assert (results._rows[:trial] == before).all()
    order = sorted(range(300), key=lambda trial: (losses[trial], trial))
    assert (results.rows == rows[order]).all()


def test_a_proposal_reads_each_result_once(monkeypatch):
    """Kernels that are evaluated: in proportion to the results."""
    n_kernels = []
    log = Density.log
    monkeypatch.setattr(
        Density, "log", lambda self, rows: n_kernels.append(len(self) * len(rows)) or log(self, rows)
    )
    space = Space({"x": Float(0, 1), "y": Float(0, 1)})
    for n in (500, 2000):
        study = Puppet(FullResource(sampler=KDE(random_fraction=0)), space=space)
        sampler = study.scheduler.sampler
        for i in range(n):
            study.record(TrialCreated(trial_of(i, space)))
            sampler.observe(i, 1, i * 37 % n / n)
        n_kernels.clear()
        for ahead in range(3):
            sampler.propose(n + ahead)
        assert sum(n_kernels) == 3 * 64 * n


def trial_of(i, space):
    return Trial(i, space.sample(uniforms_for(0, "a test", i)))


def test_the_journal_of_a_model_is_folded_without_fitting(monkeypatch):
    study = simulate(
        ASHA(max_resource=9, sampler=MODEL), SPACE, UnitTraining([0.5, 0.25]), budget=Budget(trials=60)
    )
    monkeypatch.setattr(Density, "__init__", lambda *_, **__: pytest.fail("fitted"))
    Puppet(
        ASHA(max_resource=9, sampler=MODEL), space=SPACE, lines=[encode(event) for _, event in study.entries]
    )
