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


@contextmanager
def signals_wait() -> Iterator[None]:
    """Within this context SIGINT and SIGTERM are only noted; each is raised again at its end.

    For a step that must not be left half done, such as the start of a process that nobody would know of. Outside of the
    main thread nothing changes, because no signal is handled there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # One that Python did not set reads as None, and could not be put back.
    before = {number: handler for number, handler in handlers.items() if handler is not None}
    for number in before:
        signal.signal(number, lambda number, _: seen.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for noted in seen:
            signal.raise_signal(noted)
