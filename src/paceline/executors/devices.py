"""Which GPUs and how many threads each worker process gets, as environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from paceline.errors import SettingError
from paceline.settings import at_least

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def gpu_variables(
    gpus: int | Sequence[int | str] | None, *, per_worker: int, workers: int, environment: Mapping[str, str]
) -> list[dict[str, str]]:
    """For each worker, the variable that shows it its GPUs; nothing where `gpus` is `None`.

    Groups are disjoint where there are enough GPUs; otherwise workers share single GPUs, evenly.

    Args:
        gpus: the first so many of those that this process sees; or which, as `nvidia-smi` names them.
        per_worker: how many each worker gets.
        workers: how many workers there are.
        environment: this process's.

    Raises:
        SettingError: the GPUs asked for are not visible here, or too few to give each worker several.
    """
    if gpus is None:
        return [{} for _ in range(workers)]
    at_least("gpus_per_worker", per_worker, 1)
    names = _names(gpus, environment.get(_VISIBLE))
    if len(names) < per_worker * workers and per_worker > 1:
        raise SettingError(
            "gpus_per_worker",
            per_worker,
            expected=f"at most {len(names) // workers or 1}: there are {len(names)} GPUs for {workers} workers",
            hint=f"With gpus_per_worker={per_worker}, write workers={len(names) // per_worker}."
            if len(names) >= per_worker
            else "",
        )
    groups = [
        [names[(worker * per_worker + index) % len(names)] for index in range(per_worker)]
        for worker in range(workers)
    ]
    return [{_VISIBLE: ",".join(group)} for group in groups]


def _names(gpus: int | Sequence[int | str], visible: str | None) -> list[str]:
    known = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    there = "" if known is None else f"; {_VISIBLE} is {visible!r}"
    if isinstance(gpus, int):
        if isinstance(gpus, bool) or gpus < 1 or (known is not None and gpus > len(known)):
            raise SettingError("gpus", gpus, expected=f"None, or a number of GPUs from 1{there}")
        return [str(index) for index in range(gpus)] if known is None else known[:gpus]
    is_list = isinstance(gpus, Sequence) and not isinstance(gpus, str)
    names = [str(gpu) for gpu in gpus] if is_list else []
    if not names or len(set(names)) < len(names):
        raise SettingError(
            "gpus", gpus, expected="None, a number, or a list of different GPUs such as [0, 1]"
        )
    if known is not None and not set(names) <= set(known):
        raise SettingError("gpus", gpus, expected=f"GPUs that this process may use{there}")
    return names


def thread_variables(threads: int | None, *, workers: int, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that keep numerical libraries from starting as many threads as there are cores, in each worker.

    Args:
        threads: for each worker; `None` shares out the cores, and leaves alone what the user has set.
        workers: how many workers there are.
        environment: this process's.

    Raises:
        SettingError: `threads` is no whole number of at least 1.
    """
    if threads is None:
        share = str(max(1, _cores() // workers))
        return {name: share for name in _THREADS if name not in environment}
    at_least("threads_per_worker", threads, 1)
    return dict.fromkeys(_THREADS, str(threads))


def _cores() -> int:
    """Those that this process may run on; a batch system may have given it few of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
