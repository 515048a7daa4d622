"""A terminal for benchmarks and tests: a program in a pty, read at a given speed, its screen known through pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence

import pyte

ASKED_FOR_CURSOR = b"\x1b[6n"
UNKNOWN_TO_PYTE = (b"\x1b[>4;1m", b"\x1b[>1u", b"\x1b[<u")


class PtyTerminal:
    """Runs a command in a pseudo terminal of `columns` x `rows`; `bytes_per_second` slows reading down, as a link does.

    What comes is kept in `raw`, and drawn onto a screen only when that is asked for: drawing takes longer than reading.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int,
        rows: int,
        *,
        environment: Mapping[str, str],
        bytes_per_second: float | None = None,
    ) -> None:
        self.started = time.perf_counter()
        self.received = 0
        self.raw = bytearray()
        self._undrawn = bytearray()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._speed = bytes_per_second
        self._free_at = 0.0
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), start_new_session=True
        )
        os.close(slave)
        self._master = master

    def type(self, keys: str) -> None:
        """Send keys as they come from a keyboard."""
        os.write(self._master, keys.encode())

    def text(self) -> str:
        """Return the screen as text."""
        drawn = bytes(self._undrawn)
        self._undrawn.clear()
        for unknown in UNKNOWN_TO_PYTE:
            drawn = drawn.replace(unknown, b"")
        self._stream.feed(drawn)
        return "\n".join(self._screen.display)

    def read(self, seconds: float = 0.005) -> bytes:
        """Take in what has come, waiting at most `seconds`."""
        if self._speed is not None and (wait := self._free_at - time.perf_counter()) > 0:
            time.sleep(min(wait, seconds))
            if wait > seconds:
                return b""
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return b""
        try:
            data = os.read(self._master, 65536 if self._speed is None else 4096)
        except OSError:
            return b""
        if self._speed is not None:
            self._free_at = time.perf_counter() + len(data) / self._speed
        self.received += len(data)
        for _ in range(data.count(ASKED_FOR_CURSOR)):
            os.write(self._master, b"\x1b[1;1R")
        self.raw += data
        self._undrawn += data
        return data

    def until(self, condition: Callable[[PtyTerminal], bool], seconds: float) -> float:
        """Read until something is on the screen; return the seconds it took. Raises TimeoutError."""
        begun = time.perf_counter()
        while not condition(self):
            if time.perf_counter() - begun > seconds:
                raise TimeoutError(f"not on the screen after {seconds} s:\n{self.text()}")
            self.read()
        return time.perf_counter() - begun

    def idle(self, seconds: float) -> int:
        """Read for some time; return the bytes that came."""
        before, end = self.received, time.perf_counter() + seconds
        while time.perf_counter() < end:
            self.read(0.02)
        return self.received - before

    def close(self) -> None:
        """End the program and close the terminal."""
        self.process.kill()
        self.process.wait()
        os.close(self._master)
