"""The journals that are shipped, and what SQLite's keeps beyond the contract."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

from paceline.errors import JournalConflict, SchemaError
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
        raw.close()
        assert [json.loads(line)["event"] for line in lines] == [type(event).__name__ for _, event in ENTRIES]

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
        raw.close()
        with pytest.raises(SchemaError, match=r"version 99.*Upgrade"):
            open_again()

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
