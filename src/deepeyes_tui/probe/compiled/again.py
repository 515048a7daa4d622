"""Normalisations carried out once more on what leaves a layer: in a compiled graph their own result may not exist."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm


def normalised(values: Tensor, norms: Sequence[nn.Module]) -> Tensor:
    """Return values `(N, C, *grid)` or `(N, ..., F)` as they come out behind normalisations; none of these notices."""
    for norm in norms:
        own = next((parameter.dtype for parameter in norm.parameters()), values.dtype)
        values = _passed(norm, values.to(own))
    return values


def _passed(norm: nn.Module, values: Tensor) -> Tensor:
    if not isinstance(norm, _BatchNorm | _InstanceNorm):
        result: Tensor = type(norm).forward(norm, values)
        return result
    by_batch = norm.training or norm.running_mean is None
    running = (None, None) if by_batch else (norm.running_mean, norm.running_var)
    apply = functional.instance_norm if isinstance(norm, _InstanceNorm) else functional.batch_norm
    return apply(values, *running, norm.weight, norm.bias, by_batch, 0.0, norm.eps)
