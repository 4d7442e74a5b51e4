"""Ctrl-C once: land. Twice: stop now. SIGTERM, which a cluster sends before it takes a machine away, lands too."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType


@contextmanager
def interrupts(land: Callable[[], None]) -> Iterator[None]:
    """Within this context the first signal calls `land`, the second raises KeyboardInterrupt.

    Outside of the main thread signals cannot be caught: there, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen = False

    def handle(_: int, __: FrameType | None) -> None:
        nonlocal seen
        if seen:
            raise KeyboardInterrupt
        seen = True
        land()
        # The signal may have come in the middle of a write to stderr, which then refuses another one.
        with suppress(RuntimeError, OSError):
            sys.stderr.write(
                "Landing: running jobs end at their next report. Press Ctrl-C again to stop now.\n"
            )

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
