"""`paceline whatif`: rows, notes, and what it says of a wrong command line."""

import pytest


def test_whatif_of_the_recorded_method(paceline, digits):
    answers = paceline("whatif", "--json").json
    assert (answers["study"], answers["metric"], answers["direction"]) == ("digits", "accuracy", "maximize")
    assert (answers["pool"], answers["max_resource"], answers["target"]) == (14, 9, digits.incumbent.value)
    [real] = answers["recorded"]["outcomes"]
    assert (real["best"], real["best_trial"]) == (digits.incumbent.value, digits.incumbent.trial)
    assert real["resource"] == digits.spent.resource
    [simulated] = answers["as_recorded_simulated"]["outcomes"]
    assert simulated["best"] == digits.incumbent.value
    [own] = answers["answers"]
    assert (own["method"], own["workers"]) == ("ASHA η=3", 1)
    assert "1 trial failed for good" in " ".join(answers["notes"])


def test_whatif_multiplies_lists(paceline, digits):
    command = (
        "whatif",
        "digits",
        "--scheduler",
        "asha,sha,random",
        "--reduction-factor",
        "2,3",
        "--workers",
        "1,8",
    )
    answers = paceline(*command, "--json").json["answers"]
    assert [(one["method"], one["workers"]) for one in answers] == [
        (method, workers)
        for method in (
            "ASHA η=2",
            "ASHA η=3",
            "SuccessiveHalving η=2",
            "SuccessiveHalving η=3",
            "full resource",
        )
        for workers in (1, 8)
    ]
    shown = paceline(*command)
    assert shown.code == 0
    assert shown.out.count("\t") == 11 * (
        1 + 2 + len(answers)
    )  # the header, two rows of the record, the answers
    header, real = shown.rows[2:4]
    assert real[0] == "recorded"
    assert dict(zip(header, real, strict=True))["best"] == str(digits.incumbent.value)


def test_whatif_with_orders_limits_and_a_target(paceline, digits):
    answers = paceline(
        "whatif", "--scheduler", "hyperband,asha-stop", "--seeds", "4", "--trials", "10", "--resource", "60",
        "--target", "0.9", "--min-resource", "3", "--no-resume", "--json",
    ).json  # fmt: skip
    assert answers["target"] == 0.9
    for one in answers["answers"]:
        assert len(one["outcomes"]) == 4
        assert max(outcome["trials"] for outcome in one["outcomes"]) <= 10
        assert one["resource"]["high"] <= 60
        assert one["scheduler"]["min_resource"] == 3
    minutes = paceline("whatif", "--minutes", "5", "--seeds", "3")
    assert "in 3 orders: median (10 % to 90 %)" in minutes.out


def test_whatif_writes_nothing(paceline, digits, tmp_path):
    before = (tmp_path / "study.db").read_bytes()
    assert paceline("whatif", "--scheduler", "asha", "--seeds", "2").code == 0
    assert (tmp_path / "study.db").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--scheduler", "ahsa"), "got 'ahsa'; expected some of asha, asha-stop, sha, hyperband, random"),
        (("--scheduler", "ahsa"), "Did you mean asha?"),
        (("--scheduler", "bohb"), "its model chooses configs"),
        (("--scheduler", "asha,pbt"), "got pbt: what a fork's curve would have been"),
        (("--scheduler", ""), "got ''; expected some of"),
        (
            ("--reduction-factor", "2,x"),
            "got '2,x'; expected whole numbers of at least 2, separated by commas",
        ),
        (("--reduction-factor", "1"), "expected whole numbers of at least 2"),
        (("--workers", "1,,2"), "expected whole numbers of at least 1"),
        (("--seeds", "0"), "expected a whole number of at least 1"),
    ],
    ids=str,
)
def test_whatif_refuses_a_wrong_command_line(paceline, digits, arguments, words):
    result = paceline("whatif", *arguments)
    assert result.code == 2
    assert words in result.err


def test_whatif_refuses_what_the_record_does_not_hold(paceline, digits):
    assert "holds no study" in paceline("whatif", "--storage", "none.db").err
    assert "none.db" in paceline("whatif", "other", "--storage", "none.db").err
    result = paceline("whatif", "nothing", "--json")
    assert result.code == 1
    assert "StudyNotFoundError" in result.err
