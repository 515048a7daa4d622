"""Starting real scripts: their output, their end, and what never starts."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deepeyes_tui.link.launch import LaunchError, follow_headless, start_script
from deepeyes_tui.link.modules import module_exists
from deepeyes_tui.link.runs import RunError, list_runs, process_alive

pytestmark = pytest.mark.process


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "script.py"
        path.write_text(text)
        return str(path)

    return write


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_script_runs_as_under_python(script):
    path = script(
        "import os, sys, json\n"
        "print(json.dumps([sys.argv, sys.path[0], __name__, sys.stdin.read(), os.getsid(0) == os.getpid()]))\n"
        "print('oops', file=sys.stderr); print(os.environ['DEEPEYES_RUN'], os.environ['MORE'])"
    )
    launched = start_script([path, "--lr", "-m", "x y"], name="a b", environment={"MORE": "more"})
    assert launched.wait(20) == 0
    record = launched.run.record()
    assert launched.run.name == "a-b"
    assert (record.exit_status, record.command[1:]) == (0, (path, "--lr", "-m", "x y"))
    assert not launched.run.live.exists()
    facts, oops, rest = launched.run.log.read_text().splitlines()
    assert f'["{path}", "--lr", "-m", "x y"], "{Path(path).parent}", "__main__", "", true' in facts
    assert (oops, rest) == ("oops", f"{launched.run.folder} more")


def test_a_module_runs_as_under_python(tmp_path, monkeypatch):
    package = tmp_path / "somewhere"
    package.mkdir()
    (package / "__init__.py").write_text("print('imported by', __name__)")
    (package / "__main__.py").write_text("import sys; sys.exit(len(sys.argv))")
    monkeypatch.chdir(tmp_path)
    launched = start_script(["somewhere", "x"], name="m", module=True)
    assert launched.wait(20) == 2
    assert "somewhere" not in sys.modules


@pytest.mark.parametrize(
    ("code", "status"), [("pass", 0), ("raise ValueError('odd')", 1), ("import sys; sys.exit(7)", 7)]
)
def test_the_exit_status_is_noted(script, code, status):
    launched = start_script([script(code)], name="x")
    assert launched.wait(20) == status
    assert launched.poll() == status
    assert launched.run.record().exit_status == status


def test_a_signal_is_noted(script):
    launched = start_script([script("import time; time.sleep(600)")], name="x")
    assert launched.poll() is None
    assert launched.wait(0.05) is None
    assert process_alive(launched.run.record().pid, launched.run.record().process_start)
    os.kill(launched.process.pid, signal.SIGKILL)
    assert launched.wait(20) == -9
    assert launched.run.record().exit_status == -9


@pytest.mark.parametrize(
    ("target", "module"),
    [
        ("nowhere.py", False),
        (".", False),
        ("", False),
        ("no.such.module", True),
        ("os.path.nothing", True),
        ("json", True),
        ("", True),
        ("..", True),
        ("a b", True),
        ("/etc/passwd", True),
    ],
)
def test_what_never_starts(target, module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError) as raised:
        start_script([target], name="x", module=module)
    assert "\n" not in str(raised.value)
    assert list_runs() == []


def test_modules_are_found_and_not_imported():
    before = set(sys.modules)
    assert module_exists("deepeyes_tui.demo.train")
    assert module_exists("json.tool")
    assert module_exists("unittest")
    assert not module_exists("json")
    assert "deepeyes_tui.demo.train" not in set(sys.modules) - before


def test_no_place_for_the_run(script, monkeypatch):
    monkeypatch.setenv("DEEPEYES_HOME", "/proc/nowhere")
    with pytest.raises(RunError):
        start_script([script("pass")], name="x")


def test_an_interpreter_that_is_missing(script, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(RunError, match="cannot be started"):
        start_script([script("pass")], name="x")
    assert not list(Path(os.environ["DEEPEYES_LIVE"]).rglob("*.json"))


def test_headless_passes_each_stream_on_as_it_is(script, capfdbinary):
    path = script(
        "import os, sys\n"
        "for n in range(2000): print('line', n); print('other', n, file=sys.stderr)\n"
        "os.system('echo shell; echo sheller >&2')\n"
        "os.write(1, bytes(range(256))); raise SystemExit(4)"
    )
    launched = start_script([path], name="x", shown=True)
    assert follow_headless(launched) == 4
    seen = capfdbinary.readouterr()
    assert seen.out == b"".join(b"line %d\n" % n for n in range(2000)) + b"shell\n" + bytes(range(256))
    assert seen.err == b"".join(b"other %d\n" % n for n in range(2000)) + b"sheller\n"
    assert sorted(launched.run.log.read_bytes()) == sorted(seen.out + seen.err)


NOISY = """
import sys
from pathlib import Path
for n in range(3000):
    print("x" * 999)
