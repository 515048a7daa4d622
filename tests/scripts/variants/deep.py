"""A model whose parts nest almost as deeply as python allows: one frame more at each level would be too many."""

import torch
from torch import nn
from torch.nn import functional


class Level(nn.Module):
    def __init__(self, below):
        super().__init__()
        self.layer = nn.Linear(4, 4) if below % 46 == 0 else nn.Identity()
        self.below = Level(below - 1) if below else None

    def forward(self, x):
        x = self.layer(x)
        return x if self.below is None else self.below(x)


torch.manual_seed(0)
model = Level(230)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = functional.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 4, (8,)))
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
