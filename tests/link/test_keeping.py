"""Instances outlive their run, for the newest runs."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from deepeyes_tui.link.keeping import KEPT_RUNS
from deepeyes_tui.link.processes import process_alive, process_start_time
from deepeyes_tui.link.ring import RingReader, RingSpec, RingWriter, ring_path
from deepeyes_tui.link.runs import claim_run, sweep


def put_rings(run, layers=2, value=1):
    run.instances.mkdir(mode=0o700)
    for layer in range(layers):
        writer = RingWriter(ring_path(run.instances, layer), RingSpec(f"layer{layer}", 1, 2, 3), 4)
        zeros = np.zeros((1, 3))
        writer.append(
            activations=np.full((1, 2), value),
            patches=zeros,
            thumbnails=np.zeros((1, 0, 0, 0)),
            labels=-1,
            steps=1,
            inputs=0,
            positions=0,
            boxes=0,
        )
        writer.close()


def test_the_rings_stay_when_a_run_is_over():
    run = claim_run("demo")
    assert run.instances.parent == run.live
    put_rings(run, value=7)
    (run.instances / ".00000.ring.123").write_text("left over")
    (run.instances / "00009.ring").symlink_to("/etc/passwd")
    run.remove_live()
    run.remove_live()
    assert run.instances.parent == run.folder
    assert sorted(entry.name for entry in run.instances.iterdir()) == ["00000.ring", "00001.ring"]
    seen = RingReader(ring_path(run.instances, 1)).read()
    assert (seen.layer, float(seen.activations[0, 0])) == ("layer1", 7)
    assert ring_path(run.instances, 1).stat().st_mode & 0o777 == 0o600
    assert run.instances.stat().st_mode & 0o777 == 0o700


def test_runs_without_instances_and_runs_that_failed_to_start():
    run = claim_run("demo")
    run.remove_live()
    assert not run.instances.exists()
    other = claim_run("other")
    put_rings(other)
    other.remove_live(keep_board=False)
    assert not other.instances.exists()


def test_only_the_newest_runs_keep_theirs(tmp_path):
    runs = [claim_run(f"run{number}") for number in range(KEPT_RUNS + 2)]
    linked = claim_run("linked")
    (tmp_path / "elsewhere").mkdir()
    for number, run in enumerate(runs):
        put_rings(run)
        run.remove_live()
        os.utime(run.instances, (1000 + number, 1000 + number))
    (linked.folder / "instances").symlink_to(tmp_path / "elsewhere")
    claim_run("next")
    assert [run.instances.exists() for run in runs] == [False, False, *[True] * KEPT_RUNS]
    assert (tmp_path / "elsewhere").exists()
    assert all(run.folder.exists() for run in runs)


@pytest.mark.process
def test_the_rings_of_a_killed_process_are_kept_by_the_sweep():
    run = claim_run("demo")
    put_rings(run)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        run.update(pid=process.pid, process_start=process_start_time(process.pid))
        os.kill(process.pid, signal.SIGKILL)
        while process_alive(process.pid, 0):
            time.sleep(0.01)
    assert sweep() == 1
    assert run.instances == run.folder / "instances"
    assert RingReader(ring_path(run.instances, 0)).read().written == 1


def test_no_room_for_the_rings_loses_them_and_nothing_else(monkeypatch):
    run = claim_run("demo")
    put_rings(run)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("deepeyes_tui.link.keeping.shutil.copyfile", full)
    run.remove_live()
    assert not run.live.exists()
    assert sorted(entry.name for entry in run.folder.iterdir()) == ["run.json"]
