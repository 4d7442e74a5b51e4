"""Replay: a fresh model, trained with a schedule that population based training has found (Jaderberg et al. 2017).

A schedule is a sequence of pieces: one config from one resource to another. A trial keeps one config for life, so where
the config changes, a fork with the next one takes the trial's place: what is told of a population, from `explain` to the
checkpoints that are kept, holds here too. Nothing is selected; only a model that has diverged where a piece ends, or failed
for good, goes no further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from paceline.decisions import Decision, ForkTrial, ResumeTrial, StartTrial, StopTrial
from paceline.errors import SettingError, SpaceError
from paceline.events import Checkpoint, Config, Origin, Trial, TrialId
from paceline.ledger import TrialState
from paceline.samplers.base import Context
from paceline.samplers.random import Random
from paceline.schedulers.base import Explanation, Scheduler, SchedulerSettings, no_checkpoint
from paceline.settings import at_least

EXPECTED = "pieces as study.schedule() gives them, such as [{'start': 0, 'stop': 10, 'config': {'lr': 0.1}}]"


class Piece(msgspec.Struct, frozen=True):
    """A part of a schedule: one config, from one resource to another.

    Args:
        start: the resource at which it begins.
        stop: the resource at which it ends.
        config: the hyperparameters.
        trial: whose config it was; `None` where nobody's.
    """

    start: int
    stop: int
    config: Config
    trial: TrialId | None = None


class Replay(SchedulerSettings, frozen=True, kw_only=True, tag=True):
    """Train fresh models with a schedule; see this file's head.

    Args:
        schedule: pieces without gaps, from resource 0 on: what `study.schedule()` gives, or the same as mappings.
        max_resource: R; the last config is kept on up to there, and what comes later is left out. `None` is the
            schedule's end.
        n_models: how many fresh models; each begins from nothing, with a seed of its own.
    """

    growing: ClassVar[tuple[str, ...]] = ("max_resource", "n_models")

    schedule: Sequence[Piece]
    max_resource: int | None = None
    n_models: int = 1

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            SettingError: a setting is wrong.
        """
        super().__post_init__()
        pieces = _pieces(self.schedule)
        at_least("n_models", self.n_models, 1)
        if self.max_resource is not None:
            at_least("max_resource", self.max_resource, 1)
        if self.sampler != Random():
            raise SettingError("sampler", self.sampler, expected="none: all configs come from the schedule")
        msgspec.structs.force_setattr(self, "schedule", pieces)
        msgspec.structs.force_setattr(self, "max_resource", self.max_resource or pieces[-1].stop)

    def build(self, context: Context) -> ReplayScheduler:
        """The scheduler.

        Raises:
            SettingError: a config of the schedule does not belong to the space.
        """
        return ReplayScheduler(self, context)

    @property
    def is_endless(self) -> bool:
        """It ends when its models are trained."""
        return False


def _pieces(schedule: object) -> tuple[Piece, ...]:
    if not isinstance(schedule, Sequence) or isinstance(schedule, str) or not schedule:
        raise SettingError("schedule", schedule, expected=EXPECTED)
    pieces = tuple(_piece(at, piece) for at, piece in enumerate(schedule))
    stop = 0
    for at, piece in enumerate(pieces):
        if piece.start != stop or piece.stop <= piece.start:
            raise SettingError(
                f"schedule[{at}]",
                piece,
                expected=f"a piece that begins at {stop}, where the one before ends, and ends after that",
            )
        stop = piece.stop
    return pieces


def _piece(at: int, piece: object) -> Piece:
    if isinstance(piece, Piece):
        piece = msgspec.structs.asdict(piece)
    try:
        return msgspec.convert(piece, Piece)
    except msgspec.ValidationError as error:
        raise SettingError(f"schedule[{at}]", piece, expected=EXPECTED, hint=f"{error}.") from error


