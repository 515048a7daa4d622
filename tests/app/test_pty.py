"""The app in a real pseudo-terminal: what is sent, and how it ends."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

pytestmark = pytest.mark.process

SCRIPT = """
import os, sys
from deepeyes_tui.app.terminal import prepare
terminal = prepare({color!r}, "auto", 0, os.environ)
from tests.app.driving import source, viewer
from tests.app.synthetic import snapshot
given = source()
app = viewer(given, depth=terminal.depth, glyphs=terminal.glyphs)
app.run()
sys.exit(app.return_code)
"""


class Terminal:
    """A viewer in a pseudo-terminal of 120x40."""

    def __init__(self, color="auto", **environ):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        inherited = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLORTERM", "TMUX")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT.format(color=color)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**inherited, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **environ},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self.received = b""

    def read_until(self, wanted, seconds=20.0):
        end = time.monotonic() + seconds
        while wanted not in self.received and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.received += os.read(self.master, 65536)
                except OSError:
                    break
        assert wanted in self.received, self.received[-2000:]

    def drain(self, seconds):
        before = len(self.received)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.05)[0]:
                self.received += os.read(self.master, 65536)
        return len(self.received) - before

    def close(self):
        with contextlib.suppress(OSError):
            os.close(self.master)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminal(request):
    opened = Terminal(**getattr(request, "param", {}))
    yield opened
    opened.close()


def test_nothing_is_sent_when_nothing_changes(terminal):
    terminal.read_until(b"q")
    terminal.drain(1.0)
    assert terminal.drain(1.5) == 0
    os.write(terminal.master, b"]")
    assert 0 < terminal.drain(0.7) < 6000


@pytest.mark.parametrize("terminal", [{"NO_COLOR": "1"}, {"color": "none"}], indirect=True)
def test_without_colour_none_is_sent(terminal):
    terminal.read_until(b"Filters")
    terminal.drain(0.7)
    parameters = {
        number for codes in re.findall(rb"\x1b\[([\d;]*)m", terminal.received) for number in codes.split(b";")
    }
    assert parameters <= {b"", b"0", b"1", b"2", b"4", b"7"}


@pytest.mark.parametrize("terminal", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}], indirect=True)
def test_a_locale_without_utf8_gets_ascii(terminal):
    terminal.read_until(b"Filters")
    terminal.drain(0.7)
    assert terminal.received.isascii()


def test_ctrl_c_leaves_and_restores_the_terminal(terminal):
    terminal.read_until(b"leave")
    terminal.drain(0.5)
    os.write(terminal.master, b"\x03")
    assert terminal.process.wait(8) == 0
    terminal.drain(0.1) if terminal.process.poll() is None else None
    with contextlib.suppress(OSError):
        terminal.received += os.read(terminal.master, 65536)
    assert b"\x1b[?1049l" in terminal.received
    assert b"Traceback" not in terminal.received


def test_sigterm_ends_it(terminal):
    terminal.read_until(b"leave")
    terminal.process.send_signal(signal.SIGTERM)
    assert terminal.process.wait(8) == 128 + signal.SIGTERM


def test_a_closed_terminal_ends_it(terminal):
    terminal.read_until(b"leave")
    terminal.drain(0.3)
    os.close(terminal.master)
    assert terminal.process.wait(8) != 0
