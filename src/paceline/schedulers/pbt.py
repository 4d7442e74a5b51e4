"""PBT: population based training (Jaderberg et al. 2017).

    each member of the population, by itself:
        train from s to s + interval
        exploit: compare with the others' results at s + interval (`exploit.py`); perhaps copy one of them
        explore: only after a copy, change the hyperparameters (`Perturb`)

A copy is a fork: a new trial whose origin is the donor's checkpoint. It takes the member's place, and the trial that had
it is stopped, in one transaction; so the population has the same size before and after, each trial has one config for
life, and a member's history is the chain of origins. Readings where the paper leaves room:

- Members are compared at equal resource, with whoever has come there, and nobody waits. So that who comes first is
  judged too, it is compared at the boundary before while its own has fewer than `quorum` results (if that one has as
  many): by what it, or the trial that it was forked from, had come there with. The paper compares with whatever the
  others have last published. With fewer workers than members, the one furthest behind goes first, and boundaries are
  full when their members are judged.
- A fork starts at the member's own boundary if the donor has come there, and else at the one where they were compared:
  from the donor's state there, even if the donor is further by now.
- A place whose trial failed for good, or diverged, is empty and taken by a fork of a good trial: at the boundary that it
  was on the way to, or else at its last one, or else by a new config. It copies both weights and hyperparameters. A member
  that fails `MOST_FAILURES` times in a row is given up. Neither failures nor diverged trials are ever copied.
- `copies="weights"` keeps the member's own hyperparameters (and explores them), `"hyperparameters"` its own weights.
- The t-test's values are the last `window` losses that were reported on the way to the boundary, along the line of the
  weights: a fork's own and, before these, its donor's. The paper has the last ten episodes' rewards (from memory).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal

import msgspec

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError, SpaceError
from paceline.events import (
    AnyEvent,
    Checkpoint,
    Config,
    Job,
    JobEnded,
    Origin,
    Reported,
    SchedulerChanged,
    Trial,
    TrialCreated,
    TrialId,
    TrialStopped,
)
from paceline.ledger import TrialState
from paceline.rng import uniforms_for
from paceline.samplers.base import Context
from paceline.schedulers.base import (
    BracketView,
    Explanation,
    RungView,
    Scheduler,
    SchedulerSettings,
    no_checkpoint,
)
from paceline.schedulers.exploit import Boundary, Exploit, Kind, Result, Verdict
from paceline.schedulers.pins import Pins
from paceline.settings import at_least, one_of, within
from paceline.space.perturb import Explore, Perturb

MOST_FAILURES = 5
"""Trials of one member that may fail for good, or diverge, in a row: more would be for ever."""

Copies = Literal["both", "weights", "hyperparameters"]


class PBT(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Population based training; see this file's head for the readings.

    Args:
        max_resource: R, to which each member is trained.
        interval: units of resource between two comparisons of a member.
        population_size: members. A study trains `population_size` times `max_resource` in all, failures aside.
        warm_up: nobody copies at a boundary below this resource.
        exploit: who copies whom: `"truncation"`, `"tournament"` or `"t_test"`.
        quantile: q of the truncation; 0 is no copying at all.
        quorum: results that make a boundary worth a comparison; `None` is half of the population.
        window: values that the t-test compares, at most.
        level: of the t-test.
        copies: what is copied.
        explore: how the hyperparameters of a copy are changed; `None` leaves them as they are.
        sampler: where the first configs come from.
    """

    growing: ClassVar[tuple[str, ...]] = ("max_resource",)

    max_resource: int
    interval: int
    population_size: int = 20
    warm_up: int = 0
    exploit: Kind = "truncation"
    quantile: float = 0.2
    quorum: int | None = None
    window: int = 10
    level: float = 0.05
    copies: Copies = "both"
    explore: Explore | None = msgspec.field(default_factory=Perturb)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        at_least("max_resource", self.max_resource, 1)
        at_least("interval", self.interval, 1)
        if self.interval > self.max_resource:
            raise SettingError(
                "interval", self.interval, expected=f"at most max_resource, which is {self.max_resource}"
            )
        at_least("population_size", self.population_size, 2)
        at_least("warm_up", self.warm_up, 0)
        one_of("exploit", self.exploit, ("truncation", "tournament", "t_test"))
        within("quantile", self.quantile, 0, 0.5)
        if self.quorum is not None:
            at_least("quorum", self.quorum, 2)
        at_least("window", self.window, 2)
        within("level", self.level, 0, 1)
        one_of("copies", self.copies, ("both", "weights", "hyperparameters"))
        if self.explore is not None and not isinstance(self.explore, Explore):
            raise SettingError(
                "explore", self.explore, expected="Perturb(...), an Explore of your own, or None"
            )

    def build(self, context: Context) -> PBTScheduler:
        """The scheduler."""
        return PBTScheduler(self, context)

    @property
    def is_endless(self) -> bool:
        """It ends when the population is trained."""
        return False


