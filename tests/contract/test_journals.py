"""The journals that are shipped, and what SQLite's keeps beyond the contract."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from paceline.errors import JournalConflict, SchemaError, StorageError
from paceline.journal import MemoryStorage
from paceline.journal.holder import PATIENCE_S, Holder
from paceline.journal.sql import SqlStorage
from paceline.testing.journals import ENTRIES, JournalContract


class TestMemory(JournalContract):
    @pytest.fixture
    def open_again(self):
        storage = MemoryStorage()
        return lambda: storage


class TestSqlite(JournalContract):
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "study.db"

    @pytest.fixture
    def open_again(self, path):
        opened = []

        def open_again():
            opened.append(SqlStorage(f"sqlite:///{path}"))
            return opened[-1]

        yield open_again
        for storage in opened:
            storage.close()

    def test_looking_at_a_file_that_is_not_there_does_not_make_it(self, open_again, path):
        assert open_again().studies() == []
        assert not path.exists()

    def test_what_is_stored_is_text(self, open_again, path):
        open_again().journal("study").append(ENTRIES)
        with sqlite3.connect(path) as raw:
            lines = [line for (line,) in raw.execute("SELECT event FROM paceline_events ORDER BY seq")]
            tables = [name for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            cells = [cell for name in tables for row in raw.execute(f"SELECT * FROM {name}") for cell in row]
        raw.close()
        assert [json.loads(line)["event"] for line in lines] == [type(event).__name__ for _, event in ENTRIES]
        assert {type(cell) for cell in cells} <= {
            str,
            int,
            float,
            type(None),
        }  # nothing that could be executed

    def test_a_batch_that_fails_in_the_middle_leaves_nothing(self, open_again, path):
        journal = open_again().journal("study")
        journal.append(ENTRIES[:2])
        with sqlite3.connect(path) as raw:
            raw.execute(
                "CREATE TRIGGER trouble BEFORE INSERT ON paceline_events WHEN NEW.seq = 4 "
                "BEGIN SELECT RAISE(ABORT, 'trouble'); END"
            )
        raw.close()
        with pytest.raises(StorageError):
            journal.append(ENTRIES[2:6])
        assert list(open_again().journal("study").read()) == ENTRIES[:2]
        journal.append(ENTRIES[2:4])
        assert list(open_again().journal("study").read()) == ENTRIES[:4]

    def test_a_second_driver_is_told_who_is_at_work(self, open_again):
        first = open_again().journal("study")
        first.append(ENTRIES[:1])
        first.acquire()
        second = open_again().journal("study")
        with pytest.raises(JournalConflict, match=f"driven by .*process {os.getpid()}"):
            second.acquire()
        assert f"process {os.getpid()}" in open_again().holder("study")
        with pytest.raises(JournalConflict):
            open_again().delete("study")
        first.release()
        second.acquire()
        second.release()

    def test_a_holder_whose_process_has_ended_is_none(self, open_again, path):
        program = (
            "import sys; from paceline.journal.sql import SqlStorage; from paceline.testing.journals import ENTRIES\n"
            "j = SqlStorage(sys.argv[1]).journal('study'); j.append(ENTRIES[:1]); j.acquire(); import os; os._exit(9)"
        )
        subprocess.run([sys.executable, "-c", program, f"sqlite:///{path}"], check=False)
        assert open_again().holder("study") is None
        journal = open_again().journal("study")
        journal.acquire()
        journal.release()

    def test_a_holder_that_was_killed_and_not_yet_buried_is_none(self, open_again, path):
        """Its parent may never ask for it: in a container, often."""
        program = (
            "import sys; from paceline.journal.sql import SqlStorage; from paceline.testing.journals import ENTRIES\n"
            "j = SqlStorage(sys.argv[1]).journal('study'); j.append(ENTRIES[:1]); j.acquire()\n"
            "print('holding', flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", program, f"sqlite:///{path}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"holding\n"
            journal = open_again().journal("study")
            with pytest.raises(JournalConflict, match=f"process {holder.pid}"):
                journal.acquire()
            holder.kill()
            os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # it is dead, and a zombie still
            journal.acquire()
            journal.release()

    def test_a_holder_on_another_machine_is_believed_for_a_while(self):
        there = Holder("token", "someone", "another-machine", 1, "")
        assert there.is_alive(silent_s=PATIENCE_S - 1)
        assert not there.is_alive(silent_s=PATIENCE_S)

    def test_a_process_that_has_inherited_the_number_is_not_the_holder(self):
        me = Holder.me()
        assert me.is_alive(1e9)
        assert not Holder(me.token, me.user, me.host, me.process, "long ago").is_alive(0)

    def test_a_newer_schema_is_refused_and_left_alone(self, open_again, path):
        open_again().journal("study").append(ENTRIES)
        with sqlite3.connect(path) as raw:
            raw.execute("UPDATE paceline_schema SET version = 99")
            before = list(raw.iterdump())
        raw.close()
        with pytest.raises(SchemaError, match=r"version 99.*Upgrade"):
            open_again()
        with sqlite3.connect(path) as raw:
            assert list(raw.iterdump()) == before
        raw.close()

    def test_an_unknown_line_is_refused_and_the_rest_stays_readable(self, open_again, path):
        open_again().journal("study").append(ENTRIES[:3])
        with sqlite3.connect(path) as raw:
            raw.execute('UPDATE paceline_events SET event = \'{"event":"Unheard"}\' WHERE seq = 1')
        raw.close()
        journal = open_again().journal("study")
        with pytest.raises(SchemaError, match="Unheard"):
            list(journal.read())
        assert journal.first() == ENTRIES[0][1]

    def test_readers_do_not_wait_for_a_writer(self, open_again, path):
        open_again().journal("study").append(ENTRIES[:3])
        writer = sqlite3.connect(path, isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM paceline_events")
        try:
            assert list(open_again().journal("study").read()) == ENTRIES[:3]
        finally:
            writer.execute("ROLLBACK")
            writer.close()
