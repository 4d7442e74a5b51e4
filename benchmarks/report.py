"""The page of a study with 10,000 trials: its size, the time to write it, and the time until a browser has drawn it all.

    python benchmarks/report.py                              two minutes; needs Chromium for the last part
    ... --trials 500 --opens 3 --keep pages                  smaller, fewer opens, pages and pictures of them in a folder
    ... --opens 1 --examples docs/pictures                   renew the pictures of docs/report.md

The studies are simulated: ASHA over eleven hyperparameters, two of them conditional, with failing jobs and diverging
trials; and a population of forty. Seconds of a browser are from the start of the navigation, on a machine without a
graphics card: `seen` until all charts in the window are drawn, `ready` until all charts of the page are. `work` is the
processor time of the page's own thread until then: unlike the other two it hardly depends on what else the machine does,
which is said by its load, the number of programs that wanted a processor in the last minute.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from paceline import (
    ASHA,
    PBT,
    Budget,
    Categorical,
    Constant,
    Float,
    Integer,
    Ordinal,
    Space,
    Study,
    pictures,
    simulate,
)
from paceline.events import Config, Metrics, Objective, Outcome, StudyOpened, TrialId
from paceline.journal import MemoryStorage
from paceline.report import report
from paceline.rng import generator_for
from paceline.simulation import Simulation
from paceline.testing.browser import Browser, chromium
from paceline.wording import size

BEGAN = 1_790_000_000.0
"""Virtual seconds are told from here on, as if they were of a day."""

READY = """new Promise((done) => {
  const look = () => document.documentElement.dataset.ready || document.documentElement.dataset.error
    ? done({...document.documentElement.dataset}) : setTimeout(look, 5);
  look();
})"""

DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Two frames: what was asked for is on the screen."""