class Member(msgspec.Struct, gc=False):
    """One place in the population.

    Args:
        trial: who has it, or had it last.
        resource: the boundary that it has reached; 0 before the first.
        target: the boundary that it is on the way to, or where it last came to.
        is_empty: its trial failed, diverged or was stopped, and nobody has taken the place yet.
        n_failures: trials in a row that have failed in it.
    """

    trial: TrialId
    resource: int = 0
    target: int = 0
    is_empty: bool = False
    n_failures: int = 0

    @property
    def is_given_up(self) -> bool:
        """Whether nobody will take the place any more."""
        return self.is_empty and self.n_failures >= MOST_FAILURES


class PBTScheduler(Scheduler):
    """See `PBT`."""

    def __init__(self, settings: PBT, context: Context) -> None:
        super().__init__(settings, context)
        self.space = context.space
        self._settings = settings
        self._seed = context.seed
        self._exploit = Exploit(settings.exploit, settings.quantile, settings.population_size, settings.level)
        half = max(2, (settings.population_size + 1) // 2)
        self._quorum = half if settings.quorum is None else settings.quorum
        self._members: list[Member] = []
        self._ready: list[
            tuple[int, int]
        ] = []  # (resource, member) of those that wait for a worker, in order
        self._boundaries: dict[int, Boundary] = {}
        self._values: dict[TrialId, tuple[tuple[int, float], ...]] = {}  # (resource, loss), for the t-test
        self._pins = Pins()
        self._resources: list[int] = []  # of the boundaries, rising
        self._pinned_at: dict[int, int] = {}  # by boundary that holds some: as of which of its changes
        self._at_work: dict[int, int] = {}  # how far the members are that are still to be trained
        self._n_at_work: Counter[int] = Counter()

    # The question ----------------------------------------------------------------------------------------------

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """Repeat what is due, else fill the population, else let the member that is furthest behind go on."""
        if (repetition := self._repeat()) is not None:
            return repetition
        if len(self._members) < self._settings.population_size:
            config = self._new_config(may_start=may_start)
            if config is not None:
                return StartTrial(config, self._after(0), member=len(self._members))
        moves = (self._move(number, may_start=may_start) for _, number in self._ready)
        return next((move for move in moves if move is not None), None)

    def _move(self, number: int, *, may_start: bool) -> Decision | None:
        member = self._members[number]
        if member.is_empty:
            return self._fill(number) if may_start else None
        if may_start:
            boundary, verdict = self._judge(member)
            if verdict.donor is not None:
                return self._fork(number, boundary, verdict.donor)
        return self._resume(member.trial, self._after(member.resource))

    def _after(self, resource: int) -> int:
        """The next boundary."""
        interval = self._settings.interval
        return min((resource // interval + 1) * interval, self._settings.max_resource)

    def _before(self, resource: int) -> int:
        """The boundary before."""
        return (resource - 1) // self._settings.interval * self._settings.interval

    def _judge(self, member: Member) -> tuple[Boundary, Verdict]:
        """Where a member that waits is compared, and what comes of it."""
        boundary, trial = self._compared_at(member)
        if boundary.resource < self._settings.warm_up:
            return boundary, Verdict(None, f"nobody copies before {self._settings.warm_up}")
        return boundary, self._exploit.judge(boundary, trial, self._draw(member, boundary.resource))

    def _compared_at(self, member: Member) -> tuple[Boundary, TrialId]:
        """The boundary, and the trial by whose result there the member is judged."""
        here = self._boundaries[member.resource]
        before = self._boundaries.get(self._before(member.resource))
        if before is not None and len(here.ranked) < self._quorum <= len(before.ranked):
            origin = self.ledger.trials[member.trial].trial.origin
            line = [member.trial] if origin is None else [member.trial, origin.trial]
            for trial in line:
                if trial in before.results:
                    return before, trial
        return here, member.trial

    def _draw(self, member: Member, resource: int) -> float:
        return float(uniforms_for(self._seed, "exploit", member.trial, resource).random(1)[0])

    def _fill(self, number: int) -> Decision | None:
        """Somebody for an empty place."""
        member = self._members[number]
        boundary, verdict = self._stand_in(member)
        if boundary is not None and verdict.donor is not None:
            return self._fork(number, boundary, verdict.donor)
        if self._is_open(member.trial):
            return StopTrial(member.trial, "its loss is not finite, and there is none to copy yet")
        config = self._new_config(may_start=True)
        return None if config is None else StartTrial(config, self._after(0), member=number)

    def _stand_in(self, member: Member) -> tuple[Boundary | None, Verdict]:
        """Where an empty place is taken, and by whose fork: as far on as there is somebody to copy."""
        for resource in (member.target, member.resource):
            boundary = self._boundaries.get(resource)
            if boundary is not None and resource < self._settings.max_resource:
                verdict = self._exploit.stand_in(boundary, self._draw(member, resource))
                if verdict.donor is not None:
                    return boundary, verdict
        return None, Verdict(None, "its place is empty, and there is nobody to copy")

    def _is_open(self, trial: TrialId) -> bool:
        state = self.ledger.trials[trial]
        return not (state.is_stopped or state.has_failed)

    def _fork(self, number: int, boundary: Boundary, donor: TrialId) -> ForkTrial:
        member = self._members[number]
        copies = "both" if member.is_empty else self._settings.copies
        weights = boundary.results[donor]
        if not member.is_empty:
            here = self._boundaries[member.resource]
            if copies == "hyperparameters":
                boundary, weights = here, here.results[member.trial]
            elif donor in self._exploit.possible_donors(here):
                boundary, weights = here, here.results[donor]
        if weights.checkpoint is None:
            raise no_checkpoint("PBT copies weights", weights.trial, boundary.resource)
        origin = Origin(weights.trial, weights.checkpoint)
        config = self._explored(member.trial if copies == "weights" else donor, boundary.resource, weights)
        replaces = member.trial if self._is_open(member.trial) else None
        return ForkTrial(config, origin, self._after(boundary.resource), number, replaces)

    def _explored(self, trial: TrialId, resource: int, weights: Result) -> Config:  # noqa: ARG002 - PB2 asks more
        """The config of a fork.

        Args:
            trial: whose config is changed.
            resource: where the fork begins.
            weights: what it begins with.
        """
        config, explore = self.ledger.trials[trial].trial.config, self._settings.explore
        if explore is None:
            return config
        found = explore.explore(
            self.space, dict(config), uniforms_for(self._seed, "explore", self.ledger.next_trial)
        )
        try:
            return self.space.validate(found)
        except SpaceError as error:
            raise SettingError(
                "explore",
                explore,
                expected="one whose answers belong to the space",
                hint=f"It gave {found!r}: {error}",
            ) from error

    # The fold --------------------------------------------------------------------------------------------------

    def apply(self, event: AnyEvent) -> None:
        """Take in one fact."""
        super().apply(event)
        match event:
            case TrialCreated():
                concerned: Iterable[int] = [self._number_of(event.trial.id)]
            case Reported() | JobEnded() | TrialStopped():
                concerned = [self._number_of(event.trial)]
            case SchedulerChanged():
                concerned = range(len(self._members))
            case _:
                return
        for number in concerned:
            self._pin(number)
        if not isinstance(event, Reported):
            self._pin_donors()

    def _on_created(self, trial: Trial) -> None:
        number = 0 if trial.member is None else trial.member
        if number == len(self._members):
            self._members.append(Member(trial.id))
            return
        member = self._members[number]
        if trial.origin is None:
            self._forget()
        self._unready(number)
        self._values.pop(member.trial, None)
        member.trial, member.is_empty = trial.id, False
        member.resource = member.target = 0 if trial.origin is None else trial.origin.resource
        if trial.origin is not None and self._settings.exploit == "t_test":
            result = self._boundaries[member.resource].results[trial.origin.trial]
            self._values[trial.id] = tuple((member.resource, value) for value in result.values)

    def _on_issued(self, job: Job) -> None:
        number = self._number_of(job.trial)
        self._unready(number)
        self._members[number].target = job.target

    def _on_report(self, state: TrialState) -> None:
        if self._settings.exploit != "t_test" or state.loss == math.inf:
            return
        values = self._values.get(state.id, ())
        if not values or values[-1][0] < state.resource:  # otherwise it is reported for the second time
            self._values[state.id] = (*values, (state.resource, state.loss))[-self._settings.window :]

    def _on_result(self, state: TrialState, loss: float) -> None:
        number = self._number_of(state.id)
        member = self._members[number]
        resource = member.target
        checkpoint = state.checkpoint
        if checkpoint is not None and checkpoint.resource != resource:
            checkpoint = None
        values = tuple(value for _, value in self._values.get(state.id, ()))
        boundary = self._boundaries.get(resource)
        if boundary is None:
            boundary = self._boundaries[resource] = Boundary(resource)
            insort(self._resources, resource)
        boundary.enter(Result(state.id, loss, checkpoint, values))
        if loss == math.inf:
            member.n_failures += 1
            self._empty(number)
            return
        member.n_failures, member.resource = 0, resource
        self._make_ready(number)

    def _on_stopped(self, trial: TrialId) -> None:
        number = self._number_of(trial)
        member = self._members[number]
        if member.trial != trial and not self.ledger.trials[trial].has_failed:
            return  # it was not stopped by hand: a fork has taken its place
        for boundary in self._boundaries.values():
            boundary.withdraw(trial)  # somebody has judged it otherwise
        if member.trial == trial and member.resource < self._settings.max_resource and not member.is_empty:
            self._unready(number)
            self._empty(number)

    def _on_settings(self, settings: SchedulerSettings) -> None:
        if isinstance(settings, PBT):
            self._forget()
            self._settings = settings
            for number, member in enumerate(self._members):
                if member.is_empty or member.target > member.resource:
                    continue  # it waits already, or is at work
                self._unready(number)
                if self._is_open(member.trial):
                    self._make_ready(number)
                else:  # it was fully trained when it was stopped
                    self._empty(number)

    def _forget(self) -> None:
        """What everybody is past is gone, and cannot be copied when somebody begins anew or R is raised."""
        first = self._first_needed()
        for boundary in self._boundaries.values():
            if boundary.resource < first:
                boundary.close()

    def _number_of(self, trial: TrialId) -> int:
        return self.ledger.trials[trial].trial.member or 0

    def _empty(self, number: int) -> None:
        self._members[number].is_empty = True
        if not self._members[number].is_given_up:
            self._make_ready(number)

    def _make_ready(self, number: int) -> None:
        member = self._members[number]
        if member.resource < self._settings.max_resource:
            insort(self._ready, (member.resource, number))

    def _unready(self, number: int) -> None:
        """The member waits no longer, if it did. Called before it moves: its resource is its place in the queue."""
        entry = (self._members[number].resource, number)
        place = bisect_left(self._ready, entry)
        if self._ready[place : place + 1] == [entry]:
            del self._ready[place]

    # Checkpoints -----------------------------------------------------------------------------------------------

    @property
    def needed_checkpoints(self) -> Mapping[str, Checkpoint]:
        """Those of the trials at work, and of all that may be copied where somebody may still be judged."""
        return self._pins.checkpoints

    def _pin(self, number: int) -> None:
        """Bring what is held up to date, after a fact about a member."""
        member = self._members[number]
        is_at_work = member.resource < self._settings.max_resource and not member.is_given_up
        checkpoint = self.ledger.trials[member.trial].checkpoint
        self._pins.hold(("member", number), [checkpoint] if is_at_work and not member.is_empty else ())
        before, after = self._at_work.get(number), member.resource if is_at_work else None
        if before == after:
            return
        if before is not None:
            del self._at_work[number]
            self._n_at_work[before] -= 1
            if not self._n_at_work[before]:
                del self._n_at_work[before]
        if after is not None:
            self._at_work[number] = after
            self._n_at_work[after] += 1

    def _pin_donors(self) -> None:
        """Bring what boundaries hold up to date: whoever may still be copied there.

        Costs what lies between the first and the last member, however many boundaries all are past.
        """
        first, top = self._first_needed(), self._settings.max_resource
        for resource in [it for it in self._pinned_at if not first <= it < top]:
            self._pins.hold(("boundary", resource))
            del self._pinned_at[resource]
        window = slice(bisect_left(self._resources, first), bisect_left(self._resources, top))
        for resource in self._resources[window]:
            boundary = self._boundaries[resource]
            if self._pinned_at.get(resource) != boundary.n_changes:
                donors = self._exploit.possible_donors(boundary)
                self._pins.hold(("boundary", resource), [boundary.results[it].checkpoint for it in donors])
                self._pinned_at[resource] = boundary.n_changes

    def _first_needed(self) -> int:
        """The lowest boundary from which somebody may still be forked: the one before the member furthest behind."""
        if len(self._members) < self._settings.population_size and not self._has_no_configs:
            return 0
        top = self._settings.max_resource
        furthest_behind = min(self._n_at_work, default=top)
        return self._before(furthest_behind) if 0 < furthest_behind < top else furthest_behind

    # For people ------------------------------------------------------------------------------------------------

    def _explain(self, decision: Decision) -> Explanation:
        match decision:
            case StartTrial():
                n, size = (decision.member or 0) + 1, self._settings.population_size
                return Explanation(
                    f"member {n} of {size} starts with a new config, trained to {decision.target}"
                )
            case ForkTrial():
                return self._explain_fork(decision)
            case ResumeTrial():
                member = self._members[self._number_of(decision.trial)]
                boundary, verdict = self._judge(member)
                return self._ranked(boundary.resource, member.trial, f"{verdict.text}: it goes on")
            case StopTrial():
                return Explanation(decision.reason)

    def _explain_fork(self, fork: ForkTrial) -> Explanation:
        member = self._members[fork.member or 0]
        boundary, verdict = self._stand_in(member) if member.is_empty else self._judge(member)
        if boundary is None:
            raise AssertionError("a fork has somebody to copy")
        text = f"{verdict.text}: it goes on from trial {fork.origin.trial}"
        if fork.origin.trial != verdict.donor:
            text += f", with the hyperparameters of trial {verdict.donor}"
        return self._ranked(boundary.resource, member.trial, f"{text}; {self._changes(fork, verdict.donor)}")

    def _changes(self, fork: ForkTrial, donor: TrialId | None) -> str:
        """What was explored."""
        is_own = self._settings.copies == "weights" and not self._members[fork.member or 0].is_empty
        source = self._members[fork.member or 0].trial if is_own or donor is None else donor
        before = self.ledger.trials[source].trial.config
        names = dict.fromkeys([*before, *fork.config])
        changed = [
            f"{name} {_short(before.get(name))} → {_short(fork.config.get(name))}"
            for name in names
            if before.get(name) != fork.config.get(name)
        ]
        return f"from trial {source}'s config: " + (", ".join(changed) or "nothing is changed")

    def _ranked(self, resource: int, trial: TrialId, text: str) -> Explanation:
        boundary = self._boundaries.get(resource)
        if boundary is None or trial not in boundary.results:
            return Explanation(text, resource=resource)
        best = tuple((other, loss) for loss, other in boundary.ranked[:3])
        return Explanation(
            text,
            resource=resource,
            rank=boundary.place(trial) + 1,
            n_results=len(boundary.ranked),
            peers=best,
        )

    def standing(self, trial: TrialId) -> Explanation:
        """Where a trial stands now, and what it waits for."""
        state = self.ledger.trials[trial]
        number = self._number_of(trial)
        member = self._members[number]
        who = f"member {number + 1} of {self._settings.population_size}"
        if member.trial != trial:
            return Explanation(f"it was {who} once; trial {member.trial} has its place")
        if member.is_given_up:
            return Explanation(f"it is {who}, which was given up after {member.n_failures} failures in a row")
        if member.is_empty:
            return Explanation(f"it was {who}, whose place is empty")
        if state.is_running or member.resource < self._settings.max_resource:
            verb = "running" if state.is_running else "waiting for a worker"
            return Explanation(
                f"it is {who}, {verb} from {member.resource} to {self._after(member.resource)}"
            )
        return self._ranked(member.resource, trial, f"it is {who}, fully trained")

    def view(self) -> Sequence[BracketView]:
        """The boundaries, as rungs of one bracket."""
        running = [run.job.target for run in self.ledger.running.values()]
        rungs = [
            RungView(
                resource=resource,
                n_results=len(boundary.results),
                n_running=running.count(resource),
                n_promoted=sum(
                    member.resource >= resource and member.target > resource for member in self._members
                ),
                capacity=None,
                best_loss=boundary.best_loss,
            )
            for resource, boundary in sorted(self._boundaries.items())
        ]
        return [BracketView(0, tuple(rungs))] if rungs else []


def _short(value: object) -> str:
    return "absent" if value is None else f"{value:.4g}" if isinstance(value, float) else repr(value)
