"""Files between the processes: made whole, opened with care. Every function raises OSError."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def make_file(path: Path, start: bytes, size: int = 0) -> int:
    """Make a file that begins with `start` and has room for `size` bytes, in the place of any at `path`.

    It has another name until it is whole. Returns its descriptor.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        if size:
            os.posix_fallocate(fd, 0, size)
        write_all(fd, start, 0)
        temporary.replace(path)
    except OSError:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        raise
    return fd


def write_all(fd: int, data: bytes | memoryview, at: int) -> None:
    """Write all of `data` at offset `at`."""
    written = os.pwrite(fd, data, at)
    while written < len(data):
        written += os.pwrite(fd, data[written:], at + written)


def read_all(fd: int, into: memoryview, at: int) -> bool:
    """Fill `into` from offset `at` on. Returns false where the file ends before."""
    done = 0
    while done < len(into):
        count = os.preadv(fd, [into[done:]], at + done)
        if count == 0:
            return False
        done += count
    return True


def open_own(path: Path) -> int:
    """Open a regular file of this user for reading. Raises PermissionError for any other."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    facts = os.fstat(fd)
    if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid():
        return fd
    os.close(fd)
    whose = "it belongs to another user" if stat.S_ISREG(facts.st_mode) else "it is no regular file"
    raise PermissionError(0, whose)
