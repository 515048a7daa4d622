"""Plans to remove filters: asked, put together, and rehearsed before anybody sees them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Kind, Plan
from deepeyes_tui.surgery.planning.asking import first_line
from deepeyes_tui.surgery.planning.closure import Asked, ask_coupling
from deepeyes_tui.surgery.planning.neutral import neutral
from deepeyes_tui.surgery.planning.refusals import check_can_be_asked
from deepeyes_tui.surgery.planning.size_search import with_sizes
from deepeyes_tui.surgery.planning.torch_faults import crash_of
from deepeyes_tui.surgery.rehearsal import Rehearsal, carried_out, masked_output, rehearse
from deepeyes_tui.surgery.running.comparing import CLOSE, difference
from deepeyes_tui.surgery.running.hushed import hushed
from deepeyes_tui.surgery.running.quiet import output_of
from deepeyes_tui.surgery.running.wrappers import unwrapped


def plan_removal(model: nn.Module, layer: str, filters: Any, sample: Any) -> Plan:
    """Return the plan to remove `filters` (whole numbers) of the layer at path `layer`, and all that goes with them.

    `sample` is a batch of what the model is called with, whatever `Sample.of` takes. The plan has been rehearsed: the
    cut network equals the one with the same channels masked, as far as rounding goes; where a normalisation spans them
    (`exact` False), all but this normalisation does. Model and random state are as before. Raises SurgeryError, with
    one sentence, where these filters cannot go.
    """
    check_can_be_asked(model)
    asked = ask_coupling(model, layer, filters, sample)
    core, trains = unwrapped(model), model.training
    with hushed(core):
        return _Proof(core, asked).proven(trains=trains)


class _Proof:
    """Rehearses a plan, looks for the sizes that it lacks, and refuses what is not equal to masking."""

    def __init__(self, model: nn.Module, asked: Asked) -> None:
        coupling = asked.coupling
        self._model, self._asked = model, asked
        self._tolerance = _tolerance(model)
        self._why = ""
        self._plan = Plan(
            Kind.PRUNE,
            asked.layer,
            asked.filters,
            cuts=coupling.cuts,
            rescales=coupling.rescales,
            attributes=coupling.attributes,
            exact=coupling.exact,
            warnings=coupling.warnings,
            sample=asked.sample,
        )

    def proven(self, *, trains: bool) -> Plan:
        """Return the plan with costs and change. Raises SurgeryError where it is not what it has to be."""
        plan, rehearsal = self._plan, self._rehearsed(self._plan)
        if rehearsal is None:
            plan = self._with_sizes()
            rehearsal = rehearse(plan, self._model, self._asked.sample)
        if self._asked.training:
            self._check_trains(plan)
        if trains:
            self._check_torch_trains(plan)
        return replace(plan, before=rehearsal.before, after=rehearsal.after, change=rehearsal.output_change)

    def _rehearsed(self, plan: Plan) -> Rehearsal | None:
        try:
            rehearsal = rehearse(plan, self._model, self._asked.sample)
        except SurgeryError as error:
            self._why = str(error)
            return None
        if plan.exact:
            return rehearsal if self._close(rehearsal.masked_difference) else None
        return rehearsal if self._works(plan, self._expected()) else None

    def _close(self, share: float) -> bool:
        if share <= self._tolerance:
            return True
        self._why = (
            f"the network without them is not the network with them masked, it differs by {share:.2g} of the output"
        )
        return False

    def _with_sizes(self) -> Plan:
        expected = self._expected()
        why = self._why
        plan = with_sizes(self._plan, self._model, lambda tried: self._works(tried, expected))
        if plan is None:
            raise SurgeryError(f"filters of {self._asked.layer} cannot go: {self._reason(why)}")
        return plan

    def _reason(self, why: str) -> str:
        if self._asked.coupling.shared:
            return f"all channels of {self._asked.coupling.shared[0]} would have to go with them"
        why = why.removeprefix("the changed model does not run: ")
        return why if why.startswith("the network") else f"the forward pass fixes a size ({why})"

    def _expected(self) -> Any:
        with neutral(self._model, self._asked.coupling.spans):
            return masked_output(self._plan, self._model, self._asked.sample)

    def _works(self, plan: Plan, expected: Any) -> bool:
        try:
            with carried_out(plan, self._model), neutral(self._model, self._asked.coupling.spans):
                return self._close(difference(output_of(self._model, self._asked.sample), expected))
        except Exception as error:  # the forward pass is the user's
            self._why = first_line(error)
            return False

    def _check_trains(self, plan: Plan) -> None:
        try:
            with carried_out(plan, self._model), torch.no_grad():
                for module in self._model.modules():
                    module.__dict__["training"] = True
                self._model(*self._asked.sample.args, **self._asked.sample.kwargs)
        except Exception as error:
            why = f"without them the network does not run in training: {first_line(error)}"
            raise SurgeryError(f"filters of {self._asked.layer} cannot go: {why}") from error
        finally:
            for module in self._model.modules():
                module.__dict__["training"] = False

    def _check_torch_trains(self, plan: Plan) -> None:
        inputs = (self._asked.sample.args, self._asked.sample.kwargs)
        with carried_out(plan, self._model):
            crash = crash_of(self._model, inputs)
        if crash and not crash_of(self._model, inputs):
            raise SurgeryError(f"filters of {self._asked.layer} cannot go: {crash}")


def _tolerance(model: nn.Module) -> float:
    kinds = {tensor.dtype for tensor in model.parameters() if tensor.is_floating_point()}
    return CLOSE + max((8 * torch.finfo(kind).eps for kind in kinds), default=0.0)
