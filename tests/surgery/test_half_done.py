"""What goes wrong at the very end, or comes in between, leaves nothing half done."""

from __future__ import annotations

import signal
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from deepeyes_tui.surgery import apply, plan_removal

from .snapshots import assert_same, everything


def nobody() -> None:
    """Nobody is told."""


class Fragile(nn.LSTM):
    """Cannot be laid out anew in memory while it is `broken`."""

    broken = False

    def flatten_parameters(self) -> None:
        if self.broken:
            raise RuntimeError("out of memory")
        super().flatten_parameters()


class Sequence(nn.Module):
    """Reads rows with a recurrent layer; tells somebody of every pass."""

    def __init__(self) -> None:
        super().__init__()
        self.rows, self.out, self.told = Fragile(5, 8, batch_first=True), nn.Linear(8, 3), nobody
        self.rows.broken = False

    def forward(self, x: Tensor) -> Tensor:
        self.told()
        return self.out(self.rows(x)[0][:, -1])


def prepared() -> tuple[Sequence, torch.optim.Optimizer, Any]:
    torch.manual_seed(2)
    model, batch = Sequence(), torch.randn(4, 6, 5)
    optimizer = torch.optim.Adam(model.parameters())
    model(batch).square().mean().backward()
    optimizer.step()
    return model, optimizer, plan_removal(model, "rows", [1, 4], batch)


def test_what_cannot_be_finished_was_never_done() -> None:
    model, optimizer, plan = prepared()
    before = everything(model, [optimizer], places=True)
    model.rows.broken = True
    with pytest.raises(RuntimeError, match="out of memory"):
        apply(plan, model, optimizer)
    model.rows.broken = False
    assert_same(everything(model, [optimizer], places=True), before)
    assert apply(plan, model, optimizer).plan is plan


def test_an_undo_that_cannot_be_finished_was_never_done() -> None:
    model, optimizer, plan = prepared()
    before = everything(model, [optimizer])
    applied = apply(plan, model, optimizer)
    cut = everything(model, [optimizer], places=True)
    model.rows.broken = True
    with pytest.raises(RuntimeError, match="out of memory"):
        applied.undo()
    model.rows.broken = False
    assert_same(everything(model, [optimizer], places=True), cut)
    applied.undo()
    assert_same(everything(model, [optimizer]), before)


def test_an_interrupt_in_between_takes_all_back() -> None:
    model, optimizer, plan = prepared()
    before = everything(model, [optimizer], places=True)
    model.told = lambda: signal.raise_signal(signal.SIGINT) if model.rows.hidden_size == 6 else None
    with pytest.raises(KeyboardInterrupt):
        apply(plan, model, optimizer)
    model.told = nobody
    assert_same(everything(model, [optimizer], places=True), before)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
