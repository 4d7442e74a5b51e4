"""Faults by the hundred: kill -9 of drivers and of workers at random instants, signals, hangs, full disks: `make faults`.

Each row of the table is one kind of fault, how often it was done, what was looked at afterwards, and how much of that was
wrong: nothing is expected, and anything ends this program with 1. What is always looked at is in
`paceline.testing.audit`; the study that suffers all this, a logistic regression on two or three worker processes, is in
`paceline.testing.victim`. Instants are drawn from `--seed`; what a process does at an instant is up to the machine, so no
two runs are alike.

    drivers     SIGKILL while they import, open, start, run and close; each time the same command is given again
    workers     SIGKILL while they start, train and idle, under ASHA and synchronous halving by turns
    others      Ctrl-C once and twice, SIGTERM; a worker that is stopped, and so hangs; no room for checkpoints or journal
    population  SIGKILL of drivers and workers of PBT, whose training kills itself now and then besides

`python benchmarks/faults.py population` does that part alone.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from os import kill
from pathlib import Path
from random import Random

import msgspec

from paceline.events import JobEnded, Outcome
from paceline.testing.audit import Audit
from paceline.testing.killing import Victim, state_of
from paceline.testing.victim import NAME, Mark, Settings

ALWAYS = "nothing recorded lost, no process left, jobs once, losses right, checkpoints whole and kept, replay equal"

PHASES: dict[str, Mark] = {
    "importing": "opening",
    "opening": "starting",
    "starting": "running",
    "running": "closing",
    "closing": "ended",
}
"""What a driver goes through, and the mark that ends each."""

WEIGHTS = {"importing": 2, "opening": 3, "starting": 3, "running": 13, "closing": 3}
"""How often it is killed in each."""

KILLS_PER_STUDY = 12
"""Of workers: each study is to come to its end by its own strength."""

POPULATION = Settings(scheduler="population", max_resource=12, workers=3, pace_s=0.02, mortality=0.03)

SMALL_DISK = "600k"


@dataclass
class Row:
    """One kind of fault.

    Args:
        fault: what was done.
        checked: what was looked at besides what always is.
        times: how often it was done.
        violations: what was wrong.
        figures: for people.
    """

    fault: str
    checked: str = ""
    times: int = 0
    violations: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def expect(self, claim: bool, otherwise: str) -> None:  # noqa: FBT001
        """Note what is wrong if a claim is."""
        if not claim:
            self.violations.append(otherwise)

    def expect_end(self, victim: Victim, code: int = 0) -> None:
        """The driver ends by itself."""
        found = victim.wait()
        self.expect(found == code, f"the driver ended with code {found}:\n{victim.output()[-2000:]}")

    def look_at(self, victim: Victim) -> None:
        """See whether all is well with a study that nobody drives."""
        self.violations += [f"process {pid} has outlived its driver" for pid in victim.survivors()]
        self.violations += victim.audit()

    def bring_to_end(self, victim: Victim) -> Audit:
        """Give the same command again, and let it come to its end."""
        victim.start()
        self.expect_end(victim)
        self.expect(victim.has_closed(), "the study is open")
        self.look_at(victim)
        return Audit(victim.entries(), victim.work(), victim.store)


def n_done(rows: Iterable[Row]) -> int:
    """How many faults so far."""
    return sum(row.times for row in rows)


def say(text: str) -> None:
    """Progress, where it does not mix with the table."""
    print(text, file=sys.stderr, flush=True)


# Drivers ------------------------------------------------------------------------------------------------------


def kill_drivers(n_kills: int, random: Random, folder: Path) -> list[Row]:
    """Kill drivers, each time going on with the same command; a new study whenever one has ended."""
    rows = {phase: Row(f"driver killed while {phase}") for phase in PHASES}
    ends = Row(
        "studies brought to their end", "closed, no checkpoint left over, to run it again changes nothing"
    )
    lasts = durations(folder / "undisturbed")
    while n_done(rows.values()) < n_kills:
        number = ends.times
        victim = Victim(
            folder / str(number), Settings(seed=number, checkpoint_every=4 if number % 2 else None)
        )
        while not victim.has_closed() and not ends.violations:
            victim.start()
            goes_on = n_done(rows.values()) >= n_kills
            phase = None if goes_on else kill_within(victim, random, choose_phase(random), lasts)
            if phase is None:
                ends.expect_end(victim)
                ends.look_at(victim)
            else:
                rows[phase].times += 1
                rows[phase].look_at(victim)
        before = victim.entries()
        audit = ends.bring_to_end(victim)
        ends.expect(victim.entries() == before, "to run it again has changed it")
        ends.times += 1
        ends.figures += Counter({"units trained": audit.n_units, "of these repeated": audit.n_repeated})
        shutil.rmtree(victim.folder)
        say(f"{n_done(rows.values())} drivers killed, {ends.times} studies ended")
    return [*rows.values(), ends]


def durations(folder: Path, settings: Settings | None = None) -> dict[str, float]:
    """How many seconds each phase of a driver that nobody disturbs lasts."""
    victim = Victim(folder, settings)
    victim.start()
    lasts: dict[str, float] = {}
    begin = time.monotonic()
    for phase, mark in PHASES.items():
        victim.wait_for(mark)
        lasts[phase], begin = time.monotonic() - begin, time.monotonic()
    victim.wait()
    return lasts


def choose_phase(random: Random) -> str:
    """Where to kill the next driver."""
    return random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]


def kill_within(victim: Victim, random: Random, phase: str, lasts: dict[str, float]) -> str | None:
    """Kill the driver somewhere in a phase; the phase that it had really come to. `None` if it was over before."""
    if phase != "importing" and not victim.wait_for(phase):  # type: ignore[arg-type]  # the others begin with marks
        return None
    time.sleep(random.uniform(0, lasts[phase]))
    if phase == "running":
        victim.look()
    if not victim.is_running:
        return None
    victim.kill()
    return "closing" if victim.phase() == "ended" else victim.phase()


# Workers ------------------------------------------------------------------------------------------------------


def kill_workers(n_kills: int, random: Random, folder: Path) -> list[Row]:
    """Kill workers, whatever they are doing, while their driver lives on."""
    rows = {state: Row(f"worker killed while {state}") for state in ("starting", "training", "idle")}
    ends = Row(
        "studies brought to their end", "each failure is a kill's, and is retried or counted by the policy"
    )
    while n_done(rows.values()) < n_kills:
        number = ends.times
        settings = Settings(seed=number, pace_s=0.01, checkpoint_every=4 if number % 4 < 2 else None)
        if number % 2:
            settings = msgspec.structs.replace(settings, scheduler="halving", workers=3)
        victim = Victim(folder / str(number), settings)
        killed: list[int] = []
        victim.start()
        victim.wait_until(lambda victim=victim: bool(victim.work()))  # type: ignore[misc]
        while victim.is_running and len(killed) < KILLS_PER_STUDY and n_done(rows.values()) < n_kills:
            time.sleep(random.uniform(0, 0.4))
            worker, state = choose_worker(victim, random, killed)
            with suppress(ProcessLookupError):
                if worker is not None:
                    kill(worker, signal.SIGKILL)
                    killed.append(worker)
                    rows[state].times += 1
        ends.expect_end(victim)
        ends.expect(victim.has_closed(), "the study is open")
        ends.look_at(victim)
        ends.violations += without_cause(victim, killed)
        ends.times += 1
        ends.figures += outcomes(victim)
        shutil.rmtree(victim.folder)
        say(f"{n_done(rows.values())} workers killed, {ends.times} studies ended")
    return [*rows.values(), ends]


def choose_worker(victim: Victim, random: Random, killed: Sequence[int]) -> tuple[int | None, str]:
    """Any worker, and what it is doing.

    One that starts is left alone if the last one killed had not worked either: when several in a row die on the way,
    Paceline gives up, because it looks as if the training function could not be loaded.
    """
    work = victim.work()
    workers = {pid: state_of(pid, work) for pid in victim.workers() if pid not in killed}
    if killed and state_of(killed[-1], work) == "starting":
        workers = {pid: state for pid, state in workers.items() if state != "starting"}
    return random.choice(list(workers.items())) if workers else (None, "")


def without_cause(victim: Victim, killed: Sequence[int]) -> Iterator[str]:
    """Jobs that ended without success although nobody had killed their worker, or had done so for another one."""
    blamed = set()
    for _, event in victim.entries():
        if isinstance(event, JobEnded) and event.outcome is not Outcome.COMPLETED:
            if event.outcome is Outcome.LOST and event.error == "its driver ended":
                continue
            found = re.match(r"worker process (\d+) was killed by signal 9", event.error or "")
            pid = int(found[1]) if found is not None else None
            if pid not in killed or pid in blamed:
                yield f"job {event.job} ended without cause: {event.error}"
            blamed.add(pid)


def outcomes(victim: Victim) -> Counter[str]:
    """What the kills have cost."""
    audit = Audit(victim.entries(), victim.work(), victim.store)
    ends = Counter(f"jobs {job.end.outcome}" for job in audit.jobs if job.end is not None)
    return ends + Counter({"units trained": audit.n_units, "of these repeated": audit.n_repeated})


# A population -------------------------------------------------------------------------------------------------


def kill_population(n_kills: int, random: Random, folder: Path) -> list[Row]:
    """Kill drivers and workers, half and half, of one population after the other."""
    drivers = {phase: Row(f"population: driver killed while {phase}") for phase in PHASES}
    workers = {
        state: Row(f"population: worker killed while {state}") for state in ("starting", "training", "idle")
    }
    ends = Row(
        "populations brought to their end",
        "each member fully trained, once; states are those of the chain of origins; donors kept while they are needed",
    )
    left = {"drivers": n_kills - n_kills // 2, "workers": n_kills // 2}
    lasts = durations(folder / "undisturbed", POPULATION)
    while any(left.values()) and not ends.violations:
        number = ends.times
        settings = msgspec.structs.replace(
            POPULATION, seed=number, checkpoint_every=1 if number % 2 else None
        )
        victim = Victim(folder / str(number), settings)
        killed: list[int] = []
        while not victim.has_closed() and not ends.violations:
            victim.start()
            phase: str | None = choose_phase(random) if left["drivers"] else None
            n_workers = min(left["workers"], random.randint(1, 3)) if phase in (None, "running") else 0
            for state in kill_some_workers(victim, random, killed, n_workers):
                workers[state].times += 1
                left["workers"] -= 1
            phase = kill_within(victim, random, phase, lasts) if phase else None
            if phase is None:
                ends.expect_end(victim)
                ends.look_at(victim)
            else:
                drivers[phase].times += 1
                left["drivers"] -= 1
                drivers[phase].look_at(victim)
        died = {item.pid for item in victim.work() if item.what == "died"}
        ends.violations += without_cause(victim, [*killed, *died])
        before = victim.entries()
        audit = ends.bring_to_end(victim)
        ends.expect(victim.entries() == before, "to run it again has changed it")
        ends.times += 1
        ends.figures += Counter({"forks": audit.n_forks, "killed by their own training": len(died)})
        ends.figures += outcomes(victim)
        shutil.rmtree(victim.folder)
        say(f"{n_kills - sum(left.values())} killed in populations, {ends.times} of these ended")
    return [*drivers.values(), *workers.values(), ends]


def kill_some_workers(victim: Victim, random: Random, killed: list[int], times: int) -> Iterator[str]:
    """Kill workers at random instants; what each was doing."""
    n_before = len(victim.work())
    if times and not victim.wait_until(lambda: len(victim.work()) > n_before):
        return
    for _ in range(times):
        time.sleep(random.uniform(0, 0.3))
        worker, state = choose_worker(victim, random, killed)
        with suppress(ProcessLookupError):
            if worker is not None and victim.is_running:
                kill(worker, signal.SIGKILL)
                killed.append(worker)
                yield state


# Signals ------------------------------------------------------------------------------------------------------


def land(times: int, random: Random, folder: Path, number: signal.Signals) -> Row:
    """Ctrl-C or SIGTERM once."""
    row = Row(f"{number.name} to the driver", "lands: exit 0, study open, not one unit repeated")
    for victim in running(times, random, folder, row, Settings(pace_s=0.01)):
        victim.signal(number)
        row.expect_end(victim)
        row.expect("Landing" in victim.output(), "nothing was said")
        row.expect(not victim.has_closed(), "the study is closed")
        row.look_at(victim)
        audit = row.bring_to_end(victim)
        row.expect(not audit.n_repeated, f"{audit.n_repeated} units were trained twice")
    return row


def interrupt_twice(times: int, random: Random, folder: Path) -> Row:
    """Ctrl-C, and again while it lands."""
    row = Row("SIGINT twice", "ends by KeyboardInterrupt long before the next report, study open")
    for victim in running(times, random, folder, row, Settings(pace_s=30.0, trials=20)):
        victim.signal(signal.SIGINT)
        victim.wait_until(lambda victim=victim: "Landing" in victim.output())  # type: ignore[misc]
        victim.signal(signal.SIGINT)
        row.expect_end(victim, -signal.SIGINT)
        row.look_at(victim)
        victim.settings = msgspec.structs.replace(victim.settings, pace_s=0.0)
        row.bring_to_end(victim)
    return row


def hang(times: int, random: Random, folder: Path) -> Row:
    """A worker that says nothing any more."""
    row = Row(
        "SIGSTOP of a worker, patience_s=1",
        "it is killed, its job says why and is tried again, the study ends",
    )
    for victim in running(times, random, folder, row, Settings(pace_s=0.02, patience_s=1.0)):
        stopped = random.choice(victim.workers())
        kill(stopped, signal.SIGSTOP)
        row.expect_end(victim)
        row.expect(victim.has_closed(), "the study is open")
        row.look_at(victim)
        told = f"worker process {stopped} was killed, because it had not reported for"
        errors = [event.error or "" for _, event in victim.entries() if isinstance(event, JobEnded)]
        row.expect(sum(told in error for error in errors) == 1, "no job says that its worker hung")
    return row


def running(times: int, random: Random, folder: Path, row: Row, settings: Settings) -> Iterator[Victim]:
    """Studies, one after the other, each at a random instant while its workers train."""
    for number in range(times):
        victim = Victim(folder / str(number), msgspec.structs.replace(settings, seed=number))
        victim.start()
        victim.wait_until(lambda victim=victim: len({item.pid for item in victim.work()}) == 2)  # type: ignore[misc]
        time.sleep(random.uniform(0, 0.5))
        row.times += 1
        yield victim
        shutil.rmtree(victim.folder)
    say(f"{row.fault}: {times}")


# Disks --------------------------------------------------------------------------------------------------------


def fill_files(times: int, folder: Path, what: str) -> Row:
    """No room for checkpoints, or for the journal, by a limit on the size of files, which needs no rights."""
    row = Row(f"{what}: files at RLIMIT_FSIZE", "an error that names the place; goes on once there is room")
    limit_bytes = 1 << 19 if what == "checkpoints" else 1 << 17
    for number in range(times):
        settings = Settings(seed=number, padding_bytes=1 << 20 if what == "checkpoints" else 0)
        victim = Victim(folder / str(number), settings)
        victim.start(
            partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY))
        )
        expect_trouble(row, victim, victim.folder)
        row.bring_to_end(victim)
        row.times += 1
        shutil.rmtree(victim.folder)
    say(f"{row.fault}: {times}")
    return row


def full_disks(times: int, folder: Path) -> list[Row]:
    """Truly no room, on small disks of our own where the system lets us mount some: `fill_disks` in a namespace."""
    program = [sys.executable, __file__, "--others", str(times), "--disks", str(folder)]
    with suppress(OSError):
        command = ["unshare", "--map-root-user", "--mount", *program]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
        if done.stdout:
            return [Row(**row) for row in json.loads(done.stdout)]
    return [Row("disk full", "nothing: this system lets us mount none")]


def fill_disks(times: int, folder: Path) -> list[Row]:
    """Mount a small disk, let a study fill it, make it larger, let the study go on."""
    rows = []
    for what in ("checkpoints", "journal"):
        row = Row(f"{what}: disk full", "an error that names the place; goes on once there is room")
        rows.append(row)
        for number in range(times):
            disk = folder / f"disk-of-{what}-{number}"
            disk.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", disk], check=True)
            settings = Settings(seed=number, padding_bytes=1 << 16 if what == "checkpoints" else 0)
            victim = Victim(folder / f"{what}-{number}", settings)
            place = victim.folder / ("study.db" if what == "journal" else NAME)
            place.symlink_to(disk if what == "checkpoints" else disk / place.name)
            victim.start()
            expect_trouble(row, victim, place)
            subprocess.run(["mount", "-o", "remount,size=1g", disk], check=True)
            row.bring_to_end(victim)
            row.times += 1
            subprocess.run(["umount", disk], check=True)
        say(f"{row.fault}: {times}")
    return rows


def expect_trouble(row: Row, victim: Victim, place: Path) -> None:
    """The run ends with an error that names the place and says what to do; the study can be read."""
    row.expect_end(victim, 1)
    error = victim.output().strip().rpartition("\n")[2]
    advice = ("Save less", "make room", "Free some")
    row.expect(str(place) in error and any(words in error for words in advice), f"it said: {error}")
    row.expect(not victim.has_closed(), "the study was over before the disk was full")
    row.look_at(victim)


# All of it ----------------------------------------------------------------------------------------------------


def other_faults(times: int, random: Random, folder: Path) -> list[Row]:
    """Whatever is neither a killed driver nor a killed worker."""
    return [
        land(times, random, folder / "int", signal.SIGINT),
        land(times, random, folder / "term", signal.SIGTERM),
        interrupt_twice(times, random, folder / "twice"),
        hang(times, random, folder / "hang"),
        fill_files(times, folder / "checkpoints", "checkpoints"),
        fill_files(times, folder / "journal", "journal"),
        *full_disks(times, folder / "disks"),
    ]


PARTS: dict[str, Callable[[int, Random, Path], list[Row]]] = {
    "drivers": kill_drivers,
    "workers": kill_workers,
    "population": kill_population,
    "others": other_faults,
}


def print_table(rows: Sequence[Row], seconds: float) -> None:
    """For people."""
    wide = max(len(row.fault) for row in rows)
    print(f"{'fault':<{wide}}   times   wrong   what was checked")
    for row in rows:
        print(
            f"{row.fault:<{wide}}   {row.times:>5}   {len(row.violations):>5}   {row.checked or 'the same'}"
        )
        if row.figures:
            figures = ", ".join(f"{name}: {figure}" for name, figure in row.figures.items())
            print(f"{'':<{wide}}                   {figures}")
    for row in rows:
        for violation in row.violations:
            print(f"\n{row.fault}: {violation}")
    n_violations = sum(len(row.violations) for row in rows)
    print(f"\nAlways checked: {ALWAYS}.\n{n_violations} violations; {seconds:.0f} s.")


def main() -> int:
    """Run the faults and print the table; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without any")
    parser.add_argument("--drivers", type=int, default=100, metavar="N", help="drivers to kill")
    parser.add_argument("--workers", type=int, default=100, metavar="N", help="workers to kill")
    parser.add_argument(
        "--population", type=int, default=60, metavar="N", help="drivers and workers of a population to kill"
    )
    parser.add_argument(
        "--others", type=int, default=3, metavar="N", help="times for each of the other faults"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the instants")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--disks", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}: expected some of {', '.join(PARTS)}")
    if options.disks is not None:
        print(json.dumps([asdict(row) for row in fill_disks(options.others, options.disks)]))
        return 0
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="paceline-faults-") as name:
        rows = []
        for part in options.parts or PARTS:
            if times := getattr(options, part):
                rows += PARTS[part](times, Random(f"{part} {options.seed}"), Path(name) / part)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
    else:
        print_table(rows, time.monotonic() - begin)
    return int(any(row.violations for row in rows))


if __name__ == "__main__":
    sys.exit(main())
