"""Results by content: a folder with a small file for each cell, so that no run is made twice.

Several comparisons may use one folder at once, and one that is killed leaves what it had measured: a file is written
under another name first.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from paceline.comparison.traces import Trace
from paceline.errors import SettingError

VARIABLE = "PACELINE_CACHE"


def default_folder() -> Path:
    """Where results are kept: in the folder that `PACELINE_CACHE` names, or the user's own for such things."""
    named = os.environ.get(VARIABLE)
    base = (
        Path(named)
        if named
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "paceline"
    )
    return base / "runs"


class Cache:
    """See above.

    Args:
        folder: is made when the first result is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> Trace | None:
        """The result of a cell; `None` where there is none, or it cannot be read."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=Trace)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def put(self, key: str, trace: Trace) -> None:
        """Keep a result.

        Raises:
            SettingError: the folder cannot be written to.
        """
        path = self._path(key)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(msgspec.json.encode(trace))
            draft.replace(path)
        except OSError as error:
            raise SettingError(
                "cache", str(self.folder), expected="a folder that can be written to", hint=f"{error}."
            ) from error

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.json"
