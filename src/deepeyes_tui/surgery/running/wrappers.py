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
    """Give the wrapper a new reducer: its buckets are as long as the tensors were.

    As torch does where it loads such a wrapper from a file; nothing is said to other processes, each of which has to do
    the same at the same step.
    """
    hooks = list(getattr(model, "_comm_hooks", ()))
    with contextlib.suppress(AttributeError):
        del model.reducer, model.logger
    model._module_parameters = [
        one for name, one in model.module.named_parameters() if name not in model.parameters_to_ignore
    ]
    parameters, sparse = model._build_params_for_reducer()
    names = model._build_debug_param_to_name_mapping(parameters)
    model._ddp_init_helper(parameters, sparse, names, model.static_graph)
    if model.static_graph:
        model.reducer._set_static_graph()
        model.logger._set_static_graph()  # type: ignore[union-attr]
        model._static_graph_delay_allreduce_enqueued = False  # the first pass of a static graph is gathered at its end
    if (mixed := getattr(model, "mixed_precision", None)) is not None:
        model.reducer._set_mixed_precision_param_dtype(mixed.param_dtype)  # type: ignore[attr-defined]
    model._has_rebuilt_buckets, model._comm_hooks = False, []
    for hook, state in hooks:
        model.register_comm_hook(state, hook)
