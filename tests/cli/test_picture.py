"""`paceline picture`: each kind as a file, and what is refused."""

import pytest

from paceline import ASHA, Budget, Float, Study
from paceline.pictures import KINDS


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    def train(trial):
        for step in trial.steps():
            trial.report(loss=trial.config["x"] / (step + 1))

    monkeypatch.chdir(tmp_path)
    with Study(
        "digits", {"x": Float(0.0, 1.0)}, ASHA(max_resource=9), storage="paceline.db", seed=0
    ) as study:
        study.run(train, executor="inline", budget=Budget(trials=9), progress=False)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_file(paceline, tmp_path, kind):
    said = paceline("picture", "digits", kind, "--json").json
    file = tmp_path / f"digits-{kind}.png"
    assert said == {"file": file.name, "bytes": file.stat().st_size}
    assert file.read_bytes().startswith(b"\x89PNG")


def test_the_study_may_be_left_out_and_the_ending_decides(paceline, tmp_path):
    assert paceline("picture", "incumbent", "-o", "it.svg").code == 0
    resource = (tmp_path / "it.svg").read_text()
    again = paceline("picture", "incumbent", "--over", "time", "-o", "it.svg")
    assert (again.code, "overwrite it with --force" in again.err) == (2, True)
    assert paceline("picture", "incumbent", "--over", "time", "-o", "it.svg", "--force").code == 0
    assert resource.startswith("<?xml")
    assert (tmp_path / "it.svg").read_text() != resource


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (["slice"], 2, "got 'slice' for the kind of picture; expected one of incumbent, curves"),
        (["digits", "curves", "rungs"], 2, "expected a study's name and a kind"),
        (["curves", "-o", "it.gif"], 2, "expected a file that ends in .png, .svg, .pdf"),
        (["curves", "--over", "time"], 2, "got --over for curves; expected it with incumbent only"),
        (["incumbent", "--over", "money"], 2, "got money for --over; expected resource or time"),
        (["curves", "--trial", "1"], 2, "got --trial for curves; expected it with lineage or schedule only"),
        (["lineage", "--trial", "99"], 1, "99"),
        (["letters", "curves"], 1, "letters"),
    ],
)
def test_what_is_refused(paceline, tmp_path, line, code, said):
    before = sorted(tmp_path.iterdir())
    answer = paceline("picture", *line)
    assert (answer.code, said in answer.err) == (code, True), answer.err
    assert sorted(tmp_path.iterdir()) == before