Path(sys.argv[1]).write_text("done")
print("the end")
"""
FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from deepeyes_tui.link.launch import follow_headless, start_script
sys.exit(follow_headless(start_script(sys.argv[1:], name="x", shown=True)))
"""


@pytest.mark.parametrize("read", [True, False])
def test_a_script_goes_on_where_its_output_has_no_room_and_no_reader(script, tmp_path, read):
    command = [sys.executable, "-c", FULL, script(NOISY), str(tmp_path / "done")]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not read:
        launcher.stdout.close()
    out = launcher.stdout.read() if read else b""
    assert launcher.stderr.read() == b""
    assert launcher.wait(20) == 0
    assert (tmp_path / "done").read_text() == "done"
    assert out == (b"x" * 999 + b"\n") * 3000 * read + b"the end\n" * read
    (run,) = list_runs()
    assert run.log.stat().st_size == 100_000


FILLS = """
import contextlib, os, sys
from pathlib import Path
for n in range(3000):
    print("x" * 999)
with contextlib.suppress(OSError), Path(os.environ["DEEPEYES_HOME"], "ballast").open("wb", 0) as file:
    while True:
        file.write(bytes(4096))
sys.exit(11)
"""
SMALL_DISK = """
import shutil, sys
from deepeyes_tui.link.launch import follow_headless, start_script
launched = start_script(sys.argv[1:], name="x")
print(follow_headless(launched), shutil.disk_usage(launched.run.folder).free)
print(launched.run.record().exit_status, 1 << 20 < launched.run.log.stat().st_size < (2 << 20) * 15 / 16)
"""


def test_a_log_leaves_some_of_the_disk_and_a_full_one_has_room_to_say_how_it_ended(script, tmp_path):
    mount = f'mount -t tmpfs -o size=2m none {tmp_path / "disk"} && exec {sys.executable} -c "$0" "$1"'
    (tmp_path / "disk").mkdir()
    environment = {**os.environ, "DEEPEYES_HOME": str(tmp_path / "disk")}
    command = ["unshare", "-rm", "sh", "-c", mount, SMALL_DISK, script(FILLS)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    if "unshare" in ran.stderr or "mount" in ran.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert ran.stdout == "11 0\n11 True\n", ran.stderr


def test_headless_outside_the_main_thread(script):
    launched = start_script([script("raise SystemExit(3)")], name="x")
    found = []
    thread = threading.Thread(target=lambda: found.append(follow_headless(launched)))
    thread.start()
    thread.join(20)
    assert found == [3]


HEADLESS = """
import sys
from deepeyes_tui.link.launch import follow_headless, start_script
sys.exit(follow_headless(start_script([sys.argv[1]], name="x", shown=True)))
"""
PATIENT = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(
    ("code", "sent", "status"),
    [
        (PATIENT, signal.SIGTERM, 5),
        (PATIENT.replace("signal.signal", "0 and "), signal.SIGTERM, 128 + 15),
        (PATIENT, signal.SIGINT, 128 + 2),
        (PATIENT.replace("SIGTERM", "SIGINT"), signal.SIGINT, 5),
    ],
)
def test_headless_forwards_signals(script, code, sent, status):
    command = [sys.executable, "-c", HEADLESS, script(code)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert launcher.stdout.readline() == b"ready\n"
    launcher.send_signal(sent)
    launcher.communicate(timeout=20)
    assert launcher.returncode == status


def test_headless_ignores_a_hangup(script):
    command = [sys.executable, "-c", HEADLESS, script(PATIENT)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert launcher.stdout.readline() == b"ready\n"
    launcher.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    assert launcher.poll() is None
    launcher.terminate()
    assert launcher.wait(20) == 5


def test_the_script_outlives_its_launcher(script):
    command = [sys.executable, "-c", HEADLESS, script(PATIENT)]
    launcher = subprocess.Popen(command, stdout=subprocess.PIPE)
    launcher.stdout.readline()
    launcher.kill()
    launcher.wait()
    (run,) = list_runs()
    record = run.record()
    time.sleep(0.2)
    assert record.alive
    os.kill(record.pid, signal.SIGTERM)
    until(lambda: not process_alive(record.pid, record.process_start))
