"""Two tools behind one call: cut these filters of a network in training, or raise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.sample import Sample

Mask = Callable[[nn.Module], nn.Module]
Prune = Callable[[nn.Module, Optimizer | None, str, Sequence[int], Any], Mask | None]
"""Cuts, and returns how the whole network is masked alike, as the tool itself sees it; None where it cannot be told."""


class RefusedError(Exception):
    """The tool says that it will not, or raises before it has changed anything."""


def ours(model: nn.Module, optimizer: Optimizer | None, layer: str, filters: Sequence[int], batch: Any) -> Mask:
    from tests.surgery.masking import reads_masked

    try:
        plan = plan_removal(model, layer, filters, batch)
        apply(plan, model, optimizer, inexact=not plan.exact)
    except SurgeryError as error:
        raise RefusedError(str(error)) from error
    return lambda whole: reads_masked(whole, plan)


def torch_pruning(
    model: nn.Module, optimizer: Optimizer | None, layer: str, filters: Sequence[int], batch: Any
) -> Mask | None:
    """Go the documented way: dependency graph, group, check, prune. It has no place for the optimizer."""
    import torch_pruning as tp

    sample = Sample.of(batch)
    root = model.get_submodule(layer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inputs = dict(sample.kwargs) if sample.kwargs else sample.args
            graph = tp.DependencyGraph().build_dependency(model, example_inputs=inputs)
            pruner = graph.get_pruner_of_module(root)
            group = graph.get_pruning_group(root, pruner.prune_out_channels, list(filters))
            if not graph.check_pruning_group(group):
                raise RefusedError("the group would lose all its channels")
    except RefusedError:
        raise
    except Exception as error:
        raise RefusedError(f"{type(error).__name__}: {error}") from error
    mask = masked_reads(model, graph, group)
    group.prune()
    return mask


def masked_reads(model: nn.Module, graph: Any, group: Any) -> Mask | None:
    """Return the mask of what the group takes from the layers that read: their weights' columns."""
    paths = {module: path for path, module in model.named_modules()}
    reads: list[tuple[str, int, list[int]]] = []
    for item, indices in group:
        module = item.target.module
        if not graph.is_in_channel_pruning_fn(item.handler) or not hasattr(module, "weight"):
            continue
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd) and getattr(module, "groups", 1) == 1:
            axis = 0 if isinstance(module, nn.modules.conv._ConvTransposeNd) else 1
            reads.append((paths[module], axis, list(indices)))
        elif isinstance(module, nn.modules.conv._ConvNd | nn.RNNBase):
            return None
    return lambda whole: _cleared(whole, reads)


def _cleared(whole: nn.Module, reads: Sequence[tuple[str, int, list[int]]]) -> nn.Module:
    with torch.no_grad():
        for path, axis, indices in reads:
            whole.get_submodule(path).weight.index_fill_(axis, torch.tensor(indices), 0)
    return whole


TOOLS: dict[str, Prune] = {"ours": ours, "Torch-Pruning": torch_pruning}
