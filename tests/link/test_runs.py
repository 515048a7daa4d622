"""Run folders: names, owners, processes that are gone, places that cannot be written."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes_tui.link.folders import live_root, runs_folder
from deepeyes_tui.link.records import read_record, write_record
from deepeyes_tui.link.removal import remove_run
from deepeyes_tui.link.runs import (
    RUN_VARIABLE,
    RunError,
    adopted_run,
    claim_run,
    clean_name,
    find_run,
    is_live,
    list_runs,
    open_run,
    process_alive,
    process_start_time,
    sweep,
)
from deepeyes_tui.link.watcher import Watcher
from tests.link.boards import make_arrays, make_status, make_writer

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="gives folders away")


@pytest.fixture
def sleeper():
    """A process that waits to be killed."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def owned_by(run, process):
    run.update(pid=process.pid, process_start=process_start_time(process.pid))


def put_board(run, step=5):
    writer = make_writer(run.board)
    writer.publish(make_status(step), make_arrays())
    writer.close()


def test_a_run_has_a_lasting_and_a_live_folder():
    run = claim_run("demo", command=["train.py", "--lr", "1"])
    record = run.record()
    assert run.folder == runs_folder() / "demo"
    assert run.live == live_root() / "demo"
    assert run.folder.stat().st_mode & 0o777 == run.live.stat().st_mode & 0o777 == 0o700
    assert (record.name, record.command, record.pid) == ("demo", ("train.py", "--lr", "1"), os.getpid())
    assert record.host == socket.gethostname()
    assert record.alive
    assert (run.board.parent, run.control.parent, run.log.parent) == (run.live, run.live, run.folder)
    assert open_run(run.folder) == run
    assert live_root().stat().st_mode & 0o777 == 0o700


def test_taken_names_get_numbers():
    assert [claim_run("a").name for _ in range(4)] == ["a", "a-2", "a-3", "a-4"]
    long = [claim_run("x" * 60).name for _ in range(3)]
    assert len(set(long)) == 3
    assert max(map(len, long)) == 48


def test_a_name_that_is_taken_in_the_live_folder_alone_leaves_nothing_behind():
    (live_root() / "a").mkdir()
    assert claim_run("a").name == "a-2"
    assert [folder.name for folder in runs_folder().iterdir()] == ["a-2"]


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("", "run"),
        (".", "run"),
        ("..", "run"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("a b\tc", "a-b-c"),
        ("\x1b[2J", "2J"),
        ("émoji 🙂", "moji"),
        ("nul\0", "nul"),
        ("a/b", "a-b"),
    ],
)
def test_hostile_names(name, clean):
    assert clean_name(name) == clean
    assert claim_run(name).folder.parent == runs_folder()


@given(st.text())
def test_every_name_is_clean(name):
    cleaned = clean_name(name)
    assert 1 <= len(cleaned) <= 48
    assert cleaned[0].isalnum()
    assert cleaned.isascii()
    assert "/" not in cleaned


@pytest.mark.process
def test_claims_at_the_same_time_never_share_a_name():
    code = "from deepeyes_tui.link.runs import claim_run\nprint(*[claim_run('same').name for _ in range(20)])"
    claimers = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    names = [name for claimer in claimers for name in claimer.communicate()[0].split()]
    assert len(names) == len(set(names)) == 60


def test_updates_are_whole_and_reach_both_folders():
    run = claim_run("demo")
    run.update(exit_status=-9)
    assert run.record().exit_status == -9
    assert read_record(run.live) == run.record()
    assert {entry.name for entry in run.folder.iterdir()} == {"run.json"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'"x"'])
