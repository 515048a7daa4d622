"""Unix sockets: paths of any length, and who is at the other end."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 107
"""Bytes of a socket's path that the kernel takes."""
_PEER = struct.Struct("3i")


@contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Give a path to the same file that a socket's address has room for. Raises OSError."""
    if len(os.fsencode(path)) <= LONGEST:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def peer_is_trusted(connection: socket.socket) -> bool:
    """Return whether the other end runs as this user or as root."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return True
    _, user, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _PEER.size))
    return user in (os.geteuid(), 0)


def listen(path: Path, backlog: int) -> socket.socket:
    """Return a non-blocking socket that listens at `path`, mode 0600. Raises OSError, also when another listens."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_path(path) as address:
            if path.is_socket() and not _answers(address):
                path.unlink()
            server.bind(address)
        path.chmod(0o600)
        server.listen(backlog)
        server.setblocking(False)
    except OSError:
        server.close()
        raise
    return server


def _answers(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        try:
            probe.connect(address)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True
