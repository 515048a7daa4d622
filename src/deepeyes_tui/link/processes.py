"""Which processes are still there: a pid and a start time name one process, a pid alone does not."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")


def process_start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; 0 where that is not known, or there is none."""
    return _facts(pid)[1]


def process_alive(pid: int, start_time: int) -> bool:
    """Return whether the process that had this pid and start time still runs; one that only waits to be reaped does
    not. Without /proc, or with an unknown start time (0), the pid has to do.
    """
    if pid <= 0:
        return False
    state, started = _facts(pid)
    if started == 0:
        return not _PROC.joinpath("self/stat").exists() and _signals(pid)
    return state not in "ZXx" and start_time in (0, started)


def _facts(pid: int) -> tuple[str, int]:
    """Return the state letter and the start time."""
    try:
        text = _PROC.joinpath(str(pid), "stat").read_bytes().decode("ascii", "replace")
        fields = text[text.rindex(")") + 2 :].split()
        return fields[0], int(fields[19])
    except (OSError, ValueError, IndexError):
        return "", 0


def _signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True
