"""Results by content: a folder with a small file for each cell, so that no run is made twice.

Several comparisons may use one folder at once, and one that is killed leaves what it had measured: a file is written
under another name first.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from paceline.caches import cache_folder, write_whole
from paceline.comparison.traces import Trace


def default_folder() -> Path:
    """Where results are kept if the user does not say."""
    return cache_folder() / "runs"


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
        write_whole(self._path(key), msgspec.json.encode(trace))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key[2:]}.json"
