"""Whether a process is still the one it was: by its number and the moment it started."""

from __future__ import annotations

import os
from pathlib import Path

START_TIME_FIELD = 19
"""Of `/proc/PID/stat`, counted behind the command's name: clock ticks since the machine started."""
STATE_FIELD = 0


def process_start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 where that is not known or it is no more."""
    fields = _stat(pid)
    return int(fields[START_TIME_FIELD]) if len(fields) > START_TIME_FIELD else 0


def process_alive(pid: int, start_time: int = 0) -> bool:
    """Return whether that very process runs; one that has ended and was not waited for does not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    fields = _stat(pid)
    if fields and fields[STATE_FIELD] in {"Z", "X"}:
        return False
    return not start_time or not fields or int(fields[START_TIME_FIELD]) == start_time


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
