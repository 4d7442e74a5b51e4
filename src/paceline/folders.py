"""Where a study's checkpoints and logs go when the user does not say."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

_LONGEST = 200
"""Characters of a study's name in its folder's: file systems take 255 bytes."""


def study_folder(name: str, url: str, folder: Path | None) -> Path:
    """The study's own folder, in `folder` or in the one that belongs to the storage."""
    own = quote(name, safe=" ")
    if len(own) > _LONGEST:
        own = f"{own[:_LONGEST]}-{sha256(name.encode()).hexdigest()[:16]}"
    if not own.strip("."):  # "." and ".." are no names of their own
        own = own.replace(".", "%2E")
    return (_default(url) if folder is None else folder) / own


def _default(url: str) -> Path:
    """Beside the database, where that is a file; the process's own for memory; the working folder otherwise."""
    if url == "memory:":
        return Path(_temporary())
    if url.startswith("sqlite:///"):
        file = Path(url.removeprefix("sqlite:///").partition("?")[0])
        return file.with_name(f"{file.stem}-files")
    return Path("paceline-files")


@cache
def _temporary() -> str:
    """One for the process, removed when it ends."""
    folder = tempfile.mkdtemp(prefix="paceline-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
