import torch
from torch import nn

import deepeyes_tui

torch.manual_seed(0)


def fit(model, steps, monitor=None):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(steps):
        x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if monitor is not None:
            monitor.step(loss=loss, targets=y)
    print("loss", loss.item())


fit(nn.Linear(4, 2), 3)
chosen = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
fit(chosen, 5, deepeyes_tui.watch(chosen, labels=["no", "yes"]))
