"""Every wrong input: the error, its message, nothing written, nothing lost; and the page that shows them."""

import shutil
import subprocess
import sys

import pytest
from tests.bad_input.cases import GROUPS
from tests.bad_input.cases.case import existing
from tests.bad_input.cases.saving import limit_pages
from tests.bad_input.place import ROOT, Place, train
from tests.bad_input.table import HEAD, outcome, row

from paceline import Budget, RandomSearch
from paceline.errors import JournalConflict, StorageError

CASES = [pytest.param(case, id=f"{title}: {case.came}") for title, cases in GROUPS.items() for case in cases]
PAGE = ROOT / "docs" / "bad-input.md"


@pytest.fixture
def place():
    with Place() as place:
        yield place


@pytest.mark.parametrize("case", CASES)
def test_bad_input(case, place):
    if case.given is not None:
        case.given(place)
    place.remember()

    result = outcome(case, place)

    assert type(result.error) is (case.error or type(None)), result.message
    for phrase in case.says:
        assert phrase.replace("{folder}", str(place.folder)) in result.message
    assert "secret" not in result.message
    assert place.has_lost() == []
    assert place.has_gained(records=case.records) == []
    assert row(case, result, place) in PAGE.read_text().splitlines(), (
        "regenerate it, see tests/bad_input/table.py"
    )
    if (case.records or case.given is existing) and not case.is_lost_cause:
        study = place.goes_on()
        assert study.incumbent is not None
        assert study.replay().is_equal
        assert place.has_lost() == []


def test_the_page_has_a_row_for_each_case_and_no_other():
    text = PAGE.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    headers = [line for line in rows if line == "| what came | error | message |"]

    assert text.startswith(HEAD)
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == list(GROUPS)
    assert len(rows) - len(headers) == sum(map(len, GROUPS.values()))


def test_what_could_not_be_recorded_can_be_told_again(place):
    study = place.study(scheduler=RandomSearch())
    job = study.ask()
    limit_pages(study, 1)
    metrics = {f"metric {index}": 1.0 for index in range(2000)}

    with pytest.raises(StorageError, match="full"):
        study.tell(job, metrics, loss=0.5)
    assert study.incumbent is None
    limit_pages(study, 1000)
    study.tell(job, metrics, loss=0.5)

    assert study.incumbent.value == 0.5
    assert study.ask().trial == job.trial + 1


def test_a_run_that_the_disk_has_ended_goes_on_in_the_same_process(place):
    study = place.study()
    study.set_budget(Budget(trials=500))
    study.close()
    limit_pages(study, 4)

    with pytest.raises(StorageError, match="full"):
        study.run(train, executor="inline", progress=False)
    n_trials = len(study.trials)
    limit_pages(study, 1000)
    study.run(train, executor="inline", progress=False, budget=Budget(trials=n_trials + 5))

    assert len(study.trials) == n_trials + 5
    assert study.replay().is_equal


def test_who_is_refused_leaves_the_driver_alone(place):
    place.exists()
    driver, other = place.study(), place.study()
    driver.set_budget(Budget(trials=9))
    job = driver.ask()

    with pytest.raises(JournalConflict):
        other.ask()
    with pytest.raises(JournalConflict):
        other.run(train, executor="inline", progress=False, budget=Budget(trials=20))
    driver.tell(job, loss=0.5)

    assert driver.ledger.budget == Budget(trials=9)


SMALL_DISK = """
import subprocess, sys
from pathlib import Path
from paceline import Budget
from paceline.errors import CheckpointError, StorageError
from tests.bad_input.place import Place, train

def mount(options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", sys.argv[1]], check=True)

mount("size=400k")
place = Place.at(sys.argv[1])
place.run(budget=Budget(trials=2))
place.remember()
try:
    place.run(budget=Budget(trials=300))
except (CheckpointError, StorageError) as error:
    print(error)
print(place.has_lost(), place.leftovers())
mount("remount,size=20m")
study = place.goes_on()
print(study.replay().is_equal, place.has_lost(), place.leftovers())
"""


def test_a_disk_that_is_really_full(place):
    own_mounts = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*own_mounts, "true"], check=False).returncode:
        pytest.skip("needs Linux, and leave to mount a small disk")
    disk = place.folder / "disk"
    disk.mkdir()

    done = subprocess.run(
        [*own_mounts, sys.executable, "-c", SMALL_DISK, str(disk)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )

    error, *rest = done.stdout.splitlines()
    assert "full" in error or "No space left on device" in error
    assert rest == ["[] []", "True [] []"]
