"""What every executor is: slots that carry jobs out and say what became of them.

An executor knows jobs, nothing of schedulers, rungs or budgets. What it must keep (the contract suite in
`paceline.testing.executors` holds every implementation to it):

1. Each job that was started ends with exactly one `JobEnded`; none of its events follow that.
2. The resources of a job's reports rise strictly, from above its start to its target at most.
3. `COMPLETED` follows a report at the job's target, in the same batch of events: no crash can come between.
4. A job that fails does not disturb the others; its error says what is known of the cause.
5. A checkpoint is durable before the report that carries it is given out.
6. `wait` blocks until there is news or the time is over; it never spins.
7. After `interrupt`, each running job ends `LOST` at its next report, with a checkpoint where the training function
   saves any, or `COMPLETED` where that report is at its target.
8. `close` leaves no process, thread or file behind, whatever state the jobs are in; it may be called twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from paceline.events import Checkpoint, Config, Job, JobEnded, Reported, TrialId

ExecutorEvent = Reported | JobEnded
Deliver = Callable[[Sequence[ExecutorEvent]], None]


class Assignment(msgspec.Struct, frozen=True, gc=False):
    """All that an executor needs in order to carry out a job.

    Args:
        job: what to train.
        config: the trial's hyperparameters.
        checkpoint: where to start from; `None` when `job.start` is 0.
        may_continue: whether a worker that holds the trial in memory may go on from there; a scheduler that trains each
            promotion anew says no.
        is_fork: whether it began from another trial's state, without which it would be another trial.
    """

    job: Job
    config: Config
    checkpoint: Checkpoint | None = None
    may_continue: bool = True
    is_fork: bool = False

    def continues(self, trial: TrialId, resource: int) -> bool:
        """Whether a worker that holds `trial` in memory, trained to `resource`, can carry this out from there."""
        job = self.job
        return self.may_continue and job.trial == trial and job.start <= resource < job.target


@runtime_checkable
class Executor(Protocol):
    """Runs jobs. See this file's head for the rules."""

    slots: int
    """Jobs that can run at once."""

    def start(self, assignment: Assignment) -> None:
        """Begin a job; the caller keeps the number of running jobs within `slots`."""
        ...

    def wait(self, deliver: Deliver, timeout_s: float | None) -> None:
        """Wait for news, `timeout_s` seconds at most, and hand what has happened to `deliver`, in order.

        `deliver` may be called several times: an executor that trains in the caller's own thread hands each report on
        before training goes on, so that a crash in the middle of a job loses none.
        """
        ...

    def interrupt(self) -> None:
        """Let each running job end at its next report."""
        ...

    def now(self) -> float:
        """Seconds, on the clock by which this executor's events happen: the wall's, or virtual."""
        ...

    def close(self) -> None:
        """Stop everything at once and free what is held."""
        ...
