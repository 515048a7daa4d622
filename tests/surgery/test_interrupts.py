"""An interrupt never leaves surgery half done."""

import signal
import threading
import time

import pytest
import torch
from torch import nn

from deepeyes_tui.surgery import apply, plan_removal
from deepeyes_tui.surgery.running.interrupts import uninterrupted


def interrupted(times, done):
    with uninterrupted():
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
        done.append(times)


def test_the_first_waits_and_the_second_does_not():
    done = []
    with pytest.raises(KeyboardInterrupt):
        interrupted(1, done)
    assert done == [1]
    with pytest.raises(KeyboardInterrupt):
        interrupted(2, done)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_is_left_alone():
    seen = []

    def work():
        with uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_interrupts_at_any_moment_leave_a_whole_model():
    x = torch.rand(4, 1, 8, 8)
    outcomes = set()
    for delay in torch.linspace(1e-4, 2e-2, 40).tolist():
        model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
        plan = plan_removal(model, "0", [1, 2], x)
        main = threading.main_thread().ident
        timer = threading.Timer(delay, signal.pthread_kill, (main, signal.SIGINT))
        try:
            timer.start()
            apply(plan, model)
            while timer.is_alive():
                time.sleep(1e-4)
            time.sleep(1e-3)
        except KeyboardInterrupt:
            outcomes.add(model[0].out_channels)
        shapes = {model[0].weight.shape[0], model[0].out_channels, model[1].num_features, model[4].in_features // 36}
        assert shapes in ({6}, {8})
        assert all(module.training for module in model.modules())
        timer.join()
    assert outcomes
