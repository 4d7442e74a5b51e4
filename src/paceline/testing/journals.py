"""What every journal keeps, as tests to inherit: subclass `JournalContract` and say how to open a storage.

class TestMine(JournalContract):
    @pytest.fixture
    def open_again(self, tmp_path):
        return lambda: MyStorage(tmp_path)     # each call: another process's view of the same place
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from paceline.errors import JournalConflict, StudyNotFoundError
from paceline.events import (
    AnyEvent,
    Budget,
    BudgetSet,
    Checkpoint,
    Job,
    JobEnded,
    JobId,
    JobIssued,
    Objective,
    Origin,
    Outcome,
    PointsGiven,
    Reported,
    RunStarted,
    SchedulerChanged,
    StudyClosed,
    StudyOpened,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.journal import Entry, Storage

OpenAgain = Callable[[], Storage]

EVENTS: tuple[AnyEvent, ...] = (
    StudyOpened(
        3,
        Objective("accuracy", maximize=True),
        {"version": 1},
        {"type": "ASHA", "max_resource": 9},
        "epoch",
        1,
    ),
    SchedulerChanged({"type": "ASHA", "max_resource": 27}),
    BudgetSet(Budget(trials=3, resource=9, minutes=0.5, target=0.125)),
    PointsGiven(({"x": 1, "y": 1.0, "z": True, "s": "ü\n'\"\\", "n": None},)),
    RunStarted("someone@somewhere, process 1", 2, "processes"),
    TrialCreated(
        Trial(
            TrialId(0),
            {"x": 0.1, "n": 2**62},
            1,
            Origin(TrialId(7), Checkpoint("000007/00000003-000009", 3, 100)),
            4,
        )
    ),
    JobIssued(Job(JobId(0), TrialId(0), 3, 9, 2)),
    Reported(JobId(0), TrialId(0), 9, {"a": 1e-300, "b": None}, 0.25, Checkpoint("000000/9-0", 9, 12)),
    JobEnded(JobId(0), TrialId(0), Outcome.FAILED, 6, "Traceback\n  '日本'"),
    TrialStopped(TrialId(0), "because"),
    StudyClosed("the end"),
)
"""One of each kind, with values that a careless codec loses."""

ENTRIES: list[Entry] = [(1e9 + 0.125 * i, event) for i, event in enumerate(EVENTS)]


class JournalContract:
    """The rules at the head of `paceline.journal.protocol`."""

    @pytest.fixture
    def open_again(self) -> OpenAgain:
        """Opens the place once more, as another process would; a subclass overrides it."""
        raise NotImplementedError

    def test_what_was_appended_is_read_back_equal_and_in_order(self, open_again: OpenAgain) -> None:
        """Every kind of event, with every digit of its time."""
        journal = open_again().journal("study")
        journal.append(ENTRIES[:4])
        journal.append(ENTRIES[4:])
        assert list(open_again().journal("study").read()) == ENTRIES
        assert open_again().journal("study").first() == EVENTS[0]

    def test_reading_goes_on_where_it_was(self, open_again: OpenAgain) -> None:
        """A reader beside a driver sees each event once."""
        driver, reader = open_again().journal("study"), open_again().journal("study")
        driver.append(ENTRIES[:2])
        assert list(reader.read()) == ENTRIES[:2]
        assert list(reader.read()) == []
        driver.append(ENTRIES[2:])
        assert list(reader.read()) == ENTRIES[2:]
        assert reader.length == driver.length == len(ENTRIES)

    def test_whoever_is_behind_cannot_append(self, open_again: OpenAgain) -> None:
        """The fence: of a batch that comes too late, nothing is written."""
        first, second = open_again().journal("study"), open_again().journal("study")
        first.append(ENTRIES[:2])
        assert list(second.read()) == ENTRIES[:2]
        first.append(ENTRIES[2:3])
        with pytest.raises(JournalConflict):
            second.append(ENTRIES[5:8])
        first.append(ENTRIES[3:4])
        assert list(open_again().journal("study").read()) == ENTRIES[:4]

    def test_a_batch_is_written_whole_or_not_at_all(self, open_again: OpenAgain) -> None:
        """An event that cannot be written takes those before it along, and leaves the journal usable."""
        journal = open_again().journal("study")
        journal.append(ENTRIES[:2])
        unwritable: Any = Reported(JobId(0), TrialId(0), 1, {"loss": object()})  # type: ignore[dict-item]
        with suppress(TypeError):
            journal.append([*ENTRIES[2:4], (0.0, unwritable)])
        n_written = len(list(open_again().journal("study").read()))
        assert n_written in (2, 5)  # memory takes anything
        assert journal.length == n_written
        journal.append(ENTRIES[4:5])
        assert len(list(open_again().journal("study").read())) == n_written + 1

    def test_to_append_nothing_changes_nothing(self, open_again: OpenAgain) -> None:
        """Nor does it bring a study about."""
        journal = open_again().journal("study")
        journal.append([])
        assert open_again().studies() == []
        journal.append(ENTRIES[:2])
        journal.append([])
        assert journal.length == 2
        assert list(open_again().journal("study").read()) == ENTRIES[:2]

    def test_reading_while_another_writes_misses_nothing(self, open_again: OpenAgain) -> None:
        """What is written meanwhile comes now or with the next reading, once and in order."""
        driver, reader = open_again().journal("study"), open_again().journal("study")
        driver.append(ENTRIES[:3])
        reading = reader.read()
        seen = [next(reading)]
        driver.append(ENTRIES[3:])
        seen += reading
        seen += reader.read()
        assert seen == ENTRIES

    def test_whoever_has_caught_up_can_append(self, open_again: OpenAgain) -> None:
        """After a crash, the next driver is the one that has read everything."""
        first, second = open_again().journal("study"), open_again().journal("study")
        first.append(ENTRIES[:3])
        list(second.read())
        second.append(ENTRIES[3:4])
        with pytest.raises(JournalConflict):
            first.append(ENTRIES[3:4])

    def test_studies_do_not_mix(self, open_again: OpenAgain) -> None:
        """Any printable name will do."""
        names = ["a", "A", "a b", "../a", "ü'\"%", "a" * 200]
        for i, name in enumerate(names):
            open_again().journal(name).append(ENTRIES[: i + 1])
        for i, name in enumerate(names):
            assert list(open_again().journal(name).read()) == ENTRIES[: i + 1]
        assert open_again().studies() == names

    def test_looking_makes_nothing(self, open_again: OpenAgain) -> None:
        """A study exists from its first event on."""
        storage = open_again()
        assert list(storage.journal("study").read()) == []
        assert storage.journal("study").first() is None
        assert not storage.exists("study")
        assert storage.holder("study") is None
        assert open_again().studies() == []

    def test_to_acquire_a_study_that_was_never_written_makes_none(self, open_again: OpenAgain) -> None:
        """Its first driver may be killed between the two."""
        storage = open_again()
        journal = storage.journal("study")
        journal.acquire()
        assert not storage.exists("study")
        assert open_again().studies() == []
        with pytest.raises(StudyNotFoundError):
            storage.delete("study")
        journal.append(ENTRIES[:1])
        assert open_again().exists("study")
        journal.release()

    def test_a_deleted_study_is_gone_and_the_others_stay(self, open_again: OpenAgain) -> None:
        """Its name is free again."""
        for name in ("a", "b"):
            open_again().journal(name).append(ENTRIES[:2])
        open_again().delete("a")
        assert open_again().studies() == ["b"]
        open_again().journal("a").append(ENTRIES[:1])
        assert list(open_again().journal("a").read()) == ENTRIES[:1]
        assert list(open_again().journal("b").read()) == ENTRIES[:2]

    def test_whoever_knew_a_deleted_study_cannot_write_into_another(self, open_again: OpenAgain) -> None:
        """The fence holds, whatever the storage makes of the room that has become free."""
        late = open_again().journal("a")
        late.append(ENTRIES[:2])
        open_again().delete("a")
        for name in ("b", "a"):
            with pytest.raises(JournalConflict):
                late.append(ENTRIES[2:3])
            open_again().journal(name).append(ENTRIES[:2])
        with pytest.raises(JournalConflict):
            late.append(ENTRIES[2:3])
        for name in ("a", "b"):
            assert list(open_again().journal(name).read()) == ENTRIES[:2]

    def test_two_storages_that_were_opened_before_there_was_anything(self, open_again: OpenAgain) -> None:
        """Both see what either of them makes."""
        first, second = open_again(), open_again()
        first.journal("a").append(ENTRIES[:1])
        second.journal("b").append(ENTRIES[:2])
        assert first.studies() == second.studies() == ["a", "b"]
        assert list(first.journal("b").read()) == ENTRIES[:2]

    def test_an_unknown_study_cannot_be_deleted(self, open_again: OpenAgain) -> None:
        """The message lists those that there are."""
        open_again().journal("known").append(ENTRIES[:1])
        with pytest.raises(StudyNotFoundError, match="known"):
            open_again().delete("unknown")

    def test_a_released_study_can_be_acquired(self, open_again: OpenAgain) -> None:
        """And released twice."""
        journal = open_again().journal("study")
        journal.append(ENTRIES[:1])
        for _ in range(2):
            journal.acquire()
            journal.keep_alive()
            journal.release()
            journal.release()
        other = open_again().journal("study")
        list(other.read())
        other.acquire()
        other.append(ENTRIES[1:2])
        other.release()
