"""Runs a model so that nothing tells afterwards that it has run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from deepeyes_tui.surgery.running.hushed import hushed, same_chances
from deepeyes_tui.surgery.sample import Sample


def output_of(model: nn.Module, sample: Sample) -> Any:
    """Return what the model makes of the sample in eval mode, without gradients and in full precision.

    Modes, buffers and random states are afterwards as before. What the model raises is raised on.
    """
    with quiet(model):
        return model(*sample.args, **dict(sample.kwargs))


@contextmanager
def quiet(model: nn.Module) -> Iterator[None]:
    """Eval mode, no gradients, full precision and the same random numbers each time; on leaving all is as before."""
    with hushed(model), _full_precision(model), torch.no_grad():
        same_chances()
        yield


@contextmanager
def _full_precision(model: nn.Module) -> Iterator[None]:
    """No autocast and no TF32: two runs are to differ by rounding alone."""
    kinds = {tensor.device.type for tensor in model.parameters()} | {"cpu"}
    with ExitStack() as back:
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
    leaves = tree_leaves((sample.args, dict(sample.kwargs)))
    return next((leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.dim()), None)
