"""Other libraries' optimizers in our virtual time, on our benchmarks: with their own settings, on the terms of all.

`base` says what a peer is, `driving` runs one; each library has a file of its own.
"""

from collections.abc import Mapping

from paceline.comparison.peers.base import Peer, PeerSettings, Work
from paceline.comparison.peers.driving import Driven, drive
from paceline.comparison.peers.optuna import Optuna

PEERS: Mapping[str, PeerSettings] = {
    "optuna-random": Optuna(sampler="random"),
    "optuna-tpe": Optuna(),
    "optuna-tpe-median": Optuna(pruner="median"),
    "optuna-tpe-asha": Optuna(pruner="successive_halving"),
    "optuna-tpe-hyperband": Optuna(pruner="hyperband"),
}
"""By the name that a comparison knows them by."""

__all__ = ["PEERS", "Driven", "Optuna", "Peer", "PeerSettings", "Work", "drive"]
