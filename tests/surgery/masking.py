"""Models with some channels masked: what a cut model is to equal, made without the planner's own check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize, remove_weight_norm
from torch.utils._pytree import tree_leaves

from deepeyes_tui.surgery.plan import Cut, Plan, Role
from deepeyes_tui.surgery.sample import Sample

from .architectures_case import Case

Hook = Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]
NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
ALIASES = {"weight_v": "weight", "parametrizations.weight.original1": "weight"}


def output(model: nn.Module, batch: Any) -> list[Tensor]:
    """Return all tensors of the output in eval mode, detached. With gradients: built-in encoders take no short cut."""
    modes = {module: module.training for module in model.modules()}
    sample = Sample.of(batch).few(99)
    answer = model.eval()(*sample.args, **sample.kwargs)
    for module, training in modes.items():
        module.training = training
    answer = vars(answer) if hasattr(answer, "__dict__") and not isinstance(answer, Tensor) else answer
    return [leaf.detach().clone() for leaf in tree_leaves(answer) if isinstance(leaf, Tensor)]


def outputs_differ(one: Sequence[Tensor], other: Sequence[Tensor]) -> float:
    """Return the largest difference, as a share of the first's largest magnitude."""
    assert [tensor.shape for tensor in one] == [tensor.shape for tensor in other]
    largest = max(float(tensor.detach().abs().max()) for tensor in one)
    return max(float((a.double() - b.double()).abs().max()) for a, b in zip(one, other, strict=True)) / largest


def reads_masked(masked: nn.Module, plan: Plan) -> nn.Module:
    """Return the model, changed so that nobody reads the channels: the weights that do are zero there.

    A norm that spans the cut is made to see the channels that stay, and no other.
    """
    without_weight_norm(masked)
    tensors = {**dict(masked.named_parameters()), **dict(masked.named_buffers())}
    tied = tied_names(masked)
    for cut in plan.cuts:
        name = plain_name(cut.tensor)
        if (cut.role is Role.READS or name in tied) and name in tensors:
            with torch.no_grad():
                tensors[name].index_fill_(cut.axis, torch.tensor(cut.indices), 0)
    narrow_norms(masked, plan)
    return masked


def writes_masked(masked: nn.Module, plan: Plan) -> nn.Module:
    """Return the model, changed so that nobody writes the channels: what makes and passes them is zero there.

    Equal to a model in which nobody reads them as long as all that follows takes zero to zero.
    """
    without_weight_norm(masked)
    tensors = {**dict(masked.named_parameters()), **dict(masked.named_buffers())}
    for cut in plan.cuts:
        if cut.role is not Role.READS and not cut.tensor.endswith(("running_mean", "running_var")):
            with torch.no_grad():
                tensors[plain_name(cut.tensor)].index_fill_(cut.axis, torch.tensor(cut.indices), 0)
    narrow_norms(masked, plan)
    return masked


def silenced(silent: nn.Module, case: Case) -> nn.Module:
    """Return the model, its modules that the case names by hand made to say nothing for the filters."""
    for path, channels in case.silent.items():
        module, gone = silent.get_submodule(path), case.filters if channels is None else channels
        if isinstance(module, nn.RNNBase):
            mute_units(module, gone)
        else:
            module.register_forward_hook(_silence(gone))
    return silent


def mute_units(module: nn.RNNBase, units: Sequence[int]) -> None:
    """Keep units of the only layer at zero, whatever they read: no gate of theirs has weights."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.view(-1, module.hidden_size, *parameter.shape[1:])[:, list(units)] = 0


def narrow_norms(model: nn.Module, plan: Plan) -> None:
    """Let the norms that a plan cuts see only the channels that stay.

    One without weights stands behind the layer itself in the networks here, so that its channels are the filters.
    """
    gone = {attribute.module: plan.filters for attribute in plan.attributes if attribute.name == "normalized_shape"}
    gone |= {cut.tensor.rpartition(".")[0]: cut.indices for cut in plan.cuts if cut.role is Role.PASSES}
    for path, module in model.named_modules():
        if isinstance(module, NORMS) and path in gone:
            groups = [a.after for a in plan.attributes if (a.module, a.name) == (path, "num_groups")]
            module.register_forward_hook(_narrow(gone[path], groups))


def without_weight_norm(model: nn.Module) -> nn.Module:
    """Return the model with plain weights where they were normalised."""
    for module in list(model.modules()):
        if hasattr(module, "weight_g"):
            remove_weight_norm(module)
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    return model


def plain_name(tensor: str) -> str:
    """Return how the tensor is called once `without_weight_norm` is through."""
    for ending, alias in ALIASES.items():
        if tensor.endswith(ending):
            return tensor.removesuffix(ending) + alias
    return tensor


def tied_names(model: nn.Module) -> set[str]:
    """Return the names of parameters that go by several."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {name for several in names.values() if len(several) > 1 for name in several}


def kept(cut: Cut) -> Tensor:
    """Return the indices that stay."""
    return torch.tensor([index for index in range(cut.size) if index not in set(cut.indices)])


def shapes_after(shapes: Mapping[str, Sequence[int]], plan: Plan) -> dict[str, tuple[int, ...]]:
    """Return what the plan makes of the shapes."""
    after = {name: list(shape) for name, shape in shapes.items()}
    for cut in plan.cuts:
        after[cut.tensor][cut.axis] = cut.size_after
    return {name: tuple(shape) for name, shape in after.items()}


def _channels(module: nn.Module, answer: Tensor) -> int:
    maps = isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.modules.conv._ConvTransposeNd)
    maps = maps or isinstance(module, nn.modules.batchnorm._NormBase | nn.GroupNorm)
    return answer.dim() - 1 if not maps else 1


def _silence(channels: Sequence[int]) -> Hook:
    def hook(module: nn.Module, inputs: tuple[Any, ...], answer: Any) -> Any:
        first = answer[0] if isinstance(answer, tuple) else answer
        silent = first.index_fill(_channels(module, first), torch.tensor(list(channels)), 0)
        return (silent, *answer[1:]) if isinstance(answer, tuple) else silent

    return hook


def _narrow(gone: Sequence[int], groups: Sequence[int]) -> Hook:
    def hook(module: nn.Module, inputs: tuple[Any, ...], answer: Tensor) -> Tensor:
        axis = _channels(module, answer)
        stay = torch.tensor([index for index in range(answer.shape[axis]) if index not in set(gone)])
        seen = inputs[0].index_select(axis, stay)
        weight, bias = (_slice(getattr(module, name, None), stay) for name in ("weight", "bias"))
        if isinstance(module, nn.GroupNorm):
            small = functional.group_norm(seen, groups[0] if groups else module.num_groups, weight, bias, module.eps)
        elif isinstance(module, nn.RMSNorm):
            small = functional.rms_norm(seen, (len(stay),), weight, module.eps)
        else:
            small = functional.layer_norm(seen, (len(stay),), weight, bias, module.eps)
        return torch.zeros_like(answer).index_copy(axis, stay, small)

    return hook


def _slice(tensor: Tensor | None, stay: Tensor) -> Tensor | None:
    return None if tensor is None else tensor[stay]
