"""Plans to take a whole layer out."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from deepeyes_tui.surgery.editing.replacing import IDENTITY
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growing.calls import Call, Calls, calls_of
from deepeyes_tui.surgery.growing.exchanging import check_not_inside, module_at, priced
from deepeyes_tui.surgery.plan import Kind, Plan, Replacement
from deepeyes_tui.surgery.planning.refusals import check_can_be_asked
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample

_WITH_FILTERS = (_ConvNd, nn.Linear, nn.Bilinear, nn.Embedding, nn.EmbeddingBag, nn.RNNBase, nn.RNNCellBase)
_NORMALISATIONS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def plan_layer_removal(model: nn.Module, layer: str, sample: Any) -> Plan:
    """Return the plan that takes out the layer, or the block of layers, at path `layer`. Nothing is changed.

    An identity stands in its place, and in that of a normalisation and an activation right behind it in the same
    `nn.Sequential`: the paths of all others stay. The output changes; by how much on `sample`, a batch that the model
    runs on, is the plan's `change`. Raises SurgeryError, a ValueError with one sentence, for the first and the last
    layer, and where what comes out is of another shape than what goes in.
    """
    check_can_be_asked(model)
    model = unwrapped(model)
    module = module_at(model, layer)
    if not any(True for _ in module.parameters()):
        raise SurgeryError(f"{layer} is a {type(module).__name__}, which has no weights")
    what = f"{layer} cannot be taken out"
    check_not_inside(model, layer, what)
    calls = calls_of(model, Sample.of(sample))
    for call in _calls_or_refusal(calls, layer, module):
        _check_shapes(call, what)
        _check_between(call, calls, what)
    also = _companions(model, layer)
    plan = Plan(
        Kind.DROP_LAYER,
        layer,
        replacement=Replacement(layer, IDENTITY, {"also": also}),
        exact=False,
        warnings=(_warning(layer, also),),
        sample=calls.sample,
    )
    return priced(plan, model, calls.sample, what)


def _calls_or_refusal(calls: Calls, layer: str, module: nn.Module) -> list[Call]:
    found = calls.of(module)
    if not found:
        raise SurgeryError(f"{layer} does not run on the sample")
    return found


def _check_shapes(call: Call, what: str) -> None:
    if len(call.inputs) != 1 or len(call.outputs) != 1:
        raise SurgeryError(f"{what}: it takes {len(call.inputs)} tensors and gives {len(call.outputs)}, not one each")
    given, got = call.outputs[0], call.inputs[0]
    if given.shape != got.shape or given.dtype != got.dtype:
        raise SurgeryError(f"{what}: what goes in is {_shape(got)} a sample, what comes out {_shape(given)}")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape[1:])) or "a number"


def _check_between(call: Call, calls: Calls, what: str) -> None:
    """Refuse what comes first or last: nothing else takes the network's input, or makes its output."""
    layers = [one for one in calls.made if isinstance(one.module, _WITH_FILTERS)]
    inside = set(call.module.modules())
    if _among(call.inputs, calls.entering) or (layers and layers[0].module in inside):
        raise SurgeryError(f"{what}: it is the network's first layer")
    if _among(call.outputs, calls.leaving) or (layers and layers[-1].module in inside):
        raise SurgeryError(f"{what}: it is the network's last layer")


def _among(some: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> bool:
    return any(one is other for one in some for other in others)


def _companions(model: nn.Module, layer: str) -> list[str]:
    """Return the paths of the normalisation and the activation right behind a layer of an `nn.Sequential`."""
    above, _, name = layer.rpartition(".")
    parent = model.get_submodule(above)
    if not isinstance(parent, nn.Sequential) or not isinstance(parent._modules[name], _WITH_FILTERS):
        return []
    names = list(parent._modules)
    rest = names[names.index(name) + 1 :]
    many = 0
    for wanted in (_is_normalisation, _is_activation):
        many += bool(rest[many:]) and wanted(parent._modules[rest[many]])
    return [f"{above}.{one}".lstrip(".") for one in rest[:many]]


def _is_normalisation(module: nn.Module | None) -> bool:
    return isinstance(module, _NORMALISATIONS)


def _is_activation(module: nn.Module | None) -> bool:
    return type(module).__module__ == "torch.nn.modules.activation" and not isinstance(
        module, nn.MultiheadAttention | nn.GLU
    )


def _warning(layer: str, also: list[str]) -> str:
    gone = " and ".join([layer, *also])
    return f"without {gone} the network's output changes, and has to be learned anew"
