"""What stands around a model: compiled, parallel, distributed; and what it has to be told after surgery."""

from __future__ import annotations

import contextlib
import sys

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside `torch.compile`, `DataParallel` and `DistributedDataParallel`, however nested."""
    while not isinstance(model, torch.jit.ScriptModule):
        if isinstance(model, DataParallel | DistributedDataParallel):
            model = model.module
        elif isinstance(inner := model._modules.get("_orig_mod"), nn.Module):
            model = inner
        else:
            break
    return model


def is_compiled(model: nn.Module) -> bool:
    """Tell whether the model, or a module inside, runs by `torch.compile`."""
    return any(
        module._compiled_call_impl is not None or "_orig_mod" in module._modules
        for module in model.modules()
        if not isinstance(module, torch.jit.ScriptModule)
    )


def renew_wrappers(model: nn.Module) -> None:
    """Make the wrappers around `model` know that its tensors have changed their shapes."""
    if is_compiled(model) and "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
    while (inner := _inside(model)) is not None:
        if isinstance(model, DistributedDataParallel):
            _rebuild(model)
        model = inner


def _inside(model: nn.Module) -> nn.Module | None:
    name = "module" if isinstance(model, DataParallel | DistributedDataParallel) else "_orig_mod"
    inner = model._modules.get(name)
    return inner if isinstance(inner, nn.Module) else None


def _rebuild(model: DistributedDataParallel) -> None:
    """Let the wrapper look at its parameters anew: its buckets are as long as the tensors were."""
    hooks = {name: getattr(model, name) for name in _HOOKS}
    training = model.training
    options = {
        "device_ids": model.device_ids,
        "output_device": model.output_device,
        "dim": model.dim,
        "broadcast_buffers": model.broadcast_buffers,
        "process_group": model.process_group,
        "bucket_cap_mb": model.bucket_bytes_cap / 2**20,
        "find_unused_parameters": model.find_unused_parameters,
        "gradient_as_bucket_view": model.gradient_as_bucket_view,
        "static_graph": model.static_graph,
    }
    with contextlib.suppress(AttributeError):
        del model.reducer, model.logger
    DistributedDataParallel.__init__(model, model.module, **options)
    model.training = training
    for name, kept in hooks.items():
        setattr(model, name, kept)


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
