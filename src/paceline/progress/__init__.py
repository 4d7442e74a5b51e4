"""What a run shows while it goes on: a live display on a terminal, plain lines elsewhere.

Both are observers of the driver. They cost O(1) per event and change nothing; rich is imported only for a terminal.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol, TextIO

from paceline.journal import Entry
from paceline.ledger import Ledger
from paceline.progress.lines import LineProgress
from paceline.progress.live import LiveProgress
from paceline.schedulers.base import Scheduler


class Progress(AbstractContextManager["Progress"], Protocol):
    """An observer that is entered once everything is replayed, and left when the run is over."""

    def __call__(self, entries: Sequence[Entry]) -> None:
        """Take in what was recorded."""
        ...


ProgressFactory = Callable[[str, Ledger, Scheduler], Progress]
"""Called with the study's name, ledger and scheduler."""


def progress_for(stream: TextIO) -> ProgressFactory:
    """The display that suits a stream: live on a terminal that can move its cursor, plain lines otherwise."""
    if stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        return partial(LiveProgress, stream=stream)
    return partial(LineProgress, stream=stream)
