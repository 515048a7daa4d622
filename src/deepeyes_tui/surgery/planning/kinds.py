"""The kinds of layers that are known, one function each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.modules.instancenorm import _InstanceNorm

from deepeyes_tui.surgery.plan import Role
from deepeyes_tui.surgery.planning.atoms import Atom, Names, Port, Space
from deepeyes_tui.surgery.planning.layer_norms import channel_axis
from deepeyes_tui.surgery.planning.weights import Slots

Maker = Callable[[str, Any, Names], Atom]


def atoms_of(model: nn.Module, names: Names) -> list[Atom]:
    """Return the known layers of `model`, each module once."""
    return [_maker(module)(path, module, names) for path, module in _outermost(model)]


def _outermost(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Modules of a known kind that are in no other of a known kind."""
    inside: set[int] = set()
    for path, module in model.named_modules():
        if id(module) in inside or _maker(module) is _unknown:
            continue
        inside.update(id(part) for part in module.modules())
        yield path, module


def _maker(module: nn.Module) -> Maker:
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return _unknown
    return next((make for kinds, make in _KINDS if isinstance(module, kinds)), _unknown)


def _unknown(path: str, module: nn.Module, names: Names) -> Atom:
    raise TypeError(f"{path} is no layer that is known")


def _space(path: str, name: str, size: int, slots: Slots, **more: Any) -> Space:
    fixed = more.pop("fixed", "") or (f"{path} cannot be cut: {slots.problem}" if slots.problem else "")
    rescales = tuple(slots.rescales)
    return Space(f"{path}:{name}", path, size, tuple(slots.found), rescales=rescales, fixed=fixed, **more)


def _convolution(path: str, module: _ConvNd, names: Names) -> Atom:
    axis = -1 - len(module.kernel_size)
    transposed = isinstance(module, _ConvTransposeNd)
    if 1 < module.groups == module.in_channels:
        return _depthwise(path, module, names, axis, transposed)
    groups = module.groups
    reads = Slots(module, names).add("weight", 0 if transposed else 1, Role.READS)
    writes = Slots(module, names).add("weight", 1 if transposed else 0, Role.WRITES).add("bias", 0, Role.WRITES)
    inner = _space(path, "in", module.in_channels, reads, sizes=(("in_channels", 1),), groups=groups)
    outer = _space(path, "out", module.out_channels, writes, sizes=(("out_channels", 1),), groups=groups)
    return Atom(path, module, (Port(inner, axis),), (Port(outer, axis),), outer)


def _depthwise(path: str, module: _ConvNd, names: Names, axis: int, transposed: bool) -> Atom:
    many = module.out_channels // module.in_channels
    slots = Slots(module, names).add("weight", 0, Role.PASSES, 1 if transposed else many)
    slots.add("bias", 0, Role.PASSES, many)
    sizes = (("in_channels", 1), ("out_channels", many), ("groups", 1))
    space = _space(path, "channels", module.in_channels, slots, sizes=sizes, filters_a_unit=many)
    return Atom(path, module, (Port(space, axis),), (Port(space, axis, many),), space)


def _linear(path: str, module: nn.Linear, names: Names) -> Atom:
    reads = Slots(module, names).add("weight", 1, Role.READS)
    writes = Slots(module, names).add("weight", 0, Role.WRITES).add("bias", 0, Role.WRITES)
    inner = _space(path, "in", module.in_features, reads, sizes=(("in_features", 1),))
    outer = _space(path, "out", module.out_features, writes, sizes=(("out_features", 1),))
    return Atom(path, module, (Port(inner, -1),), (Port(outer, -1),), outer)


def _embedding(path: str, module: nn.Embedding | nn.EmbeddingBag, names: Names) -> Atom:
    slots = Slots(module, names).add("weight", 1, Role.WRITES)
    fixed = f"{path} cannot be cut: it limits the norm of its vectors" if module.max_norm is not None else ""
    space = _space(path, "out", module.embedding_dim, slots, sizes=(("embedding_dim", 1),), fixed=fixed)
    return Atom(path, module, (), (Port(space, -1),), space)


def _normalisation(path: str, module: Any, names: Names) -> Atom:
    slots = Slots(module, names)
    for name in ("weight", "bias", "running_mean", "running_var"):
        slots.add(name, 0, Role.PASSES)
    space = _space(path, "channels", module.num_features, slots, sizes=(("num_features", 1),))
    nd = {nn.InstanceNorm1d: 1, nn.InstanceNorm2d: 2, nn.InstanceNorm3d: 3}
    axis = next((-1 - n for kind, n in nd.items() if isinstance(module, kind)), 1)
    return _passing(path, module, space, axis)


