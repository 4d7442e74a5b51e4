"""How long a model takes for one suggestion, beside Optuna's TPE and HpBandSter's generator: `make suggestions`.

    python benchmarks/suggestions.py                                     a few minutes
    python benchmarks/suggestions.py --markdown docs/model-based.md      and the figures of that page anew

Ten hyperparameters: five floats, one in the logarithm, an integer, an ordinal, two categoricals. All get the same
results, then take turns; one turn is one proposal asked for and its result taken in, on one thread. Paceline's turn is
that of the whole scheduler and ledger, Optuna's that of a study in memory, HpBandSter's that of its generator alone.
Every proposal is the model's: `random_fraction` is 0 for those that have it.

Nothing is asserted of wall-clock time: verdicts are printed for people, and the exit status is 0. Needs the extra
`peers`, and an environment of its own for HpBandSter, which `make suggestions` makes.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported; children inherit it

import argparse
import json
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from evidence import (
    Table,
    Verdict,
    as_text,
    estimate,
    has_place,
    median,
    ratio,
    verdict_table,
    write_markdown,
)

from paceline import KDE, Categorical, Float, FullResource, GaussianProcess, Integer, Ordinal, Space, Trees
from paceline.decisions import StartTrial, facts_of
from paceline.events import AnyEvent, Config, JobEnded, JobIssued, Outcome, Reported
from paceline.ledger import Ledger
from paceline.rng import uniforms_for
from paceline.samplers.base import Context, SamplerSettings

KERNELS = "KDE"
SAMPLERS: dict[str, SamplerSettings] = {
    KERNELS: KDE(random_fraction=0.0),
    "Trees": Trees(random_fraction=0.0),
    "Gaussian process": GaussianProcess(random_fraction=0.0),
}
LIMITS_MS = {100: 1.0, 1_000: 2.0, 10_000: 12.0}
"""By the number of results that the model has."""
TIMES = 10.0
"""As fast as each peer, at least."""

BATCHES = [16, 32, 64, 128, 256, 512]
SPACE = Space(
    {
        **{f"x{i}": Float(0.0, 1.0) for i in range(5)},
        "lr": Float(1e-5, 1e-1, log=True),
        "layers": Integer(1, 20),
        "batch": Ordinal(BATCHES),
        "kind": Categorical(["a", "b", "c"]),
        "rule": Categorical(["v", "w", "x", "y", "z"]),
    }
)
Results = Sequence[tuple[Config, float]]


def loss_of(config: Config) -> float:
    """A bowl; the best names are b and x."""
    point = SPACE.encode(config)
    return (
        float(((point[:8] - 0.3) ** 2).sum()) + 0.2 * (config["kind"] != "b") + 0.2 * (config["rule"] != "x")
    )


def results(n: int) -> Results:
    """The same for all."""
    configs = [SPACE.sample(uniforms_for(0, "results", i)) for i in range(n)]
    return [(config, loss_of(config)) for config in configs]


class Tuner(Protocol):
    """One that takes turns."""

    def turn(self) -> float:
        """Seconds for one proposal and its result."""
        ...


class Ours:
    """A study without its journal.

    Args:
        sampler: the model.
        known: results.
    """

    def __init__(self, sampler: SamplerSettings, known: Results) -> None:
        self._ledger = Ledger()
        self._scheduler = FullResource(sampler=sampler).build(Context(SPACE, 0, self._ledger))
        for config, loss in known:
            self._tell(self._start(StartTrial(config, 1)), loss)

    def turn(self) -> float:
        """Decide, and apply what follows."""
        began = time.perf_counter()
        decision = self._scheduler.decide()
        assert isinstance(decision, StartTrial)
        issued = self._start(decision)
        asked = time.perf_counter()
        loss = loss_of(decision.config)
        told = time.perf_counter()
        self._tell(issued, loss)
        return time.perf_counter() - told + asked - began

    def _start(self, decision: StartTrial) -> JobIssued:
        facts = facts_of(decision, self._ledger)
        self._apply(facts)
        issued = facts[-1]
        assert isinstance(issued, JobIssued)
        return issued

    def _tell(self, issued: JobIssued, loss: float) -> None:
        job = issued.job
        self._apply(
            (
                Reported(job.id, job.trial, job.target, {"loss": loss}, 1.0),
                JobEnded(job.id, job.trial, Outcome.COMPLETED),
            )
        )

    def _apply(self, facts: Sequence[AnyEvent]) -> None:
        for fact in facts:
            self._ledger.apply(fact, 0.0)
            self._scheduler.apply(fact)


class Optuna:
    """`TPESampler(multivariate=True)`, a study in memory. It has no ordinals: an integer instead.

    Args:
        known: results.
    """

    def __init__(self, known: Results) -> None:
        import optuna
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
        self._distributions: dict[str, optuna.distributions.BaseDistribution] = {
            **{f"x{i}": FloatDistribution(0.0, 1.0) for i in range(5)},
            "lr": FloatDistribution(1e-5, 1e-1, log=True),
            "layers": IntDistribution(1, 20),
            "batch": IntDistribution(0, len(BATCHES) - 1),
            "kind": CategoricalDistribution(["a", "b", "c"]),
            "rule": CategoricalDistribution(["v", "w", "x", "y", "z"]),
        }
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(multivariate=True, seed=0))
        self._study.add_trials(
            [
                optuna.create_trial(params=_indexed(config), distributions=self._distributions, value=loss)
                for config, loss in known
            ]
        )

    def turn(self) -> float:
        """Ask and tell."""
        began = time.perf_counter()
        trial = self._study.ask(self._distributions)
        asked = time.perf_counter()
        loss = loss_of(_named(trial.params))
        told = time.perf_counter()
        self._study.tell(trial, loss)
        return time.perf_counter() - told + asked - began


class HpBandSter:
    """See `peer_hpbandster.py`.

    Args:
        python: of its environment.
        known: results.
    """

    def __init__(self, python: Path, known: Results) -> None:
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("peer_hpbandster.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer(results=[(_indexed(config), loss) for config, loss in known])

    def turn(self) -> float:
        """Ask and tell; the way there and back is not counted."""
        asked = self._answer(ask=True)
        assert asked["is_modelled"], "it fell back to a random config"
        told = self._answer(tell=loss_of(_named(asked["config"])))
        return float(asked["seconds"] + told["seconds"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self, **question: Any) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        print(json.dumps(question), file=stdin, flush=True)
        answer: dict[str, Any] = json.loads(stdout.readline())
        return answer


def _indexed(config: Config) -> dict[str, Any]:
    return {**config, "batch": BATCHES.index(int(config["batch"]))}  # type: ignore[arg-type]  # it is a number


def _named(params: dict[str, Any]) -> Config:
    return {**params, "batch": BATCHES[params["batch"]]}


# Measuring -----------------------------------------------------------------------------------------------------

OPTUNA, HPBANDSTER = "Optuna's TPE", "HpBandSter's BOHB"


IN_A_ROW = ", in a row"


def measure(n: int, rounds: int, python: Path) -> dict[str, list[float]]:
    """Milliseconds of each turn, by name: taken in turns (the first three of each warm up), and then each in a row."""
    known = results(n)
    hpbandster = HpBandSter(python, known)
    tuners: dict[str, Tuner] = {name: Ours(sampler, known) for name, sampler in SAMPLERS.items()}
    tuners |= {OPTUNA: Optuna(known), HPBANDSTER: hpbandster}
    taken: dict[str, list[float]] = {name: [] for name in tuners}
    for _ in range(3 + rounds):
        for name, tuner in tuners.items():
            taken[name].append(1000 * tuner.turn())
    rows = {name + IN_A_ROW: [1000 * tuner.turn() for _ in range(rounds)] for name, tuner in tuners.items()}
    hpbandster.close()
    return {name: turns[3:] for name, turns in taken.items()} | rows


def verdicts(taken: dict[int, dict[str, list[float]]]) -> Iterator[Verdict]:
    """The time of the kernel densities, and its ratio to each peer's: they have a model of the same kind."""
    for n, turns in taken.items():
        own, limit = estimate(median, turns[KERNELS]), LIMITS_MS[n]
        yield Verdict(f"KDE after {n:,} results: ms", "ours", f"{own}", f"≤ {limit:g}", own.value <= limit)
        for peer in (OPTUNA, HPBANDSTER):
            times = estimate(ratio(median), turns[peer], turns[KERNELS])
            claim = f"KDE after {n:,} results: as fast as {peer}"
            yield Verdict(claim, "ours", f"× {times}", f"≥ × {TIMES:g}", times.value >= TIMES)


