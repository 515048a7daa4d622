"""What a model makes of a batch, in both modes and without chance."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from deepeyes_tui.surgery.running.comparing import CLOSE, tolerance

from .snapshots import call


def answers(model: nn.Module, batch: Any) -> list[Any]:
    """Return the outputs in eval and in train mode, without dropout; running statistics stay."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    kept = [(buffer, buffer.clone()) for buffer in model.buffers()]
    with torch.no_grad():
        found = [call(model.train(mode), batch) for mode in (False, True)]
        for buffer, value in kept:
            buffer.copy_(value)
    return found


def tolerated(output: Any) -> float:
    """1e-6 in single precision, a few roundings in coarser types."""
    return max(1e-6, tolerance(output) - CLOSE)
