"""Command lines."""

from tests.bad_input.cases.case import Case, existing
from tests.bad_input.place import CommandFailed

SCRIPT = """
from paceline import ASHA, Budget, Float, Integer, Study
study = Study("s", {"lr": Float(1e-4, 1e-1, log=True), "width": Integer(16, 512)}, ASHA(max_resource=9), storage="s.db")
def train(trial):
    for step in trial.steps():
        trial.report(loss=trial.config["lr"])
"""

CONFIG = """
name = "s"
metrik = "loss"
[space]
lr = {type = "float", low = 1, high = 0.1}
[scheduler]
type = "ASHAA"
max_resource = 9
[budget]
trials = 0
"""


def script(text=SCRIPT):
    return lambda place: place.write("tune.py", text)


def on(place, *arguments):
    """A command on the place's database."""
    place.paceline(*arguments, "--storage", str(place.db))


def with_config(place):
    place.write("module_with_train.py", "def train(trial): return 1.0\n")
    place.write("s.toml", CONFIG)


COMMANDS = (
    Case(
        "`paceline rum tune.py`",
        lambda p: p.paceline("rum", "tune.py"),
        CommandFailed,
        ("No such command 'rum'", "paceline --help"),
    ),
    Case(
        "`paceline run tune.py` where there is no such file",
        lambda p: p.paceline("run", "tune.py"),
        CommandFailed,
        ("tune.py: there is no such file", "a Python file that makes a Study"),
    ),
    Case(
        "`--workers 0`",
        lambda p: p.paceline("run", "tune.py", "--workers", "0"),
        CommandFailed,
        ("--workers", "got 0", "at least 1"),
        given=script(),
    ),
    Case(
        "`--minutes nan`",
        lambda p: p.paceline("run", "tune.py", "--minutes", "nan"),
        CommandFailed,
        ("--minutes", "got nan", "above 0"),
        given=script(),
    ),
    Case(
        "`--gpus ,`",
        lambda p: p.paceline("run", "tune.py", "--gpus", ","),
        CommandFailed,
        ("--gpus: got ,", "how many, as 2, or which, as 0,1"),
        given=script(),
    ),
    Case(
        "`--executor threads`",
        lambda p: p.paceline("run", "tune.py", "--executor", "threads"),
        CommandFailed,
        ("--executor", "'threads' is not one of 'processes', 'inline'"),
        given=script(),
    ),
    Case(
        "`--budget 10`",
        lambda p: p.paceline("run", "tune.py", "--budget", "10"),
        CommandFailed,
        ("--budget", "--trials"),
        given=script(),
    ),
    Case(
        "no budget",
        lambda p: p.paceline("run", "tune.py"),
        CommandFailed,
        ("expected a limit", "ASHA goes on for ever"),
        given=script(),
    ),
    Case(
        "a file without a study",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("expected one Study at its top level", "study = Study(...)"),
        given=script("x = 1\n"),
    ),
    Case(
        "a file without a training function",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("has no function 'train'", "Found: fit", "--train NAME"),
        given=script(SCRIPT.replace("def train", "def fit")),
    ),
    Case(
        "a file that raises",
        lambda p: p.paceline("run", "tune.py", "--trials", "5"),
        CommandFailed,
        ("tune.py failed", "ZeroDivisionError"),
        given=script("1 / 0\n"),
    ),
    Case(
        "a TOML file with four mistakes",
        lambda p: p.paceline("run", "module_with_train:train", "--config", "s.toml"),
        CommandFailed,
        ("s.toml", "'metrik'", "low=1.0, high=0.1", "'ASHAA'", "Budget(trials)=0"),
        given=with_config,
    ),
    Case(
        "`paceline status` of a study that does not exist",
        lambda p: on(p, "status", "S"),
        CommandFailed,
        ("there is no study 'S'", "there are: 's'"),
        given=existing,
    ),
    Case(
        "`paceline explain s 99`",
        lambda p: on(p, "explain", "s", "99"),
        CommandFailed,
        ("trial=99", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`paceline lineage --trial 99`",
        lambda p: on(p, "lineage", "--trial", "99"),
        CommandFailed,
        ("trial=99", "from 0 to 4"),
        given=existing,
    ),
    Case(
        "`paceline schedule --picture it.gif`",
        lambda p: on(p, "schedule", "--picture", "it.gif"),
        CommandFailed,
        ("got it.gif for the picture", ".png, .svg, .pdf"),
        given=existing,
    ),
    Case(
        "`paceline importance` of a study with five results",
        lambda p: on(p, "importance"),
        CommandFailed,
        ("at least 20 results", "the most are 5"),
        given=existing,
    ),
    Case(
        "`paceline importance --top 10 %`",
        lambda p: on(p, "importance", "--top", "10 %"),
        CommandFailed,
        ("--top", "got 10 %", "expected a share from 0.01 to 0.99"),
        given=existing,
    ),
    Case(
        "`paceline whatif --scheduler ahsa`",
        lambda p: on(p, "whatif", "--scheduler", "ahsa"),
        CommandFailed,
        ("got 'ahsa'", "Did you mean asha?"),
        given=existing,
    ),
    Case(
        "`paceline whatif --reduction-factor 2,x`",
        lambda p: on(p, "whatif", "--reduction-factor", "2,x"),
        CommandFailed,
        ("got '2,x'", "whole numbers of at least 2, separated by commas"),
        given=existing,
    ),
    Case(
        "`paceline whatif --scheduler bohb`",
        lambda p: on(p, "whatif", "--scheduler", "bohb"),
        CommandFailed,
        ("got bohb: its model chooses configs, and those of a record are fixed", "ask for hyperband"),
        given=existing,
    ),
    Case(
        "`paceline status` of a file that is no database",
        lambda p: on(p, "status", "s"),
        CommandFailed,
        ("not a database", "name another one"),
        given=lambda p: p.write("s.db", "loss\n" * 500),
        is_lost_cause=True,
    ),
)
