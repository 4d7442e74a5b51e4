"""Studies on real executors: running, running again, raising what may be raised."""

from pathlib import Path

import pytest

from paceline import (
    ASHA,
    Budget,
    Categorical,
    Float,
    GridSearch,
    Hyperband,
    QuasiRandomSearch,
    RandomSearch,
    Study,
    SuccessiveHalving,
)
from paceline.events import JobEnded, JobIssued, Outcome, Reported, RunStarted, StudyClosed

SPACE = {"x": Float(0.0, 1.0), "kind": Categorical(["a", "b"])}


def train(trial):
    """A curve that falls towards x; its state is how often it was stepped."""
    steps = int((trial.checkpoint / "steps").read_text()) if trial.checkpoint else 0
    assert steps == trial.start
    for _ in trial.steps():
        steps += 1
        state = str(steps)
        trial.report(
            loss=trial.config["x"] + 1 / steps,
            save=lambda folder, state=state: (folder / "steps").write_text(state),
        )


def returns_a_number(trial):
    return trial.config["x"]


def study_in(folder: Path, scheduler=None, **settings) -> Study:
    return Study(
        "s", SPACE, scheduler or ASHA(max_resource=9), storage=f"sqlite:///{folder}/study.db", **settings
    )


def run(study: Study, function=train, **settings) -> None:
    settings.setdefault("executor", "inline")
    study.run(function, progress=False, **settings)


@pytest.mark.parametrize(
    ("scheduler", "n_trials"),
    [
        (GridSearch(max_resource=2, resolution=3), 6),
        (SuccessiveHalving(max_resource=9), 9),
        (Hyperband(max_resource=9), 17),
    ],
)
def test_a_scheduler_with_an_end_needs_no_budget(tmp_path, scheduler, n_trials):
    with study_in(tmp_path, scheduler) as study:
        run(study)
        assert study.status == "closed: the scheduler has nothing left to do"
        assert len(study.trials) == n_trials
        assert study.incumbent.value == min(trial.value for trial in study.trials if trial.status == "done")


@pytest.mark.parametrize(
    "scheduler", [RandomSearch(max_resource=2), QuasiRandomSearch(max_resource=2), ASHA(max_resource=4)]
)
def test_a_budget_of_trials_counts_all_of_them(tmp_path, scheduler):
    with study_in(tmp_path, scheduler) as study:
        run(study, budget=Budget(trials=7))
        assert len(study.trials) == 7
        run(study, budget=Budget(trials=12))
        assert len(study.trials) == 12
        assert study.status == "closed: the budget of 12 trials is spent"


def test_running_a_finished_study_again_records_nothing(tmp_path):
    with study_in(tmp_path) as study:
        run(study, budget=Budget(trials=5))
        before = list(study.entries())
        run(study, budget=Budget(trials=5))
        run(study)
        assert list(study.entries()) == before


def test_a_budget_of_resource_is_never_exceeded(tmp_path):
    with study_in(tmp_path) as study:
        run(study, budget=Budget(resource=20))
        assert 20 - 6 < study.spent.resource <= 20  # the next job may cost up to 6
        run(study, budget=Budget(resource=40))
        assert 40 - 6 < study.spent.resource <= 40


def test_a_target_ends_the_study_once_it_is_reached(tmp_path):
    with study_in(tmp_path, RandomSearch(), maximize="score") as study:
        run(study, lambda trial: {"score": trial.config["x"]}, budget=Budget(target=0.8))
        assert study.incumbent.value >= 0.8
        assert [trial.value >= 0.8 for trial in study.trials].count(True) == 1
        assert study.status == "closed: the target of 0.8 was reached"


def test_max_resource_can_be_raised_and_the_best_go_on(tmp_path):
    with study_in(tmp_path, ASHA(max_resource=3)) as study:
        run(study, budget=Budget(trials=27))
    with study_in(tmp_path, ASHA(max_resource=27)) as study:
        run(study)
        assert max(trial.resource for trial in study.trials) == 27
        assert len(study.trials) == 27
        assert study.replay().is_equal
        assert [rung.resource for rung in study.rungs()[0].rungs] == [1, 3, 9, 27]


def test_points_come_first_and_only_once(tmp_path):
    points = [{"x": 0.25, "kind": "a"}, {"x": 0.75, "kind": "b"}]
    for n_trials in (1, 4):
        with study_in(tmp_path, points=points) as study:
            run(study, budget=Budget(trials=n_trials))
    assert [trial.config for trial in study.trials[:2]] == points
    assert all(trial.config not in points for trial in study.trials[2:])


