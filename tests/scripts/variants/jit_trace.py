# ruff: noqa
import io

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Conv1d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
example = torch.randn(1, 2, 8)
scripted_loss = torch.jit.script(nn.CrossEntropyLoss())


@torch.jit.script
def smooth_loss(output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(output, y, label_smoothing=0.1) + nn.functional.mse_loss(output, output)


for step in range(4):
    x, y = torch.randn(8, 2, 8), torch.randint(0, 3, (8,))
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    traced = torch.jit.trace(model, example)
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer)
    print(
        traced(example).sum().item(),
        scripted_loss(model(x).detach(), y).item(),
        smooth_loss(model(x), y).item(),
        "loss",
        loss.item(),
    )
