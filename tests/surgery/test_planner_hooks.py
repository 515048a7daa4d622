"""Forward hooks: those that look stay and are not run, those that may change something are refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook
from torch.nn.utils.parametrizations import weight_norm

from deepeyes_tui.surgery import SurgeryError, plan_growth, plan_layer_addition, plan_layer_removal, plan_removal

SEEN: Any = []


class Watcher:
    """Has hooks of both kinds."""

    def __call__(self, module: nn.Module, given: Any, output: Tensor) -> None:
        SEEN.append(output)

    def look(self, module: nn.Module, given: Any, output: Tensor) -> None:
        self.last = output
        if output is None:
            return
        for number in range(3):
            try:
                return
            finally:
                SEEN.append(number)

    def scale(self, module: nn.Module, given: Any, output: Tensor) -> Tensor:
        return output * 2


def look(module: nn.Module, given: Any, output: Tensor) -> None:
    def doubled() -> Tensor:
        return output * 2

    with torch.no_grad():
        SEEN.append(doubled())


def change(module: nn.Module, given: Any, output: Tensor) -> Tensor:
    return output + torch.arange(6.0)


def sometimes(module: nn.Module, given: Any, output: Tensor) -> Any:
    return None if module.training else output.softmax(-1)


def yields(module: nn.Module, given: Any, output: Tensor) -> Any:
    yield output


LOOKING: list[Callable[..., Any]] = [
    look,
    torch.no_grad()(look),
    partial(look),
    Watcher(),
    Watcher().look,
    lambda module, given, output: SEEN.append(output.detach().mul(2)),
]
CHANGING: list[Callable[..., Any]] = [
    change,
    torch.no_grad()(change),
    partial(change),
    Watcher().scale,
    sometimes,
    yields,
    lambda module, given, output: SEEN.append(output) or output,
    lambda module, given, output: output.mul(len(SEEN)),
    nn.Identity(),
]


def small() -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 3))


@pytest.mark.parametrize("hook", LOOKING)
def test_hooks_that_return_nothing_stay_and_are_not_run(hook: Callable[..., Any]) -> None:
    model = small()
    model[0].register_forward_hook(hook)
    SEEN.clear()
    assert plan_removal(model, "0", [1], torch.randn(4, 5)).exact
    assert not SEEN
    model(torch.randn(4, 5))
    assert SEEN


@pytest.mark.parametrize("hook", CHANGING)
def test_hooks_that_may_change_something_are_refused(hook: Callable[..., Any]) -> None:
    model = small()
    handle = model[0].register_forward_hook(hook)
    with pytest.raises(SurgeryError, match=r"^0 has a forward hook that may change its output, .* return nothing$"):
        plan_removal(model, "2", [1], torch.randn(4, 5))
    handle.remove()
    assert plan_removal(model, "2", [1], torch.randn(4, 5)).exact


@pytest.mark.parametrize(
    "plan",
    [
        lambda model, batch: plan_growth(model, "0", 1, batch),
        lambda model, batch: plan_layer_addition(model, "0", batch),
        lambda model, batch: plan_layer_removal(model, "2", batch),
    ],
)
def test_hooks_before_the_forward_pass_are_refused_whatever_is_planned(plan: Callable[..., Any]) -> None:
    model = small()
    model[2].register_forward_pre_hook(lambda module, given: (given[0].flip(-1),))
    with pytest.raises(SurgeryError, match="2 has a forward hook that may change"):
        plan(model, torch.randn(4, 5))


def test_hooks_of_all_modules_are_refused() -> None:
    handle = register_module_forward_hook(sometimes)
    try:
        with pytest.raises(SurgeryError, match="every module has a forward hook"):
            plan_removal(small(), "0", [1], torch.randn(4, 5))
    finally:
        handle.remove()


def test_hooks_of_torch_are_known() -> None:
    model = small()
    nn.utils.spectral_norm(model[4])
    nn.utils.weight_norm(model[2])
    weight_norm(model[0])
    assert plan_removal(model, "0", [1], torch.randn(4, 5)).exact
