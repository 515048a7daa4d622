"""A loop of accelerate with gradients gathered over batches."""

import accelerate
import torch
from torch import nn
from torch.nn import functional

from deepeyes_tui.integrations.accelerate import plain_optimizer, watch

from .runs import last_snapshot


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


def test_steps_are_those_of_the_optimizer():
    *prepared_once, _ = prepared(8)
    untouched = train(*prepared_once)
    accelerator, model, optimizer, loader, own = prepared(8)
    assert plain_optimizer(optimizer) is own
    with watch(accelerator, model, optimizer, name="accelerated") as monitor:
        watched = train(accelerator, model, optimizer, loader, monitor.step)
        monitor.log(val_loss=0.5)
    assert all(torch.equal(one, other) for one, other in zip(untouched, watched, strict=True))
    snapshot = last_snapshot("accelerated")
    assert snapshot.status.step == 4
    assert snapshot.layer(0).has_run
    assert not [notice for notice in snapshot.status.notices if "did not run" in notice]
    assert snapshot.series["val_loss"].value.tolist() == [0.5]
