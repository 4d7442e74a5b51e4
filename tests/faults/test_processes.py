"""Worker processes that die, hang, cannot start, or are left behind; and drivers that are killed."""

import ctypes
import functools
import importlib.util
import os
import select
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import paceline
from paceline.errors import CheckpointError, TrainingFunctionError
from paceline.events import Job, JobEnded, Objective, Outcome, Reported
from paceline.executors.processes import ProcessExecutor
from paceline.executors.protocol import Assignment
from paceline.testing.executors import DEADLINE_S, Bench, Gate, pass_gate
from paceline.worker import TrainingContext

SOURCE = str(Path(paceline.__file__).parents[1])


@contextmanager
def running(train, folder, workers=1, **settings):
    context = TrainingContext("faults", Objective("loss"), folder / "checkpoints")
    with closing(ProcessExecutor(train, context, workers=workers, **settings)) as executor:
        bench = Bench(executor)
        yield bench
        bench.check()


@pytest.fixture
def gate(tmp_path):
    with Gate(tmp_path / "gate") as gate:
        yield gate


class Lifeline:
    """Tells when all processes that hold it are gone: a pipe's end comes when nobody can write any more."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path)
        self.descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def read(self):
        """What a holder has written next; empty once none is left."""
        readable, _, _ = select.select([self.descriptor], [], [], DEADLINE_S)
        assert readable, "the processes are still there"
        return os.read(self.descriptor, 4096)

    def pids(self, count):
        text = b""
        while text.count(b"\n") < count:
            text += self.read()
        return [int(line) for line in text.split()]


def hold(path):
    """In a worker: hold the lifeline, and write the process's id to it."""
    descriptor = os.open(path, os.O_WRONLY)
    os.write(descriptor, b"%d\n" % os.getpid())


@pytest.fixture
def lifeline(tmp_path):
    lifeline = Lifeline(tmp_path / "lifeline")
    yield lifeline
    os.close(lifeline.descriptor)


# Deaths -------------------------------------------------------------------------------------------------------


def die(trial):
    """Report once, then die as the config says."""
    how = trial.config["how"]
    if how == "no":
        return trial.report(os.getpid(), resource=trial.target)
    trial.report(os.getpid())
    print("last words")  # noqa: T201
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    os.kill(os.getpid(), getattr(signal, how))
    return None


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("exit", "exited with code 3"),
        ("SIGKILL", "was killed by signal 9 (SIGKILL); out of memory is the usual reason"),
        ("SIGABRT", "was killed by signal 6 (SIGABRT)"),
        ("segfault", "was killed by signal 11 (SIGSEGV)"),
    ],
)
def test_a_death_fails_the_job_and_says_how(tmp_path, how, cause):
    with running(die, tmp_path, log_folder=tmp_path / "logs") as bench:
        job = bench.start({"how": how}, 2)
        (end,) = bench.until_ended(job)
        assert end.outcome is Outcome.FAILED
        pid = int(bench.reports_of(job)[0].metrics["loss"])
        assert f"worker process {pid} {cause}" in end.error
        assert str(tmp_path / "logs" / "worker-0.log") in end.error
        assert "last words" in end.error

        again = bench.start({"how": "no"}, 2)
        (end,) = bench.until_ended(again)
        assert end.outcome is Outcome.COMPLETED
        assert bench.reports_of(again)[0].metrics["loss"] != pid, "a fresh process has taken the slot"


def test_the_last_words_are_the_dead_processs_own(tmp_path):
    with running(die, tmp_path, log_folder=tmp_path) as bench:
        (first,) = bench.until_ended(bench.start({"how": "exit"}, 2))
        (second,) = bench.until_ended(bench.start({"how": "exit"}, 2))
        assert first.error.count("last words") == second.error.count("last words") == 1


def test_without_a_log_folder_the_output_is_the_drivers(tmp_path, capfd):
    with running(die, tmp_path) as bench:
        (end,) = bench.until_ended(bench.start({"how": "exit"}, 2))
    assert "last words" not in end.error
    assert "last words" in capfd.readouterr().out


