"""What the file system below a history can do."""

from __future__ import annotations

import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
OVER_THE_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|9p|afs|ceph|lustre|gpfs|beegfs\w*|glusterfs|orangefs|panfs|ncpfs|vboxsf|fuse(\.\w+)?"
)


def shares_memory(path: Path) -> bool:
    """Return whether processes can share memory through files there, as a write-ahead log of SQLite asks for.

    File systems over the network cannot: machines do not see each other's memory.
    """
    try:
        mounts = MOUNTS.read_text(errors="replace")
    except OSError:
        return True
    return OVER_THE_NETWORK.fullmatch(file_system(path, mounts)) is None


def file_system(path: Path, mounts: str) -> str:
    """Return the type of the file system that holds a path, from lines as in /proc/self/mounts; empty if unknown."""
    place, found = path.resolve(), ("", "")
    for line in mounts.splitlines():
        _, where, kind, *_ = [*line.split(" "), "", "", ""]
        where = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), where)
        if where and place.is_relative_to(where) and len(where) >= len(found[0]):
            found = where, kind
    return found[1]
