"""The same seed gives the same journal: with any number of workers, in any process."""

import hashlib
import os
import subprocess
import sys

import pytest

from paceline.events import Budget, encode
from paceline.samplers.kde import KDE
from paceline.schedulers.asha import ASHA
from paceline.schedulers.bohb import BOHB
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pb2 import PB2
from paceline.schedulers.pbt import PBT
from paceline.simulation import UnitTraining, simulate
from paceline.space import Categorical, Float

SPACE = {
    "x": Float(0, 1),
    "kind": Categorical(["a", "b", "c"]),
    "y": Float(1e-5, 1, log=True, when={"kind": "a"}),
}
PLAIN = {
    "asha": ASHA(max_resource=81),
    "brackets": ASHA(max_resource=81, brackets=3),
    "hyperband": Hyperband(max_resource=81, sweeps=None),
    "pbt": PBT(max_resource=60, interval=5, population_size=30),
}
SCHEDULERS = PLAIN | {
    "bohb": BOHB(max_resource=81),
    "pb2": PB2(max_resource=60, interval=5, population_size=10),
    "hedged asha with a model": ASHA(max_resource=81, hedge=0.1, sampler=KDE()),
}


def fingerprint(scheduler: str, workers: int, seed: int) -> str:
    study = simulate(
        SCHEDULERS[scheduler],
        SPACE,
        UnitTraining([(37 * i) % 997 / 997 for i in range(997)]),
        workers=workers,
        budget=Budget(trials=600 if scheduler in PLAIN else 150),
        seed=seed,
        straggler_sd=0.5,
        drop_rate=0.01,
    )
    lines = (f"{at!r} {encode(event)}\n" for at, event in study.entries)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("workers", [1, 4, 500])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_same_seed_gives_the_same_journal(scheduler, workers):
    assert fingerprint(scheduler, workers, 7) == fingerprint(scheduler, workers, 7)
    assert fingerprint(scheduler, workers, 7) != fingerprint(scheduler, workers, 8)


@pytest.mark.parametrize("workers", [1, 4, 500])
def test_other_processes_with_other_hash_seeds_give_it_too(workers):
    prints = {
        subprocess.run(
            [sys.executable, __file__, str(workers)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    }
    assert prints == {fingerprint("asha", workers, 7) + fingerprint("hedged asha with a model", workers, 7)}


if __name__ == "__main__":
    for name in ("asha", "hedged asha with a model"):
        sys.stdout.write(fingerprint(name, int(sys.argv[1]), 7))
