"""Networks that torch itself cannot train: nobody is to be led into one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

FEW_CHANNELS = range(2, 8)
"""Input channels with which oneDNN's backward pass of a strided 1x1 convolution on channels_last data writes where it
may not, and the process dies. Seen with torch 2.13 (oneDNN 3.12) on AVX2; contiguous inputs are all right.
"""


def crash_of(model: nn.Module, inputs: Any) -> str:
    """Return in words what would crash a backward pass of `model` on such inputs (a tree), nothing if nothing would."""
    if not (torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled):
        return ""
    weak = [name for name, module in model.named_modules() if isinstance(module, nn.Conv2d) and _is_weak(module)]
    if not weak or not any(map(_is_channels_last, [*tree_leaves(inputs), *model.parameters()])):
        return ""
    channels = model.get_submodule(weak[0]).in_channels
    return (
        f"torch crashes in the backward pass of {weak[0]}, a strided 1x1 convolution that would have {channels} "
        "channels, on channels_last inputs on a CPU; with inputs.contiguous() it does not"
    )


def _is_weak(module: nn.Conv2d) -> bool:
    return (
        module.weight.device.type == "cpu"
        and tuple(module.kernel_size) == (1, 1)
        and max(module.stride) > 1
        and module.in_channels in FEW_CHANNELS
    )


def _is_channels_last(leaf: Any) -> bool:
    return (
        isinstance(leaf, Tensor)
        and leaf.dim() == 4
        and not leaf.is_contiguous()
        and leaf.is_contiguous(memory_format=torch.channels_last)
    )
