"""Recording: what is handed in is there, whatever becomes of disk and process."""

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from deepeyes_tui.history import EventKind, History, HistoryError, Limits, Recorder
from deepeyes_tui.history import recorder as recording
from deepeyes_tui.history.events import EventFinder
from deepeyes_tui.history.places import file_system, shares_memory
from deepeyes_tui.history.writer import Batch, HistoryWriter
from deepeyes_tui.link.snapshot import RunState
from tests.history.states import SIZES, make_arrays, make_layers, make_state


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.sqlite"


def write(path, states=(), values=(), limits=None, shared_log=True):
    writer, finder = HistoryWriter(path, limits or Limits(), shared_log=shared_log), EventFinder()
    writer.write(Batch(values=values))
    for state in states:
        writer.write(Batch(state, events=finder.news(state)))
    writer.close()


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_what_is_offered_comes_back(path):
    recorder = Recorder(path)
    state = make_state(40, notices=("careful",), epoch=2.5)
    recorder.offer(state)
    recorder.scalar("loss", 40, 0.5)
    recorder.event(40, EventKind.NOTICE, "hello")
    assert recorder.close()
    with History(path) as history:
        found = history.at(40)
        assert (history.first, history.last, history.steps.tolist()) == (40, 40, [40])
        assert (found.layers, found.labels) == (make_layers(), ("cat", "dog"))
        assert str(found.status) == str(state.status)
        np.testing.assert_array_equal(found.arrays["dead"], state.arrays["dead"])
        assert found.layer(1).info.name == "layer1"
        assert history.series_names == ("loss",)
        assert history.series("loss").value.tolist() == [0.5]
        texts = [event.text for event in history.events]
        assert {"hello", "careful", "epoch 2"} <= set(texts)
        assert history.damage == ""


def test_a_run_that_is_over_is_one_file(path):
    write(path, [make_state(1)])
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_newest_of_many_offers_is_kept(path):
    recorder = Recorder(path)
    for step in range(200):
        recorder.offer(make_state(step, arrays=ARRAYS))
    recorder.offer(make_state(200))
    recorder.close()
    with History(path) as history:
        assert history.last == 200


def test_a_state_is_wanted_at_times_and_when_the_training_is_in_another_state(path):
    now = [0.0]
    recorder = Recorder(path, Limits(every=10), clock=lambda: now[0])
    assert recorder.due(RunState.TRAINING)
    recorder.offer(make_state(1))
    assert not recorder.due(RunState.TRAINING)
    assert recorder.due(RunState.PAUSED)
    now[0] = 10.0
    assert recorder.due(RunState.TRAINING)
    recorder.close()


def test_a_history_is_read_while_it_is_written(path):
    recorder = Recorder(path)
    recorder.offer(make_state(1))
    wait_for(lambda: recorder.take_seconds() > 0)
    wait_for(lambda: reads(path))
    with History(path) as history:
        for step in (2, 3):
            recorder.scalar("loss", step, step)
            recorder.offer(make_state(step))
            wait_for(lambda step=step: history.last == step)
        assert history.series("loss").step.tolist() == [2, 3]
        assert history.at(10**9).status.step == 3
        recorder.close()
        assert history.at(2).status.step == 2


def reads(path):
    try:
        with History(path) as history:
            return history.last > 0
    except HistoryError:
        return False


def test_curves_are_exact_at_first_and_bounded_later(path):
    values = [("loss", step, 1 / step) for step in range(1, 20_001)] + [("rare", 7, float("nan"))]
    write(path, values=values)
    with History(path) as history:
        curve = history.curve("loss")
        assert curve.count.sum() == 20_000
        assert len(curve.step) < 5_000
        newest = curve.step >= 19_800
        assert (curve.count[newest] == 1).all()
        np.testing.assert_allclose(curve.mean[newest], 1 / curve.step[newest], rtol=1e-6)
        steps, means = curve.step, curve.mean.astype(float)
        np.testing.assert_allclose((means * curve.count).sum(), sum(1 / step for _, step, _ in values[:-1]), rtol=1e-4)
        assert (np.diff(steps) == curve.count[1:]).all()
        assert (curve.low <= curve.mean * 1.0001).all()
        assert curve.high[0] == 1.0
        assert history.series("rare").nonfinite.tolist() == [1]
        part = history.series("loss", 100, 200)
        assert 100 <= part.step[0] <= part.step[-1] <= 200
        with pytest.raises(KeyError):
            history.series("nothing")


