"""`whatif`: other methods on a recorded study, in virtual time, by the library's own loop and schedulers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from paceline.errors import SettingError
from paceline.events import Budget
from paceline.ledger import Ledger
from paceline.rng import generator_for
from paceline.samplers.base import Context
from paceline.schedulers.asha import ASHA
from paceline.schedulers.base import SchedulerSettings
from paceline.schedulers.hyperband import Hyperband
from paceline.schedulers.pb2 import PB2
from paceline.schedulers.pbt import PBT
from paceline.schedulers.replay import Replay
from paceline.schedulers.single_fidelity import FullResource
from paceline.schedulers.successive_halving import SuccessiveHalving
from paceline.settings import at_least
from paceline.simulation import simulate
from paceline.study import Study
from paceline.whatif.answers import Answer, AsRecorded, Outcome, WhatIf, outcome
from paceline.whatif.record import Record, read
from paceline.whatif.rules import Neighbours, Rule, Times
from paceline.whatif.training import Pool, RecordedTraining
from paceline.wording import count

_POPULATIONS = (PBT, PB2, Replay)
_WITHOUT_FORKS = (
    "without forks or schedules: what a fork's curve would have been is in no recorded curve, and its own curve is that "
    "of several configs"
)


def whatif(
    study: Study,
    schedulers: SchedulerSettings | Sequence[SchedulerSettings] = (),
    *,
    workers: int | Sequence[int] | None = None,
    seeds: int = 1,
    budget: Budget | None = None,
    target: float | None = None,
    resume: bool | None = None,
    rule: type[Rule] = Neighbours,
) -> WhatIf:
    """What other methods would have done on a recorded study: its learning curves, replayed in virtual time.

    Nothing is trained, and nothing written to the study. Configs are those of the study, in its order; where a method asks
    for a value that was not recorded, it is extrapolated, and each answer says how often. See docs/whatif.md.

    Args:
        study: finished or not.
        schedulers: the methods, with the study's `max_resource`. Samplers do not matter, but must be without a model.
        workers: jobs that run at once, a number or several; that of the record by default.
        seeds: orders of the configs; the first is that of the record, the others are permutations.
        budget: for each method; by default the limits of the record: of trials, resource and minutes, and its target.
        target: the value whose time is told; by default the study's own best.
        resume: whether training goes on from checkpoints; by default as in the record.
        rule: for values that were not recorded.

    Raises:
        SettingError: a setting is wrong, the study has no curves or has forks, or a method does not fit a fixed pool.
    """
    if isinstance(study.settings, _POPULATIONS):
        raise SettingError("study", study.name, expected=f"a study of a method {_WITHOUT_FORKS}")
    record = read(study.entries(), study.name)
    at_least("seeds", seeds, 1)
    n_workers = [record.workers] if workers is None else _several(workers, int)
    for n in n_workers:
        at_least("workers", n, 1)
    methods = _several(schedulers, SchedulerSettings)
    machine = _Machine(study, record, budget=budget, target=target, resume=resume, rule=rule, seeds=seeds)
    for method in methods:
        machine.check(method)
    answers = tuple(machine.answer(method, n) for method, n in product(methods, n_workers))
    return WhatIf(
        study=study.name,
        objective=record.ledger.objective,
        unit=study.unit,
        max_resource=machine.max_resource,
        target=machine.target,
        pool=len(record.curves),
        recorded=machine.recorded(),
        check=machine.as_recorded(),
        answers=answers,
        notes=tuple(machine.notes(answers)),
    )


class _Limits(NamedTuple):
    """How long each method goes on: of the pool, in units, in minutes, until a value."""

    trials: int
    budget: Budget


class _Machine:
    """Simulates methods on one record."""

    def __init__(
        self,
        study: Study,
        record: Record,
        *,
        budget: Budget | None,
        target: float | None,
        resume: bool | None,
        rule: type[Rule],
        seeds: int,
    ) -> None:
        self._study = study
        self._record = record
        self._filled = rule(record.curves)
        self._seeds = seeds
        self._resumes = record.resumes if resume is None else resume
        self._times = Times(record.curves)
        self._lowest = min(curve.resources[0] for curve in record.curves if curve.resources)
        self._highest = max(curve.resources[-1] for curve in record.curves if curve.resources)
        top = record.ledger.max_resource
        self.max_resource = self._highest if top is None else min(top, self._highest)
        self._limits = _limits(record, budget)
        objective = record.ledger.objective
        best = outcome(record.entries, AsRecorded(), max_resource=self.max_resource, target=None).best
        self.target = best if target is None else target
        self._target_loss = (
            None if self.target is None else objective.loss({objective.metric: float(self.target)})
        )

    def check(self, method: SchedulerSettings) -> None:
        """Refuse a method that cannot be replayed.

        Raises:
            SettingError: it forks, its sampler has a model, or its resources are not those of the record.
        """
        name = type(method).__name__
        if isinstance(method, _POPULATIONS):
            raise SettingError("schedulers", name, expected=f"a method {_WITHOUT_FORKS}")
        top = getattr(method, "max_resource", self.max_resource)
        if top != self.max_resource:
            raise SettingError(
                f"{name}(max_resource)",
                top,
                expected=f"{self.max_resource}, to which the record has trained configs, so that values can be compared",
            )
        bottom = getattr(method, "min_resource", self._lowest)
        if bottom < self._lowest:
            raise SettingError(
                f"{name}(min_resource)",
                bottom,
                expected=f"at least {self._lowest}: below it nothing was recorded",
            )
        if method.sampler.build(Context(self._study.space, 0, Ledger())).has_model:
            raise SettingError(
                f"{name}(sampler)",
                type(method.sampler).__name__,
                expected="a sampler without a model: the configs are those of the record, whatever a model would propose",
                hint=f"Leave the sampler of {name} out, or ask for {_plain(method)} instead.",
            )

    def answer(self, method: SchedulerSettings, workers: int) -> Answer:
        """What a method would have done, for each order of the pool."""
        outcomes = tuple(self._outcome(method, workers, seed) for seed in range(self._seeds))
        return self._answer(describe(method), workers, outcomes, method)

    def recorded(self) -> Answer:
        """What really happened."""
        done = outcome(
            self._record.entries, AsRecorded(), max_resource=self.max_resource, target=self._target_loss
        )
        return self._answer("recorded", self._record.workers, (done,), self._study.settings)

    def as_recorded(self) -> Answer:
        """The recorded method, simulated with the limits that the record had."""
        settings = msgspec.structs.replace(
            self._study.settings, sampler=Pool(configs=self._record.configs, is_endless=True)
        )
        limits = _limits(self._record, None).budget
        limits = msgspec.structs.replace(limits, trials=len(self._record.configs))
        done = self._simulated(settings, self._record.workers, limits, range(len(self._record.curves)))
        return self._answer("as recorded, simulated", self._record.workers, (done,), self._study.settings)

    def _answer(
        self, words: str, workers: int, outcomes: tuple[Outcome, ...], method: SchedulerSettings
    ) -> Answer:
        settings = {name: value for name, value in method.to_json().items() if name != "sampler"}
        return Answer(words, workers, outcomes, self._record.ledger.objective.maximize, settings)

    def _outcome(self, method: SchedulerSettings, workers: int, seed: int) -> Outcome:
        order = _order(len(self._record.curves), seed)[: self._limits.trials]
        configs = tuple(self._record.configs[trial] for trial in order)
        changes: dict[str, Any] = {"sampler": Pool(configs=configs)}
        settings = msgspec.structs.replace(method, **changes)
        done = self._simulated(settings, workers, self._limits.budget, order)
        is_limited = done.trials == len(order) and _wants_more_than(method, len(order))
        return msgspec.structs.replace(done, is_limited=is_limited)

    def _simulated(
        self, settings: SchedulerSettings, workers: int, budget: Budget, order: Sequence[int]
    ) -> Outcome:
        record = self._record
        curves = [record.curves[trial] for trial in order]
        objective = record.ledger.objective
        training = RecordedTraining(curves, self._filled, self._times, objective)
        if hasattr(settings, "resume"):
            changes: dict[str, Any] = {"resume": self._resumes}
            settings = msgspec.structs.replace(settings, **changes)
        end = simulate(
            settings,
            self._study.space,
            training,
            workers=workers,
            budget=budget,
            objective=objective,
            retries=0,
            saves_checkpoints=self._resumes,
            report_every=record.report_every,
        )
        return outcome(end.entries, training, max_resource=self.max_resource, target=self._target_loss)

    def notes(self, answers: Sequence[Answer]) -> list[str]:
        """What to know before one believes the answers."""
        record, study = self._record, self._study
        found = []
        if study.settings.sampler.build(Context(study.space, 0, Ledger())).has_model:
            found.append(
                "A model has proposed the recorded configs: later ones are better because of the earlier results, and "
                "another method would have led it elsewhere. The order of the record flatters methods that reach its end."
            )
        if record.ledger.closed is None:
            found.append(
                f"The study is not finished. What it has spent so far, {count(record.ledger.trained, study.unit)}, is the "
                "limit, unless a budget is given."
            )
        if self.max_resource != record.ledger.max_resource:
            found.append(
                f"Nothing was trained further than {self.max_resource}, so configs are compared there."
            )
        if not self._times.are_known:
            found.append("No seconds were recorded: each unit of resource counts as one.")
        n_failed = sum(curve.fails_after is not None for curve in record.curves)
        if n_failed:
            found.append(
                f"{count(n_failed, 'trial')} failed for good, and would fail again; each counts as trained to its job's "
                "target."
            )
        limited = list(
            dict.fromkeys(one.method for one in answers if any(o.is_limited for o in one.outcomes))
        )
        if limited:
            found.append(
                f"Would have tried more than the {count(len(record.curves), 'config')} that there are: "
                f"{', '.join(limited)}."
            )
        return found


def describe(method: SchedulerSettings) -> str:
    """A method in a few words: its name, and the settings that differ from its defaults, resources and sampler aside."""
    name = _plain(method)
    words = []
    for field, default in zip(_own_fields(method), _own_defaults(method), strict=True):
        value = getattr(method, field)
        if field == "reduction_factor":
            words.append(f"η={value}")
        elif value != default and field not in {
            "max_resource",
            "min_resource",
            "sampler",
            "sweeps",
            "brackets",
        }:
            words.append(f"{field}={value}")
    if isinstance(method, ASHA) and method.brackets > 1:
        words.append(f"brackets={method.brackets}")
    return " ".join([name, *words])


def _own_fields(method: SchedulerSettings) -> list[str]:
    return [field.name for field in msgspec.structs.fields(method)]


def _own_defaults(method: SchedulerSettings) -> list[object]:
    return [field.default for field in msgspec.structs.fields(method)]


_NAMES: Mapping[type[SchedulerSettings], str] = MappingProxyType({FullResource: "full resource"})


def _plain(method: SchedulerSettings) -> str:
    """The class's name; that of its base where a model is all that it adds."""
    kind = Hyperband if isinstance(method, Hyperband) else type(method)
    return _NAMES.get(kind, kind.__name__)


