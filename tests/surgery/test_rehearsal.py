"""A plan is tried out without a trace, and what it would do is measured."""

from __future__ import annotations

import random
import types
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from deepeyes_tui.surgery import SurgeryError, carried_out, cost, output_change, rehearse
from deepeyes_tui.surgery.editing.slices import clear_slices, insert_slices, remove_slices, take_slices
from deepeyes_tui.surgery.plan import Role
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.running.comparing import difference, tolerance
from deepeyes_tui.surgery.running.hushed import hushed, is_hushed

from .snapshots import OPTIMIZERS, assert_same, by_name, everything, train

torch.set_num_threads(1)
LENET = by_name("lenet, conv1")


@pytest.mark.parametrize(
    "name",
    ["lenet, conv1", "resnet, second stage's width", "words tied to the output, width", "lstm, units", "weight norm"],
)
def test_nothing_is_left_of_a_rehearsal(name: str) -> None:
    case = by_name(name)
    model, batch = case.model(), case.batch()
    optimizer = OPTIMIZERS["SGD"](list(model.parameters()))
    train(model, batch, [optimizer])
    plan = plan_removal(model, case.layer, case.filters, batch)
    before = everything(model, [optimizer], places=True)
    measured = rehearse(plan, model, batch)
    assert_same(everything(model, [optimizer], places=True), before)
    assert measured.masked_difference < 1e-5 < measured.output_change
    assert measured.after.parameters < measured.before.parameters
    with carried_out(plan, model):
        assert sum(one.numel() for one in model.parameters()) == measured.after.parameters
    assert_same(everything(model, [optimizer], places=True), before)
    with pytest.raises(KeyboardInterrupt), carried_out(plan, model):
        raise KeyboardInterrupt
    assert_same(everything(model, [optimizer], places=True), before)


def test_a_loss_from_before_still_goes_backward() -> None:
    model, batch = LENET.model(), LENET.batch()
    plan = plan_removal(model, "conv1", (0, 4), batch)
    model(batch).sum().backward()
    expected = model.conv1.weight.grad.clone()
    model.zero_grad()
    loss = model(batch).sum()
    rehearse(plan, model, batch)
    loss.backward()
    torch.testing.assert_close(model.conv1.weight.grad, expected)


def test_wrong_plans_show() -> None:
    model, batch = LENET.model(), LENET.batch()
    plan = plan_removal(model, "conv1", (0, 4), batch)
    cuts = tuple(replace(one, indices=(1, 2)) if one.role is Role.READS else one for one in plan.cuts)
    assert rehearse(replace(plan, cuts=cuts), model, batch).masked_difference > 1e-3
    with pytest.raises(SurgeryError, match=r"the changed model does not run: .*4"):
        rehearse(replace(plan, cuts=plan.cuts[:1]), model, batch)
    with pytest.raises(SurgeryError, match="does not run on the sample"):
        rehearse(plan, model, torch.randn(2, 3))


class Noisy(nn.Module):
    """Draws from every source of chance, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 6), nn.Linear(6, 3)
        self.register_buffer("calls", torch.zeros(()))
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = self.one(x)
        return self.two(self.last.relu()) + 0.1 * torch.randn(3) + random.random() + np.random.rand()


def test_chance_notes_and_buffers_stay() -> None:
    model, batch = Noisy(), torch.randn(4, 4)
    random_state = (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy())
    change = output_change(model, batch)
    assert torch.equal(torch.get_rng_state(), random_state[0])
    assert random.getstate() == random_state[1]
    assert (np.random.get_state()[1] == random_state[2]).all()
    assert model.calls == 0
    assert model.last is None
    assert model.training
    assert change() == 0


def test_what_is_set_for_all_models_stays() -> None:
    seen, fast = [], torch.backends.mha.get_fastpath_enabled()
    handle = register_module_forward_hook(lambda module, *_: seen.append(module))
    try:
        output_change(Noisy(), torch.randn(4, 4))
        assert not seen
        layer = nn.Linear(1, 1)
        layer(torch.ones(1, 1))
        assert seen == [layer]
    finally:
        handle.remove()
    assert torch.backends.mha.get_fastpath_enabled() == fast


class TwoNames(nn.Module):
    """Writes to a buffer by one of its names and reads it by the other."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("noted", torch.zeros(()))
        self.register_buffer("read", self.noted)

    def forward(self, x: Tensor) -> Tensor:
        self.noted += 1
        return x + self.read


