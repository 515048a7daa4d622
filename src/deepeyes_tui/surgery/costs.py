"""What a model costs: parameters, and multiply-adds of one forward pass a sample."""

from __future__ import annotations

import warnings
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from deepeyes_tui.surgery.plan import Cost
from deepeyes_tui.surgery.running.quiet import first_tensor, output_of, quiet
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample


class _Counter(TorchDispatchMode):
    """Adds up torch's own formulas, as `FlopCounterMode` does, without the compiler that this one loads for seconds."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would load its compiler only to keep it away from here

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Carry out an operation, and count it where a formula is known; else its parts."""
        kwargs = kwargs or {}
        formula = flop_registry.get(func._overloadpacket)
        if formula is None and func is not torch.ops.prim.device.default:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **kwargs)
        if formula is not None:
            self.operations += formula(*args, **kwargs, out_val=result)
        return result


def cost(model: nn.Module, sample: Any) -> Cost:
    """Return the parameters of the model, tied ones once, and the multiply-adds that a row of the sample takes.

    Counted are matrix products, convolutions and attention. What the model raises on the sample is raised on.
    """
    return output_and_cost(unwrapped(model), Sample.of(sample))[1]


def output_and_cost(model: nn.Module, sample: Sample) -> tuple[Any, Cost]:
    """Return what an unwrapped model makes of the sample, and what that costs."""
    try:
        output, operations = _counted_by_torch(model, sample)
    except Exception:
        # Torch's counter stands between the model and its kernels, and there are models that this breaks.
        output, operations = _counted_by_hooks(model, sample)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return output, Cost(parameters, round(operations / _rows(sample)))


def _counted_by_torch(model: nn.Module, sample: Sample) -> tuple[Any, int]:
    with ExitStack() as settings:
        if any(isinstance(module, nn.LSTM) for module in model.modules()):
            # oneDNN's LSTM is one kernel that the counter does not know; its switch warns of GPUs that are not there.
            settings.enter_context(warnings.catch_warnings(action="ignore"))
            settings.enter_context(torch.backends.mkldnn.flags(enabled=False))
        counter = settings.enter_context(_Counter())
        output = output_of(model, sample)
    return output, counter.operations // 2


def _counted_by_hooks(model: nn.Module, sample: Sample) -> tuple[Any, int]:
    counts: list[int] = []

    def count(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        counts.append(_operations(module, arguments[0], output))

    with quiet(model):
        for module in model.modules():
            if isinstance(module, _ConvNd | nn.Linear):
                module.register_forward_hook(count)
        output = model(*sample.args, **dict(sample.kwargs))
    return output, sum(counts)


def _operations(module: nn.Module, given: Tensor, output: Tensor) -> int:
    """Return the multiply-adds of a convolution or a linear layer."""
    weight = module.weight
    assert isinstance(weight, Tensor), "the caller asks for layers with weights"
    values = given if isinstance(module, _ConvTransposeNd) else output
    return values.numel() * weight[0].numel()


def _rows(sample: Sample) -> int:
    tensor = first_tensor(sample)
    return max(1, len(tensor)) if tensor is not None else 1
