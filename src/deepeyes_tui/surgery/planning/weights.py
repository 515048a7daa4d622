"""Which tensors a layer's weight is made of: itself, direction and magnitude, values and mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import _WeightNorm

from deepeyes_tui.surgery.plan import Rescale, Role
from deepeyes_tui.surgery.planning.atoms import Names, Slot


@dataclass(frozen=True, slots=True)
class Weight:
    """The tensors behind a weight; `magnitude` and `direction` where it is weight-normalised, `problem` if none is
    known.
    """

    tensors: tuple[Tensor, ...] = ()
    magnitude: Tensor | None = None
    direction: Tensor | None = None
    problem: str = ""


def weight_of(module: nn.Module, name: str) -> Weight:
    """Return what the tensor called `name` of a layer is made of; nothing, where it has none."""
    if parametrize.is_parametrized(module, name):
        return _parametrized(module, name)
    own = {**module._parameters, **module._buffers}
    magnitude, direction = own.get(f"{name}_g"), own.get(f"{name}_v")
    if magnitude is not None and direction is not None:
        return Weight((direction,), magnitude, direction)
    values, mask = own.get(f"{name}_orig"), own.get(f"{name}_mask")
    if values is not None and mask is not None:
        return Weight((values, mask))
    if values is not None:
        return Weight(problem="its weights are under spectral norm")
    tensor = own.get(name)
    return Weight() if tensor is None else Weight((tensor,))


def _parametrized(module: nn.Module, name: str) -> Weight:
    steps: Any = module.parametrizations[name]  # type: ignore[index]  # a ModuleDict, made by torch
    if len(steps) == 1 and isinstance(steps[0], _WeightNorm):
        magnitude, direction = steps.original0, steps.original1
        return Weight((direction,), magnitude, direction)
    kinds = ", ".join(type(step).__name__.lstrip("_") for step in steps)
    return Weight(problem=f"its {name} is parametrized by {kinds}")


class Slots:
    """Collects where the units of one space stand in a layer's tensors."""

    def __init__(self, module: nn.Module, names: Names) -> None:
        self._module = module
        self._names = names
        self.found: list[Slot] = []
        self.rescales: list[Rescale] = []
        self.problem = ""

    def add(self, name: str, axis: int, role: Role, repeat: int = 1) -> Slots:
        """Add the layer's tensor `name`, if it has it, with the units along `axis`."""
        weight = weight_of(self._module, name)
        self.problem = self.problem or weight.problem
        for tensor in weight.tensors:
            self._put(tensor, axis, role, repeat)
        if weight.magnitude is not None and weight.direction is not None:
            self._norm(weight.magnitude, weight.direction, axis, role, repeat)
        return self

    def _put(self, tensor: Tensor, axis: int, role: Role, repeat: int) -> None:
        if tensor.dim() <= axis or not self._names.of(tensor):
            self.problem = self.problem or "its tensors are not those of torch's own layer"
            return
        self.found.append(Slot(self._names.of(tensor), axis, tensor.shape[axis], role, repeat))

    def _norm(self, magnitude: Tensor, direction: Tensor, axis: int, role: Role, repeat: int) -> None:
        """Magnitudes that have the axis are cut along it; those normed over it follow the directions."""
        if magnitude.dim() > axis and magnitude.shape[axis] == direction.shape[axis]:
            self._put(magnitude, axis, role, repeat)
        else:
            self.rescales.append(Rescale(self._names.of(magnitude), self._names.of(direction)))
