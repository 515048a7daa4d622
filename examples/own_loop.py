"""A training loop of one's own, watched: `deepeyes run examples/own_loop.py`."""

import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes

torch.manual_seed(0)
angle = torch.rand(4096) * 12
spiral = torch.stack([angle.cos(), angle.sin()], 1) * angle.unsqueeze(1) / 12
turn = (angle / 4).long()

model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

monitor = deepeyes.watch(model, optimizer=optimizer, labels=["first turn", "second turn", "third turn"])
for _ in range(1000):
    batch = torch.randint(len(spiral), (128,))
    loss = functional.cross_entropy(model(spiral[batch]), turn[batch])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    monitor.step(loss=loss, targets=turn[batch])

accuracy = (model(spiral).argmax(1) == turn).float().mean()
print(f"accuracy {accuracy.item():.3f}")
