"""Plans to add a layer behind another one, as an identity."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.dropout import _DropoutNd

from deepeyes_tui.surgery.editing.replacing import FOLLOWED
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growing.calls import Call, Calls, calls_of
from deepeyes_tui.surgery.growing.exchanging import check_not_inside, module_at, priced
from deepeyes_tui.surgery.plan import Kind, Plan, Replacement
from deepeyes_tui.surgery.planning.refusals import check_can_be_asked
from deepeyes_tui.surgery.running.comparing import difference, tolerance
from deepeyes_tui.surgery.running.quiet import quiet
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample

_ON_THE_WAY = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm, _DropoutNd)
_BY_FUNCTIONS: tuple[Mapping[str, Any], ...] = ({"kind": "ReLU"}, {"kind": "Hardtanh"})
"""Activations that the forward pass may apply by a function, as descriptions of modules that do the same."""
_SEED = 61


def plan_layer_addition(model: nn.Module, layer: str, sample: Any) -> Plan:
    """Return the plan that adds a layer of the same width behind the one at path `layer`. Nothing is changed.

    Behind a convolution it is one of kernel 3 (1, where that one's is), behind a linear layer a linear one; its weights
    make it an identity. Where an activation follows that can be repeated without effect (ReLU, ReLU6, Hardtanh), the
    new layer stands behind it and gets one of its own; otherwise it is a linear map behind the layer, which a warning
    says. The output stays as it is on `sample`, a batch that the model runs on. Raises SurgeryError, a ValueError
    with one sentence, where that is impossible.
    """
    check_can_be_asked(model)
    model = unwrapped(model)
    module = module_at(model, layer)
    added = _described(layer, module)
    calls = calls_of(model, Sample.of(sample))
    call = _only_call(model, layer, module, calls)
    place, behind, warnings = _place(model, call, calls, added)
    check_not_inside(model, place, f"no layer can be added behind {layer}")
    replacement = Replacement(place, FOLLOWED, {"like": layer, "behind": behind})
    plan = Plan(Kind.ADD_LAYER, layer, replacement=replacement, warnings=warnings, sample=calls.sample)
    plan = priced(plan, model, calls.sample, f"no layer can be added behind {layer}")
    if plan.change > tolerance(calls.leaving):
        said = f"the network's output would change by {plan.change:.2g} of its size"
        raise SurgeryError(f"no layer can be added behind {layer}: {said}")
    return plan


def _described(layer: str, module: nn.Module) -> dict[str, Any]:
    """Return the layer to be added, as `replacing` understands it."""
    if isinstance(module, nn.Linear):
        return {"kind": "Linear", "features": module.out_features}
    if isinstance(module, _ConvNd):
        kernel = 1 if math.prod(module.kernel_size) == 1 else 3
        return {"kind": f"Conv{len(module.kernel_size)}d", "channels": module.out_channels, "kernel": kernel}
    kind = type(module).__name__
    raise SurgeryError(f"layers are added behind convolutions and linear layers, and {layer} is a {kind}")


def _only_call(model: nn.Module, layer: str, module: nn.Module, calls: Calls) -> Call:
    paths = [path for path, one in model.named_modules(remove_duplicate=False) if one is module]
    found = calls.of(module)
    if not found:
        raise SurgeryError(f"{layer} does not run on the sample")
    if len(found) > 1 or len(paths) > 1:
        raise SurgeryError(f"{layer} is shared: it stands in {max(len(found), len(paths))} places, not in one")
    return found[0]


def _place(model: nn.Module, call: Call, calls: Calls, added: dict[str, Any]) -> tuple[str, list[Any], tuple[str, ...]]:
    """Return the path of the module that the new ones stand behind, their descriptions, and what there is to say."""
    anchor, following = _anchor(call, calls)
    own = _repeatable(following.module) if following is not None else None
    if following is not None and own is not None:
        return following.path, [added, own], ()
    for activation in _BY_FUNCTIONS:
        if _repeats(model, anchor, activation, calls.sample):
            return anchor.path, [dict(activation), added], _renamed(anchor)
    linear = f"no activation that can be repeated without effect follows {call.path}: the new layer is a linear map"
    if following is not None and _is_elementwise(following):
        return following.path, [added], (linear,)
    return anchor.path, [added], (linear, *_renamed(anchor))


def _anchor(call: Call, calls: Calls) -> tuple[Call, Call | None]:
    """Return the last of the layer and the norms and dropout right behind it, and what follows."""
    following = calls.behind(call)
    while following is not None and isinstance(following.module, _ON_THE_WAY):
        call, following = following, calls.behind(following)
    return call, following


def _repeatable(module: nn.Module) -> dict[str, Any] | None:
    """Return the description of an activation f with f(f(x)) = f(x); None for all others."""
    if type(module) is nn.Hardtanh:
        return {"kind": "Hardtanh", "min_val": module.min_val, "max_val": module.max_val}
    return {"kind": type(module).__name__} if type(module) in (nn.ReLU, nn.ReLU6) else None


def _is_elementwise(call: Call) -> bool:
    module = call.module
    own = type(module).__module__ == "torch.nn.modules.activation" and not list(module.parameters())
    return own and not isinstance(module, nn.Softmax | nn.LogSoftmax | nn.Softmin | nn.Softmax2d | nn.GLU)


def _repeats(model: nn.Module, anchor: Call, activation: Mapping[str, Any], sample: Sample) -> bool:
    """Whether the activation, applied to what the anchor gives, changes nothing, whatever that is."""
    options = {name: value for name, value in activation.items() if name != "kind"}
    function = getattr(nn, activation["kind"])(**options)
    for given in _given(anchor.outputs):
        with quiet(model):
            plain, applied = (_output_with(model, anchor.module, one, sample) for one in (given, function(given)))
        if not difference(applied, plain) <= tolerance(plain):
            return False
    return True


def _given(outputs: tuple[Tensor, ...]) -> Iterator[Tensor]:
    """What a layer may give: small and large, of both signs and, as pooling hides single ones, nearly all negative."""
    generator = torch.Generator().manual_seed(_SEED)
    for output in outputs:
        for spread, mean in ((0.3, -1.0), (1.0, 0.0), (10.0, 0.0)):
            drawn = torch.randn(output.shape, generator=generator) * spread + mean
            yield drawn.to(device=output.device, dtype=output.dtype)


def _output_with(model: nn.Module, module: nn.Module, given: Tensor, sample: Sample) -> Any:
    """Return what the model makes of the sample where `module` gives `given`. Within `quiet`."""
    had = "forward" in module.__dict__
    before = module.__dict__.get("forward")
    module.__dict__["forward"] = lambda *args, **kwargs: given.clone()
    try:
        return model(*sample.args, **sample.kwargs)
    finally:
        module.__dict__.pop("forward")
        if had:
            module.__dict__["forward"] = before


def _renamed(anchor: Call) -> tuple[str, ...]:
    if not anchor.module.state_dict():
        return ()
    return (f"what is called {anchor.path}.* in checkpoints is called {anchor.path}.0.* from now on",)
