"""A watched training keeps its history, and is not changed by it."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from deepeyes_tui import watch
from deepeyes_tui.history import History, history_path
from deepeyes_tui.link.runs import find_run

SCRIPT = """
import os, sys, torch
from torch import nn
from deepeyes_tui import watch
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
monitor = watch(model, optimizer=optimizer, name="ends")
for step in range(40):
    loss = model(torch.randn(8, 4)).square().mean()
    loss.backward()
    optimizer.step()
    monitor.step(loss=loss)
if sys.argv[1] == "os._exit":
    import time
    time.sleep(1.3)
    os._exit(3)
"""


def train(steps, **logged):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = watch(model, optimizer=optimizer, name="kept")
    for step in range(steps):
        loss = model(torch.randn(8, 4)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        monitor.step(loss=loss, epoch=step // 10, **logged)
    name = monitor.name
    monitor.close()
    return name


def test_what_was_published_and_logged_is_kept():
    name = train(25, **{f"metric_{number}": number for number in range(20)})
    with History(history_path(find_run(name))) as history:
        assert history.last == 25
        last = history.at(25)
        assert [layer.filters for layer in last.layers] == [6, 3]
        assert str(last.status.state) == "finished"
        assert last.layer(0).observed > 0
        assert {"loss", "learning_rate", *(f"metric_{number}" for number in range(20))} <= set(history.series_names)
        assert history.series("loss").step.tolist() == list(range(1, 26))
        assert "the training has finished" in [event.text for event in history.events]


def test_a_folder_that_cannot_be_written_is_a_notice(monkeypatch):
    from deepeyes_tui.probe import recording

    monkeypatch.setattr(recording, "history_path", lambda run: run.folder / "missing" / "history.sqlite")
    name = train(5)
    with pytest.raises(Exception, match="not recorded"):
        History(history_path(find_run(name)))


@pytest.mark.process
@pytest.mark.parametrize("end", ["return", "os._exit"])
def test_however_a_script_ends_its_history_can_be_read(end):
    subprocess.run([sys.executable, "-c", SCRIPT, end], check=False, timeout=60, capture_output=True)
    with History(history_path(find_run("ends"))) as history:
        assert len(history.steps)
        assert history.series("loss").step.tolist() == list(range(1, 41))
        assert history.damage == ""
