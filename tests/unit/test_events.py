"""The codec: what is written comes back equal, and what is no event is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paceline import Budget, SchemaError
from paceline.events import Job, JobIssued, Objective, Reported, Trial, TrialCreated, decode, encode
from paceline.testing.journals import EVENTS

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(st.text(), st.integers(-(2**63), 2**63 - 1), NUMBERS, st.booleans(), st.none())


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_comes_back_equal(event):
    assert decode(encode(event)) == event
    assert type(decode(encode(event))) is type(event)


@given(st.dictionaries(st.text(), SCALARS))
def test_configs_come_back_with_their_types(config):
    back = decode(encode(TrialCreated(Trial(0, config)))).trial.config
    assert back == config
    assert list(back) == list(config)
    assert [type(value) for value in back.values()] == [type(value) for value in config.values()]


@given(st.dictionaries(st.text(), st.one_of(NUMBERS, st.none())), NUMBERS)
def test_metrics_come_back_to_the_last_digit(metrics, seconds):
    event = Reported(1, 2, 3, metrics, seconds)
    assert decode(encode(event)) == event


@pytest.mark.parametrize(
    "line", ['{"event":"Unheard"}', "{}", "", "[1]", "not JSON", '{"event":"JobIssued"}', b"\xff"]
)
def test_what_is_no_event_is_refused(line):
    with pytest.raises(SchemaError, match="Nothing was changed"):
        decode(line)


def test_facts_are_frozen():
    event = JobIssued(Job(0, 0, 0, 1))
    with pytest.raises(AttributeError):
        event.job = None


@pytest.mark.parametrize(("maximize", "value", "loss"), [(False, 2.0, 2.0), (True, 2.0, -2.0)])
def test_the_sign_is_turned_in_one_place(maximize, value, loss):
    objective = Objective("m", maximize=maximize)
    assert objective.loss({"m": value}) == loss
    assert objective.value(loss) == value
    assert objective.loss({"m": None}) == objective.loss({}) == float("inf")


def test_a_budget_without_limits_says_so():
    assert Budget().is_unlimited
    assert not Budget(trials=1).is_unlimited
