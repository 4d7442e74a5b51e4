"""What it takes to fit a Gaussian process: steps uphill in the logarithms of its hyperparameters, and one thread."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from paceline.density import Array

_STEPS = 25


def greatest(likelihood: Callable[[Array], tuple[float, Array]], centre: Array, widths: Array) -> Array:
    """Where the posterior density is greatest, found by resilient steps (Riedmiller and Braun 1993).

    Args:
        likelihood: the log marginal likelihood at a point, and its gradient.
        centre: `(k,)`, the mean of the normal prior, from which the steps start.
        widths: `(k,)`, its standard deviations. No step leads farther than 4 of them.

    Returns:
        `(k,)`, the best point that was looked at.
    """
    at, steps, last = centre.copy(), np.full(len(centre), 0.3), np.zeros(len(centre))
    best, best_at = -math.inf, at
    for _ in range(_STEPS):
        value, slope = likelihood(at)
        value -= 0.5 * float((((at - centre) / widths) ** 2).sum())
        slope -= (at - centre) / widths**2
        if value > best:
            best, best_at = value, at
        signs = np.sign(slope)
        steps = np.clip(steps * np.where(signs == last, 1.2, np.where(signs == -last, 0.5, 1.0)), 1e-3, 1.0)
        at = np.clip(at + signs * steps, centre - 4.0 * widths, centre + 4.0 * widths)
        last = signs
    return best_at


def one_thread() -> AbstractContextManager[object]:
    """Linear algebra by one thread, where threadpoolctl (which comes with scikit-learn) can see to it.

    Matrices of this size gain little from more, and where the other cores train, threads that wait for each other can
    take ten times as long. One thread also adds numbers up in one order.
    """
    controller = _controller()
    return nullcontext() if controller is None else controller.limit(limits=1, user_api="blas")


@lru_cache(maxsize=1)
def _controller() -> Any:
    try:
        from threadpoolctl import ThreadpoolController  # noqa: PLC0415 - part of an extra
    except ImportError:
        return None
    return ThreadpoolController()
