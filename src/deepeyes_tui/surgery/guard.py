"""Whether surgery on a model is possible at all, and why not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.optim import Optimizer

from deepeyes_tui.surgery.editing.optimizer_state import check_optimizer, check_state
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.running.wrappers import unwrapped

MOST_NODES = 64
"""Of a graph that are looked at until one keeps tensors."""
_SPLIT = "its tensors are split over processes"
_WRAPPERS = {
    "FullyShardedDataParallel": f"the model is under FSDP: {_SPLIT}",
    "FSDPModule": f"the model is under fully_shard: {_SPLIT}",
    "DeepSpeedEngine": "the model is driven by DeepSpeed, which keeps copies of its tensors",
}
_PACKAGES = {
    "deepspeed": "the model is driven by DeepSpeed, which keeps copies of its tensors",
    "fairscale": f"the model is under fairscale: {_SPLIT}",
    "torch.distributed.pipelining": "the model is a stage of a pipeline, of which each process has another part",
    "torch.distributed.pipeline": "the model is a stage of a pipeline, of which each process has another part",
    "torch.ao.nn": "the model is quantised: its channels have scales of their own",
    "torch.ao.quantization": "the model is being quantised: its channels have scales of their own",
    "torchao.quantization": "the model is quantised: its channels have scales of their own",
}


def check_can_cut(model: nn.Module, optimizer: Optimizer | Sequence[Optimizer] | None = None) -> None:
    """Raise SurgeryError, with the reason, where model or optimizer are such that nothing can be cut in place."""
    if not isinstance(model, nn.Module):
        raise SurgeryError(f"surgery needs a torch module, not {type(model).__name__}")
    check_one_process()
    _check_wrappers(model)
    inner = unwrapped(model)
    for path, module in inner.named_modules():
        _check_module(path, module)
    for name, tensor in _tensors(inner):
        _check_tensor(name, tensor)
    for one in optimizers(optimizer):
        if any(kind.__name__ == "ZeroRedundancyOptimizer" for kind in type(one).__mro__):
            raise SurgeryError("ZeroRedundancyOptimizer keeps the state of each parameter in one process alone")
        check_optimizer(one)


def check_graph(loss: object) -> None:
    """Raise SurgeryError where a loss still waits for its backward pass, which would meet tensors of other shapes.

    The first of its nodes that keeps tensors tells: those further on may be recomputed when they are asked for.
    """
    waiting = deque([loss.grad_fn] if isinstance(loss, Tensor) and loss.grad_fn is not None else [])
    for _ in range(MOST_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        kept = [name.replace("_raw", "", 1) for name in dir(node) if name.startswith("_raw_saved_")]
        if kept and not _are_freed(node, kept):
            raise SurgeryError(
                "the graph of the loss given to step() is kept for a backward to come: call step after "
                "optimizer.step(), or give it loss.detach()"
            )
        if kept:
            return
        waiting.extend(following for following, _ in node.next_functions if following is not None)


def _are_freed(node: Any, names: Sequence[str]) -> bool:
    try:
        for name in names:
            getattr(node, name)
    except RuntimeError:
        return True
    return False


def check_states(plan: Plan, model: nn.Module, optimizer: Optimizer | Sequence[Optimizer] | None) -> None:
    """Raise SurgeryError where an optimizer's state of a tensor that the plan changes can neither be cut nor kept."""
    named = dict(unwrapped(model).named_parameters(remove_duplicate=False))
    for edit in plan.edits:
        for one in optimizers(optimizer):
            parameter = named.get(edit.tensor)
            if parameter is not None and parameter in one.state:
                check_state(edit.tensor, parameter.shape, one.state[parameter])


def optimizers(optimizer: Optimizer | Sequence[Optimizer] | None) -> tuple[Optimizer, ...]:
    """Return one, many or no optimizers as a tuple, each once. Raises SurgeryError for anything else."""
    if optimizer is None:
        return ()
    many = tuple(optimizer) if isinstance(optimizer, Sequence) else (optimizer,)
    if not all(isinstance(one, Optimizer) for one in many):
        raise SurgeryError("an optimizer has to be one of torch.optim.Optimizer's kind, or a list of them")
    return tuple({id(one): one for one in many}.values())


@contextmanager
def ranks_together() -> Iterator[None]:
    """Say that all processes of the training are between the same two steps, and that each is about to do the same."""
    before, _together[0] = _together[0], True
    try:
        yield
    finally:
        _together[0] = before


_together = [False]


def check_one_process() -> None:
    """Raise SurgeryError where the training is spread over processes, of which only this one is to change."""
    if _together[0]:
        return
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        count = distributed.get_world_size()
        raise SurgeryError(f"the training runs in {count} processes: a change in one leaves the others behind")


def _check_wrappers(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, nn.parallel.DistributedDataParallel):
            if getattr(module, "mixed_precision", None) is not None:
                raise SurgeryError("DistributedDataParallel keeps copies of the parameters in mixed precision")
            if getattr(module, "_delay_all_reduce_params", None):
                raise SurgeryError("DistributedDataParallel gathers some gradients later than others")


def _check_module(path: str, module: nn.Module) -> None:
    if isinstance(module, torch.jit.ScriptModule):
        raise SurgeryError(f"{path or 'the model'} is scripted or traced: its code is fixed")
    for kind in type(module).__mro__:
        if kind.__name__ in _WRAPPERS and kind.__module__.split(".")[0] in ("torch", "deepspeed"):
            raise SurgeryError(_WRAPPERS[kind.__name__])
        for package, reason in _PACKAGES.items():
            if f"{kind.__module__}.".startswith(f"{package}."):
                raise SurgeryError(reason)


def _tensors(model: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _check_tensor(name: str, tensor: Tensor) -> None:
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        raise SurgeryError(f"{name} has no shape yet: run the model on a batch first")
    if tensor.is_meta:
        raise SurgeryError(f"{name} is on the meta device: it has a shape, and no values")
    if tensor.is_quantized:
        raise SurgeryError(f"{name} is quantised: its channels have scales of their own")
    if "distributed" in type(tensor).__module__:
        raise SurgeryError(f"{name} is a {type(tensor).__name__}: {_SPLIT}")
    if type(tensor.data) is not Tensor:
        raise SurgeryError(f"{name} is a {type(tensor.data).__name__}, which surgery does not know")
    if tensor.is_inference():
        raise SurgeryError(f"{name} was made in inference mode and cannot be changed outside of it")
