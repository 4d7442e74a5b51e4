"""`paceline run module:function --config study.toml`: the format, and every way to get it wrong."""

import inspect
import sys

import msgspec
import pytest

from paceline import (
    ASHA,
    BOHB,
    KDE,
    PB2,
    PBT,
    Alternating,
    Budget,
    Categorical,
    Float,
    GaussianProcess,
    Integer,
    Perturb,
    QuasiRandom,
    Study,
    Trees,
    above,
    recommended,
)
from paceline.cli import config
from paceline.cli.config import load_config
from paceline.space.domains import Constant, Ordinal

GOOD = """
name = "digits"
metric = "accuracy"
direction = "maximize"
unit = "epoch"
seed = 1
retries = 1

[space]
lr = {type = "float", low = 1e-4, high = 0.1, log = true}
width = {type = "integer", low = 16, high = 512, step = 16}
optimizer = {type = "categorical", choices = ["sgd", "adam"]}
momentum = {type = "float", low = 0.0, high = 0.99, when = {optimizer = "sgd"}}
decay = {type = "ordinal", values = [0.0, 1e-4, 1e-2], when = {width = {above = 64}}}
layers = {type = "constant", value = 2}

[scheduler]
type = "ASHA"
max_resource = 9
sampler = {type = "QuasiRandom"}

[budget]
trials = 4

[run]
executor = "inline"

[[points]]
lr = 0.01
width = 64
optimizer = "adam"
layers = 2
"""


@pytest.fixture
def project(tmp_path):
    """A folder with a module and a study's description."""
    (tmp_path / "model.py").write_text(
        "class Net:\n"
        "    @staticmethod\n"
        "    def train(trial):\n"
        "        for step in trial.steps():\n"
        "            trial.report(accuracy=1 - trial.config['lr'] / (step + 1))\n"
    )
    (tmp_path / "study.toml").write_text(GOOD)
    yield tmp_path
    sys.modules.pop("model", None)


def test_a_description_is_the_study_that_it_describes(paceline, project):
    result = paceline("run", "model:Net.train", "--config", "study.toml", "--storage", "study.db", "--json")
    assert result.code == 0, result.err
    assert result.err == ""
    assert result.json["reason"] == "the budget of 4 trials is spent"
    space = {
        "lr": Float(1e-4, 0.1, log=True),
        "width": Integer(16, 512, step=16),
        "optimizer": Categorical(["sgd", "adam"]),
        "momentum": Float(0.0, 0.99, when={"optimizer": "sgd"}),
        "decay": Ordinal([0.0, 1e-4, 1e-2], when={"width": above(64)}),
        "layers": Constant(2),
    }
    point = {"lr": 0.01, "width": 64, "optimizer": "adam", "layers": 2}
    scheduler = ASHA(max_resource=9, sampler=QuasiRandom())
    same = {
        "maximize": "accuracy",
        "storage": "study.db",
        "seed": 1,
        "retries": 1,
        "points": [point],
        "unit": "epoch",
    }
    with Study("digits", space, scheduler, **same) as study:  # raises if it differs
        assert study.unit == "epoch"
        assert study.trials[0].config == point
        assert study.ledger.budget == Budget(trials=4)


def test_the_table_has_the_arguments_of_the_function():
    """Names and defaults, which stand in both."""
    asked = {field.name: field.default for field in msgspec.structs.fields(config.RecommendedTable)}
    arguments = inspect.signature(recommended).parameters
    required = {name for name, found in arguments.items() if found.default is found.empty}
    assert asked.keys() == arguments.keys()
    assert required == {name for name, default in asked.items() if default is msgspec.NODEFAULT}
    assert all(asked[name] == arguments[name].default for name in asked.keys() - required)


def test_what_is_recommended_can_be_asked_for(paceline, project):
    asked = 'type = "recommended"\nmax_resource = 9\nmin_resource = 2\nresumes = false\ntrust_low_resources = true'
    (project / "study.toml").write_text(
        GOOD.replace('type = "ASHA"\nmax_resource = 9\nsampler = {type = "QuasiRandom"}', asked)
    )
    assert paceline("run", "model:Net.train", "--config", "study.toml", "--storage", "study.db").code == 0
    chosen = recommended(max_resource=9, min_resource=2, resumes=False, trust_low_resources=True).scheduler
    with Study.load("digits", project / "study.db") as study:
        assert study.settings == chosen


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("max_resource = 0", "max_resource=0: expected a whole number of at least 1"),
        ("max_resource = 9\nresume = false", "did you mean 'resumes'?"),
        ("", "max_resource is missing"),
    ],
)
def test_a_wrong_question_is_told(paceline, project, asked, told):
    wrong = GOOD.replace(
        'type = "ASHA"\nmax_resource = 9\nsampler = {type = "QuasiRandom"}', f'type = "recommended"\n{asked}'
    )
    (project / "study.toml").write_text(wrong)
    result = paceline("run", "model:Net.train", "--config", "study.toml", "--storage", "study.db")
    assert result.code == 1
    assert told in result.err


