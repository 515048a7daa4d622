"""A plan tried out: what it would do to the model's output and costs, with nothing left of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from torch import nn

from deepeyes_tui.surgery.costs import output_and_cost
from deepeyes_tui.surgery.editing.carrying import carry_out, check_fits
from deepeyes_tui.surgery.editing.masking import masked
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Cost, Plan
from deepeyes_tui.surgery.running.comparing import difference
from deepeyes_tui.surgery.running.interrupts import uninterrupted
from deepeyes_tui.surgery.running.quiet import output_of
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a plan would do on a sample in eval mode, differences as shares of the output's largest magnitude.

    `output_change`: of the changed model to the model as it is. `masked_difference`: to the model with the same filters
    masked; where nothing is cut, to the model as it is. Infinite where the output's shape changes.
    """

    output_change: float
    masked_difference: float
    before: Cost
    after: Cost


@contextmanager
def carried_out(plan: Plan, model: nn.Module) -> Iterator[None]:
    """Change the model as the plan says, in place, for as long as the context lasts.

    Afterwards, whatever was raised, every tensor has the very storage and gradient that it had, and every attribute
    and module its old value. Within it the model may be run without gradients only. Raises SurgeryError, before
    anything is changed, where the model is not what the plan was made for.
    """
    with uninterrupted(), ExitStack() as back:
        carry_out(plan, unwrapped(model), back)
        yield


def rehearse(plan: Plan, model: nn.Module, sample: Any) -> Rehearsal:
    """Return what the plan would do, measured on `sample`, whatever `Sample.of` takes.

    Raises SurgeryError where the model does not run on the sample, as it is or as it would be. Modes, buffers, random
    states, tensors and gradients are afterwards as before.
    """
    model, sample = unwrapped(model), Sample.of(sample)
    check_fits(plan, model)
    with readable_errors("the model does not run on the sample"):
        now, before = output_and_cost(model, sample)
        expected = masked_output(plan, model, sample) if plan.cuts else now
    with carried_out(plan, model), readable_errors("the changed model does not run"):
        then, after = output_and_cost(model, sample)
    return Rehearsal(difference(then, now), difference(then, expected), before, after)


def output_change(model: nn.Module, sample: Any) -> Callable[[], float]:
    """Return a function that tells by how much the output of `model` on `sample` differs from what it is now.

    The difference is a share of the largest magnitude that the output has now, in eval mode; NaN where one of the two
    cannot be had, or their shapes differ. Nothing tells afterwards that the model has run.
    """
    sample = Sample.of(sample)
    now = _output_or_none(model, sample)

    def change() -> float:
        then = _output_or_none(model, sample)
        measured = float("nan") if now is None or then is None else difference(then, now)
        return measured if math.isfinite(measured) else float("nan")

    return change


def runs_on(model: nn.Module, sample: Any) -> bool:
    """Return whether the model makes anything of the sample in eval mode."""
    return _output_or_none(model, Sample.of(sample)) is not None


def _output_or_none(model: nn.Module, sample: Sample) -> Any:
    try:
        with readable_errors("the model does not run on the sample"):
            return output_of(unwrapped(model), sample)
    except SurgeryError:
        return None


def masked_output(plan: Plan, model: nn.Module, sample: Sample) -> Any:
    """Return what the unwrapped model, with the plan's filters masked, makes of the sample."""
    with masked(plan, model):
        return output_of(model, sample)


@contextmanager
def readable_errors(what: str) -> Iterator[None]:
    """Say `what` went wrong, with the first line of the reason, for anything that a user's forward pass may raise."""
    try:
        yield
    except SurgeryError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        raise SurgeryError(f"{what}: {reason}") from error
