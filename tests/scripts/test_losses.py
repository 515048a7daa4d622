"""What is noted as the loss of a step is the script's, whatever we ask the network ourselves in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepeyes_tui.probe.border import Border
from deepeyes_tui.script.losses import CRITERIA, Judgement, Losses
from deepeyes_tui.script.patching import Patches
from deepeyes_tui.surgery import apply, plan_removal
from tests.probe.models import Residual


class Judging(nn.Module):
    """Works out its loss within its pass, as language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Residual()

    def forward(self, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        output = self.inner(x)
        return functional.cross_entropy(output, targets), output


@pytest.fixture
def heard(monkeypatch) -> Iterator[tuple[Losses, list[Judgement]]]:
    """Losses that listen, and what they heard of evaluations."""
    for name in CRITERIA:
        monkeypatch.setattr(functional, name, getattr(functional, name))
    evaluated: list[Judgement] = []
    border, patches = Border(), Patches()
    losses = Losses(border, lambda: True, lambda *_: True, evaluated.append)
    losses.install(patches)
    yield losses, evaluated
    losses.close()
    patches.undo()
    assert not border.errors


def test_a_cut_is_no_part_of_a_loss(heard):
    losses, evaluated = heard
    model = Judging()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs = torch.randn(6, 3, 8, 8), torch.arange(6) % 5
    for _ in range(2):
        optimizer.zero_grad()
        loss, _ = model(*inputs)
        loss.backward()
        optimizer.step()
        found = losses.take()
        assert found.loss is not None
        assert torch.equal(found.loss, loss.detach())
        filters = [1, model.inner.conv1.out_channels - 1]
        del loss
        apply(plan_removal(model, "inner.conv1", filters, inputs), model, optimizer)
    assert not evaluated