def test_a_death_disturbs_no_others(tmp_path, gate):
    def train(trial):
        if "gate" in trial.config:
            pass_gate(trial.config["gate"])
            return 0.5
        return die(trial)

    with running(train, tmp_path, workers=2) as bench:
        other = bench.start({"gate": str(gate.path)}, 1)
        for _ in range(3):
            (end,) = bench.until_ended(bench.start({"how": "SIGKILL"}, 2))
            assert end.outcome is Outcome.FAILED
        gate.open()
        (end,) = bench.until_ended(other)
        assert end.outcome is Outcome.COMPLETED


def stay(trial):
    """Report, hold the lifeline, and wait."""
    hold(trial.config["lifeline"])
    pass_gate(trial.config["gate"])
    return 0.5


def test_a_worker_killed_from_outside_fails_its_job(tmp_path, gate, lifeline):
    with running(stay, tmp_path) as bench:
        job = bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 1)
        (pid,) = lifeline.pids(1)
        os.kill(pid, signal.SIGKILL)
        (end,) = bench.until_ended(job)
        assert end.outcome is Outcome.FAILED
        assert "SIGKILL" in end.error


def test_a_worker_that_dies_idle_is_replaced(tmp_path):
    with running(die, tmp_path) as bench:
        first = bench.start({"how": "no"}, 1)
        bench.until_ended(first)
        pid = int(bench.reports_of(first)[0].metrics["loss"])
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        for _ in range(3):
            second = bench.start({"how": "no"}, 1)
            (end,) = bench.until_ended(second)
            if end.outcome is Outcome.COMPLETED:
                break
            assert end.outcome is Outcome.LOST, "a job that was not begun is not to blame"
        assert bench.reports_of(second)[0].metrics["loss"] != pid


def test_the_end_of_the_job_before_is_not_the_next_ones_fault(tmp_path, gate, lifeline):
    def train(trial):
        trial.report(0.5, resource=trial.target)
        stay(trial)

    config = {"gate": str(gate.path), "lifeline": str(lifeline.path)}
    with running(train, tmp_path) as bench:
        bench.until_ended(bench.start(config, 1))
        (pid,) = lifeline.pids(1)
        waiting = bench.start(config, 1)
        os.kill(pid, signal.SIGKILL)
        (end,) = bench.until_ended(waiting)
        assert end.outcome is Outcome.LOST
        assert "SIGKILL" in end.error


def fork_and_wait(trial):
    """Fork, as a data loader does; parent and child both wait for ever."""
    hold(trial.config["lifeline"])
    if os.fork() == 0:
        hold(trial.config["lifeline"])
    pass_gate(trial.config["gate"])


def test_what_training_has_forked_neither_hides_a_death_nor_outlives_it(tmp_path, gate, lifeline):
    with running(fork_and_wait, tmp_path) as bench:
        job = bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 1)
        pid, _ = lifeline.pids(2)
        os.kill(pid, signal.SIGKILL)
        (end,) = bench.until_ended(job)
        assert end.outcome is Outcome.FAILED
        assert lifeline.read() == b""


# Hanging ------------------------------------------------------------------------------------------------------


def test_a_worker_that_is_silent_for_too_long_is_killed_with_all_it_started(tmp_path, gate, lifeline):
    with running(fork_and_wait, tmp_path, patience_s=0.5) as bench:
        (end,) = bench.until_ended(bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 1))
        assert end.outcome is Outcome.FAILED
        assert "had not reported for" in end.error
        assert "patience_s=0.5" in end.error
        lifeline.pids(2)
        assert lifeline.read() == b""


def test_patience_lasts_as_long_as_there_are_reports(tmp_path, gate):
    def train(trial):
        for _ in trial.steps():
            pass_gate(trial.config["gate"])
            trial.report(0.5)

    with running(train, tmp_path, patience_s=30.0) as bench:
        job = bench.start({"gate": str(gate.path)}, 20)
        bench.on_event = lambda event: isinstance(event, Reported) and gate.open()
        gate.open()
        (end,) = bench.until_ended(job)
        assert end.outcome is Outcome.COMPLETED


