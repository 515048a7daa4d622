"""Patches: what a layer's own input holds in the neuronal receptive field of a sampled output position."""

from __future__ import annotations

import math
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from deepeyes_tui.probe.instances import Instances, unravel
from deepeyes_tui.probe.layers import Layer, features_in


def patch_length(layer: Layer) -> int:
    """Return `D`, how many inputs of a layer reach one output position: channels times kernel, its features, the query
    of attention, or the one number of a token. Of a recurrent layer those of the same step count.
    """
    module: Any = layer.module
    if layer.is_convolution:
        return int(module.in_channels * math.prod(layer.kernel))
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return 1
    if isinstance(module, nn.RNNBase | nn.RNNCellBase):
        return int(module.input_size)
    if isinstance(module, nn.MultiheadAttention):
        return int(module.embed_dim)
    return features_in(module) or 0


def gather_patches(layer: Layer, entering: Tensor, seen: Instances) -> Tensor | None:
    """Return the patches `(S, D)` of the instances, in the layer's input `entering` `(N, C, *size)` or `(N, ..., D)`.

    Flattened as torch's weight is: channels (of all groups), then kernel axes; what lies outside is filled as the
    layer's padding mode does. The output of a convolution or linear layer before normalisation is `patch . weight +
    bias`. None where the input does not fit the output. Nothing waits for the device.
    """
    if not layer.is_convolution:
        return _rows(layer, entering, seen)
    module = cast(_ConvNd, layer.module)
    batched = entering if entering.dim() == layer.spatial + 2 else entering.unsqueeze(0)
    if batched.dim() != layer.spatial + 2 or batched.shape[:2] != (seen.batch, module.in_channels):
        return None
    return _gather(module, batched, seen)


def _rows(layer: Layer, entering: Tensor, seen: Instances) -> Tensor | None:
    if isinstance(layer.module, nn.Embedding):
        entering = entering.unsqueeze(-1).float()
    if entering.shape[-1] != patch_length(layer):
        return None
    if seen.rows is not None:
        return entering[seen.rows] if entering.dim() == 2 else None
    rows = layer.by_position(entering)
    return (
        rows[(seen.inputs, *unravel(seen.positions, seen.grid))]
        if rows.shape[:-1] == (seen.batch, *seen.grid)
        else None
    )


def _gather(module: _ConvNd, entering: Tensor, seen: Instances) -> Tensor:
    """Index the storage itself: five times cheaper than indexing along each axis."""
    axes, strides = len(module.kernel_size), entering.stride()
    channels = torch.arange(entering.shape[1], device=entering.device) * strides[1]
    places, inside = torch.zeros(1, dtype=torch.int64, device=entering.device), None
    for axis, outputs in enumerate(unravel(seen.positions, seen.grid)):
        shape = [len(outputs), 1, *[1] * axes]
        shape[axis + 2] = module.kernel_size[axis]
        taps, within = _taps(module, axis, outputs, entering.shape[axis + 2])
        places = places + (taps * strides[axis + 2]).view(shape)
        if within is not None:
            inside = within.view(shape) if inside is None else inside & within.view(shape)
    starts = (seen.inputs * strides[0]).unsqueeze(1) + channels  # (S, C)
    index = starts.view(*starts.shape, *[1] * axes) + places  # (S, C, *kernel)
    patches = flat_view(entering).index_select(0, index.view(-1)).view(index.shape)
    if inside is not None:
        patches = torch.where(inside, patches, 0)
    return patches.flatten(1)


def flat_view(tensor: Tensor) -> Tensor:
    """Return the storage between a tensor's first and last element, `(n,)`; no copy, whatever the memory format."""
    span = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.as_strided((span + 1,), (1,))


def _taps(module: _ConvNd, axis: int, outputs: Tensor, size: int) -> tuple[Tensor, Tensor | None]:
    """Return the input positions `(S, K)` that reach the outputs `(S,)` along an axis, all of them in the input, and
    which of them count; None where all do.
    """
    steps = torch.arange(module.kernel_size[axis], device=outputs.device) * module.dilation[axis]
    stride = module.stride[axis]
    if isinstance(module, _ConvTransposeNd):
        spread = outputs.unsqueeze(1) + (cast(int, module.padding[axis]) - steps)
        taps = spread.div(stride, rounding_mode="floor")
        return taps.clamp(0, size - 1), (spread % stride == 0) & (taps >= 0) & (taps < size)
    before, after = module._reversed_padding_repeated_twice[-2 * axis - 2 :][:2]
    taps = (outputs * stride - before).unsqueeze(1) + steps
    if not before and not after:
        return taps.clamp(0, size - 1), None
    match module.padding_mode:
        case "reflect":
            return ((size - 1) - ((size - 1) - taps.abs()).abs()).clamp(0, size - 1), None
        case "circular":
            return taps % size, None
        case "replicate":
            return taps.clamp(0, size - 1), None
    return taps.clamp(0, size - 1), (taps >= 0) & (taps < size)
