"""Models that cannot be asked at all."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.hooks import changing_global_hook, changing_hook

_CHANGES = "that may change its output, which cannot be followed: remove it, or let it return nothing"


def check_can_be_asked(model: nn.Module) -> None:
    """Raise SurgeryError for scripted, quantised and lazy models, those without data, and those changed by hooks."""
    if changing_global_hook():
        raise SurgeryError(f"every module has a forward hook {_CHANGES}")
    for path, module in model.named_modules():
        name = path or "the network"
        if isinstance(module, torch.jit.ScriptModule):
            raise SurgeryError(f"{name} is scripted: its code cannot be asked")
        if ".quantized" in type(module).__module__:
            raise SurgeryError(f"{name} is quantised: its weights are not cut")
        if changing_hook(module):
            raise SurgeryError(f"{name} has a forward hook {_CHANGES}")
    for path, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
            raise SurgeryError(f"{path} is not there yet: the network has to run once first")
        if tensor.is_meta:
            raise SurgeryError(f"{path} has no data: it is on the meta device")
