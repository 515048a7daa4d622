"""A script that closes all descriptors it finds, and opens files of its own."""

import gc
import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

import pytest

from deepeyes_tui.history import History, Recorder
from deepeyes_tui.history.descriptors import Held, LostDescriptorError
from tests.history.states import make_state


def ours(folder):
    """Numbers of the descriptors that are open on files in a folder."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if entry.readlink().is_relative_to(folder):
                found.append(int(entry.name))
    return found


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("first", [True, False], ids=["while it records", "at its end"])
def test_nothing_of_ours_gets_into_files_of_the_script(tmp_path, first):
    recorder = Recorder(tmp_path / "run.sqlite")
    recorder.offer(make_state(1))
    until(lambda: recorder._waiting.state is None and recorder._writer is not None)
    numbers = ours(tmp_path)
    assert len(numbers) == 3
    (tmp_path / "theirs").mkdir()
    for number in numbers:
        os.close(number)
    files = [os.open(tmp_path / "theirs" / str(number), os.O_RDWR | os.O_CREAT) for number in numbers]
    assert sorted(files) == sorted(numbers)
    for file in files:
        os.write(file, b"mine")
    if first:
        recorder.offer(make_state(2))
        until(lambda: recorder.notice)
    assert recorder.close()
    assert "history: the script has closed the monitor's descriptors since step" in recorder.notice
    assert not recorder.due(make_state(3).status.state)
    recorder = None
    gc.collect()
    assert [os.pread(file, 99, 0) for file in files] == [b"mine"] * 3
    for file in files:
        os.close(file)
    with History(tmp_path / "run.sqlite") as history:
        assert history.steps.tolist() == [1]


def test_one_lost_descriptor_is_enough(tmp_path):
    connection = sqlite3.connect(tmp_path / "run.sqlite", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE numbers (number)")
    held, numbers = Held(tmp_path / "run.sqlite"), ours(tmp_path)
    assert len(numbers) == 3
    for number in numbers:
        held.check()
        kept, theirs = os.dup(number), os.open(os.devnull, os.O_RDWR)
        os.dup2(theirs, number)
        with pytest.raises(LostDescriptorError):
            held.check()
        os.dup2(kept, number)
        os.close(kept)
        os.close(theirs)
    held.check()
    connection.close()
