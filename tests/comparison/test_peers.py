"""What every peer's adapter owes, on a space with all kinds of hyperparameters and conditions."""

import hashlib
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from paceline import Categorical, Constant, Float, Integer, Ordinal, Space
from paceline.benchmarks import Benchmark
from paceline.comparison.peers import PEERS, SMAC, PeerSettings, drive
from paceline.comparison.peers.elsewhere import NamedSettings
from paceline.errors import SettingError
from paceline.events import JobEnded, JobIssued, Reported, TrialCreated
from paceline.schedulers.rungs import rung_resources

NO_SKIPS = os.environ.get("PACELINE_NO_SKIPS") == "1"
BRACKETS = ("hpbandster-bohb", "dehb")
"""Those whose brackets are HpBandSter's."""
SECONDS = {"syne-tune-bore": 20.0, "smac-hyperband": 24.0}
"""Of virtual time, for those that think for long."""
DEFAULT_SECONDS = 40.0


class Bowl(Benchmark):
    """A loss that falls with resource; a tenth of the configs fail."""

    family, name, unit = "bowl", "bowl/1", "step"
    space = Space(
        {
            "x": Float(0.0, 1.0),
            "lr": Float(1e-5, 1e-1, log=True),
            "width": Integer(8, 512, log=True),
            "batch": Ordinal([16, 32, 64]),
            "kind": Categorical(["sgd", "adam"]),
            "momentum": Float(0.0, 0.9, when={"kind": "sgd"}),
            "share": Float(0.1, 0.5, step=0.2),
            "depth": Constant(3),
        }
    )
    min_resource, max_resource = 1, 9
    full_seconds, best, median = 9.0, 0.0, 1.0

    def __init__(self, *, resumes=True, fails=True):
        self.resumes = resumes
        self.fails = fails

    def loss(self, config, resource, trial=0):
        if self.fails and config["x"] < 0.1:
            return math.nan
        return (config["x"] - 0.3) ** 2 + abs(math.log10(config["lr"]) + 3) + 1 / resource

    def true_loss(self, config):
        return 10.0 if self.fails and config["x"] < 0.1 else self.loss(config, 10**9)

    def seconds(self, trial, config, resource):
        return resource * (0.5 + config["x"])


def _needs(name):
    """Skip the test of a peer whose library is not there."""
    settings = PEERS[name]
    try:
        settings.make(Bowl(), seed=0, workers=1).close()
    except SettingError as error:
        if NO_SKIPS:
            pytest.fail(f"PACELINE_NO_SKIPS=1, but {error}")
        pytest.skip(f"{settings.library} is not installed")


@pytest.mark.filterwarnings("ignore")  # the libraries' own
def _run(name, benchmark, *, workers=4, seed=0, seconds=None):
    _needs(name)
    peer = PEERS[name].make(benchmark, seed=seed, workers=workers)
    return drive(
        peer, benchmark, workers=workers, seed=seed, seconds=seconds or SECONDS.get(name, DEFAULT_SECONDS)
    )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("resumes", [True, False])
@pytest.mark.parametrize("name", list(PEERS))
def test_a_peer_keeps_the_terms(name, resumes):
    benchmark = Bowl(resumes=resumes)
    driven = _run(name, benchmark)
    at, running, created, last, n_full = {}, {}, {}, -math.inf, 0
    rungs = rung_resources(benchmark.min_resource, benchmark.max_resource, 3)
    for when, event in driven.entries:
        assert when >= last
        last = when
        match event:
            case TrialCreated(trial=trial):
                assert benchmark.space.validate(trial.config) == trial.config
                created[trial.id] = trial
            case JobIssued(job=job):
                assert when < SECONDS.get(name, DEFAULT_SECONDS)
                assert job.trial not in running.values()
                assert job.target in rungs
                assert job.start == (at.get(job.trial, 0) if resumes else 0)
                assert job.target > at.get(job.trial, 0)
                running[job.id] = job.trial
                assert len(running) <= 4
            case Reported():
                at[event.trial] = event.resource
                n_full += event.resource == benchmark.max_resource
            case JobEnded():
                del running[event.job]
    assert not running
    assert len(created) > 10
    assert n_full > 0
    n_reports = sum(isinstance(event, Reported) for _, event in driven.entries)
    assert len(driven.overheads) == n_reports
    assert driven.overheads == sorted(driven.overheads)
    assert driven.overheads[-1] > 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(PEERS))
def test_equal_seeds_give_equal_facts_and_others_do_not(name):
    first, again, other = (
        _run(name, Bowl(), seed=seed, seconds=min(40.0, SECONDS.get(name, 40.0))).entries
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["syne-tune-bohb", "smac-hyperband"])
def test_the_facts_are_the_same_in_another_process(name):
    """What a library puts into a set, a dict or the global random stream must not matter."""
    _needs(name)
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_peers; print(test_peers.digest(sys.argv[2]))"
    digests = set()
    for number in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": number, "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent), name],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout.splitlines()[-1])
    assert len(digests) == 1


