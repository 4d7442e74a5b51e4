"""Where a wrong input is tried: an empty folder, a right study to compare with, and what is there before and after."""

import contextlib
import io
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

from paceline import ASHA, Budget, Float, Integer, Study, errors
from paceline.cli.app import run_command

MEMORY = Path("/dev/shm")
ROOT = Path(__file__).resolve().parents[2]
SPACE = {"lr": Float(1e-4, 1e-1, log=True), "width": Integer(16, 512)}


def train(trial):
    """A right training function."""
    for step in trial.steps():
        loss = trial.config["lr"] / (step + 1)
        trial.report(loss=loss, accuracy=1 - loss, save=lambda folder: (folder / "weights").write_text("1.5"))


class CommandFailed(Exception):  # noqa: N818 - named as the page has it
    """A command line ended with another exit code than 0; the message is what it wrote to stderr."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Place:
    """A folder of its own, removed at the end: not below pytest's, which the user "nobody" may not enter, and in memory
    where there is such a place, since two hundred studies that wait for a disk take minutes.

    Its study is `s` in `s.db`, unless a case says otherwise.
    """

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bad-input-", dir=MEMORY if MEMORY.is_dir() else None))
        self.folder.chmod(0o755)
        self.db = self.folder / "s.db"
        self._studies = []
        self._came_before = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
        for path in (self.folder, *self.folder.rglob("*")):
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(self.folder)

    def close(self):
        """Let go of all that is open, so that what is on the disk is all that there is."""
        for study in self._studies:
            study.close()
        self._studies.clear()

    # What a user does ----------------------------------------------------------------------------------------------

    def study(self, **changes):
        """A study, right but for the changes."""
        arguments = {"name": "s", "space": SPACE, "scheduler": ASHA(max_resource=9), "storage": self.db}
        study = Study(**{**arguments, **changes})
        self._studies.append(study)
        return study

    def load(self, name="s", storage=None):
        """A study from its journal alone."""
        study = Study.load(name, self.db if storage is None else storage)
        self._studies.append(study)
        return study

    def run(self, train=train, *, study=None, **changes):
        """A run, right but for the changes; `study` has those of the study."""
        arguments = {"executor": "inline", "progress": False, "budget": Budget(trials=5)}
        made = self.study(**(study or {}))
        made.run(train, **{**arguments, **changes})
        return made

    def paceline(self, *arguments):
        """A command line.

        Raises:
            CommandFailed: its exit code is not 0.
        """
        out, err = io.StringIO(), io.StringIO()
        path, modules = list(sys.path), set(sys.modules)
        try:
            with (
                contextlib.chdir(self.folder),
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
            ):
                code = run_command(arguments)
        finally:
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if str(self.folder) in str(getattr(sys.modules[name], "__file__", "")):
                    del sys.modules[name]
        if code:
            raise CommandFailed(code, err.getvalue().strip())

    def write(self, name, text):
        """A file."""
        path = self.folder / name
        path.write_text(text)
        return path

    def elsewhere(self, program, *, as_nobody=False):
        """Another process runs `program` with `place` as this one; what it raises is raised here.

        With `as_nobody`, it may write nowhere where it was not allowed to: root may do everything.
        """
        lines = [
            "import json, os, sys",
            "from tests.bad_input.place import Budget, Place, errors, train",
            "place = Place.at(sys.argv[1])",
            "with Place() as warm: warm.run()" if as_nobody else "",  # imports what nobody could not
            "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)" if as_nobody else "",
            "try:",
            *(f"    {line}" for line in program.splitlines()),
            "except errors.PacelineError as error:",
            "    print(json.dumps([type(error).__name__, str(error)]))",
        ]
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(lines), str(self.folder)],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.stdout:
            name, message = json.loads(done.stdout)
            raise _remade(getattr(errors, name), message)

    @classmethod
    def at(cls, folder):
        """The place that another process has made."""
        place = cls.__new__(cls)
        place.folder, place.db, place._studies = Path(folder), Path(folder) / "s.db", []
        return place

    # What there is -------------------------------------------------------------------------------------------------

    def exists(self):
        """Let there be a study: five trials, some of them promoted, some waiting."""
        self.run()
        self.close()

    def edit(self, statement):
        """Change the database behind Paceline's back."""
        with contextlib.closing(sqlite3.connect(self.db)) as connection, connection:
            connection.execute(statement)

    def remember(self):
        """Look at what there is, to compare with later."""
        self.close()
        self._files = self._snapshot()
        self._came_before = self._entries()

    def has_lost(self):
        """What was there before and is not, or is changed; nothing, if all is well."""
        self.close()
        entries = self._entries()
        return [] if entries[: len(self._came_before)] == self._came_before else ["recorded events"]

    def has_gained(self, *, records):
        """What is there and should not be: nothing new at all, or nothing half done where a run `records`."""
        self.close()
        if records:
            return self.leftovers()
        gained = [f"event {entry}" for entry in self._entries()[len(self._came_before) :]]
        now = self._snapshot()
        return gained + sorted(
            name for name in now.keys() | self._files.keys() if now.get(name) != self._files.get(name)
        )

    def leftovers(self):
        """What saving and deleting checkpoints has left half done, and folders that hold nothing."""
        hidden = [path.name for path in self.folder.rglob(".*")]
        return hidden + [path.name for path in self.folder.rglob("checkpoints/*") if not any(path.iterdir())]

    def _snapshot(self):
        """Every file and folder with its content; a journal counts by its rows, since reading may tidy its file."""
        return {
            str(path.relative_to(self.folder)): None if path.is_dir() else self._content(path)
            for path in self.folder.rglob("*")
            if path.name not in ("s.db-shm", "s.db-wal")
            and "__pycache__" not in path.parts  # the interpreter's
        }

    def _content(self, path):
        studies = self._rows("SELECT name, holder FROM paceline_studies") if path == self.db else None
        return path.read_bytes() if studies is None else studies

    def _entries(self):
        return self._rows("SELECT study, seq, at, event FROM paceline_events ORDER BY 1, 2") or []

    def _rows(self, query):
        """What is in the database; `None` where it is none of Paceline's."""
        if not self.db.is_file():
            return None
        with contextlib.closing(sqlite3.connect(self.db)) as connection:
            try:
                return list(connection.execute(query))
            except sqlite3.DatabaseError:
                return None

    def goes_on(self):
        """Run the study that is here with a right function and four more trials; the study, to look at."""
        study = self.load()
        n_trials = len(study.trials) + 4
        study.run(train, executor="inline", progress=False, budget=Budget(trials=n_trials))
        assert len(study.trials) == n_trials
        return study


def _remade(cls, message):
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    return error
