"""A plan carried out for good: checked, committed, or taken back as if nothing had been."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.surgery.editing.carrying import Edit, carry_out, check_fits
from deepeyes_tui.surgery.editing.groups import follow_model
from deepeyes_tui.surgery.editing.memory import ModelMemory, remember
from deepeyes_tui.surgery.editing.optimizer_state import StateMemory, change_state, check_state, refill
from deepeyes_tui.surgery.editing.turns import one_at_a_time
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.guard import check_can_cut, optimizers
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.rehearsal import masked_output, readable_errors, rehearse
from deepeyes_tui.surgery.running.comparing import difference, tolerance
from deepeyes_tui.surgery.running.interrupts import let_interrupts_come
from deepeyes_tui.surgery.running.quiet import output_of
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample
from deepeyes_tui.surgery.undo import Applied, finish, finish_again


def apply(
    plan: Plan,
    model: nn.Module,
    optimizer: Optimizer | Sequence[Optimizer] | None = None,
    *,
    sample: Any = None,
    copies: Iterable[nn.Module] = (),
    inexact: bool = False,
    commit: Callable[[], None] | None = None,
) -> Applied:
    """Carry out `plan` in `model`, in its `copies` and in what the optimizers keep, and return what can undo it.

    Every parameter stays the object that it was, so all who hold it stay right. On `sample` (whatever `Sample.of`
    takes; the plan's own where none is given) the model has to give what the masked one gives, or, grown, what it gave
    before; without any sample, sizes alone are checked. Plans that are not exact need `inexact`. `commit` is called
    when all is in place and checked.

    Raises SurgeryError, with the reason, and what `commit` raises. Whatever is raised: model, copies and optimizers
    are then bit for bit as before, in the same memory.
    """
    with one_at_a_time():
        trainers = optimizers(optimizer)
        outer = list({id(unwrapped(one)): one for one in (model, *copies)}.values())
        for one in outer:
            check_can_cut(one, trainers)
            check_fits(plan, unwrapped(one))
        few = Sample.of(sample).few() if sample is not None else plan.sample
        _check_allowed(plan, unwrapped(model), few, inexact)
        applied = Applied(plan, outer)
        with ExitStack() as back:
            check = _self_check(plan, unwrapped(model), few)
            back.callback(finish_again, applied)
            applied.memories = [_change(plan, unwrapped(one), trainers, back) for one in outer]
            check()
            finish(applied)
            applied.notes = _notes(applied.memories)
            let_interrupts_come()
            if commit is not None:
                commit()
            back.pop_all()
        return applied


def _check_allowed(plan: Plan, model: nn.Module, sample: Sample | None, inexact: bool) -> None:
    if plan.exact or inexact:
        return
    change = plan.change
    if math.isnan(change) and sample is not None:
        change = rehearse(plan, model, sample).output_change
    size = "by an unknown amount" if math.isnan(change) else f"by up to {change:.2%} of its largest value"
    raise SurgeryError(f"the output would change {size}, not only by what masking would do: allow it with inexact=True")


def _self_check(plan: Plan, model: nn.Module, sample: Sample | None) -> Callable[[], None]:
    """Note what the model has to give when it is changed, and return what checks that it does."""
    if sample is None:
        return lambda: None
    expected = None
    if plan.exact:
        with readable_errors("the model does not run on the sample"):
            expected = masked_output(plan, model, sample) if plan.cuts else output_of(model, sample)

    def check() -> None:
        with readable_errors("nothing was done, as the changed model does not run"):
            output = output_of(model, sample)
        if plan.exact and (off := difference(output, expected)) > tolerance(output):
            raise SurgeryError(
                f"nothing was done, as the changed model is off what it should give by {off:.1e} of its largest value"
            )

    return check


def _change(plan: Plan, model: nn.Module, trainers: Sequence[Optimizer], back: ExitStack) -> ModelMemory:
    """Change one model and what the optimizers keep for it."""
    parameters = list(model.parameters())
    edits, steps = carry_out(plan, model, back)
    rescaled = {one.magnitude for one in plan.rescales}
    tensors = [remember(edit, _change_states(edit, trainers, back), edit.name in rescaled) for edit in edits]
    if steps:
        steps += follow_model(model, plan.layer, parameters, trainers, back)
    return ModelMemory(model, tensors, steps)


def _change_states(edit: Edit, trainers: Sequence[Optimizer], back: ExitStack) -> list[StateMemory]:
    memories = [StateMemory(one, edit.tensor) for one in trainers if edit.parts]
    for memory in memories:
        check_state(edit.name, edit.before.shape, memory.state)
        back.callback(refill, memory.state, dict(memory.state))
        change_state(memory, edit.before, edit.after, edit.parts)
    return memories


def _notes(memories: Sequence[ModelMemory]) -> tuple[str, ...]:
    states = [state for memory in memories for one in memory.tensors for state in one.states]
    reset = sum(state.whole is not None for state in states)
    if not reset:
        return ()
    return (f"what Adafactor keeps in factors for {reset} of the tensors cannot be cut and starts anew",)
