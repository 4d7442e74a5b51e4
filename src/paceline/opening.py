"""Opening a study: what must be equal to what was recorded, and which facts a run begins with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from paceline.errors import SchemaError, StudyMismatchError
from paceline.events import (
    SCHEMA_VERSION,
    AnyEvent,
    Budget,
    BudgetSet,
    Config,
    Objective,
    PointsGiven,
    RunStarted,
    SchedulerChanged,
    StudyOpened,
)
from paceline.journal import Storage, open_storage
from paceline.journal.holder import Holder
from paceline.ledger import Ledger
from paceline.schedulers.base import SchedulerSettings
from paceline.space import Space


class Plan(msgspec.Struct, frozen=True):
    """What the user asks of a study: everything that is recorded when it is opened.

    Args:
        name: of the study.
        space: the search space.
        settings: the scheduler's.
        objective: the metric and its direction.
        seed: `None` for the study's own, or 0 where it is new.
        unit: of resource.
        retries: of failed jobs.
        points: configs to try first.
    """

    name: str
    space: Space
    settings: SchedulerSettings
    objective: Objective
    seed: int | None
    unit: str
    retries: int
    points: tuple[Config, ...]

    def opened(self) -> StudyOpened:
        """The event with which such a study begins."""
        return StudyOpened(
            seed=self.seed or 0,
            objective=self.objective,
            space=self.space.to_json(),
            scheduler=self.settings.to_json(),
            unit=self.unit,
            retries=self.retries,
            schema=SCHEMA_VERSION,
        )

    def first_facts(
        self, ledger: Ledger, *, slots: int, executor: str, budget: Budget | None
    ) -> list[AnyEvent]:
        """What a run records before anything else: the study, if it is new; the run; whatever was raised or added."""
        facts: list[AnyEvent] = [RunStarted(str(Holder.me()), slots, executor)]
        if ledger.opened is None:
            facts.insert(0, self.opened())
        return facts + self.news(ledger, budget)

    def news(self, ledger: Ledger, budget: Budget | None) -> list[AnyEvent]:
        """What the user asks for that the study does not know yet; empty if running it again changes nothing."""
        facts: list[AnyEvent] = []
        if ledger.opened is not None and self.settings.to_json() != ledger.scheduler_settings:
            facts.append(SchedulerChanged(self.settings.to_json()))
        if budget is not None and budget != ledger.budget:
            facts.append(BudgetSet(budget))
        new_points = tuple(point for point in self.points if point not in ledger.given_points)
        if new_points:
            facts.append(PointsGiven(new_points))
        return facts


@contextmanager
def opening(storage: str | os.PathLike[str] | Storage) -> Iterator[Storage]:
    """The storage that is meant. One that is opened here is closed again if what is done with it fails."""
    place = open_storage(storage)
    try:
        yield place
    except BaseException:
        if place is not storage:
            place.close()
        raise


def recorded(name: str, storage: Storage) -> StudyOpened | None:
    """The event with which the study begins, if there is a study.

    Raises:
        SchemaError: its journal begins with something else, or is of a newer version.
    """
    event = storage.journal(name).first()
    if isinstance(event, StudyOpened) and event.schema > SCHEMA_VERSION:
        raise SchemaError(
            f"{storage.url}: study {name!r} was recorded in version {event.schema} of the journal, and this Paceline knows "
            f"up to {SCHEMA_VERSION}. Upgrade Paceline to open it; nothing was changed."
        )
    if event is None or isinstance(event, StudyOpened):
        return event
    raise SchemaError(
        f"{storage.url}: the journal of study {name!r} begins with {type(event).__name__}, not with StudyOpened; it is "
        "damaged or no journal. Restore it from a copy; nothing was changed."
    )


def check_same(plan: Plan, opened: StudyOpened, latest_settings: dict[str, Any], storage: Storage) -> None:
    """See that a study is what the user takes it for.

    Raises:
        StudyMismatchError: it was opened with something else; every difference is listed.
    """
    problems = list(Space.from_json(opened.space).differences(plan.space))
    if opened.objective != plan.objective:
        problems.append(f"it {_goal(opened.objective)}, not {_goal(plan.objective)}")
    if opened.retries != plan.retries:
        problems.append(f"retries was {opened.retries}, not {plan.retries}")
    if plan.unit != opened.unit:
        problems.append(f"the unit was {opened.unit!r}, not {plan.unit!r}")
    if plan.seed is not None and plan.seed != opened.seed:
        problems.append(f"the seed was {opened.seed}, not {plan.seed}")
    problems += SchedulerSettings.from_json(latest_settings).differences(plan.settings)
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise StudyMismatchError(
            f"{storage.url}: study {plan.name!r} exists and differs from the one asked for; nothing was changed.\n"
            f"{lines}\nUse another name, the same settings, or delete the study."
        )


def _goal(objective: Objective) -> str:
    return f"{'maximizes' if objective.maximize else 'minimizes'} {objective.metric!r}"
