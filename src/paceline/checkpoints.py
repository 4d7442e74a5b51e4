"""Checkpoints: folders that are whole or absent.

A checkpoint is written beside its place, synced, renamed into it, and only then reported: whoever sees one sees all of
it, whatever was killed when. Its key says trial, resource and job, so a worker that was given up and comes back to life
cannot overwrite what its successor wrote.

Which checkpoints may still be needed is another question: see `retention.py`.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from paceline.errors import CheckpointError, ReportError
from paceline.events import Checkpoint, JobId, TrialId

_KEY = re.compile(r"\d{6,}/\d{8,}-\d{6,}")
_LEFTOVER = re.compile(r"\.\d{8,}-\d{6,}\.(partial|deleted)")

_DISK_TROUBLE = {
    errno.EACCES: "Make it writable, or choose another folder for checkpoints.",
    errno.EPERM: "Make it writable, or choose another folder for checkpoints.",
    errno.EROFS: "Choose a folder for checkpoints on a file system that can be written to.",
    errno.ENOSPC: "Free some space, keep fewer checkpoints, or choose another folder for them.",
    errno.EDQUOT: "Free some of your quota, keep fewer checkpoints, or choose another folder for them.",
    errno.EFBIG: "Save less, or choose a file system that holds larger files.",
    errno.EIO: "The disk or its network failed; the system's log says more.",
    errno.ESTALE: "The network file system was remounted; see that it is there again.",
}
"""Whose fault an error is: with these the disk's, and every config would fail alike; with others the training's."""

_FULL_BYTES = 1 << 20
"""A disk with less than this free counts as full."""


class CheckpointStore:
    """The checkpoints of one study, in one folder.

    Args:
        folder: made when the first checkpoint is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()  # training may change its working directory

    def path(self, key: str) -> Path:
        """Where the checkpoint of this key is, or would be.

        Raises:
            CheckpointError: it is no key. Keys come out of journals, which may come from anybody: one that climbed out
                of the folder could have anything deleted.
        """
        if _KEY.fullmatch(key) is None:
            raise CheckpointError(
                f"{key!r} is no key of a checkpoint: expected one like '000012/00000027-000034'."
            )
        return self.folder / key

    def exists(self, key: str) -> bool:
        """Whether the checkpoint is there; if so, all of it is."""
        return self.path(key).is_dir()

    def save(self, trial: TrialId, resource: int, job: JobId, write: Callable[[Path], object]) -> Checkpoint:
        """Save a checkpoint; once this returns, it survives a power cut.

        Args:
            trial: whose state it is.
            resource: how far the trial was trained.
            job: the job that saves it.
            write: is given an empty folder and fills it. The folder is moved afterwards, so what is written must not
                refer to its path.

        Raises:
            CheckpointError: the disk is full, or the folder cannot be written to. Other exceptions of `write` are the
                training's and are raised as they are. Nothing is left behind either way.
            ReportError: `write` has left the folder empty.
        """
        key = f"{trial:06d}/{resource:08d}-{job:06d}"
        final = self.path(key)
        partial = final.with_name(f".{final.name}.partial")
        try:
            with _disk_trouble("write", final):
                _make_folder(partial)
            with _disk_trouble("write", final, of_others=True):
                write(partial)
            _refuse_if_empty(partial)
            with _disk_trouble("write", final):
                size_bytes = _sync_tree(partial)
                partial.rename(final)
                _sync(final.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            with suppress(OSError):  # it holds the trial's other checkpoints, or was never made
                partial.parent.rmdir()
            raise
        return Checkpoint(key, resource, size_bytes)

    def delete(self, key: str) -> None:
        """Delete a checkpoint, if it is there. Nobody ever sees half of one.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        path = self.path(key)
        hidden = path.with_name(f".{path.name}.deleted")
        with _disk_trouble("delete", path), suppress(FileNotFoundError):
            path.rename(hidden)
            shutil.rmtree(hidden)
        with suppress(OSError):  # it holds the trial's other checkpoints, or is gone
            path.parent.rmdir()

    def keys(self) -> list[str]:
        """Of all checkpoints that are there, sorted."""
        found = (f"{path.parent.name}/{path.name}" for path in self.folder.glob("*/*"))
        return sorted(key for key in found if _KEY.fullmatch(key))

    def sweep(self, keep: Collection[str]) -> None:
        """Delete all checkpoints but those, and whatever saving and deleting have left half done.

        Only for a driver before it starts a worker: another one's half-written checkpoint would go as well.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        self._sweep(self.folder.glob("*/*"), keep)

    def sweep_job(self, trial: TrialId, job: JobId, keep: Collection[str]) -> None:
        """Delete what a job that is over has saved, but for those, and what it has left half done: it died on the way.

        Raises:
            CheckpointError: the folder cannot be written to.
        """
        of_job = re.compile(rf"\.?\d+-{job:06d}(\.\w+)?")
        paths = (self.folder / f"{trial:06d}").glob("*")
        self._sweep((path for path in paths if of_job.fullmatch(path.name)), keep)

    def _sweep(self, paths: Iterable[Path], keep: Collection[str]) -> None:
        for path in list(paths):
            key = f"{path.parent.name}/{path.name}"
            if _KEY.fullmatch(key) and key not in keep:
                self.delete(key)
            elif _LEFTOVER.fullmatch(path.name):
                with _disk_trouble("delete", path):
                    shutil.rmtree(path)
                with suppress(OSError):
                    path.parent.rmdir()

    def usage_bytes(self) -> int:
        """The size of all files in the folder, those being written included."""
        return sum(_size_bytes(path) for path in self.folder.rglob("*"))


def _refuse_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        raise ReportError(
            f"save wrote nothing into {folder}, the folder that it was given: there would be nothing to go on from. Write "
            "into that folder, as in save=lambda folder: model.save(folder / 'model.pt'), or leave save out."
        )


@contextmanager
def _disk_trouble(doing: str, path: Path, *, of_others: bool = False) -> Iterator[None]:
    """Turn errors that are the disk's fault into a `CheckpointError`.

    Args:
        doing: the verb of the message.
        path: the checkpoint.
        of_others: the user's code runs inside, so an `OSError` may be of another origin, such as a network's.
    """
    try:
        yield
    except OSError as error:
        if of_others and error.errno not in _DISK_TROUBLE and not _is_full(path):
            raise
        raise _explained(error, doing, path) from error
    except Exception as error:
        # Some libraries, PyTorch's serialization among them, say a full disk as a RuntimeError.
        if of_others and _is_full(path):
            raise _explained(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), doing, path) from error
        raise