def test_a_damaged_record(content):
    run = claim_run("demo")
    run.record_path.write_bytes(content)
    with pytest.raises(RunError):
        open_run(run.folder)
    assert list_runs() == []
    with pytest.raises(RunError, match="no runs yet"):
        find_run(None)


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"name": ["demo"]}'])
def test_a_run_that_is_over_outlives_its_record(content):
    run = claim_run("demo")
    run.remove_live()
    (run.folder / "history.sqlite").write_bytes(b"x" * 5000)
    run.record_path.unlink()
    (run.folder.parent / "no run").mkdir()
    if content is not None:
        run.record_path.write_bytes(content)
    found = find_run("demo")
    assert [found] == list_runs()
    assert (found.folder, found.record().lost, is_live(found)) == (run.folder, True, False)
    assert Watcher(found).poll().sentence == "its record (run.json) cannot be read: nobody knows how it ended"
    assert remove_run(found) >= 5000
    assert list_runs() == []


def test_fields_of_a_wrong_kind_are_left_out():
    run = claim_run("demo")
    plain = json.loads(run.record_path.read_text())
    plain |= {"pid": "1", "exit_status": 1.5, "command": "x", "created": [], "state": None, "new": 1}
    run.record_path.write_text(json.dumps(plain))
    record = run.record()
    assert (record.pid, record.exit_status, record.command, record.created) == (0, None, (), 0.0)
    assert not record.alive


def test_find_run(sleeper):
    first, second, third = claim_run("first"), claim_run("second"), claim_run("third")
    for number, run in enumerate((first, second, third)):
        run.update(created=100.0 + number, exit_status=0)
    assert find_run(None) == third
    first.update(exit_status=None)
    owned_by(first, sleeper)
    assert find_run(None) == first
    assert find_run("second") == second
    assert find_run("th") == third
    assert list_runs() == [third, second, first]
    with pytest.raises(RunError, match=r"no run 'x'; there are: third, second, first"):
        find_run("x")
    claim_run("second")
    assert find_run("second") == second
    with pytest.raises(RunError, match="several runs match 'sec'"):
        find_run("sec")


def test_the_last_board_stays():
    run = claim_run("demo")
    put_board(run)
    run.remove_live()
    run.remove_live()
    assert not run.live.exists()
    assert run.board == run.folder / "board"
    assert run.board.stat().st_mode & 0o777 == 0o600
    other = claim_run("other")
    put_board(other)
    other.remove_live(keep_board=False)
    assert not other.board.exists()


@pytest.mark.process
def test_a_killed_process_is_swept(sleeper):
    run, mine = claim_run("demo"), claim_run("mine")
    owned_by(run, sleeper)
    put_board(run)
    assert sweep() == 0
    assert is_live(run)
    os.kill(sleeper.pid, signal.SIGKILL)
    while process_alive(sleeper.pid, 0):
        time.sleep(0.01)
    assert not is_live(run), "a zombie is not alive"
    assert sweep() == 1
    assert not run.live.exists()
    assert run.board.exists()
    assert mine.live.exists()
    sleeper.wait()
    assert sweep() == 0


def test_a_pid_that_was_given_out_again_is_another_process():
    own = process_start_time(os.getpid())
    assert own > 0
    assert process_alive(os.getpid(), own)
    assert not process_alive(os.getpid(), own + 1)
    assert not process_alive(0, 0)
    assert not process_alive(2**22 + 5, 0)
    run = claim_run("demo")
    run.update(process_start=own + 1)
    assert sweep() == 1


def test_a_run_of_another_machine_is_left_alone():
    run = claim_run("demo")
    run.update(host="elsewhere", pid=1)
    assert not run.record().alive
    assert sweep() == 0


def test_a_live_folder_without_a_record_is_swept_when_it_is_old():
    fresh, old = live_root() / "fresh", live_root() / "old"
    fresh.mkdir()
    old.mkdir()
    os.utime(old, (1, 1))
    assert sweep() == 1
    assert fresh.exists()


def test_a_lasting_folder_that_was_removed_does_not_stop_the_sweep():
    run = claim_run("demo")
    run.update(pid=2**22 + 5)
    run.record_path.unlink()
    run.folder.rmdir()
    assert sweep() == 1


def test_a_run_is_adopted_once(monkeypatch):
    run = claim_run("demo")
    run.update(pid=1)
    monkeypatch.setenv(RUN_VARIABLE, str(run.folder))
    assert adopted_run() == run
    assert run.record().pid == os.getpid()
    assert adopted_run() is None