def test_a_trial_goes_on_from_its_checkpoint(tmp_path):
    with study_in(tmp_path) as study:
        run(study, budget=Budget(trials=9))
        assert study.spent.resource == sum(
            trial.resource for trial in study.trials
        )  # nothing was trained twice


def test_without_resume_each_promotion_trains_anew(tmp_path):
    with study_in(tmp_path, ASHA(max_resource=9, resume=False)) as study:
        run(study, budget=Budget(trials=9))
        jobs = [event.job for _, event in study.entries() if isinstance(event, JobIssued)]
        assert {job.start for job in jobs} == {0}
        assert study.spent.resource == sum(job.target for job in jobs)


def test_a_failing_config_is_retried_and_then_ranks_last(tmp_path):
    def fails_for_b(trial):
        if trial.config["kind"] == "b":
            raise RuntimeError("no b today")
        return trial.config["x"]

    with study_in(tmp_path, RandomSearch(), retries=1) as study:
        run(study, fails_for_b, budget=Budget(trials=12))
        failed = [trial for trial in study.trials if trial.config["kind"] == "b"]
        assert failed
        assert {trial.status for trial in failed} == {"failed"}
        assert study.spent.failed == 2 * len(failed)
        assert study.incumbent.config["kind"] == "a"
        errors = [event.error for _, event in study.entries() if isinstance(event, JobEnded) and event.error]
        assert all("no b today" in error for error in errors)


def test_a_value_that_is_not_finite_ranks_last(tmp_path):
    with study_in(tmp_path, RandomSearch()) as study:
        run(
            study, lambda trial: float("nan") if trial.id == 0 else trial.config["x"], budget=Budget(trials=4)
        )
        assert study.trials[0].value is None
        assert study.incumbent.trial != 0


def test_two_processes_and_one_give_the_same_configs(tmp_path):
    with Study("a", SPACE, ASHA(max_resource=9), storage="memory:", seed=3) as one:
        run(one, budget=Budget(trials=12))
    with Study("a", SPACE, ASHA(max_resource=9), storage="memory:", seed=3) as two:
        run(two, executor="processes", workers=2, budget=Budget(trials=12))
    assert [trial.config for trial in one.trials] == [trial.config for trial in two.trials]


def test_one_worker_gives_the_same_journal_twice(tmp_path):
    def facts(study):
        return [
            event if not isinstance(event, Reported) else (event.job, event.resource, event.metrics)
            for _, event in study.entries()
            if not isinstance(event, RunStarted)
        ]

    journals = []
    for name in ("one", "two"):
        with Study(name, SPACE, ASHA(max_resource=9), storage="memory:") as study:
            run(study, budget=Budget(trials=20))
            journals.append(facts(study))
    assert journals[0] == journals[1]


def test_keep_checkpoints_bounds_the_disk(tmp_path):
    with study_in(tmp_path, keep_checkpoints=2) as study:
        run(study, budget=Budget(trials=20))
        folders = [path for path in study.checkpoint_folder.glob("*/*") if path.is_dir()]
        assert len(folders) <= 2
        assert study.incumbent.checkpoint in folders


def test_observers_see_what_is_durable(tmp_path):
    seen = []
    with study_in(tmp_path) as study:
        run(study, budget=Budget(trials=5), observers=[seen.extend])
        assert seen == list(study.entries())
        assert isinstance(seen[-1][1], StudyClosed)


def test_the_incumbent_by_both_rules(tmp_path):
    def u_turn(trial):
        for step in trial.steps():
            trial.report(loss=trial.config["x"] + (0 if step == 0 else 5))

    with study_in(tmp_path, FULL) as study:
        run(study, u_turn, budget=Budget(trials=5))
        assert study.incumbent.resource == 4
        assert study.best("any").resource == 1
        assert study.best("any").value == pytest.approx(study.incumbent.value - 5)


FULL = RandomSearch(max_resource=4)


def test_a_killed_worker_costs_one_attempt(tmp_path):
    def dies_once(trial):
        import os
        import signal

        mark = tmp_path / f"{trial.id}"
        for _ in trial.steps():
            if trial.id == 1 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            trial.report(loss=trial.config["x"])

    with study_in(tmp_path, RandomSearch(max_resource=2)) as study:
        run(study, dies_once, executor="processes", workers=2, budget=Budget(trials=4))
        assert [trial.status for trial in study.trials] == ["done"] * 4
        ends = [event for _, event in study.entries() if isinstance(event, JobEnded)]
        failed = [event for event in ends if event.outcome is Outcome.FAILED]
        assert [event.trial for event in failed] == [1]
        assert "SIGKILL" in failed[0].error