@pytest.mark.parametrize("batch", [1, 300, 5000])
def test_values_are_the_same_however_they_come(path, batch):
    writer = HistoryWriter(path, Limits(points=512), shared_log=True)
    values = [(name, step, step * 0.5) for step in range(3000 if batch > 1 else 300) for name in ("a", "b")]
    for at in range(0, len(values), batch):
        writer.write(Batch(values=values[at : at + batch]))
    writer.close()
    with History(path) as history:
        for name in ("a", "b"):
            curve = history.curve(name)
            assert curve.count.sum() == len(values) // 2
            starts = np.concatenate([[0], curve.step[:-1] + 1])
            np.testing.assert_allclose(curve.mean, (starts + curve.step) / 4, rtol=1e-5)


def test_curves_that_are_too_many_are_refused_and_named(path):
    recorder = Recorder(path, Limits(curves=3))
    for number in range(5):
        recorder.scalar(f"curve{number}", 1, 1.0)
    recorder.close()
    assert recorder.notice == "history: 2 curves are too many, 3 are kept"
    with History(path) as history:
        assert history.series_names == ("curve0", "curve1", "curve2")


def test_the_file_stays_within_its_limit(path):
    limits = Limits(total=800_000)
    writer = HistoryWriter(path, limits, shared_log=True)
    for step in range(300):
        writer.write(Batch(make_state(step, arrays=ARRAYS), [("loss", step, 1.0)]))
        if step % 20 == 0:
            assert sum(part.stat().st_size for part in path.parent.iterdir()) <= limits.total
    writer.close()
    with History(path) as history:
        assert history.first == 0
        assert history.last == 299
        assert 10 < len(history.steps) < 290


ARRAYS = make_arrays(9)


def test_a_model_too_large_for_its_limit_keeps_curves(path):
    recorder = Recorder(path, Limits(total=100_000))
    recorder.offer(make_state(3, sizes=(40_000,)))
    recorder.scalar("loss", 3, 0.25)
    recorder.close()
    assert "too large" in recorder.notice
    with History(path) as history:
        assert history.series("loss").value.tolist() == [0.25]
        assert len(history.steps) == 0
        with pytest.raises(HistoryError, match="no state yet"):
            history.at(3)


def test_steps_that_are_counted_anew_take_back_those_before(path):
    write(path, [make_state(step) for step in (5, 9, 1, 6)], [("loss", step, step) for step in (4, 8, 2, 6)])
    with History(path) as history:
        assert history.steps.tolist() == [1, 6]
        assert history.series("loss").step.tolist() == [2, 6]


def test_a_new_structure_has_its_own_layers(path):
    write(path, [make_state(1), make_state(2, sizes=(20, 49, 500), generation=2), make_state(3, generation=3)])
    with History(path) as history:
        assert [len(history.at(step).arrays["dead"]) for step in (1, 2, 3)] == [570, 569, 570]
        assert [event.step for event in history.events if event.kind == EventKind.STRUCTURE] == [2, 3]


def test_events_are_found_once():
    def state(step, dead=0, since=-1, broken=-1, **status):
        flags = np.arange(sum(SIZES)) < dead
        given = {"stable_since": np.full(3, since), "nonfinite_since": np.full(3, broken), "dead": flags}
        return make_state(step, arrays=make_arrays(step, **given), **status)

    finder = EventFinder()
    assert finder.news(state(1, epoch=0.0))[0].text == "epoch 0"
    assert finder.news(state(2, epoch=0.5)) == []
    assert [event.text for event in finder.news(state(3, dead=2))] == ["layer0: 2 more dead, 2 of 20 filters"]
    assert finder.news(state(4, dead=1)) == []
    assert [event.kind for event in finder.news(state(5, dead=3, since=4))] == ["dead", "stable", "stable", "stable"]
    assert next(event.text for event in finder.news(state(6, since=4, broken=6))).startswith("layer0 gives NaN")
    assert [event.text for event in finder.news(state(7, since=4, broken=6, notices=("a",)))] == ["a"]
    assert finder.news(state(8, since=4, broken=6, notices=("a",))) == []