def digest(name):
    """A hash of a run's facts."""
    benchmark = Bowl()
    driven = drive(PEERS[name].make(benchmark, seed=5, workers=4), benchmark, workers=4, seed=5, seconds=24.0)
    return hashlib.blake2b(repr(driven.entries).encode()).hexdigest()


@pytest.mark.parametrize("name", list(PEERS))
def test_a_peer_says_what_it_is(name):
    assert PEERS[name].describe().endswith(".")
    assert PeerSettings.from_json(PEERS[name].to_json()) == PEERS[name]
    assert PEERS[name].library in PEERS[name].versions()


def test_pruning_spends_less_on_each_trial():
    n_trials = {
        name: sum(isinstance(event, TrialCreated) for _, event in _run(name, Bowl()).entries)
        for name in ("optuna-tpe", "optuna-tpe-asha")
    }
    assert n_trials["optuna-tpe-asha"] > 1.5 * n_trials["optuna-tpe"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BRACKETS)
def test_brackets_are_those_of_hyperband(name):
    """With one worker: 9 configs at 1, of which 3 go on to 3 and 1 to 9; then 3 at 3, 1 at 9; then 3 at 9."""
    driven = _run(name, Bowl(fails=False), workers=1, seconds=150.0)
    targets = [event.job.target for _, event in driven.entries if isinstance(event, JobIssued)]
    assert targets[:20] == [1] * 9 + [3] * 3 + [9] + [3] * 3 + [9] + [9] * 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*BRACKETS, "smac-hyperband"])
def test_budgets_of_brackets_are_rounded(name):
    benchmark = Bowl()
    benchmark.min_resource, benchmark.max_resource = 2, 52
    driven = _run(name, benchmark, seconds=150.0)
    targets = {event.job.target for _, event in driven.entries if isinstance(event, JobIssued)}
    assert targets == {6, 17, 52}


@pytest.mark.filterwarnings("ignore")
def test_smac_has_a_model_after_its_initial_design():
    """It is a quarter of the trials that SMAC is told of, 4 or 25."""
    _needs("smac-blackbox")
    configs = []
    for n_trials in (16, 100):
        peer = SMAC(facade="black_box", n_trials=n_trials).make(Bowl(), seed=0, workers=2)
        driven = drive(peer, Bowl(), workers=2, seed=0, seconds=36.0)
        configs.append([event.trial.config for _, event in driven.entries if isinstance(event, TrialCreated)])
    assert configs[0][4:8] != configs[1][4:8]
    assert min(map(len, configs)) >= 8


@pytest.mark.filterwarnings("ignore")
def test_what_hpbandster_promotes_is_the_best_of_its_rung():
    driven = _run("hpbandster-bohb", Bowl(fails=False), workers=1, seconds=30.0)
    losses, promoted = {}, []
    for _, event in driven.entries:
        if isinstance(event, Reported) and event.resource == 1 and len(losses) < 9:
            losses[event.trial] = event.metrics["loss"]
        elif isinstance(event, JobIssued) and event.job.start == 1 and len(promoted) < 3:
            promoted.append(event.job.trial)
    assert set(promoted) == set(sorted(losses, key=losses.__getitem__)[:3])


@pytest.mark.filterwarnings("ignore")
def test_syne_tune_stops_what_is_not_among_the_best_third():
    driven = _run("syne-tune-asha", Bowl(fails=False), workers=1, seconds=60.0)
    losses, trials = [], []
    for (_, one), (_, following) in pairwise(driven.entries[:-1]):
        if isinstance(one, JobEnded) and trials[-1][1] == 1:
            loss = losses[-1]
            goes_on = isinstance(following, JobIssued)
            seen = [it for it, (_, resource) in zip(losses, trials, strict=True) if resource == 1]
            rank = sum(other < loss for other in seen)
            assert goes_on == (len(seen) == 1 or rank <= len(seen) / 3)
        if isinstance(one, Reported):
            losses.append(one.metrics["loss"])
            trials.append((one.trial, one.resource))
    assert len(trials) > 20


@pytest.mark.parametrize("name", [name for name, it in PEERS.items() if isinstance(it, NamedSettings)])
def test_without_its_interpreter_a_peer_says_how_to_make_it(name, monkeypatch):
    variable = PEERS[name].variable
    for value in (None, "/nowhere/python", sys.executable):  # this one has no such library either
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
        with pytest.raises(SettingError, match=rf"{variable}.*make \.make/{PEERS[name].library}"):
            PEERS[name].make(Bowl(), seed=0, workers=1)
        assert PEERS[name].versions() == {PEERS[name].library: "not installed"}
