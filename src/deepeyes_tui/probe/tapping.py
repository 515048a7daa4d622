"""Hooks of one layer in eager mode: at its input, and where its output is taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from deepeyes_tui.probe.attention import AttentionCall
from deepeyes_tui.probe.compiled.frames import not_captured
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.points import OutputPoint
from deepeyes_tui.probe.taps import Handle, InputTap, Receiver, Tap, attach


class CallTap(InputTap):
    """A forward hook that hands on the whole call of a `nn.MultiheadAttention`; copies as `Tap` does."""

    __slots__ = ()

    @not_captured
    def __call__(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        """Pass the call on, unless it is being traced by the compiler."""
        if isinstance(module, nn.MultiheadAttention) and not torch.compiler.is_compiling():
            self._receive(self._index, AttentionCall(module, args, kwargs))


def tap_layer(
    number: int,
    layer: Layer,
    point: OutputPoint,
    modules: Mapping[str, nn.Module],
    receive: Receiver,
    receive_input: Receiver,
) -> list[Handle]:
    """Hand the layer's input and then what leaves its output point to the receivers, with the layer's `number`."""
    module = modules.get(point.module, layer.module)
    entering = attach(layer.module, InputTap(number, receive_input))
    if point.at_input:
        return [entering, attach(module, InputTap(number, receive))]
    if isinstance(layer.module, nn.MultiheadAttention):
        return [entering, attach(module, CallTap(number, receive))]
    return [entering, attach(module, Tap(number, receive))]


def entering_rows(entering: Any) -> Any:
    """Return the rows of a packed sequence, anything else as it is."""
    return entering.data if isinstance(entering, PackedSequence) else entering