def test_pauses_and_the_end_are_events(path):
    recorder = Recorder(path)
    states = (RunState.STARTING, RunState.TRAINING, RunState.PAUSED, RunState.TRAINING, RunState.FAILED)
    for step, state in enumerate(states):
        recorder.offer(make_state(step, state=state, arrays=ARRAYS))
    recorder.close()
    with History(path) as history:
        texts = [event.text for event in history.events if event.kind == EventKind.STATE]
    assert texts == ["the training is paused", "training goes on", "the training has failed"]


def test_only_the_newest_events_stay(path):
    recorder = Recorder(path, Limits(events=20))
    for number in range(100):
        recorder.event(number, EventKind.NOTICE, f"notice {number}")
    recorder.close()
    with History(path) as history:
        assert [event.step for event in history.events] == list(range(80, 100))


def test_no_room_is_said_and_recording_goes_on_later(path, monkeypatch):
    monkeypatch.setattr(recording, "RETRY", 0.05)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder = Recorder(path, Limits(every=0.001))
    recorder.offer(make_state(1))
    wait_for(lambda: reads(path))
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        wait_for(lambda: offered(recorder, 50).notice)
        assert "since step 50" in recorder.notice
        assert "nothing is recorded" in recorder.notice
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    wait_for(lambda: not offered(recorder, 90).notice)
    assert recorder.close()
    with History(path) as history:
        assert history.last == 90
        gaps = [event.text for event in history.events if event.kind == EventKind.GAP]
        assert gaps == ["nothing was recorded from step 50 to step 90"]


def offered(recorder, step):
    recorder.offer(make_state(step))
    time.sleep(0.02)
    return recorder


FULL_DISK = """
import sys, time
from pathlib import Path
from deepeyes_tui.history import History, Recorder
from deepeyes_tui.history import recorder as recording
from tests.history.states import make_state
recording.RETRY = 0.05
folder = Path(sys.argv[1])
recorder = Recorder(folder / "history.sqlite")
recorder.offer(make_state(1))
time.sleep(0.3)
ballast = (folder / "ballast").open("wb", buffering=0)
try:
    while True:
        ballast.write(b"0" * 4096)
except OSError:
    pass
end = time.monotonic() + 10
while not recorder.notice and time.monotonic() < end:
    recorder.offer(make_state(20, sizes=(3000,)))
    time.sleep(0.02)
print(recorder.notice)
with History(folder / "history.sqlite") as history:
    print(history.first)
ballast.close()
(folder / "ballast").unlink()
while recorder.notice and time.monotonic() < end:
    time.sleep(0.02)
recorder.close()
with History(folder / "history.sqlite") as history:
    print(history.last)
"""


@pytest.mark.process
def test_a_disk_that_is_full_is_said(tmp_path):
    mount = f'mount -t tmpfs -o size=600k none {tmp_path} && exec {sys.executable} -c "$0" {tmp_path}'
    ran = subprocess.run(["unshare", "-rm", "sh", "-c", mount, FULL_DISK], capture_output=True, text=True, timeout=60)
    if "unshare" in ran.stderr or "mount" in ran.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    notice, first, last = ran.stdout.splitlines()
    assert notice == "history: the disk is full since step 20; nothing is recorded"
    assert (first, last) == ("1", "20")


def test_no_permission_is_said(tmp_path):
    recorder = Recorder(tmp_path / "missing" / "history.sqlite")
    recorder.offer(make_state(4))
    recorder.close()
    assert recorder.notice.startswith("history: the folder")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "elsewhere")
    recorder = Recorder(link)
    recorder.offer(make_state(4))
    recorder.close()
    assert "since step 4" in recorder.notice
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_is_raised_into_the_training(path):
    recorder = Recorder(path)
    recorder.scalar(None, "step", object())
    recorder.offer(make_state(1, arrays={"maximum": np.zeros(3, complex)}))
    recorder.close()
    assert "nothing is recorded" in recorder.notice


