"""Faults by the hundred: kill -9 of drivers and of workers at random instants, signals, hangs, full disks: `make faults`.

Each row of the table is one kind of fault, how often it happened, what was looked at afterwards, and how much of that was
wrong: nothing is expected, and anything makes this program end with 1. What is looked at is written down in
`paceline.testing.audit`; the study that suffers all this, an ASHA on two worker processes that trains a logistic
regression, is `paceline.testing.victim`. Instants are drawn with `--seed`; what a process does at an instant is up to the
machine, so no two runs are alike.

    driver      SIGKILL while it imports, opens, replays, runs and closes; the same command is then given again
    worker      SIGKILL while it starts, trains and idles, under ASHA and synchronous halving by turns
    signals     Ctrl-C once and twice, SIGTERM; a worker that is stopped, and so hangs
    disks       no room for checkpoints, no room for the journal
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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import count
from os import kill
from pathlib import Path
from random import Random

import msgspec

from paceline.events import JobEnded, Outcome, StudyClosed
from paceline.testing.audit import Audit
from paceline.testing.killing import Victim, state_of
from paceline.testing.victim import Mark, Settings

PHASES: dict[str, Mark] = {
    "importing": "opening",
    "opening": "starting",
    "starting": "running",
    "running": "closing",
    "closing": "ended",
}
"""Each ends with the mark that stands beside it."""

WEIGHTS = {"importing": 2, "opening": 3, "starting": 3, "running": 13, "closing": 3}
"""How often a driver is killed in which phase."""

EVERYWHERE = "history kept, workers gone, jobs and units once, losses right, checkpoints whole, replay equal"


@dataclass
class Row:
    """One kind of fault.

    Args:
        fault: what was done.
        checked: what was looked at, beyond what always is.
        times: how often it was done.
        violations: what was wrong.
        figures: for people.
    """

    fault: str
    checked: str = ""
    times: int = 0
    violations: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def look_at(self, victim: Victim) -> None:
        """See whether all is well with a study whose driver has ended."""
        self.violations += [f"process {pid} is still alive" for pid in victim.survivors()]
        self.violations += victim.audit()

    def finish(self, victim: Victim) -> Audit:
        """Give the same command once more, to the end; see whether all is well."""
        victim.start()
        if victim.wait() != 0:
            self.violations.append(f"the next driver failed:\n{victim.output()[-2000:]}")
        elif not victim.has_closed():
            self.violations.append("the next driver ended, and the study is open")
        self.look_at(victim)
        return audit_of(victim)

    def expect(self, claim: bool, otherwise: str) -> None:  # noqa: FBT001
        """Note a claim that is not true."""
        if not claim:
            self.violations.append(otherwise)


def audit_of(victim: Victim) -> Audit:
    """For its figures."""
    return Audit(victim.entries(), victim.work(), victim.store)


# Drivers ------------------------------------------------------------------------------------------------------


def kill_drivers(n_kills: int, random: Random, folder: Path) -> list[Row]:
    """Kill drivers, in any phase, each time continuing with the same command; a new study whenever one has ended."""
    rows = {phase: Row(f"driver killed while {phase}") for phase in PHASES}
    ends = Row("studies brought to their end", "closed, nothing left over, further runs change nothing")
    lasts = durations(folder / "undisturbed")
    totals: Counter[str] = Counter()
    for number in count():
        victim = Victim(folder / str(number), Settings(seed=number))
        while not victim.has_closed():
            victim.start()
            done = sum(row.times for row in rows.values())
            row = ends if done == n_kills else kill_within(victim, random, lasts, rows)
            if row is None:
                row = ends
            if row is ends and victim.wait() != 0:
                row.violations.append(f"a driver failed:\n{victim.output()[-2000:]}")
                break
            row.look_at(victim)
        before = victim.entries()
        audit = ends.finish(victim)
        ends.expect(victim.entries() == before, "running a closed study again changed it")
        ends.times += 1
        totals += Counter(studies=1, starts=victim.n_starts, units=audit.n_units, repeated=audit.n_repeated)
        shutil.rmtree(victim.folder)
        done = sum(row.times for row in rows.values())
        say(f"{done} drivers killed, {number + 1} studies ended")
        if done == n_kills:
            break
    ends.figures = {
        "units trained": totals["units"],
        "of these repeated": totals["repeated"],
        "repeated per kill": round(totals["repeated"] / max(1, n_kills), 2),
    }
    return [*rows.values(), ends]


def durations(folder: Path) -> dict[str, float]:
    """How long each phase of a driver that nobody disturbs lasts, in seconds."""
    victim = Victim(folder)
    victim.start()
    lasts: dict[str, float] = {}
    begin = time.monotonic()
    for phase, mark in PHASES.items():
        victim.wait_for(mark)
        lasts[phase], begin = time.monotonic() - begin, time.monotonic()
    victim.wait()
    return lasts


def kill_within(
    victim: Victim, random: Random, lasts: dict[str, float], rows: dict[str, Row]
) -> Row | None:
    """Kill its driver within a phase; the row of the one that it had really come to. `None` if it was over before."""
    phase = random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    begins: dict[str, Mark] = dict(zip(list(PHASES)[1:], PHASES.values(), strict=False))
    if phase in begins and not victim.wait_for(begins[phase]):
        return None
    deadline = time.monotonic() + random.uniform(0, lasts[phase])
    while victim.is_running and time.monotonic() < deadline:
        time.sleep(min(0.01, max(0.0, deadline - time.monotonic())))
    if phase == "running" and victim.is_running:
        victim.look()
    if not victim.is_running:
        return None
    victim.kill()
    row = rows.get(victim.phase())
    if row is None:  # the last mark was passed, and Python was shutting down
        row = rows["closing"]
    row.times += 1
    return row


# Workers ------------------------------------------------------------------------------------------------------


def kill_workers(n_kills: int, random: Random, folder: Path) -> list[Row]:
    """Kill workers, whatever they are doing, while their driver lives on."""
    states = ("starting", "training", "idle")
    rows = {state: Row(f"worker killed while {state}") for state in states}
    ends = Row("studies brought to their end", "each failure is a kill's, retried or counted as the policy says")
    totals: Counter[str] = Counter()
    for number in count():
        kind = Settings(seed=number) if number % 2 else Settings(seed=number, scheduler="halving", workers=3)
        victim = Victim(folder / str(number), msgspec.structs.replace(kind, pace_s=0.01))
        killed: list[int] = []
        victim.start()
        victim.wait_until(lambda victim=victim: bool(victim.work()))  # type: ignore[misc]
        while victim.is_running and sum(row.times for row in rows.values()) < n_kills:
            time.sleep(random.uniform(0, 0.4))
            target = choose_worker(victim, random, killed)
            if target is not None:
                worker, state = target
                killed.append(worker)
                with suppress(ProcessLookupError):
                    kill(worker, signal.SIGKILL)
                    rows[state].times += 1
        ends.expect(victim.wait() == 0, f"the driver failed:\n{victim.output()[-2000:]}")
        ends.expect(victim.has_closed(), "the study is open")
        ends.look_at(victim)
        ends.violations += blame(victim, killed)
        ends.times += 1
        audit = audit_of(victim)
        failed = sum(job.end is not None and job.end.outcome is Outcome.FAILED for job in audit.jobs)
        totals += Counter(units=audit.n_units, repeated=audit.n_repeated, failed=failed)
        totals += Counter(lost=audit.n_interrupted - failed)
        shutil.rmtree(victim.folder)
        done = sum(row.times for row in rows.values())
        say(f"{done} workers killed, {number + 1} studies ended")
        if done == n_kills:
            break
    ends.figures = {
        "jobs failed": totals["failed"],
        "jobs lost": totals["lost"],
        "units trained": totals["units"],
        "of these repeated": totals["repeated"],
    }
    return [*rows.values(), ends]


def choose_worker(victim: Victim, random: Random, killed: Sequence[int]) -> tuple[int, str] | None:
    """Any worker, and what it is doing. One that starts is left alone if the last one killed had not worked either:
    when several in a row die on the way, Paceline gives up, because the training function cannot be loaded then.
    """
    work = victim.work()
    may_be_starting = not killed or state_of(killed[-1], work) != "starting"
    candidates = [(worker, state_of(worker, work)) for worker in victim.workers() if worker not in killed]
    if not may_be_starting:
        candidates = [(worker, state) for worker, state in candidates if state != "starting"]
    return random.choice(candidates) if candidates else None


def blame(victim: Victim, killed: Sequence[int]) -> Iterator[str]:
    """Jobs that ended without success although nobody had killed their worker, or that share one."""
    blamed: Counter[int] = Counter()
    for _, event in victim.entries():
        if isinstance(event, JobEnded) and event.outcome is not Outcome.COMPLETED:
            found = re.match(r"worker process (\d+) was killed by signal 9", event.error or "")
            if found is None or int(found[1]) not in killed:
                yield f"nobody had killed the worker of job {event.job}: {event.error}"
            else:
                blamed[int(found[1])] += 1
    yield from (f"worker {pid} was killed once and ended {n} jobs" for pid, n in blamed.items() if n > 1)


# Signals ------------------------------------------------------------------------------------------------------


def land(times: int, random: Random, folder: Path, number: signal.Signals) -> Row:
    """Ctrl-C or SIGTERM once."""
    row = Row(f"{number.name} to the driver", "lands: exit 0, study open, not one unit repeated")
    for victim in victims(times, random, folder, row, Settings(pace_s=0.01)):
        victim.signal(number)
        row.expect(victim.wait() == 0, f"the driver ended with code {victim.driver.returncode}")
        row.expect("Landing" in victim.output(), "nothing was said")
        row.expect(not victim.has_closed(), "the study is closed")
        row.look_at(victim)
        audit = row.finish(victim)
        row.expect(not audit.n_repeated, f"{audit.n_repeated} units were trained twice")
    return row


def interrupt_twice(times: int, random: Random, folder: Path) -> Row:
    """Ctrl-C, and again while it lands."""
    row = Row("SIGINT twice", "ends by KeyboardInterrupt within 10 s, study open")
    for victim in victims(times, random, folder, row, Settings(pace_s=1.0, trials=20)):
        victim.signal(signal.SIGINT)
        victim.wait_until(lambda victim=victim: "Landing" in victim.output())  # type: ignore[misc]
        victim.signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            victim.wait(10)
        row.expect(victim.driver.poll() == -signal.SIGINT, f"the driver ended with {victim.driver.poll()}")
        victim.kill()
        row.look_at(victim)
        victim.settings = msgspec.structs.replace(victim.settings, pace_s=0.0)
        row.finish(victim)
    return row


def hang(times: int, random: Random, folder: Path) -> Row:
    """A worker that says nothing any more."""
    row = Row("SIGSTOP of a worker, patience_s=1", "the worker is killed, the job says why, the study ends")
    for victim in victims(times, random, folder, row, Settings(patience_s=1.0, pace_s=0.02)):
        victim.wait_until(
            lambda victim=victim: "training" in [state_of(pid, victim.work()) for pid in victim.workers()]  # type: ignore[misc]
        )
        stopped = next(pid for pid in victim.workers() if state_of(pid, victim.work()) == "training")
        kill(stopped, signal.SIGSTOP)
        row.expect(victim.wait() == 0, f"the driver failed:\n{victim.output()[-2000:]}")
        row.look_at(victim)
        errors = [event.error or "" for _, event in victim.entries() if isinstance(event, JobEnded)]
        row.expect(
            sum(f"worker process {stopped} was killed, because it had not reported for" in error for error in errors)
            == 1,
            "no job says that its worker hung",
        )
    return row


def victims(
    times: int, random: Random, folder: Path, row: Row, settings: Settings
) -> Iterator[Victim]:
    """Studies that run, each at a random instant of the time in which it certainly does."""
    for number in range(times):
        victim = Victim(folder / str(number), msgspec.structs.replace(settings, seed=number))
        victim.start()
        victim.wait_for("running")
        time.sleep(random.uniform(0, 0.8))
        row.times += 1
        yield victim
        shutil.rmtree(victim.folder)
    say(row.fault)


# Disks --------------------------------------------------------------------------------------------------------


def fill_up(times: int, folder: Path, what: str) -> Row:
    """No room for checkpoints, or for the journal, by a limit on the size of files, which needs no rights."""
    row = Row(f"files of the {what} hit RLIMIT_FSIZE", "an error that names the file; goes on once there is room")
    big = Settings(padding_bytes=1 << 20) if what == "checkpoints" else Settings()
    limit_bytes = 1 << 19 if what == "checkpoints" else 1 << 17
    for number in range(times):
        victim = Victim(folder / str(number), msgspec.structs.replace(big, seed=number))
        victim.start(partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit_bytes, resource.RLIM_INFINITY)))
        expect_disk_trouble(row, victim, str(victim.store.folder if what == "checkpoints" else victim.folder))
        row.finish(victim)
        row.times += 1
        shutil.rmtree(victim.folder)
    say(row.fault)
    return row


def full_disks(times: int, folder: Path) -> list[Row]:
    """Truly no room, on small disks of our own, where the system lets us make some: in a namespace, by `fill_disks`."""
    command = ["unshare", "--map-root-user", "--mount", sys.executable, __file__, "--others", str(times)]
    with suppress(OSError):
        done = subprocess.run([*command, "--disk", str(folder)], stdout=subprocess.PIPE, check=False)
        if done.stdout:
            return [Row(**row) for row in json.loads(done.stdout)]
    return [Row("disk full: this system lets us mount none")]


def fill_disks(times: int, disk: Path) -> list[Row]:
    """Mount a small disk, let a study fill it, make it larger, let the study go on."""
    rows = []
    for what in ("checkpoints", "journal"):
        row = Row(f"disk of the {what} full", "an error that names the file; goes on once there is room")
        rows.append(row)
        for number in range(times):
            place = disk / f"{what}-{number}"
            place.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", place], check=True)
            settings = Settings(seed=number, padding_bytes=1 << 16)
            victim = Victim(place, settings)
            if what == "journal":
                settings = Settings(seed=number, journal_folder=str(place))
                victim = Victim(disk / f"files-{number}", settings)
            victim.start()
            expect_disk_trouble(row, victim, str(place))
            subprocess.run(["mount", "-o", "remount,size=1g", place], check=True)
            row.finish(victim)
            row.times += 1
            subprocess.run(["umount", place], check=True)
        say(row.fault)
    return rows


def expect_disk_trouble(row: Row, victim: Victim, name: str) -> None:
    """A run that ends with an error about the disk, and a study that can be read."""
    row.expect(victim.wait() == 1, f"the driver ended with code {victim.driver.returncode}")
    last_words = victim.output().strip().rpartition("\n")[2]
    advice = ("Save less", "make room", "Free some")
    row.expect(name in last_words and any(words in last_words for words in advice), f"it said {last_words!r}")
    row.look_at(victim)
    row.expect(not victim.has_closed(), "the study was over before the disk was full")


# All of it ----------------------------------------------------------------------------------------------------


def main() -> int:
    """Run the faults and print the table; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--drivers", type=int, default=100, metavar="N", help="drivers to kill")
    parser.add_argument("--workers", type=int, default=100, metavar="N", help="workers to kill")
    parser.add_argument("--others", type=int, default=3, metavar="N", help="times for each of the other faults")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--disk", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.disk is not None:
        print(json.dumps([asdict(row) for row in fill_disks(options.others, options.disk)]))
        return 0
    begin = time.monotonic()
    random = Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="paceline-faults-") as name:
        folder = Path(name)
        rows = kill_drivers(options.drivers, random, folder / "drivers") if options.drivers else []
        rows += kill_workers(options.workers, random, folder / "workers") if options.workers else []
        if options.others:
            rows += [
                land(options.others, random, folder / "int", signal.SIGINT),
                land(options.others, random, folder / "term", signal.SIGTERM),
                interrupt_twice(options.others, random, folder / "twice"),
                hang(options.others, random, folder / "hang"),
                *(fill_up(options.others, folder / f"limit-{what}", what) for what in ("checkpoints", "journal")),
                *full_disks(options.others, folder / "disk"),
            ]
    print_table(rows, time.monotonic() - begin) if not options.json else print(json.dumps([asdict(row) for row in rows]))
    return int(any(row.violations for row in rows))


def print_table(rows: Sequence[Row], seconds: float) -> None:
    """For people."""
    wide = max(len(row.fault) for row in rows)
    print(f"{'fault':<{wide}} | times | violations | what was checked")
    for row in rows:
        print(f"{row.fault:<{wide}} | {row.times:>5} | {len(row.violations):>10} | {row.checked or EVERYWHERE}")
        if row.figures:
            print(f"{'':<{wide}} | " + ", ".join(f"{name}: {figure}" for name, figure in row.figures.items()))
    for row in rows:
        for violation in row.violations:
            print(f"\n{row.fault}: {violation}")
    print(f"\n{sum(len(row.violations) for row in rows)} violations, {seconds:.0f} s")


def say(text: str) -> None:
    """Progress, where it does not mix with the results."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
