"""Trains until it is told to stop."""

import itertools
import sys
import time

import torch
from torch import nn

import deepeyes_tui as deepeyes

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
with deepeyes.watch(model) as monitor:
    for step in itertools.count(1):
        loss = model(torch.rand(16, 4)).square().mean()
        loss.backward()
        monitor.step(loss=loss)
        if step % 50 == 0:
            print("step", step)
        if "polite" in sys.argv and monitor.stopping:
            break
        time.sleep(0.005)
print("left the loop")
