"""What the tests that kill do to a victim, and what must hold of it afterwards."""

import signal

from paceline.testing.audit import Audit


def assert_well(victim):
    assert victim.survivors() == []
    assert victim.audit() == []


def audit_of(victim):
    return Audit(victim.entries(), victim.work(), victim.store)


def bring_to_its_end(victim):
    """Give the same command again."""
    victim.run_to_end()
    assert victim.has_closed()
    assert_well(victim)


def killed_itself(victim):
    """Start a driver that dies at a point of its own."""
    victim.start()
    assert victim.wait() == -signal.SIGKILL, victim.output()