def _several(value: Any, kind: type) -> list[Any]:
    return [value] if isinstance(value, kind) else list(value)


def _limits(record: Record, budget: Budget | None) -> _Limits:
    """The limits of each simulated study: those given, else those of the record."""
    pool = len(record.configs)
    chosen = record.ledger.budget if budget is None else budget
    if budget is None and record.ledger.closed is None:
        chosen = msgspec.structs.replace(chosen, resource=max(1, record.ledger.trained))
    trials = pool if chosen.trials is None else min(pool, chosen.trials)
    return _Limits(trials, msgspec.structs.replace(chosen, trials=None))


def _order(n: int, seed: int) -> list[int]:
    """The recorded order for seed 0, permutations for the others."""
    if seed == 0:
        return list(range(n))
    return [int(place) for place in generator_for(seed, "what if: order").permutation(n)]


def _wants_more_than(method: SchedulerSettings, n: int) -> bool:
    """Whether a method would try more than `n` configs, if there were any."""
    if isinstance(method, SuccessiveHalving) and method.brackets is not None:
        return method.brackets * method.shape().sizes[0] > n
    if isinstance(method, Hyperband) and method.sweeps is not None:
        return method.sweeps * sum(shape.sizes[0] for shape in method.shapes()) > n
    return method.is_endless