# The driver's death, and close --------------------------------------------------------------------------------

DRIVER = """
    from pathlib import Path
    import os, sys
    from paceline.events import Job, Objective
    from paceline.executors.processes import ProcessExecutor
    from paceline.executors.protocol import Assignment
    from paceline.testing.executors import pass_gate
    from paceline.worker import TrainingContext

    folder = Path(sys.argv[1])

    def hold():
        os.write(os.open(folder / "lifeline", os.O_WRONLY), b"%d\\n" % os.getpid())

    def train(trial):
        hold()
        if trial.id == 0 and os.fork() == 0:  # as a data loader does
            hold()
            pass_gate(folder / "gate")
        for _ in trial.steps():
            if trial.id == 1:
                pass_gate(folder / "gate")
            trial.report(0.5)

    executor = ProcessExecutor(train, TrainingContext("s", Objective("loss"), folder), workers=2)
    for number, target in enumerate([10**9, 1]):  # one is busy, the other one waits
        executor.start(Assignment(Job(number, number, 0, target), {}))
    while True:
        executor.wait(lambda _: None, None)
"""


def script(folder, text):
    path = folder / "tune.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_no_worker_outlives_its_driver(tmp_path, gate, lifeline):
    command = [sys.executable, script(tmp_path, DRIVER), tmp_path]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": SOURCE}) as driver:
        lifeline.pids(3)
        driver.kill()
    text = lifeline.read()
    while text:
        text = lifeline.read()


def test_close_ends_workers_that_train(tmp_path, gate, lifeline):
    cleaned = tmp_path / "cleaned up"

    def train(trial):
        try:
            stay(trial)
        finally:
            cleaned.touch()

    with running(train, tmp_path, workers=2) as bench:
        for _ in range(2):
            bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 1)
        lifeline.pids(2)
    assert lifeline.read() == b""
    assert cleaned.exists()


def test_close_ends_workers_that_refuse(tmp_path, gate, lifeline):
    def train(trial):
        while True:
            try:
                stay(trial)
            except KeyboardInterrupt:
                continue

    with running(train, tmp_path) as bench:
        bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 1)
        lifeline.pids(1)
    while lifeline.read():
        pass


def test_close_lets_what_was_held_in_memory_come_to_its_end(tmp_path):
    after = tmp_path / "after the loop"

    def train(trial):
        for _ in trial.steps():
            trial.report(0.5)
        after.touch()

    with running(train, tmp_path) as bench:
        bench.until_ended(bench.start({}, 2))
        assert not after.exists()
    assert after.exists()


def test_a_cluster_that_takes_the_machine_away_lets_the_job_land(tmp_path, gate, lifeline):
    def train(trial):
        hold(trial.config["lifeline"])
        for _ in trial.steps():
            pass_gate(trial.config["gate"])
            trial.report(0.5, save=lambda folder: (folder / "net").touch())

    with running(train, tmp_path) as bench:
        job = bench.start({"gate": str(gate.path), "lifeline": str(lifeline.path)}, 10**6)
        (pid,) = lifeline.pids(1)
        os.kill(pid, signal.SIGTERM)
        bench.on_event = lambda event: isinstance(event, Reported) and gate.open()
        gate.open()
        (end,) = bench.until_ended(job)
        assert end.outcome is Outcome.LOST
        assert bench.reports_of(job)[-1].checkpoint is not None


# Held in memory -----------------------------------------------------------------------------------------------


def count_loads(trial):
    """Write a line for each call: the trial, where it starts, and the process."""
    with Path(trial.config["calls"]).open("a") as file:
        print(trial.id, trial.start, os.getpid(), file=file)
    for _ in trial.steps():
        trial.report(os.getpid(), save=lambda folder: (folder / "net").touch())


@pytest.fixture
def calls(tmp_path):
    path = tmp_path / "calls"
    path.touch()
    return path


