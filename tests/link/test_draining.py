"""The reading of a script's output, whatever is done to it."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deepeyes_tui.link.launch import start_script

pytestmark = pytest.mark.process
TALKS = """
import sys, time
from pathlib import Path
for n in range(4000):
    print("line", n)
    if n == 1000:
        while not Path(sys.argv[1]).exists():
            time.sleep(0.01)
sys.exit(6)
"""
LAUNCH = """
import sys
from deepeyes_tui.link.launch import follow_headless, start_script
sys.exit(follow_headless(start_script(sys.argv[1:], name="x", keep_input=True, shown=True)))
"""


def test_another_reader_takes_the_place_of_one_that_was_ended(tmp_path):
    script, go = tmp_path / "script.py", tmp_path / "go"
    script.write_text(TALKS)
    launched = start_script([str(script), str(go)], name="x")
    log, deadline = launched.run.log, time.monotonic() + 20
    while not log.exists() or "line 1000\n" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(launched.output.process.pid, signal.SIGKILL)
    go.touch()
    assert launched.wait(20) == 6
    assert launched.output.wait(20)
    assert log.read_text() == "".join(f"line {n}\n" for n in range(4000))


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_standard_streams_that_are_closed_stay_closed(tmp_path, closed):
    script, found = tmp_path / "script.py", tmp_path / "found"
    script.write_text(
        "import os, pathlib, sys\n"
        "print('out'); print('err', file=sys.stderr)\n"
        f"pathlib.Path({str(found)!r}).write_text(repr(sys.stdin and sys.stdin.read()))\n"
        "sys.exit(3)"
    )
    code = f"import os\nfor end in {closed}: os.close(end)\n" + LAUNCH
    done = subprocess.run([sys.executable, "-c", code, str(script)], input=b"in", capture_output=True, timeout=60)
    assert (done.returncode, found.read_text()) == (3, "None" if 0 in closed else "'in'")
    assert (done.stdout, done.stderr) == (b"" if 1 in closed else b"out\n", b"" if 2 in closed else b"err\n")
