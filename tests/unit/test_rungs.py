"""A rung against a plain model of it."""

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paceline.schedulers.rungs import Rung


class RungMachine(RuleBasedStateMachine):
    """Results arrive, promotions are handed out, lost and handed out again; trials are withdrawn."""

    @initialize(eta=st.integers(2, 5))
    def begin(self, eta):
        self.eta = eta
        self.rung = Rung(1, eta)
        self.results = {}
        self.gone = set()
        self.withdrawn = set()

    @rule(loss=st.one_of(st.integers(0, 9).map(float), st.just(math.inf)))
    def arrive(self, loss):
        trial = len(self.results)
        self.results[trial] = loss
        self.rung.add(trial, loss)
        self.rung.add(trial, -1.0)  # a second result of the same trial does not count

    @rule()
    def promote(self):
        if (trial := self.rung.promotable()) is not None:
            self.rung.promote(trial)
            self.gone.add(trial)

    @rule(data=st.data())
    def promote_out_of_order(self, data):
        """What another version's policy may have recorded."""
        if self.results:
            trial = data.draw(st.sampled_from(sorted(self.results)))
            self.rung.promote(trial)
            self.gone.add(trial)

    @rule(data=st.data())
    def lose(self, data):
        if self.gone:
            trial = data.draw(st.sampled_from(sorted(self.gone)))
            self.gone.discard(trial)
            self.rung.reopen(trial)

    @rule(data=st.data())
    def withdraw(self, data):
        if self.results:
            trial = data.draw(st.sampled_from(sorted(self.results)))
            self.withdrawn.add(trial)
            self.rung.withdraw(trial)

    @invariant()
    def it_is_what_sorting_says(self):
        if not hasattr(self, "rung"):
            return
        ranked = sorted((loss, trial) for trial, loss in self.results.items())
        best = ranked[: len(ranked) // self.eta]
        assert self.rung.n_permitted == len(best)
        assert self.rung.cutoff == (best[-1] if best else None)
        free = [trial for loss, trial in best if loss < math.inf and trial not in self.gone | self.withdrawn]
        assert self.rung.promotable() == (free[0] if free else None)
        assert self.rung.best_loss == (ranked[0][0] if ranked else math.inf)
        for trial in self.results:
            n = max(1, len(best))
            assert self.rung.is_among_best(trial, n) == ((self.results[trial], trial) in ranked[:n])


TestRung = RungMachine.TestCase
TestRung.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