def go_on(bench, calls, target, trial, **more):
    """A job of this trial from its newest checkpoint on."""
    reports = [event for event in bench.events if isinstance(event, Reported) and event.trial == trial]
    checkpoint = reports[-1].checkpoint if reports else None
    job = Job(len(bench.jobs), trial, checkpoint.resource if checkpoint else 0, target)
    bench.jobs.append(job)
    bench.executor.start(Assignment(job, {"calls": str(calls)}, checkpoint, **more))
    return job.id


def test_a_trial_that_goes_on_is_not_loaded_again(tmp_path, calls):
    with running(count_loads, tmp_path) as bench:
        for target in (1, 3, 9, 27):
            (end,) = bench.until_ended(go_on(bench, calls, target, 0))
            assert end.outcome is Outcome.COMPLETED
    assert len(calls.read_text().splitlines()) == 1


def test_another_trial_takes_its_place(tmp_path, calls):
    with running(count_loads, tmp_path) as bench:
        for trial, target in [(0, 1), (1, 1), (1, 3), (0, 3)]:
            bench.until_ended(go_on(bench, calls, target, trial))
    assert [line.split()[:2] for line in calls.read_text().splitlines()] == [
        ["0", "0"],
        ["1", "0"],
        ["0", "1"],
    ]


def test_each_trial_goes_on_where_it_is_held(tmp_path, calls):
    with running(count_loads, tmp_path, workers=3) as bench:
        for target in (1, 3, 9):
            bench.until_ended(*[go_on(bench, calls, target, trial) for trial in (2, 0, 1)])
    assert len(calls.read_text().splitlines()) == 3
    assert len({line.split()[2] for line in calls.read_text().splitlines()}) == 3


def test_the_worker_that_was_idle_for_longest_gives_up_its_trial(tmp_path, calls):
    with running(count_loads, tmp_path, workers=2) as bench:
        for trial in (0, 1, 2):
            bench.until_ended(go_on(bench, calls, 1, trial))
        for trial in (1, 2):  # held still
            bench.until_ended(go_on(bench, calls, 2, trial))
    assert len(calls.read_text().splitlines()) == 3


def test_a_scheduler_may_want_a_trial_trained_anew(tmp_path, calls):
    with running(count_loads, tmp_path) as bench:
        bench.until_ended(go_on(bench, calls, 1, 0))
        bench.until_ended(go_on(bench, calls, 3, 0, may_continue=False))
    assert len(calls.read_text().splitlines()) == 2


def test_an_interrupt_does_not_disturb_what_is_held(tmp_path, calls):
    with running(count_loads, tmp_path) as bench:
        bench.until_ended(go_on(bench, calls, 1, 0))
        bench.executor.interrupt()
        (end,) = bench.until_ended(go_on(bench, calls, 3, 0))
        assert end.outcome is Outcome.COMPLETED


# The function's way to the workers ----------------------------------------------------------------------------


def test_a_lambda_will_do(tmp_path):
    with running(lambda trial: trial.id, tmp_path) as bench:
        bench.until_ended(bench.start({}, 1))


def test_a_partial_of_a_closure_will_do(tmp_path):
    data = {"loss": 0.25}

    def train(scale, trial):
        return data["loss"] * scale

    with running(functools.partial(train, 2), tmp_path) as bench:
        job = bench.start({}, 1)
        bench.until_ended(job)
        assert bench.reports_of(job)[0].metrics == {"loss": 0.5}


