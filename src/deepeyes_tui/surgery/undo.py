"""Surgery taken back, at once or after further training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from torch import Tensor, nn

from deepeyes_tui.surgery.editing.carrying import check_attributes, put, settle, tensors_of
from deepeyes_tui.surgery.editing.memory import ModelMemory, TensorMemory, magnitude_values
from deepeyes_tui.surgery.editing.optimizer_state import refill, restore_state
from deepeyes_tui.surgery.editing.rescaling import derive_weights
from deepeyes_tui.surgery.editing.turns import one_at_a_time
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.running.wrappers import renew_wrappers, unwrapped


class Applied:
    """Surgery that was carried out. `notes` are sentences for the user about what could not simply be cut."""

    def __init__(self, plan: Plan, models: Sequence[nn.Module]) -> None:
        self.plan = plan
        self.notes: tuple[str, ...] = ()
        self.models = tuple(models)
        self.memories: Sequence[ModelMemory] = ()

    def undo(self, commit: Callable[[], None] | None = None) -> None:
        """Take the surgery back, in the model and in its copies.

        What was cut comes back as it was, weights, gradients and optimizer state; what was put in goes; everything else
        keeps what training has made of it. At once, model and optimizer are bit for bit as before. What came later has
        to be undone first: raises SurgeryError where sizes or attributes are no longer those that the surgery has
        left, and when it has been undone already; then nothing is changed. `commit` is called when all is in place;
        what it raises is raised on, and nothing is changed either.
        """
        with one_at_a_time():
            if not self.memories:
                raise SurgeryError("this has been undone already")
            for memory in self.memories:
                _check(self.plan, memory)
            with ExitStack() as back:
                back.callback(finish_again, self)
                for memory in self.memories:
                    _bring_back(self.plan, memory, back)
                finish(self)
                if commit is not None:
                    commit()
                back.pop_all()
            steps = [step for memory in self.memories for step in memory.steps]
            for step in steps:
                step()
            if steps:
                finish(self)
            self.memories = ()


def finish(applied: Applied) -> None:
    """Let autograd, recurrent layers and the models' wrappers know of the new shapes."""
    settle(one.tensor for memory in applied.memories for one in memory.tensors)
    for model in applied.models:
        for module in unwrapped(model).modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()
        renew_wrappers(model)


def finish_again(applied: Applied) -> None:
    """As `finish`, when all has been put back: what is raised then is less than what was raised before."""
    with suppress(Exception):
        finish(applied)


def _check(plan: Plan, memory: ModelMemory) -> None:
    tensors = tensors_of(memory.model)
    for one in memory.tensors:
        if tensors.get(one.name) is not one.tensor or one.tensor.shape != one.shape:
            raise SurgeryError(f"{one.name} has changed since: undo first what was done to it later")
    check_attributes(plan.attributes, memory.model, undone=True)


def _bring_back(plan: Plan, memory: ModelMemory, back: ExitStack) -> None:
    values = {one.name: one.values() for one in memory.tensors}
    known = {one.name: one for one in memory.tensors}
    for scale in plan.rescales:
        if scale.magnitude in known and scale.direction in known:
            magnitude, direction = known[scale.magnitude], known[scale.direction]
            values[scale.magnitude] = magnitude_values(magnitude, direction, values[scale.direction])
    for one in memory.tensors:
        _put_back(one, values[one.name], back)
    for attribute in plan.attributes:
        module = memory.model.get_submodule(attribute.module)
        back.callback(setattr, module, attribute.name, getattr(module, attribute.name))
        setattr(module, attribute.name, attribute.before)
    derive_weights(memory.model, plan, back)


def _put_back(one: TensorMemory, values: Tensor, back: ExitStack) -> None:
    now, gradient = one.tensor.data, one.gradient()
    back.callback(put, one.tensor, now, one.tensor.grad)
    put(one.tensor, values, gradient)
    for state in one.states:
        back.callback(refill, state.state, dict(state.state))
        restore_state(state, now, values, one.parts)
