"""What every peer's adapter owes, on a space with all kinds of hyperparameters and conditions."""

import math

import pytest

from paceline import Categorical, Float, Integer, Ordinal, Space
from paceline.benchmarks import Benchmark
from paceline.comparison.peers import PEERS, PeerSettings, drive
from paceline.events import JobEnded, JobIssued, Reported, TrialCreated
from paceline.schedulers.rungs import rung_resources


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
        }
    )
    min_resource, max_resource = 1, 9
    full_seconds, best, median = 9.0, 0.0, 1.0

    def __init__(self, *, resumes=True):
        self.resumes = resumes

    def loss(self, config, resource, trial=0):
        if config["x"] < 0.1:
            return math.nan
        return (config["x"] - 0.3) ** 2 + abs(math.log10(config["lr"]) + 3) + 1 / resource

    def true_loss(self, config):
        return 10.0 if config["x"] < 0.1 else self.loss(config, 10**9)

    def seconds(self, trial, config, resource):
        return resource * (0.5 + config["x"])


def _run(name, benchmark, *, workers=4, seed=0):
    pytest.importorskip(PEERS[name].library.replace("-", "_"), reason=f"{name} is not installed")
    peer = PEERS[name].make(benchmark, seed=seed, workers=workers)
    return drive(peer, benchmark, workers=workers, seed=seed, seconds=120.0)


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
                assert when < 120.0
                assert job.trial not in running.values()
                assert job.target in rungs
                assert job.start == (at.get(job.trial, 0) if resumes else 0)
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


@pytest.mark.parametrize("name", list(PEERS))
def test_equal_seeds_give_equal_facts_and_others_do_not(name):
    first, again, other = (_run(name, Bowl(), seed=seed).entries for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", list(PEERS))
def test_a_peer_says_what_it_is(name):
    assert PEERS[name].describe().endswith(".")
    assert PeerSettings.from_json(PEERS[name].to_json()) == PEERS[name]
    assert set(PEERS[name].versions()) == {PEERS[name].library}


def test_pruning_spends_less_on_each_trial():
    pytest.importorskip("optuna", reason="optuna is not installed")
    n_trials = {
        name: sum(isinstance(event, TrialCreated) for _, event in _run(name, Bowl()).entries)
        for name in ("optuna-tpe", "optuna-tpe-asha")
    }
    assert n_trials["optuna-tpe-asha"] > 1.5 * n_trials["optuna-tpe"]
