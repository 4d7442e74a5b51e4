"""A victim that is driven and trained in the test's own process: fast, and the same each time."""

from collections import Counter
from contextlib import suppress

from tests.faults.saboteur import is_fork

from paceline.testing.faults import Crash, CrashingJournal
from paceline.testing.victim import budget_of, make_study, train, training_of


def run_inline(folder, settings, *, observers=(), point=None, training=train):
    """Bring a population to its end; whether its driver died at the point."""
    with make_study(folder, settings) as study:
        journal = CrashingJournal(study.storage.journal(study.name), point)
        study.storage.journal = lambda _: journal
        with suppress(Crash):
            study.run(
                training_of(folder, settings, training),
                executor="inline",
                budget=budget_of(settings),
                observers=observers,
                progress=False,
            )
        journal._journal.release()  # as if its process were gone
        del study.storage.journal
    return journal.has_crashed


class Stumbling:
    """Training in which each fork fails until its last retry."""

    def __init__(self):
        self._n_calls = Counter()

    def __call__(self, trial, **settings):
        self._n_calls[trial.id] += 1
        if is_fork(trial) and self._n_calls[trial.id] < 3:
            raise RuntimeError("not yet")
        train(trial, **settings)