def table(taken: dict[int, dict[str, list[float]]]) -> Table:
    """All medians."""
    rows = [
        (name, *(estimate(median, turns[name]).brief for turns in taken.values()))
        for name in next(iter(taken.values()))
    ]
    header = ("", *(f"after {n:,} results" for n in taken))
    return Table("One suggestion: milliseconds, median [95 % interval]", header, tuple(rows))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long a model takes for one suggestion.")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument(
        "--hpbandster", type=Path, metavar="PYTHON", default=Path(".make/hpbandster/bin/python")
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="renew the figures in this page")
    arguments = parser.parse_args()
    if not arguments.hpbandster.exists():
        parser.error(f"{arguments.hpbandster}: there is no HpBandSter; `make suggestions` installs it")
    if arguments.markdown and not has_place(arguments.markdown, Path(__file__).name):
        parser.error(f"{arguments.markdown} has no lines that mark a place for {Path(__file__).name}")
    taken = {n: measure(n, arguments.rounds, arguments.hpbandster) for n in LIMITS_MS}
    tables = [verdict_table("Suggestion latency: verdicts", verdicts(taken)), table(taken)]
    width = shutil.get_terminal_size((160, 24)).columns
    for found in tables:
        print(as_text(found, width))
    if arguments.markdown:
        write_markdown(arguments.markdown, Path(__file__).name, tables)


if __name__ == "__main__":
    main()