def test_a_script_needs_no_guard_and_a_module_beside_it_no_installing(tmp_path):
    (tmp_path / "helper.py").write_text("def loss(trial): return 0.25\n")
    path = script(
        tmp_path,
        f"""
        from pathlib import Path
        import sys
        sys.path.append({SOURCE!r})
        from contextlib import closing
        from helper import loss
        from paceline.events import Objective
        from paceline.executors.processes import ProcessExecutor
        from paceline.testing.executors import Bench
        from paceline.worker import TrainingContext

        class Net:
            pass

        def train(trial):
            assert isinstance(Net(), Net)
            return loss(trial)

        print("the script runs")
        with closing(ProcessExecutor(train, TrainingContext("s", Objective("loss"), Path()), workers=2)) as executor:
            bench = Bench(executor)
            jobs = [bench.start({{}}, 1), bench.start({{}}, 1)]
            print([end.outcome.value for end in bench.until_ended(*jobs)])
        """,
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path.parent,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("the script runs\n['completed', 'completed']\n", "")


def load_by_hand(path, name):
    """As `runpy` and test runners do it: the module is there, but importing its name would not find it."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes modules."""

    def make(text, *, can_be_found):
        path = tmp_path / "modules" / "training_code.py"
        path.parent.mkdir()
        path.write_text(textwrap.dedent(text))
        monkeypatch.setitem(sys.modules, "training_code", None)
        if can_be_found:
            monkeypatch.syspath_prepend(path.parent)
        return path, load_by_hand(path, "training_code")

    return make


def test_a_module_that_workers_could_not_import_travels_along(tmp_path, module):
    text = """
        class Net:
            size = 4

        def size_of(net):
            return net.size

        def train(trial):
            return size_of(Net())
    """
    path, code = module(text, can_be_found=False)
    path.unlink()
    with running(code.train, tmp_path) as bench:
        job = bench.start({}, 1)
        bench.until_ended(job)
        assert bench.reports_of(job)[0].metrics == {"loss": 4.0}


def test_a_module_is_not_taken_for_another_one_of_its_name(tmp_path, module, monkeypatch):
    _, code = module("def train(trial): return 0.25\n", can_be_found=False)
    (tmp_path / "training_code.py").write_text("def train(trial): return 99\n")
    monkeypatch.syspath_prepend(tmp_path)
    with running(code.train, tmp_path) as bench:
        job = bench.start({}, 1)
        bench.until_ended(job)
        assert bench.reports_of(job)[0].metrics == {"loss": 0.25}


def test_a_module_that_workers_can_import_goes_by_name(tmp_path, module):
    _, code = module("import os\nPID = os.getpid()\ndef train(trial): return PID\n", can_be_found=True)
    with running(code.train, tmp_path) as bench:
        job = bench.start({}, 1)
        bench.until_ended(job)
        assert bench.reports_of(job)[0].metrics["loss"] != os.getpid()


def test_what_cannot_be_pickled_is_named_before_anything_starts(tmp_path, module):
    _, code = module(
        "import threading\nLOCK = threading.Lock()\ndef train(trial): LOCK.acquire()\n", can_be_found=False
    )
    lock = threading.Lock()

    def train(trial):
        with lock:
            return 0.5

    with socket.socket() as connection:
        cases = {
            r"train cannot be sent .* its variable 'lock' \(a _thread.lock\)": train,
            r"the global variable 'LOCK' \(a _thread.lock\)": code.train,
            r"its argument 'data' \(a socket.socket\)": functools.partial(
                lambda trial, data: 0, data=connection
            ),
        }
        for message, function in cases.items():
            with (
                pytest.raises(TrainingFunctionError, match=message + r".*executor=\"inline\""),
                running(function, tmp_path),
            ):
                pass


def test_a_function_that_workers_cannot_load_ends_the_run(tmp_path, module):
    path, code = module("def train(trial): return 0.5\n", can_be_found=True)
    path.write_text("raise ImportError('no module named spokes')\n")
    with running(code.train, tmp_path, workers=2) as bench:
        job = bench.start({}, 1)
        with pytest.raises(TrainingFunctionError, match="no module named spokes"):
            bench.until_ended(job)
        assert Outcome.FAILED not in {end.outcome for end in bench.ends_of(job)}, "no config is to blame"


def test_workers_that_die_while_they_load_end_the_run(tmp_path, module):
    path, code = module("def train(trial): return 0.5\n", can_be_found=True)
    path.write_text("import os\nprint('loading')\nos._exit(7)\n")
    with running(code.train, tmp_path, workers=2, log_folder=tmp_path) as bench:
        job = bench.start({}, 1)
        with pytest.raises(TrainingFunctionError, match=r"exited with code 7(.|\n)*ends:\nloading"):
            bench.until_ended(job)


def test_once_workers_could_load_it_a_few_may_die_on_the_way(tmp_path, module):
    path, code = module("import os\ndef train(trial): os._exit(3)\n", can_be_found=True)
    with running(code.train, tmp_path) as bench:
        bench.until_ended(bench.start({}, 1))
        path.write_text("import os\nos._exit(7)\n")
        jobs = [bench.start({}, 1)]
        bench.until_ended(*jobs)
        jobs.append(bench.start({}, 1))
        bench.until_ended(*jobs)
        jobs.append(bench.start({}, 1))
        with pytest.raises(TrainingFunctionError, match="exited with code 7"):
            bench.until_ended(*jobs)
        assert [bench.ends_of(job)[0].outcome for job in jobs] == [Outcome.LOST] * 3


# And the rest -------------------------------------------------------------------------------------------------


def test_trouble_with_the_disk_leaves_wait(tmp_path):
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with running(
        lambda trial: trial.report(0.5, save=lambda folder: (folder / "net").touch()), tmp_path
    ) as bench:
        job = bench.start({}, 1)
        with pytest.raises(CheckpointError, match="The journal is intact"):
            bench.until_ended(job)
        assert [end.outcome for end in bench.ends_of(job)] == [Outcome.LOST]


def test_each_worker_has_its_gpus_and_threads(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    names = ("CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS")

    def train(trial):
        return {"loss": 0.0, **{name: int(os.environ[name]) for name in names}}

    with running(train, tmp_path, workers=2, gpus=2, threads_per_worker=3) as bench:
        jobs = [bench.start({}, 1), bench.start({}, 1)]
        bench.until_ended(*jobs)
        seen = [[bench.reports_of(job)[0].metrics[name] for name in names] for job in jobs]
        assert sorted(seen) == [[4, 3], [5, 3]]


def test_a_breakpoint_in_a_worker_says_where_it_would_work(tmp_path):
    with running(lambda trial: breakpoint(), tmp_path) as bench:  # noqa: T100
        (end,) = bench.until_ended(bench.start({}, 1))
        assert end.outcome is Outcome.FAILED
        assert 'executor="inline"' in end.error


def test_an_interrupt_wakes_a_waiting_driver(tmp_path, gate):
    def train(trial):
        for _ in trial.steps():
            pass_gate(trial.config["gate"])
            trial.report(0.5)

    with running(train, tmp_path) as bench:
        before = signal.signal(signal.SIGUSR1, lambda *_: (bench.executor.interrupt(), gate.open(10)))
        try:
            job = bench.start({"gate": str(gate.path)}, 10**6)
            bench.on_event = lambda event: isinstance(event, Reported) and gate.open()
            threading.Timer(0, signal.raise_signal, [signal.SIGUSR1]).start()
            (end,) = bench.until_ended(job)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert end.outcome is Outcome.LOST


def test_large_messages_arrive_whole(tmp_path):
    def train(trial):
        if trial.config["fail"]:
            raise ValueError("x" * 19_000)
        return {"loss": 0.0, **{f"metric {number}": number for number in range(20_000)}}

    with running(train, tmp_path, workers=2) as bench:
        for _ in range(3):
            jobs = [bench.start({"fail": False, "text": "y" * 300_000}, 1), bench.start({"fail": True}, 1)]
            ends = bench.until_ended(*jobs)
            assert [end.outcome for end in ends] == [Outcome.COMPLETED, Outcome.FAILED]
            assert len(bench.reports_of(jobs[0])[0].metrics) == 20_001
            assert len(ends[1].error) > 19_000


def test_news_of_several_workers_come_together(tmp_path):
    with running(lambda _: 0.5, tmp_path, workers=2) as bench:
        for _ in range(200):
            bench.until_ended(bench.start({}, 1), bench.start({}, 1))
        assert sum(isinstance(event, JobEnded) for event in bench.events) == 400