def test_a_value_that_cannot_be_written_takes_no_others_along(path):
    recorder = Recorder(path)
    recorder.scalar("loss", 1, object())
    wait_for(lambda: recorder.notice)
    recorder.scalar("loss", 2, 0.5)
    assert recorder.close()
    with History(path) as history:
        assert history.series("loss").step.tolist() == [2]


def test_the_newest_values_wait_for_room(path, monkeypatch):
    monkeypatch.setattr(recording, "MOST_VALUES", 4)
    recorder = Recorder(path.parent / "later" / path.name)
    for step in range(8):
        recorder.scalar("loss", step, 0.5)
        if step == 3:
            wait_for(lambda: recorder.notice)
    (path.parent / "later").mkdir()
    assert recorder.close()
    with History(path.parent / "later" / path.name) as history:
        assert history.series("loss").step.tolist() == [4, 5, 6, 7]


def test_a_forked_child_writes_nothing(path):
    recorder = Recorder(path)
    recorder.offer(make_state(1))
    wait_for(lambda: reads(path))
    child = os.fork()
    if child == 0:
        recorder.offer(make_state(2))
        recorder.scalar("loss", 2, 1.0)
        recorder.event(2, EventKind.NOTICE, "no")
        recorder.close()
        os._exit(0 if sqlite3.connect(":memory:").execute("SELECT 1").fetchone() else 1)
    assert os.waitpid(child, 0)[1] == 0
    recorder.offer(make_state(3))
    assert recorder.close()
    with History(path) as history:
        assert history.steps.tolist() == [1, 3]
        assert history.series_names == ()


def test_forks_while_it_writes_harm_nobody(path):
    recorder = Recorder(path, Limits(every=0.001))
    stop = threading.Event()

    def hand_in():
        for step in range(1, 10_000):
            if stop.is_set():
                return
            recorder.offer(make_state(step, arrays=ARRAYS))
            time.sleep(0.001)

    thread = threading.Thread(target=hand_in)
    thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                os._exit(0 if sqlite3.connect(":memory:").execute("SELECT 1").fetchone() else 1)
            wait_for(lambda child=child: os.waitpid(child, os.WNOHANG)[0] == child)
    finally:
        stop.set()
        thread.join()
    assert recorder.close()
    assert recorder.notice == ""


def test_its_time_is_reported_once(path):
    recorder = Recorder(path)
    recorder.offer(make_state(1))
    recorder.close()
    assert 0 < recorder.take_seconds() < 5
    assert recorder.take_seconds() == 0


def test_states_of_a_large_model_come_rarer(path):
    recorder = Recorder(path, Limits(every=0.01, share=1e-4))
    recorder.offer(make_state(1, sizes=(5000,)))
    wait_for(lambda: reads(path))
    time.sleep(0.05)
    assert not recorder.due(RunState.TRAINING)
    recorder.close()


@pytest.mark.parametrize("bad", [{"total": 0}, {"every": -1.0}, {"share": 0.0}, {"density": 0}])
def test_limits_are_positive(bad):
    with pytest.raises(ValueError, match="positive"):
        Limits(**bad)


MOUNTS = """proc /proc proc rw 0 0
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
none /home/me/local\\040disk xfs rw 0 0
host:/x /mnt/x fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/var/x", "ext4"),
        ("/home/me/runs", "nfs4"),
        ("/homes", "ext4"),
        ("/home/me/local disk/a", "xfs"),
        ("/mnt/x", "fuse.sshfs"),
    ],
)
def test_file_systems_are_known_by_their_mounts(tmp_path, place, kind, monkeypatch):
    from pathlib import Path

    from deepeyes_tui.history import places

    assert file_system(Path(place), MOUNTS) == kind
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(places, "MOUNTS", tmp_path / "mounts")
    assert shares_memory(Path(place)) == (kind in ("ext4", "xfs"))


def test_without_a_shared_log_there_is_another_journal(path):
    writer = HistoryWriter(path, Limits(), shared_log=False)
    writer.write(Batch(make_state(1)))
    assert not path.with_name("history.sqlite-wal").exists()
    with History(path) as history:
        assert history.last == 1
        writer.write(Batch(make_state(2)))
        assert history.last == 2
    writer.close()
