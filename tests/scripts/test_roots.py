"""Scripts with several models: which one is watched, and that somebody who looks on can choose."""

import subprocess
import sys
import time

import pytest

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.launch import RUNNER
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.runs import list_runs
from deepeyes_tui.link.snapshot import RunState
from tests.scripts.running import VARIANTS, seen
from tests.scripts.test_unmodified import run_both

pytestmark = pytest.mark.process


class Watched:
    """A script that is under way."""

    def __init__(self, script):
        command = [sys.executable, str(RUNNER), str(VARIANTS / f"{script}.py")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def until(self, holds, seconds=90):
        """Return the first picture for which this holds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.05)
            runs = list_runs()
            snapshot = BoardReader(runs[0].board).read() if runs and runs[0].board.exists() else None
            if snapshot is not None and holds(snapshot):
                return snapshot
        raise TimeoutError(snapshot)

    def send(self, action, **arguments):
        """Send a command."""
        (run,) = list_runs()
        return ControlClient(run.control).send(Command(action, arguments, sender="test"), timeout=20)


@pytest.fixture
def watched():
    started = Watched("gan_endless")
    yield started
    started.process.kill()
    started.process.wait()


def test_another_model_is_watched_and_the_losses_of_both_go_on(watched):
    first = watched.until(lambda s: s.status.step > 3 and len(s.status.roots) == 2)
    assert (first.status.root, first.layers[0].filters) == ("maker", 16)
    assert {"loss", "loss_judge"} <= set(first.series)
    refused = watched.send(Action.ROOT, root="nobody")
    assert not refused.ok
    assert "nobody" in refused.message
    assert watched.send(Action.ROOT, root="maker").ok
    outcome = watched.send(Action.ROOT, root="judge")
    assert (outcome.ok, outcome.message) == (True, "judge is watched")
    turned = watched.until(
        lambda s: s.status.root == "judge" and s.status.step > outcome.step + 3 and s.layer(0).has_run
    )
    assert [layer.filters for layer in turned.layers] == [6, 1]
    assert turned.status.step >= first.status.step
    assert turned.generation > first.generation
    assert {"loss", "loss_maker"} <= set(turned.series)
    assert turned.series["loss"].step[0] <= first.status.step
    assert watched.send(Action.ROOT, root="maker").ok
    back = watched.until(lambda s: s.status.root == "maker" and s.layer(0).has_run)
    assert "watches maker" in watched.until(lambda s: s.status.step > back.status.step + 1).status.summary
    assert not back.status.notices
    assert watched.send(Action.STOP).ok
    watched.process.wait(30)
    assert seen().status.state == RunState.STOPPED


def test_a_model_that_waits_for_another_is_not_lost(nurseries, tmp_path):
    plain, scripted = run_both(nurseries, tmp_path, "many_for_one")
    assert (scripted.status, scripted.out) == (0, plain.out), scripted.err
    status = seen().status
    assert status.root == "generator"
    assert status.loss == pytest.approx(scripted.loss, rel=1e-5)
    assert set(status.roots) == {"generator", "critic"}