def _explained(error: OSError, doing: str, path: Path) -> CheckpointError:
    where = f" ({error.filename})" if error.filename not in (None, str(path)) else ""
    hint = _DISK_TROUBLE.get(error.errno or 0, "")
    return CheckpointError(
        f"cannot {doing} the checkpoint {path}: {error.strerror or error}{where}. {hint}".rstrip()
        + " The journal is intact: run the study again to go on."
    )


def _is_full(path: Path) -> bool:
    try:
        return shutil.disk_usage(path.parent).free < _FULL_BYTES
    except OSError:
        return False


def _make_folder(folder: Path) -> None:
    """Make a new folder and the missing ones above it, each synced into its parent."""
    if not folder.parent.is_dir():
        with suppress(FileExistsError):  # two workers may make the study's folder at once
            _make_folder(folder.parent)
    folder.mkdir()
    _sync(folder.parent)


def _sync_tree(folder: Path) -> int:
    """Sync a folder and all in it; its size in bytes."""
    size_bytes = 0
    for path in (*folder.rglob("*"), folder):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            size_bytes += status.st_size
            _sync(path)
        elif stat.S_ISDIR(status.st_mode):
            _sync(path)
    return size_bytes


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP) or not path.is_dir():
            raise  # some network file systems cannot sync a folder; renaming is as durable there as it gets
    finally:
        os.close(descriptor)


def _size_bytes(path: Path) -> int:
    try:
        status = path.lstat()
    except FileNotFoundError:  # deleted meanwhile
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