@pytest.mark.parametrize(
    ("lines", "scheduler"),
    [
        (
            'type = "ASHA"\nmax_resource = 9\nhedge = 0.1\nsampler = {type = "KDE", min_points = 1, spread = 0.2}\n',
            ASHA(
                max_resource=9,
                hedge=0.1,
                sampler=KDE(min_points=1, spread=0.2),
            ),
        ),
        ('type = "BOHB"\nmax_resource = 9\n', BOHB(max_resource=9)),
        (
            'type = "BOHB"\nmax_resource = 9\nsweeps = 1\nsampler = {type = "KDE"}\n',
            BOHB(max_resource=9, sweeps=1, sampler=KDE()),
        ),
    ],
)
def test_a_model_is_described_as_any_other_sampler(paceline, project, lines, scheduler):
    head, tail = GOOD.split("[scheduler]")
    budget = tail[tail.index("[budget]") :].replace("trials = 4", "trials = 14")
    (project / "study.toml").write_text(f"{head}[scheduler]\n{lines}\n{budget}")
    run = ["run", "model:Net.train", "--config", "study.toml", "--storage", "study.db", "--json"]
    for _ in range(2):  # again, there is nothing left to do
        result = paceline(*run)
        assert result.code == 0, result.err
    with Study.load("digits", "study.db") as study:
        assert study.settings == scheduler
        assert len(study.trials) == 14
        assert study.replay().is_equal


@pytest.mark.parametrize("kind", [PBT, PB2])
def test_how_a_population_explores_is_a_table_too(project, kind):
    head, tail = GOOD.split("[scheduler]")
    lines = f'type = "{kind.__name__}"\nmax_resource = 9\ninterval = 3\nexplore = {{type = "Perturb", resample = 0.1}}'
    path = project / "study.toml"
    path.write_text(f"{head}[scheduler]\n{lines}\n{tail[tail.index('[budget]') :]}")
    expected = kind(max_resource=9, interval=3, explore=Perturb(resample=0.1))
    with load_config(path, None, default_storage="memory:").study as study:
        assert study.settings == expected
    path.write_text(path.read_text().replace("resample = 0.1", "resample = 2"))
    with pytest.raises(config.ConfigError, match=r"resample=2\.0: expected a number from 0 to 1"):
        load_config(path, None, default_storage="memory:")


@pytest.mark.parametrize(
    ("sampler", "told"),
    [
        ('{type = "KDE", lie = "no"}', "scheduler.sampler.lie = 'no': expected `bool`"),
        ('{type = "KDE", random_fraction = 33}', "random_fraction=33.0: expected a number from 0 to 1"),
        ('{type = "KDE", randomfraction = 0.3}', "did you mean 'random_fraction'?"),
        ('{type = "KDEs"}', "KDE"),
    ],
)
def test_a_wrong_model_is_told(paceline, project, sampler, told):
    (project / "study.toml").write_text(GOOD.replace('{type = "QuasiRandom"}', sampler))
    result = paceline("run", "model:Net.train", "--config", "study.toml", "--storage", "study.db")
    assert result.code == 1
    assert told in result.err


def test_flags_win_limit_by_limit(paceline, project):
    flags = ["--trials", 6, "--resource", 1000, "--storage", "study.db"]
    paceline("run", "model:Net.train", "--config", "study.toml", *flags)
    with Study.load("digits", "study.db") as study:
        assert study.ledger.budget == Budget(trials=6, resource=1000)


def test_the_storage_is_the_flag_s_the_file_s_or_the_environment_s(paceline, project, monkeypatch):
    run = ["run", "model:Net.train", "--config", "study.toml", "--trials", 1]
    monkeypatch.setenv("PACELINE_STORAGE", "environment.db")
    assert paceline(*run, "--json").json["storage"].endswith("environment.db")
    (project / "study.toml").write_text('storage = "file.db"\n' + GOOD)
    assert paceline(*run, "--json").json["storage"].endswith("file.db")
    assert paceline(*run, "--storage", "flag.db", "--json").json["storage"].endswith("flag.db")


def test_workers_import_the_module_by_name(paceline, project):
    run = ["run", "model:Net.train", "--config", "study.toml", "--storage", "study.db"]
    result = paceline(*run, "--executor", "processes", "--workers", 2, "--json")
    assert result.code == 0, result.err
    assert result.json["spent"]["failed"] == 0


def test_the_documented_example_is_right(tmp_path):
    _, *paragraphs = config.__doc__.split("\n\n")
    example = "\n".join(paragraph for paragraph in paragraphs if paragraph.startswith("    "))
    file = tmp_path / "study.toml"
    file.write_text(example)
    recipe = load_config(file, None, storage=str(tmp_path / "study.db"), default_storage="memory:")
    with recipe.study as study:
        assert study.settings == ASHA(max_resource=27, sampler=QuasiRandom())
    assert recipe.budget == Budget(trials=100, minutes=10)
    assert recipe.settings.given() == {"workers": 4}


