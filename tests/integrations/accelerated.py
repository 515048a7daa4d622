"""A loop of accelerate with gradients gathered over batches."""

import accelerate
import torch
from torch import nn
from torch.nn import functional

from deepeyes_tui.integrations.accelerate import plain_optimizer, watch

__all__ = ["plain_optimizer", "prepared", "train", "watch"]


def prepared(batches: int):
    torch.manual_seed(0)
    accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2, mixed_precision="bf16")
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    data = torch.utils.data.TensorDataset(torch.rand(batches * 5, 4), torch.randint(2, (batches * 5,)))
    loader = torch.utils.data.DataLoader(data, batch_size=5)
    return accelerator, *accelerator.prepare(model, optimizer, loader), optimizer


def train(accelerator, model, optimizer, loader, step=None):
    for x, y in loader:
        with accelerator.accumulate(model):
            loss = functional.cross_entropy(model(x), y)
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
            if step is not None:
                step(loss=loss, targets=y)
    return [parameter.clone() for parameter in model.parameters()]
