"""Raises after three steps."""

import torch
from torch import nn

import deepeyes_tui as deepeyes

model = nn.Linear(4, 2)
monitor = deepeyes.watch(model)
for _ in range(3):
    monitor.step(loss=model(torch.rand(2, 4)).sum())
raise ValueError("the data is odd")