def _group_norm(path: str, module: nn.GroupNorm, names: Names) -> Atom:
    slots = Slots(module, names).add("weight", 0, Role.PASSES).add("bias", 0, Role.PASSES)
    sizes = (("num_channels", 1),)
    space = _space(path, "channels", module.num_channels, slots, sizes=sizes, groups=module.num_groups, spans=True)
    return _passing(path, module, space, 1)


def _layer_norm(path: str, module: nn.LayerNorm | nn.RMSNorm, names: Names) -> Atom:
    slots = Slots(module, names).add("weight", 0, Role.PASSES).add("bias", 0, Role.PASSES)
    shape = tuple(module.normalized_shape)
    space = _space(path, "channels", shape[0], slots, sizes=(("normalized_shape", 1),), spans=True)
    return _passing(path, module, space, channel_axis(module))


def _prelu(path: str, module: nn.PReLU, names: Names) -> Atom:
    slots = Slots(module, names).add("weight", 0, Role.PASSES)
    space = _space(path, "channels", module.num_parameters, slots, sizes=(("num_parameters", 1),))
    return _passing(path, module, space, 1)


def _passing(path: str, module: nn.Module, space: Space, axis: int) -> Atom:
    return Atom(path, module, (Port(space, axis),), (Port(space, axis),))


def _recurrent(path: str, module: nn.RNNBase, names: Names) -> Atom:
    ways = 2 if module.bidirectional else 1
    inner, hidden = Slots(module, names), Slots(module, names)
    for layer in range(module.num_layers):
        for way in ["", "_reverse"][:ways]:
            suffix = f"l{layer}{way}"
            (hidden if layer else inner).add(f"weight_ih_{suffix}", 1, Role.READS)
            _gates(hidden, f"_{suffix}")
    fixed = f"{path} cannot be cut: it projects its hidden units" if module.proj_size else ""
    return _gated(path, module, inner, hidden, fixed)


def _cell(path: str, module: nn.RNNCellBase, names: Names) -> Atom:
    inner = Slots(module, names).add("weight_ih", 1, Role.READS)
    return _gated(path, module, inner, _gates(Slots(module, names), ""), "")


def _gates(slots: Slots, suffix: str) -> Slots:
    """A hidden unit's rows: one in the block of each gate."""
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        slots.add(name + suffix, 0, Role.WRITES)
    return slots.add("weight_hh" + suffix, 1, Role.READS)


def _gated(path: str, module: Any, inner: Slots, hidden: Slots, fixed: str) -> Atom:
    reads = _space(path, "in", module.input_size, inner, sizes=(("input_size", 1),))
    size = 1 if fixed else module.hidden_size
    own = _space(path, "hidden", size, hidden, sizes=(("hidden_size", 1),), fixed=fixed)
    return Atom(path, module, (Port(reads, -1), Port(own, -1)), (Port(own, -1),), own)


def _attention(path: str, module: nn.MultiheadAttention, names: Names) -> Atom:
    return _fixed(path, module, f"{path} is torch's own attention, whose width and heads are fixed")


def _bilinear(path: str, module: nn.Bilinear, names: Names) -> Atom:
    return _fixed(path, module, f"{path} is a bilinear layer, which is not cut")


def _fixed(path: str, module: nn.Module, reason: str) -> Atom:
    inner, outer = Space(f"{path}:in", path, 1, fixed=reason), Space(f"{path}:out", path, 1, fixed=reason)
    return Atom(path, module, (Port(inner, -1),), (Port(outer, -1),), outer)


_KINDS: list[tuple[tuple[type, ...], Maker]] = [
    ((_ConvNd,), _convolution),
    ((nn.Linear,), _linear),
    ((nn.Embedding, nn.EmbeddingBag), _embedding),
    ((_BatchNorm, _InstanceNorm), _normalisation),
    ((nn.GroupNorm,), _group_norm),
    ((nn.LayerNorm, nn.RMSNorm), _layer_norm),
    ((nn.PReLU,), _prelu),
    ((nn.RNNBase,), _recurrent),
    ((nn.RNNCellBase,), _cell),
    ((nn.MultiheadAttention,), _attention),
    ((nn.Bilinear,), _bilinear),
]