@pytest.mark.parametrize("folder", ["", "/nowhere", "/etc", "relative", "/dev/null"])
def test_nothing_to_adopt(monkeypatch, folder):
    monkeypatch.setenv(RUN_VARIABLE, folder)
    assert adopted_run() is None


def test_a_run_that_has_ended_is_not_adopted(monkeypatch):
    run = claim_run("demo")
    monkeypatch.setenv(RUN_VARIABLE, str(run.folder))
    run.update(exit_status=0)
    assert adopted_run() is None
    run.update(exit_status=None)
    run.remove_live()
    assert adopted_run() is None


def test_a_linked_live_root_is_refused(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.setenv("DEEPEYES_LIVE", str(tmp_path / "link"))
    with pytest.raises(RunError, match="a link or a file"):
        claim_run("demo")
    assert not list((tmp_path / "real").iterdir())
    assert sweep() == 0


def test_a_linked_live_folder_is_neither_used_nor_swept(tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("x")
    (live_root() / "demo").symlink_to(victim)
    assert claim_run("demo").name == "demo-2"
    assert sweep() == 0
    assert (victim / "precious").exists()


@root_only
def test_a_live_root_of_another_user_is_refused(monkeypatch, tmp_path):
    root = tmp_path / "theirs"
    root.mkdir()
    os.chown(root, 12345, 12345)
    monkeypatch.setenv("DEEPEYES_LIVE", str(root))
    with pytest.raises(RunError, match="another user"):
        claim_run("demo")


@root_only
def test_a_run_of_another_user_is_not_opened():
    run = claim_run("demo")
    os.chown(run.folder, 12345, 12345)
    with pytest.raises(RunError, match="another user"):
        open_run(run.folder)
    assert list_runs() == []


def test_an_open_live_root_is_closed_to_others(monkeypatch, tmp_path):
    root = tmp_path / "open"
    root.mkdir(mode=0o777)
    root.chmod(0o777)
    monkeypatch.setenv("DEEPEYES_LIVE", str(root))
    claim_run("demo")
    assert root.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("variable", ["DEEPEYES_HOME", "DEEPEYES_LIVE"])
@pytest.mark.parametrize("place", ["file", "/proc/nowhere", "/dev/null/x"])
def test_a_place_that_cannot_be_written(monkeypatch, tmp_path, variable, place):
    if place == "file":
        (tmp_path / "file").touch()
        place = str(tmp_path / "file")
    monkeypatch.setenv(variable, place)
    with pytest.raises(RunError) as raised:
        claim_run("demo")
    assert place in str(raised.value)
    assert "\n" not in str(raised.value)
    assert list_runs() == []
    assert sweep() == 0


@pytest.mark.process
def test_a_full_disk(tmp_path):
    code = (
        "import resource\nfrom deepeyes_tui.link.runs import claim_run, RunError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "try: claim_run('demo')\nexcept RunError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("cannot make a run at"), done.stderr
    assert not list(runs_folder().iterdir())
    assert not list(Path(os.environ["DEEPEYES_LIVE"]).iterdir())


def test_an_update_that_cannot_be_written():
    run = claim_run("demo")
    (run.folder / "run.json").unlink()
    with pytest.raises(RunError):
        run.update(exit_status=7)


def test_a_record_that_cannot_be_written_leaves_no_other_file(monkeypatch):
    run = claim_run("demo")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(1, "Operation not permitted")))
    with pytest.raises(RunError, match="not permitted"):
        run.update(exit_status=7)
    assert [entry.name for entry in run.folder.iterdir()] == ["run.json"]
    monkeypatch.undo()
    write_record(run.folder, run.record())


def test_an_update_does_not_wait_for_a_writer_who_was_stopped():
    import fcntl

    run = claim_run("demo")
    fd = os.open(run.folder, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    started = time.monotonic()
    assert run.update(exit_status=7).exit_status == 7
    assert time.monotonic() - started < 2
    os.close(fd)