def test_a_buffer_of_two_names_stays_one() -> None:
    model = TwoNames()
    buffer = model.noted
    with hushed(model):
        assert model(torch.zeros(())) == 1
    assert model.noted is model.read is buffer
    assert buffer == 0


def test_a_thread_asks_for_itself_until_its_last_question_ends() -> None:
    model = nn.Linear(1, 1)
    with ThreadPoolExecutor(1) as other, suppress(ValueError), hushed(model):
        with hushed(model):
            pass
        assert is_hushed()
        assert not other.submit(is_hushed).result()
        raise ValueError
    assert not is_hushed()


def test_change_of_the_output() -> None:
    model, batch = LENET.model(), LENET.batch()
    change = output_change(model, batch)
    assert change() == 0
    with torch.no_grad():
        model.fc2.weight *= 2
        model.fc2.bias *= 2
    assert change() == pytest.approx(1)
    model.fc2 = nn.Linear(12, 4)
    assert np.isnan(change())
    assert np.isnan(output_change(model, torch.randn(1, 2))())


def test_costs_of_known_layers() -> None:
    rows = 3
    convolution = nn.Conv2d(4, 8, 3, groups=2, bias=False)
    assert cost(convolution, torch.randn(rows, 4, 7, 7)).multiply_adds == 8 * 5 * 5 * 2 * 9
    turned = nn.ConvTranspose2d(4, 6, 2, stride=2)
    assert cost(turned, torch.randn(rows, 4, 5, 5)).multiply_adds == 5 * 5 * 4 * 6 * 4
    recurrent = nn.LSTM(8, 16, batch_first=True)
    assert cost(recurrent, torch.randn(rows, 5, 8)).multiply_adds == 5 * 4 * 16 * (8 + 16)
    tied = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6))
    tied[2].weight = tied[0].weight
    measured = cost(tied, torch.randn(rows, 6))
    assert (measured.parameters, measured.multiply_adds) == (36 + 12, 72)


class Particular(nn.Module):
    """Does not run under a mode that torch puts between it and its kernels, as the counter does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.out = nn.Conv2d(2, 3, 3), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
            raise RuntimeError("not like this")
        return self.out(self.conv(x).mean((2, 3)))


def test_costs_where_the_counter_fails() -> None:
    model = Particular()
    assert cost(model, torch.randn(2, 2, 5, 5)).multiply_adds == 9 * 3 * 2 * 9 + 12
    assert not model.conv._forward_hooks


@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_slices_go_and_come(form: Any) -> None:
    tensor = torch.randn(5, 4, 3, 2).to(memory_format=form)
    for axis, indices in ((0, (0, 3)), (1, (1, 2, 3)), (3, (1,))):
        gone, rest = take_slices(tensor, axis, indices), remove_slices(tensor, axis, indices)
        assert rest.shape[axis] == tensor.shape[axis] - len(indices)
        again = insert_slices(rest, axis, indices, gone)
        assert torch.equal(again, tensor)
        assert again.is_contiguous(memory_format=form)
        cleared = clear_slices(tensor, axis, indices)
        assert not take_slices(cleared, axis, indices).any()
        assert torch.equal(remove_slices(cleared, axis, indices), rest)


def test_differences_of_outputs() -> None:
    one = torch.tensor([1.0, -4.0])
    assert difference(one + 1, one) == 0.25
    assert difference({"a": (one, one + 1)}, {"a": (one, one)}) == 0.25
    assert difference(types.SimpleNamespace(a=one * 2), types.SimpleNamespace(a=one)) == 1
    assert difference(one, one[:1]) == float("inf")
    assert difference(one * float("nan"), one) == float("inf")
    assert difference(one * float("nan"), one * float("nan")) == 0
    assert tolerance(one.bfloat16()) > tolerance(one.half()) > tolerance(one) > 0