def test_everything_wrong_is_told_at_once(paceline, project):
    (project / "study.toml").write_text("""
name = 7
metrc = "accuracy"
direction = "up"

[space]
lr = {type = "float", low = 1.0, high = 0.1}
width = {type = "integr", low = 16, high = 512}
depth = {type = "integer", low = 1, hgih = 5}
kind = {type = "categorical"}
other = 3

[scheduler]
type = "ASHA"
max_resource = "many"
reduction_facto = 3
sampler = {type = "Sobol"}

[budget]
trials = 1.5
minute = 3

[run]
workers = "four"
""")
    result = paceline("run", "model:Net.train", "--config", "study.toml")
    assert result.code == 1
    for problem in [
        "name = 7: expected `str`, got `int`",
        "'metrc' is unknown (did you mean 'metric'?)",
        "direction = 'up': ",
        "[space.lr] low=1.0, high=0.1: expected low < high",
        "[space.width] type = 'integr' is unknown (did you mean 'integer'?)",
        "[space.depth] 'hgih' is unknown (did you mean 'high'?)",
        "[space.depth] high is missing",
        "[space.kind] choices is missing",
        "space.other = 3: expected a table with a type",
        "scheduler.max_resource = 'many': expected `int`, got `str`",
        "[scheduler] 'reduction_facto' is unknown (did you mean 'reduction_factor'?)",
        "[scheduler.sampler] type = 'Sobol': expected one of ",
        "budget.trials = 1.5: expected `int`, got `float`",
        "[budget] 'minute' is unknown (did you mean 'minutes'?)",
        "run.workers = 'four': expected `int`, got `str`",
    ]:
        assert f"  - {problem}" in result.err, problem
    assert "study.toml: 15 problems" in result.err
    assert not list(project.glob("*.db"))


@pytest.mark.parametrize("number", ["20", "1.5"])
def test_samplers_within_a_sampler(paceline, project, number):
    members = f'[{{type = "Trees"}}, {{type = "GaussianProcess", min_results = {number}}}]'
    file = project / "study.toml"
    file.write_text(GOOD.replace('"QuasiRandom"', f'"Alternating", samplers = {members}'))
    if number == "20":
        recipe = load_config(file, None, storage=None, default_storage="memory:")
        with recipe.study as study:
            assert study.settings.sampler == Alternating(samplers=(Trees(), GaussianProcess(min_results=20)))
    else:
        result = paceline("run", "model:Net.train", "--config", "study.toml")
        assert result.code == 1
        assert "scheduler.sampler.samplers[1].min_results = 1.5: expected `int`, got `float`" in result.err


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name = ", "name "), "it is no TOML"),
        (('name = "digits"', ""), "name is missing"),
        (("[scheduler]", "[schedule]"), "scheduler is missing"),
        (("[scheduler]", "[schedule]"), "'schedule' is unknown (did you mean 'scheduler'?)"),
        (('type = "ASHA"', ""), "[scheduler] type is missing: expected one of ASHA, "),
        (
            ("max_resource = 9", "max_resource = 0"),
            "[scheduler] max_resource=0: expected a whole number of at least 1",
        ),
        (("trials = 4", "trials = 0"), "[budget] Budget(trials)=0"),
        (("[budget]", "[[budget]]"), "budget = [{'trials': 4}]: expected `object`, got `array`"),
        (('optimizer = "sgd"}', 'optimiser = "sgd"}'), "[space] "),
        (("lr = 0.01", "lr = 7"), "[[points]] number 1: "),
        (('executor = "inline"', 'executor = "dask"'), "run.executor = 'dask'"),
    ],
)
def test_a_wrong_description_is_told_with_its_place(paceline, project, change, problem):
    (project / "study.toml").write_text(GOOD.replace(*change))
    result = paceline("run", "model:Net.train", "--config", "study.toml")
    assert result.code == 1
    assert problem in result.err
    assert not list(project.glob("*.db"))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("model:nothing", ["'nothing'", "Found: none", "module:function"]),
        ("no_such_module:train", ["no_such_module"]),
        ("broken:train", ["ZeroDivisionError", "broken.py"]),
    ],
)
def test_a_function_that_is_not_there(paceline, project, function, words):
    (project / "broken.py").write_text("def train(trial): ...\n1 / 0\n")
    result = paceline("run", function, "--config", "study.toml")
    assert result.code == 1
    for word in words:
        assert word in result.err
    assert "importlib" not in result.err  # the traceback begins in the user's file


def test_another_study_of_that_name_is_left_alone(paceline, project):
    run = ["run", "model:Net.train", "--config", "study.toml", "--storage", "study.db"]
    assert paceline(*run).code == 0
    (project / "study.toml").write_text(GOOD.replace("high = 0.1", "high = 0.2"))
    result = paceline(*run)
    assert result.code == 1
    assert "'lr' was" in result.err
