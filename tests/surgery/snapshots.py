"""Everything about a model and its optimizers that surgery may not change without being asked to."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from .architectures_case import Case


def by_name(case_name: str) -> Case:
    from .architectures import CASES

    return next(case for case in CASES if case.name == case_name)


def outputs_sum(output: Any) -> Tensor:
    """Return a loss from whatever a model returns."""
    if isinstance(output, Tensor):
        return output.float().square().mean()
    if isinstance(output, dict):
        output = list(output.values())
    if not isinstance(output, list | tuple):
        output = [value for value in vars(output).values() if isinstance(value, Tensor)]
    return sum((outputs_sum(one) for one in output), torch.zeros(()))


def call(model: nn.Module, batch: Any) -> Any:
    if isinstance(batch, dict):
        return model(**batch)
    return model(*batch) if isinstance(batch, tuple | list) else model(batch)


def train(model: nn.Module, batch: Any, optimizers: Sequence[Optimizer], steps: int = 2) -> list[float]:
    """Train and return the losses; the last gradients stay."""
    losses = []
    for step in range(steps):
        for optimizer in optimizers:
            optimizer.zero_grad()
        torch.manual_seed(step)
        loss = outputs_sum(call(model, batch))
        if loss.requires_grad:
            loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    return losses


def everything(model: nn.Module, optimizers: Sequence[Optimizer] = (), *, places: bool = False) -> dict[str, Any]:
    """Return values of all tensors, gradients, optimizer states, groups, modes, hooks, sizes and random states.

    `places`: also where tensors lie in memory, which a rollback keeps and an undo does not.
    """
    seen: dict[str, Any] = {}
    tensors = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}
    for name, tensor in tensors.items():
        seen[f"object {name}"] = id(tensor)
        seen[f"values {name}"] = tensor.detach().clone()
        seen[f"form {name}"] = (tensor.stride(), tensor.dtype, tensor.requires_grad)
        seen[f"gradient {name}"] = None if tensor.grad is None else tensor.grad.clone()
        if places:
            seen[f"place {name}"] = (tensor.data_ptr(), id(tensor.grad) if tensor.grad is not None else None)
    for name, module in model.named_modules():
        simple = (int, float, str, tuple, bool)
        seen[f"module {name}"] = {key: one for key, one in vars(module).items() if isinstance(one, simple)}
        seen[f"hooks {name}"] = [list(vars(module)[kind]) for kind in ("_forward_hooks", "_forward_pre_hooks")]
    for number, optimizer in enumerate(optimizers):
        state = optimizer.state_dict()
        seen[f"optimizer {number}"] = copy.deepcopy(state)
        seen[f"groups {number}"] = [[id(one) for one in group["params"]] for group in optimizer.param_groups]
    seen["random"] = (torch.get_rng_state(), random.getstate(), str(np.random.get_state()))
    return seen


def assert_same(now: Any, then: Any, path: str = "") -> None:
    """Fail at the first difference; tensors bit for bit."""
    assert type(now) is type(then), path
    if isinstance(now, Tensor):
        assert now.shape == then.shape, path
        assert torch.equal(now.nan_to_num(), then.nan_to_num()), path
    elif isinstance(now, dict):
        assert now.keys() == then.keys(), path
        for key in now:
            assert_same(now[key], then[key], f"{path} {key}")
    elif isinstance(now, list | tuple):
        assert len(now) == len(then), path
        for number, (one, other) in enumerate(zip(now, then, strict=True)):
            assert_same(one, other, f"{path} {number}")
    else:
        assert now == then, path


Make = Callable[[Sequence[nn.Parameter]], Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "SGD": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "Adam": lambda p: torch.optim.Adam(p, 1e-2, amsgrad=True),
    "Adam, foreach": lambda p: torch.optim.Adam(p, 1e-2, foreach=True),
    "AdamW, fused": lambda p: torch.optim.AdamW(p, 1e-2, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, 1e-3, momentum=0.9, centered=True),
    "Adagrad": lambda p: torch.optim.Adagrad(p, 1e-2),
    "NAdam": lambda p: torch.optim.NAdam(p, 1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, 1e-2),
    "Adadelta": lambda p: torch.optim.Adadelta(p),
    "Adamax": lambda p: torch.optim.Adamax(p, 1e-2),
    "ASGD": lambda p: torch.optim.ASGD(p, 1e-2),
    "Rprop": lambda p: torch.optim.Rprop(p, 1e-3),
    "Adafactor": lambda p: torch.optim.Adafactor(p, 1e-2),
}
