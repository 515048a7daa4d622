"""What reads a script's output."""

import os
import resource
import signal
import subprocess
import sys
import time

import pytest

from deepeyes_tui.link.draining import READER
from deepeyes_tui.script import output
from deepeyes_tui.script.output import MISSING, Log


def test_a_log_takes_what_fits_and_says_where_something_is_missing(tmp_path):
    log, before = Log(str(tmp_path / "log")), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        log.write(b"a" * 80)
        log.write(b"b" * 80)
        log.write(b"c" * 80)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.write(b"d")
    log.write(b"e")
    assert (tmp_path / "log").read_bytes() == b"a" * 80 + b"b" * 20 + MISSING + b"de"


def test_no_log_at_all_is_no_error(tmp_path):
    Log(str(tmp_path / "nowhere" / "log")).write(b"a")
    assert not list(tmp_path.iterdir())


def test_a_disk_is_not_filled_to_its_end(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "SPARED", 1 << 60)
    monkeypatch.setattr(output, "SPARED_SHARE", 1.0)
    Log(str(tmp_path / "log")).write(b"a")
    assert (tmp_path / "log").read_bytes() == b""


@pytest.mark.process
def test_signals_do_not_end_it(tmp_path):
    log, (source, sink) = tmp_path / "log", os.pipe()
    command = [sys.executable, "-I", "-S", str(READER), str(log), str(source)]
    with subprocess.Popen(command, pass_fds=(source,)) as reader:
        os.write(sink, b"a")
        deadline = time.monotonic() + 20
        while not (log.exists() and log.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            reader.send_signal(number)
        os.write(sink, b"b")
        os.close(sink)
        assert reader.wait(20) == 0
    os.close(source)
    assert log.read_bytes() == b"ab"