SPACE = Space(
    {
        "learning_rate": Float(1e-5, 1.0, log=True),
        "optimizer": Categorical(["adam", "sgd", "rmsprop"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "beta2": Float(0.9, 0.9999, when={"optimizer": "adam"}),
        "width": Integer(16, 1024, log=True),
        "layers": Integer(1, 8),
        "dropout": Float(0.0, 0.6),
        "weight_decay": Float(1e-7, 1e-1, log=True),
        "batch_size": Ordinal([16, 32, 64, 128, 256]),
        "schedule": Categorical(["cosine", "step", "constant"]),
        "augment": Categorical([True, False]),
        "classes": Constant(10),
    }
)


class Network:
    """Made-up learning curves: a power law towards an error that the config decides, with noise, and divergence."""

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:
        """The validation error."""
        rate, width = float(str(config["learning_rate"])), float(str(config["width"]))
        off = math.log10(rate) + 2.5 - (0.8 if config["optimizer"] == "sgd" else 0.0)
        noise = generator_for(7, "noise", trial, resource).normal()
        final = (
            0.05 + 0.02 * off**2 + 0.03 * abs(float(str(config["dropout"])) - 0.2) + 0.2 / math.sqrt(width)
        )
        final += {"cosine": 0.0, "step": 0.005, "constant": 0.02}[str(config["schedule"])]
        final += 0.0 if config["augment"] else 0.015
        if off > 2.2:
            return {"error": None if off > 2.4 else 50.0 * off * resource}
        return {"error": final + 0.6 * resource**-0.6 + 0.006 * noise}

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """In proportion to the resource and, partly, to the width."""
        del trial
        return resource * (20.0 + float(str(config["width"])) / 20.0)


class Following:
    """A population's training: what is best changes while it trains, so schedules are worth something."""

    def metrics(self, trial: TrialId, config: Config, resource: int) -> Metrics:
        """The score, better the closer the rate is to one that falls with the resource."""
        rate, noise = float(str(config["learning_rate"])), generator_for(9, "noise", trial, resource).normal()
        off = math.log10(rate) + 1.0 + 2.0 * resource / 100
        return {"score": math.log1p(resource) / (1.0 + 0.3 * off**2) + 0.03 * noise}

    def seconds(self, trial: TrialId, config: Config, resource: int) -> float:
        """A minute each."""
        del trial, config
        return resource * 60.0


def asha(n_trials: int) -> Study:
    """The large study."""
    end = simulate(
        ASHA(max_resource=81, min_resource=1),
        SPACE,
        Network(),
        workers=64,
        budget=Budget(trials=n_trials),
        seed=3,
        objective=Objective("error", maximize=False),
        straggler_sd=0.5,
        drop_rate=2e-5,
        drop_outcome=Outcome.FAILED,
    )
    return stored("image-classifier", end, "epoch")


def population() -> Study:
    """The population."""
    names = ("learning_rate", "optimizer", "momentum", "dropout", "batch_size")
    space = Space({name: SPACE.domains[name] for name in names})
    end = simulate(
        PBT(max_resource=100, interval=5, population_size=40),
        space,
        Following(),
        workers=40,
        seed=4,
        objective=Objective("score", maximize=True),
    )
    return stored("agents", end, "step")


def stored(name: str, end: Simulation, unit: str) -> Study:
    """A simulated study as one that can be loaded."""
    storage = MemoryStorage()
    storage.journal(name).append(
        [
            (
                BEGAN + at,
                msgspec.structs.replace(event, unit=unit) if isinstance(event, StudyOpened) else event,
            )
            for at, event in end.entries
        ]
    )
    return Study.load(name, storage)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--opens", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--examples", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if options.keep is None else options.keep
        folder.mkdir(exist_ok=True)
        fine = True
        for study in (asha(options.trials), population()):
            fine &= _measured(study, folder, options.opens, keep=options.keep is not None)
            if options.examples is not None:
                _exemplified(study, folder / f"{study.name}.html", options.examples)
        return 0 if fine else 1


def _measured(study: Study, folder: Path, opens: int, *, keep: bool) -> bool:
    """One study; whether its page is below 5 MB and is drawn in 3 s."""
    began = time.perf_counter()
    text = report(study)
    took = time.perf_counter() - began
    file = folder / f"{study.name}.html"
    file.write_text(text, encoding="utf-8")
    n_bytes = file.stat().st_size
    print(f"{study.name}: {len(study.trials):,} trials, page {size(n_bytes)}, written in {took:.2f} s")
    if chromium() is None:
        print("  not opened: Chromium is not installed (apt-get install chromium)")
        return n_bytes < 5_000_000
    seen, ready, work = [], [], []
    for _ in range(opens):
        with Browser() as browser:
            browser.open(file)
            said = browser.evaluate(READY)
            if "error" in said or browser.errors:
                print(f"  FAILED: {said.get('error')} {browser.errors}")
                return False
            seen.append(float(said["seen"]) / 1000)
            ready.append(float(said["ready"]) / 1000)
            work.append(browser.worked_s)
    print(f"  seen  {_spread(seen)}\n  ready {_spread(ready)}\n  work  {_spread(work)}")
    print(f"  load  {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    if keep:
        _pictured(file, folder)
    return n_bytes < 5_000_000 and statistics.median(ready) < 3


def _pictured(file: Path, folder: Path) -> None:
    """What is seen on a laptop, by day and by night, and on a telephone, in pieces from above to below."""
    for kind, width, piece, is_dark in (
        ("day", 1280, 1600, False),
        ("night", 1280, 1600, True),
        ("narrow", 420, 2400, False),
    ):
        with Browser(width=width, height=piece, is_dark=is_dark) as browser:
            browser.open(file)
            browser.evaluate(READY)
            height = browser.evaluate("document.documentElement.scrollHeight")
            for number, top in enumerate(range(0, height, piece)):
                browser.evaluate(f"scrollTo({{top: {top}, behavior: 'instant'}})")
                browser.evaluate(DRAWN)
                browser.screenshot(folder / f"{file.stem}-{kind}-{number}.png")


def _exemplified(study: Study, file: Path, folder: Path) -> None:
    """The pictures of docs/report.md: parts of the pages, and one that Matplotlib has drawn."""
    if study.name == "agents":
        _part(file, "Schedules", 720, folder / "report-schedules.png")
        return
    _part(file, "Slices", 745, folder / "report-slices.png")
    pictures.curves(study).savefig(folder / "curves.png", dpi=90)


def _part(file: Path, section: str, height: int, picture: Path) -> None:
    """A section of a page, from its head on."""
    with Browser(width=1280, height=height) as browser:
        browser.open(file)
        browser.evaluate(READY)
        head = f"[...document.querySelectorAll('h2')].find((head) => head.textContent === '{section}')"
        browser.evaluate(f"{head}.scrollIntoView({{behavior: 'instant'}})")
        browser.evaluate(DRAWN)
        browser.screenshot(picture)


def _spread(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (median of {len(seconds)}; {min(seconds):.2f} to {max(seconds):.2f})"


if __name__ == "__main__":
    sys.exit(main())
