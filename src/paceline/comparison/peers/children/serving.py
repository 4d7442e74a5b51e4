"""The loop of a library that runs in an interpreter of its own: a line of JSON comes, a line of JSON goes.

    {"begin": {...}}                                   sets it up; answers {}
    {"ask": true}                                      answers {"name", "config", "resource", "token"}, or {} to wait
    {"tell": {"token": ..., "loss": ...}}              null for a training that failed; answers {}

Each answer has `seconds`, the processor seconds that this process took for it, or `error`, the traceback.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from typing import Any, Protocol


class Optimizer(Protocol):
    """What a library's file has to offer."""

    def ask(self) -> dict[str, Any] | None:
        """What to train: `name` of the config, `config`, `resource`, and `token`, what `tell` knows it by."""

    def tell(self, token: int, loss: float | None) -> None:
        """How it went."""


def serve(make: Callable[[dict[str, Any]], Optimizer]) -> None:
    """Answer until there are no more lines."""
    warnings.filterwarnings("ignore")
    # What the library prints must not get between the answers.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    optimizer: Optimizer | None = None
    for line in sys.stdin:
        began = time.process_time()
        try:
            message = json.loads(line)
            if "begin" in message:
                optimizer = make(message["begin"])
            assert optimizer is not None  # noqa: S101 - it was begun
            answer = _answer(optimizer, message)
        except Exception:  # noqa: BLE001 - whatever it is, the other end says it
            answer = {"error": traceback.format_exc()}
        answer["seconds"] = time.process_time() - began
        # Values come as NumPy's.
        channel.write(json.dumps(answer, default=lambda value: value.item()) + "\n")
        channel.flush()


def _answer(optimizer: Optimizer, message: dict[str, Any]) -> dict[str, Any]:
    if "ask" in message:
        return optimizer.ask() or {}
    if "tell" in message:
        optimizer.tell(message["tell"]["token"], message["tell"]["loss"])
    return {}
