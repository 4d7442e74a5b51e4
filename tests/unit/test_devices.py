"""GPUs and threads are shared out."""

import os

import pytest

from paceline.errors import SettingError
from paceline.executors import devices
from paceline.executors.devices import gpu_variables, thread_variables


def groups(gpus, *, workers, per_worker=1, visible=None):
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    variables = gpu_variables(gpus, per_worker=per_worker, workers=workers, environment=environment)
    return [each.get("CUDA_VISIBLE_DEVICES") for each in variables]


def test_without_gpus_nothing_is_said():
    assert groups(None, workers=2) == [None, None]


def test_a_number_takes_the_first_that_are_visible():
    assert groups(2, workers=2) == ["0", "1"]
    assert groups(2, workers=2, visible="5, 7,9") == ["5", "7"]
    assert groups(1, workers=1, visible="GPU-8932f937,GPU-46e3") == ["GPU-8932f937"]


def test_a_list_says_which():
    assert groups([3, 1], workers=2) == ["3", "1"]
    assert groups(["GPU-46e3", 2], workers=2) == ["GPU-46e3", "2"]


def test_groups_are_disjoint_where_there_are_enough():
    assert groups(5, workers=2, per_worker=2) == ["0,1", "2,3"]


def test_too_few_are_shared_evenly():
    assert groups(2, workers=5) == ["0", "1", "0", "1", "0"]


def test_groups_of_several_are_never_shared():
    with pytest.raises(SettingError, match=r"gpus_per_worker=2: expected at most 1: .* write workers=1"):
        groups(3, workers=2, per_worker=2)


@pytest.mark.parametrize("gpus", [0, -1, True, [], "0,1", [0, 0], ["0", 0]])
def test_what_is_no_choice_of_gpus_is_refused(gpus):
    with pytest.raises(SettingError, match="gpus"):
        groups(gpus, workers=1)


@pytest.mark.parametrize("gpus", [3, [0]])
def test_gpus_that_this_process_may_not_use_are_refused(gpus):
    with pytest.raises(SettingError, match="CUDA_VISIBLE_DEVICES is '1,2'"):
        groups(gpus, workers=1, visible="1,2")


@pytest.mark.parametrize("per_worker", [0, 1.5])
def test_each_worker_gets_at_least_one(per_worker):
    with pytest.raises(SettingError, match="gpus_per_worker"):
        groups(2, workers=1, per_worker=per_worker)


def test_cores_are_shared_out_and_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setattr(devices, "_cores", lambda: 9)
    variables = thread_variables(None, workers=4, environment={"OMP_NUM_THREADS": "1"})
    assert variables == {"MKL_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "NUMEXPR_NUM_THREADS": "2"}
    assert set(thread_variables(None, workers=100, environment={}).values()) == {"1"}


def test_a_setting_is_more_than_the_environment():
    assert thread_variables(3, workers=4, environment={"OMP_NUM_THREADS": "1"})["OMP_NUM_THREADS"] == "3"
    with pytest.raises(SettingError, match="threads_per_worker"):
        thread_variables(0, workers=1, environment={})


def test_only_cores_that_may_be_used_count(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3}, raising=False)
    assert devices._cores() == 2