class ReplayScheduler(Scheduler):
    """See `Replay`."""

    def __init__(self, settings: Replay, context: Context) -> None:
        super().__init__(settings, context)
        self._pieces: list[Piece] = []
        for at, piece in enumerate(settings.schedule):
            try:
                config = context.space.validate(piece.config)
            except SpaceError as error:
                raise SettingError(
                    f"schedule[{at}]", piece, expected="a config of the space", hint=str(error)
                ) from error
            self._pieces.append(msgspec.structs.replace(piece, config=config))
        self._adopt(settings)
        self._models: list[TrialId] = []  # by member: the trial that has its place

    def _adopt(self, settings: Replay) -> None:
        self._n_models = settings.n_models
        self._top = settings.max_resource or self._pieces[-1].stop

    # The question ----------------------------------------------------------------------------------------------

    def decide(self, *, may_start: bool = True) -> Decision | None:
        """Repeat what is due, else start the next model, else let one go on that waits, the oldest first."""
        if (repetition := self._repeat()) is not None:
            return repetition
        if may_start and len(self._models) < self._n_models:
            return StartTrial(self._pieces[0].config, self._stop(0), member=len(self._models))
        moves = (self._move(number, may_start=may_start) for number in range(len(self._models)))
        return next((move for move in moves if move is not None), None)

    def _move(self, number: int, *, may_start: bool) -> Decision | None:
        state = self.ledger.trials[self._models[number]]
        is_at_rest = state.has_reached_target and not state.is_running
        if not is_at_rest or not self._may_go_on(state):
            return None
        at = self._at(state.resource)
        if self._pieces[at].config == state.trial.config:
            return self._resume(state.id, self._stop(at))
        if not may_start:
            return None
        if state.checkpoint is None or state.checkpoint.resource != state.resource:
            raise no_checkpoint("Replay goes on from weights", state.id, state.resource)
        origin = Origin(state.id, state.checkpoint)
        return ForkTrial(self._pieces[at].config, origin, self._stop(at), number, state.id)

    def _may_go_on(self, state: TrialState) -> bool:
        if state.is_stopped or state.has_failed or state.resource >= self._top:
            return False
        return state.loss < math.inf or not state.has_reached_target

    def _at(self, resource: int) -> int:
        """Which piece is next for a model that has come to `resource`."""
        return next(
            (at for at, piece in enumerate(self._pieces) if resource < piece.stop), len(self._pieces) - 1
        )

    def _stop(self, at: int) -> int:
        """Where a piece ends: with the next other config, as far as R goes."""
        config = self._pieces[at].config
        other = next((piece for piece in self._pieces[at:] if piece.config != config), None)
        return self._top if other is None else min(other.start, self._top)

    # The fold --------------------------------------------------------------------------------------------------

    def _on_created(self, trial: Trial) -> None:
        number = trial.member or 0
        if number == len(self._models):
            self._models.append(trial.id)
        else:
            self._models[number] = trial.id

    def _on_settings(self, settings: SchedulerSettings) -> None:
        if isinstance(settings, Replay):
            self._adopt(settings)

    @property
    def needed_checkpoints(self) -> Mapping[str, Checkpoint]:
        """The newest of each model that is still to be trained."""
        states = [self.ledger.trials[trial] for trial in self._models]
        newest = [state.checkpoint for state in states if self._may_go_on(state)]
        return {checkpoint.key: checkpoint for checkpoint in newest if checkpoint is not None}

    # For people ------------------------------------------------------------------------------------------------

    def _explain(self, decision: Decision) -> Explanation:
        match decision:
            case StartTrial(member=member):
                who = f"model {(member or 0) + 1} of {self._n_models}"
                return Explanation(f"{who} begins with the schedule's first config, up to {decision.target}")
            case ForkTrial(origin=origin):
                return Explanation(f"{self._named(origin.resource)}, up to {decision.target}")
            case ResumeTrial(start=start):
                return Explanation(f"{self._named(start)}, up to {decision.target}")
            case StopTrial():
                return Explanation(decision.reason)

    def _named(self, resource: int) -> str:
        at = self._at(resource)
        owner = self._pieces[at].trial
        whose = "" if owner is None else f", the config of trial {owner} then"
        return f"piece {at + 1} of {len(self._pieces)} of the schedule{whose}: it goes on from {resource}"
