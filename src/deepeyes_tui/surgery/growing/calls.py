"""Which modules a model calls one after the other, and what they hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.rehearsal import readable_errors
from deepeyes_tui.surgery.running.comparing import output_tensors
from deepeyes_tui.surgery.running.quiet import quiet
from deepeyes_tui.surgery.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A module's pass: the tensors that it got and gave."""

    path: str
    module: nn.Module
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def is_leaf(self) -> bool:
        """Whether no other module is inside."""
        return not self.module._modules


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """All passes in the order of their ends, the sample, its tensors and those that the model returns."""

    made: tuple[Call, ...]
    sample: Sample
    entering: tuple[Tensor, ...]
    leaving: tuple[Tensor, ...]

    def of(self, module: nn.Module) -> list[Call]:
        """Return the passes of a module."""
        return [call for call in self.made if call.module is module]

    def behind(self, call: Call) -> Call | None:
        """Return the pass that takes what `call` gave just as it is, if no other does and its module has no other."""
        later = [one for one in self.made[self.made.index(call) + 1 :] if one.is_leaf]
        takers = [one for one in later if _same(one.inputs[:1], call.outputs)]
        alone = takers[:1] if len(takers) < 2 or _same(takers[0].outputs, call.outputs) else []
        return next((one for one in alone if len(self.of(one.module)) == 1), None)


def calls_of(model: nn.Module, sample: Sample) -> Calls:
    """Return what an unwrapped model calls in eval mode, on the first rows of the sample, where it runs on them.

    Hooks and modes are afterwards as before. Raises SurgeryError where it does not run on the whole sample either.
    """
    try:
        return _calls(model, sample.few())
    except SurgeryError:
        return _calls(model, sample)


def _calls(model: nn.Module, sample: Sample) -> Calls:
    made: list[Call] = []
    with readable_errors("the model does not run on the sample"), quiet(model), ExitStack() as hooks:
        for path, module in model.named_modules():
            hooks.callback(module.register_forward_hook(_recorder(made, path), with_kwargs=True).remove)
        output = model(*sample.args, **sample.kwargs)
    entering = tuple(leaf for leaf in tree_leaves((sample.args, dict(sample.kwargs))) if isinstance(leaf, Tensor))
    return Calls(tuple(made), sample, entering, tuple(output_tensors(output)))


def _recorder(made: list[Call], path: str) -> Callable[[nn.Module, Any, Any, Any], None]:
    def record(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        inputs = tuple(leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
        made.append(Call(path, module, inputs, tuple(output_tensors(output))))

    return record


def _same(some: tuple[Tensor, ...], others: tuple[Tensor, ...]) -> bool:
    return len(some) == len(others) == 1 and some[0] is others[0]
