"""The focus is steered from outside, at a step boundary, in any run."""

import threading

import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.runs import find_run

from .test_monitor import batches


@pytest.fixture
def training():
    """Start a training of two linear layers in a thread; yields `start(control) -> (monitor, client)`."""
    ended = threading.Event()
    threads = []

    def loop(control, started, held):
        model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
        with deepeyes.watch(model, name="steered", control=control) as monitor:
            held.append(monitor)
            started.set()
            for x, y in batches(1_000_000, shape=(3,), classes=3):
                functional.cross_entropy(model(x), y).backward()
                monitor.step(targets=y)
                if ended.is_set():
                    break

    def start(control="on"):
        started, held = threading.Event(), []
        threads.append(threading.Thread(target=loop, args=(control, started, held)))
        threads[-1].start()
        assert started.wait(20)
        return held[0], ControlClient(find_run("steered").control)

    yield start
    ended.set()
    for thread in threads:
        thread.join(20)


def test_focus_by_command_also_while_paused(training):
    monitor, client = training()
    outcome = client.send(Command(Action.FOCUS, {"layer": "1"}))
    assert outcome.ok
    assert outcome.message == "1 is in focus"
    assert monitor._probe._gatherer.focus == 1
    assert client.send(Command(Action.PAUSE)).ok
    assert client.send(Command(Action.FOCUS, {"layer": "0"})).ok
    assert monitor._probe._gatherer.focus == 0
    assert client.send(Command(Action.FOCUS, {"layer": None})).message == "no layer is in focus"
    assert monitor._probe._gatherer.focus is None
    assert client.send(Command(Action.RESUME)).ok


@pytest.mark.parametrize("layer", ["nowhere", 3, ["0"]])
def test_layers_that_cannot_be_in_focus(training, layer):
    monitor, client = training()
    outcome = client.send(Command(Action.FOCUS, {"layer": layer}))
    assert not outcome.ok
    assert "layer" in outcome.message
    assert "\n" not in outcome.message
    assert monitor._probe._gatherer.focus is None


def test_control_off_steers_the_monitor_and_not_the_training(training):
    monitor, client = training(control="off")
    assert client.send(Command(Action.FOCUS, {"layer": "0"})).ok
    assert monitor._probe._gatherer.focus == 0
    assert client.send(Command(Action.STATUS)).ok
    for action in (Action.PAUSE, Action.STOP, Action.RESET):
        assert "takes no commands" in client.send(Command(action)).message
    assert not monitor.stopping


def test_a_change_of_focus_brings_the_next_observation_forward():
    model = nn.Linear(3, 3)
    with deepeyes.watch(model, name="test", budget=1.0) as monitor:
        probe = monitor._probe
        for x, y in batches(5, shape=(3,), classes=3):
            functional.cross_entropy(model(x), y).backward()
            monitor.step(targets=y)
        assert not probe._budget.affords_observation()
        probe.focus("Linear")
        assert probe._budget.affords_observation()
        observed = probe._observed_steps
        for _ in range(2):
            model(torch.rand(2, 3))
            monitor.step()
        assert probe._observed_steps == observed + 1
