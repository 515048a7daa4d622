# ruff: noqa
import os
import pickle
import tempfile

import torch
from torch import nn


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


torch.manual_seed(0)
model = Small()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with tempfile.TemporaryDirectory() as folder:
    for epoch in range(3):
        x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        path = os.path.join(folder, f"epoch{epoch}.pt")
        torch.save(model, path)
        torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, path + ".state")
        again = torch.load(path, weights_only=False)
        pickle.loads(pickle.dumps(optimizer))
        print(sorted(model.state_dict()), again(x).sum().item(), os.path.getsize(path + ".state"), "loss", loss.item())
