"""Runs a model so that nothing tells afterwards that it has run."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.sample import Sample
from deepeyes_tui.surgery.wrappers import uncompiled


def output_of(model: nn.Module, sample: Sample) -> Any:
    """Return what the model makes of the sample in eval mode, without gradients and in full precision.

    Modes, buffers and random states are afterwards as before. What the model raises is raised on.
    """
    with quiet(model):
        return uncompiled(model, model)(*sample.args, **dict(sample.kwargs))


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Eval mode without gradients; on leaving, modes, buffers, random states and torch's settings are as before."""
    with ExitStack() as back:
        back.enter_context(_random_states(model))
        back.enter_context(_eval_mode(model))
        back.enter_context(_buffers(model))
        back.enter_context(_full_precision(model))
        back.enter_context(torch.no_grad())
        yield


@contextmanager
def _random_states(model: nn.Module) -> Iterator[None]:
    python = random.getstate()
    numpy = sys.modules["numpy"].random.get_state() if "numpy" in sys.modules else None
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        random.setstate(python)
        if numpy is not None:
            sys.modules["numpy"].random.set_state(numpy)


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    """Set the flags themselves: `eval()` may do more in a user's own module."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        for module, _ in modes:
            module.training = False
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _buffers(model: nn.Module) -> Iterator[None]:
    """Put buffers back that the run has written to, or put others in the place of."""
    kept = [
        (module._buffers, name, buffer, buffer._version, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        for owner, name, buffer, version, values in kept:
            owner[name] = buffer
            if buffer._version != version:
                buffer.data.copy_(values)


@contextmanager
def _full_precision(model: nn.Module) -> Iterator[None]:
    """No autocast, no TF32, no fast path around the modules: two runs are to differ by rounding alone."""
    fast_path = torch.backends.mha.get_fastpath_enabled()
    kinds = {tensor.device.type for tensor in model.parameters()} | {"cpu"}
    with ExitStack() as back:
        back.callback(torch.backends.mha.set_fastpath_enabled, fast_path)
        torch.backends.mha.set_fastpath_enabled(False)
        for kind in kinds:
            back.enter_context(torch.autocast(kind, enabled=False))
        if "cuda" in kinds:
            _without_tf32(back)
        yield


def _without_tf32(back: ExitStack) -> None:
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    for backend in backends:
        back.callback(setattr, backend, "allow_tf32", backend.allow_tf32)
        backend.allow_tf32 = False


def first_tensor(sample: Sample) -> Tensor | None:
    """Return the first tensor that has rows, of the arguments or the named arguments; none where there is none."""
    leaves = torch.utils._pytree.tree_leaves((sample.args, dict(sample.kwargs)))
    return next((leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.dim()), None)
