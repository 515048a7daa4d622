"""Two trainings in two threads; the losses of the one are about a million times those of the other."""

import threading
import time

import torch
from torch import nn
from torch.nn import functional

SCALES = {"small": 1.0, "large": 1000.0}


def train(name):
    draw = torch.Generator().manual_seed(len(name))
    model = models[name]
    optimizer = torch.optim.Adam(model.parameters(), 1e-4)
    for _ in range(150):
        rows = torch.randn(16, 8, generator=draw)
        optimizer.zero_grad()
        loss = functional.mse_loss(model(rows), torch.full((16, 1), SCALES[name]))
        time.sleep(0.002)
        loss.backward()
        optimizer.step()


torch.manual_seed(0)
models = {name: nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)) for name in SCALES}
small, large = models.values()
threads = [threading.Thread(target=train, args=(name,)) for name in SCALES]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sum(p.sum() for p in small.parameters()).item(), sum(p.sum() for p in large.parameters()).item())
