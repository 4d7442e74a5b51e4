"""Other libraries' optimizers in our virtual time, on our benchmarks: with their own settings, on the terms of all.

`base` says what a peer is, `driving` runs one; each library has a file of its own. `spaces` and `trials` are what several
need, `elsewhere` and `children` what those need that run in an interpreter of their own.
"""

from collections.abc import Mapping

from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.comparison.peers.dehb import DEHB
from paceline.comparison.peers.driving import Driven, drive
from paceline.comparison.peers.hpbandster import HpBandSter
from paceline.comparison.peers.optuna import Optuna
from paceline.comparison.peers.smac import SMAC
from paceline.comparison.peers.syne_tune import SyneTune

PEERS: Mapping[str, PeerSettings] = {
    "optuna-random": Optuna(sampler="random"),
    "optuna-tpe": Optuna(),
    "optuna-tpe-median": Optuna(pruner="median"),
    "optuna-tpe-asha": Optuna(pruner="successive_halving"),
    "optuna-tpe-hyperband": Optuna(pruner="hyperband"),
    "syne-tune-asha": SyneTune(),
    "syne-tune-bohb": SyneTune(scheduler="BOHB"),
    "syne-tune-bore": SyneTune(scheduler="ASHABORE"),
    "hpbandster-bohb": HpBandSter(),
    "smac-hyperband": SMAC(),
    "smac-blackbox": SMAC(facade="black_box"),
    "dehb": DEHB(),
}
"""By the name that a comparison knows them by."""

__all__ = [
    "DEHB",
    "PEERS",
    "SMAC",
    "Driven",
    "HpBandSter",
    "Optuna",
    "Peer",
    "PeerSettings",
    "SyneTune",
    "Work",
    "drive",
]
