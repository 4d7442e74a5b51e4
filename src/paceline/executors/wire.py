"""What a driver and its worker processes say to each other, and how: messages in frames on a socket.

A frame is four bytes of length, big-endian, and a message in MessagePack. Structs go as arrays without field names: both
ends run the same code. Nothing is pickled on this way; the training function goes another (`shipping.py`).
"""

from __future__ import annotations

import socket
import struct

import msgspec

from paceline.events import JobEnded, JobId, Reported
from paceline.executors.protocol import Assignment

_LENGTH = struct.Struct(">I")
_CHUNK_BYTES = 1 << 16


class Message(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One frame's content."""


# From the driver


class Assign(Message, frozen=True, tag="assign"):
    """Carry this out, once the job before is done."""

    assignment: Assignment


class Interrupt(Message, frozen=True, tag="interrupt"):
    """End this job at its next report."""

    job: JobId


class ShutDown(Message, frozen=True, tag="shutdown"):
    """There is nothing more to do."""


# From the worker


class Ready(Message, frozen=True, tag="ready"):
    """The training function is loaded."""


class Unloadable(Message, frozen=True, tag="unloadable"):
    """The training function cannot be loaded; the worker exits."""

    error: str


class Began(Message, frozen=True, tag="began"):
    """From now on this job trains: what happens to the process is its doing, not that of the job before."""

    job: JobId


class Happened(Message, frozen=True, tag="happened"):
    """Events of the job, none of which are a sign of life; and the disk's trouble, where that is what ended it."""

    events: tuple[Reported | JobEnded, ...]
    trouble: str | None = None


ToWorker = Assign | Interrupt | ShutDown
FromWorker = Ready | Unloadable | Began | Happened

_encoder = msgspec.msgpack.Encoder()
to_worker = msgspec.msgpack.Decoder(ToWorker)
from_worker = msgspec.msgpack.Decoder(FromWorker)


def frame(message: Message) -> bytes:
    """A message, ready to be sent."""
    content = _encoder.encode(message)
    return _LENGTH.pack(len(content)) + content


class Frames:
    """Cuts what arrives on a socket into messages.

    Args:
        connection: nobody else may read from it.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def receive(self) -> list[bytes]:
        """Read once, waiting if there is nothing yet; the contents of the frames that are complete.

        Raises:
            EOFError: the other end is gone.
        """
        try:
            chunk = self._connection.recv(_CHUNK_BYTES)
        except ConnectionError:  # it went without having read all that it was sent
            chunk = b""
        if not chunk:
            raise EOFError
        data = self._rest + chunk
        contents = []
        begin = 0
        while begin + _LENGTH.size <= len(data):
            end = begin + _LENGTH.size + _LENGTH.unpack_from(data, begin)[0]
            if end > len(data):
                break
            contents.append(data[begin + _LENGTH.size : end])
            begin = end
        self._rest = data[begin:]
        return contents
