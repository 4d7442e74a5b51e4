"""Where Paceline keeps what it can make again: results of comparisons, trained tables.

Whoever reads a file here finds all of it or none: it is written under another name first.
"""

from __future__ import annotations

import os
from pathlib import Path

from paceline.errors import SettingError

VARIABLE = "PACELINE_CACHE"
"""The environment variable that names the folder."""


def cache_folder() -> Path:
    """The folder that `PACELINE_CACHE` names, or the user's own for such things."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paceline"


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, all of it or none; its folder is made.

    Raises:
        SettingError: the folder cannot be written to.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(data)
        draft.replace(path)
    except OSError as error:
        raise SettingError(
            "cache", str(path.parent), expected="a folder that can be written to", hint=f"{error}."
        ) from error
