"""What is measured at once: a method on a benchmark, with one seed.

A cell's key is a hash of all that its result depends on: the settings that the method stands for, the benchmark's
content, workers, seed, budget, stragglers, and the code. So a result can be kept, and taken up by another comparison.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from paceline.benchmarks import Benchmark
from paceline.comparison.methods import AnySettings
from paceline.comparison.peers import PeerSettings

_CODE = (
    "benchmarks", "comparison/measuring.py", "comparison/traces.py", "comparison/peers", "decisions.py", "density.py",
    "driver.py", "events.py", "executors/simulated.py", "ledger.py", "rng.py", "samplers", "schedulers", "settings.py",
    "simulation.py", "space",
)  # fmt: skip
"""What a result depends on, of this package."""
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime")


class Terms(msgspec.Struct, frozen=True):
    """What is equal for all methods.

    Args:
        workers: that run at once.
        budget: virtual time, as full trainings' worth of worker time: each worker has `budget / workers` times time(R).
        straggler_sd: σ of the factor 1 + |N(0, σ²)| by which a job takes longer.
    """

    workers: int
    budget: float
    straggler_sd: float = 0.0


class Cell(msgspec.Struct, frozen=True):
    """One run.

    Args:
        method: its name.
        benchmark: its name.
        settings: what the method stands for there.
        terms: the same for all methods.
        workers: that this method gets; `terms.workers`, except for a baseline with twice as many.
        seed: of the list that all methods share.
        stream: see `Method.stream`.
    """

    method: str
    benchmark: str
    settings: AnySettings
    terms: Terms
    workers: int
    seed: int
    stream: int = 0

    def key(self, benchmark: Benchmark) -> str:
        """Names the content, 32 hexadecimal digits."""
        statement = {
            "settings": self.settings.to_json(),
            "benchmark": benchmark.fingerprint,
            "terms": msgspec.to_builtins(self.terms),
            "workers": self.workers,
            "seed": self.seed,
            "stream": self.stream,
            "code": code_fingerprint(),
            "peers": self.settings.versions() if isinstance(self.settings, PeerSettings) else {},
        }
        return blake2b(msgspec.json.encode(statement, order="deterministic"), digest_size=16).hexdigest()


@cache
def code_fingerprint() -> str:
    """A hash of the code that results come from, and of the libraries that they depend on."""
    digest = blake2b(digest_size=16)
    root = Path(__file__).parents[1]
    for part in _CODE:
        place = root / part
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
