"""Who drives a study: enough to tell, from anywhere, whether it still does.

This is a courtesy on top of the fence (`protocol`): a second driver is told who is at work before it writes anything. A
holder whose process is gone is no holder, so a study can be taken up again at once after a crash on the same machine.
"""

from __future__ import annotations

import os
import socket
import time
from getpass import getuser
from pathlib import Path
from uuid import uuid4

import msgspec

HEARTBEAT_S = 5.0
"""How often a driver says that it is alive."""
PATIENCE_S = 60.0
"""How long a driver on another machine may be silent before its study is free to take."""


_ended: set[str] = set()
"""Tokens of this process's holders that have let go, whether or not the database could be told."""


class Holder(msgspec.Struct, frozen=True):
    """Who drives a study: enough to tell whether it still does."""

    token: str
    user: str
    host: str
    process: int
    started: str

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.user}@{self.host}, process {self.process}"

    @classmethod
    def me(cls) -> Holder:
        """A holder for this process; each call gives another token."""
        return cls(uuid4().hex, _user(), socket.gethostname(), os.getpid(), _start_of(os.getpid()))

    def end(self) -> None:
        """Hold nothing any more, as far as this process is concerned."""
        _ended.add(self.token)

    def is_alive(self, silent_s: float) -> bool:
        """Whether the process exists, on this machine; whether it was heard of lately, on another."""
        if self.token in _ended:
            return False
        if self.host != socket.gethostname():
            return silent_s < PATIENCE_S
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # it exists, and is somebody else's
        return _start_of(self.process) == self.started  # another process may have inherited the number


def living_holder(stored: str | None, heard_at: float) -> Holder | None:
    """The holder that a study's row names, unless it is gone."""
    if stored is None:
        return None
    try:
        holder = msgspec.json.decode(stored, type=Holder)
    except msgspec.MsgspecError:  # damaged, or by another version: nobody who could be asked
        return None
    return holder if holder.is_alive(time.time() - heard_at) else None


def _user() -> str:
    try:
        return getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())


def _start_of(process: int) -> str:
    """When a process of this machine started, as the kernel counts; empty where that cannot be told, or if it is dead.

    A process that was killed keeps its number until its parent asks for it, which in a container may be never.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in {"Z", "X"} else fields[19]
