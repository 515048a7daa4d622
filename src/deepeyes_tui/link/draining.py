"""Where the output of a script goes: to a process of its own that reads it, keeps it in a log, and shows it on."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

READER = Path(__file__).parents[1] / "script" / "output.py"


@dataclass(frozen=True, slots=True)
class Drain:
    """Descriptors that a script is to write to, and the process that reads them until all writers are gone."""

    out: int
    err: int
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def drained(log: Path, *, shown: bool) -> Iterator[Drain]:
    """Start the reading of what goes into `log` and, where it is `shown`, to our own output and errors, too.

    The descriptors are open within the context. Raises OSError.
    """
    out = os.pipe()
    apart = shown and not os.path.sameopenfile(1, 2)
    err = os.pipe() if apart else out
    try:
        ways = [f"{out[0]}:1" if shown else str(out[0]), *([f"{err[0]}:2"] if apart else [])]
        yield Drain(out[1], err[1], _start(log, ways, (out[0], err[0]), shown))
    finally:
        for end in {*out, *err}:
            os.close(end)


def _start(log: Path, ways: list[str], sources: tuple[int, ...], shown: bool) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(READER), str(log), *ways],
        stdin=subprocess.DEVNULL,
        stdout=None if shown else subprocess.DEVNULL,
        stderr=None if shown else subprocess.DEVNULL,
        pass_fds=sources,
        start_new_session=True,
    )
