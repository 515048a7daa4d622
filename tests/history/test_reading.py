"""Reading what others wrote: newer, older, damaged, without permission."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest

from deepeyes_tui.history import EventKind, History, HistoryError, Limits
from deepeyes_tui.history.events import EventFinder
from deepeyes_tui.history.schema import VERSION
from deepeyes_tui.history.writer import Batch, HistoryWriter
from deepeyes_tui.link.journal import JOURNAL, Entry, append
from tests.history.states import make_state

STATES = 30


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A history of 30 states and some curves."""
    path = tmp_path_factory.mktemp("sound") / "history.sqlite"
    writer, finder = HistoryWriter(path, Limits(), shared_log=True), EventFinder()
    for step in range(1, STATES + 1):
        state = make_state(step * 10, epoch=step / 10)
        values = [("loss", number, 1 / number) for number in range(step * 200 - 199, step * 200 + 1)]
        writer.write(Batch(state, values, finder.news(state)))
    writer.close()
    return path


@pytest.fixture
def path(sound, tmp_path):
    return shutil.copy(sound, tmp_path / "history.sqlite")


def test_any_step_has_the_newest_state_before_it(path):
    with History(path) as history:
        found = {step: history.at(step).status.step for step in (-5, 0, 10, 19, 20, 155, 300, 10**15)}
    assert found == {-5: 10, 0: 10, 10: 10, 19: 10, 20: 20, 155: 150, 300: 300, 10**15: 300}


def test_states_carry_the_curves_as_they_were_then(path):
    with History(path) as history:
        early, late = history.at(100).series["loss"], history.at(300).series["loss"]
        assert early.step[-1] <= 100
        assert len(late.step) <= 1024
        assert late.step[-1] <= 300


def test_what_was_done_to_the_training_is_an_event(path):
    append(path.with_name(JOURNAL), Entry(1, "prune", 55, time.time(), "ctl", "conv1 lost 3 filters"))
    with History(path) as history:
        acts = [event for event in history.events if event.kind == EventKind.ACT]
        assert [(event.step, event.text) for event in acts] == [(55, "conv1 lost 3 filters")]
        steps = [event.step for event in history.events]
        assert steps == sorted(steps)
        append(path.with_name(JOURNAL), Entry(2, "undo", 66, time.time(), "ctl", "undone", undoes=1))
        assert [event.step for event in history.events if event.kind == EventKind.ACT] == [55, 66]


def test_a_damaged_journal_is_said(path):
    path.with_name(JOURNAL).write_text("garbage\n")
    with History(path) as history:
        assert history.events
        assert "journal" in history.damage


def test_closed_is_said(path):
    history = History(path)
    history.close()
    history.close()
    with pytest.raises(HistoryError, match="was closed"):
        history.at(3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no history"),
        (b"", "nothing was recorded yet"),
        (b"SQLite", "is no history"),
        (os.urandom(9000), "is no history"),
        (b"SQLite format 3\0" + os.urandom(9000), "cannot be read"),
    ],
)
def test_what_is_no_history_is_said(tmp_path, content, words):
    path = tmp_path / "history.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HistoryError, match=words) as error:
        History(path)
    assert "\n" not in str(error.value)


def test_another_database_is_no_history(tmp_path):
    connection = sqlite3.connect(tmp_path / "other")
    connection.execute("CREATE TABLE a (b)")
    connection.close()
    with pytest.raises(HistoryError, match="no history of deepeyes_tui"):
        History(tmp_path / "other")


def test_a_newer_layout_asks_for_an_update(path):
    change(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(HistoryError, match=r"newer deepeyes_tui .* update deepeyes_tui"):
        History(path)


def change(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_an_older_one_without_some_tables_and_fields_is_read(path):
    change(
        path,
        "DROP TABLE event",
        "DROP TABLE fresh",
        'UPDATE state SET status = \'{"status": {"step": 7}, "series": []}\'',
    )
    with History(path) as history:
        found = history.at(70)
        assert (found.status.step, found.status.ranks) == (7, 1)
        assert np.isnan(found.status.loss)
        assert history.events == ()
        assert len(history.series("loss").step)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_history_that_was_cut_off_gives_what_is_there(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with History(path) as history:
        read_all(history)
        assert "damaged" in history.damage


@pytest.mark.parametrize("seed", range(25))
def test_pages_of_garbage_cost_only_what_was_on_them(path, seed):
    draws, data = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(draws.choice([1, 1, 3, 12])):
        at = draws.randrange(1, len(data) // 4096) * 4096
        data[at : at + 4096] = draws.randbytes(4096)
    path.write_bytes(data)
    try:
        history = History(path)
    except HistoryError:
        return
    with history:
        read_all(history)


def test_one_damaged_state_gives_the_one_before(path):
    change(path, "UPDATE payload SET data = x'00112233' WHERE number = 14")
    with History(path) as history:
        assert history.at(150).status.step == 140
        assert "damaged" in history.damage
        assert history.at(160).status.step == 160


@pytest.mark.parametrize("statement", ["DROP TABLE state", "UPDATE payload SET data = x'00'", "DROP TABLE payload"])
def test_a_history_without_a_state_that_can_be_read_is_damaged_not_empty(path, statement):
    change(path, statement)
    with History(path) as history, pytest.raises(HistoryError, match="damaged: no state of it can be read"):
        history.at(150)


def test_a_history_without_a_state_is_no_damaged_one(tmp_path):
    writer = HistoryWriter(tmp_path / "new", Limits(), shared_log=True)
    writer.write(Batch(values=[("loss", 1, 2.0)]))
    writer.close()
    with History(tmp_path / "new") as history, pytest.raises(HistoryError, match="holds no state yet"):
        history.at(0)


def read_all(history):
    """Read everything; whatever fails says so in one sentence. Returns how many states were there."""
    found = 0
    for step in history.steps:
        try:
            assert history.at(int(step)).status.step <= step
            found += 1
        except HistoryError:
            continue
    for name in history.series_names:
        assert (np.diff(history.series(name).step) > 0).all()
    assert all(isinstance(event.text, str) for event in history.events)
    return found


UNPRIVILEGED = """
import os, sys
import tempfile
from pathlib import Path
from deepeyes_tui.history import History
os.setuid(65534)
with History(Path(sys.argv[1])) as history:
    print(history.last, len(history.series("loss").step) > 0, history.damage)
"""


@pytest.mark.process
@pytest.mark.parametrize("log", [False, True])
def test_reading_needs_no_permission_to_write(sound, log, tmp_path):
    if os.geteuid():
        pytest.skip("only root can become nobody")
    folder = tmp_path / "archive"
    folder.mkdir()
    path = folder / "history.sqlite"
    if log:
        writer = HistoryWriter(path, Limits(), shared_log=True)
        writer.write(Batch(make_state(300), [("loss", 300, 1.0)]))
        copied = tmp_path / "copied"
        shutil.copytree(folder, copied, ignore=shutil.ignore_patterns("*-shm"))
        writer.close()
        folder, path = copied, copied / "history.sqlite"
        assert path.with_name("history.sqlite-wal").stat().st_size
    else:
        shutil.copy(sound, path)
    path.chmod(0o444)
    for place in folder, *folder.parents:
        if place.stat().st_uid == 0 and place != place.parent and place.is_relative_to("/tmp"):
            place.chmod(0o755 if place != folder else 0o555)
    for part in folder.iterdir():
        part.chmod(0o444)
    command = [sys.executable, "-c", UNPRIVILEGED, str(path)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert ran.stdout.split() == ["300", "True"], ran.stderr
    assert not path.with_name("history.sqlite-shm").exists()
