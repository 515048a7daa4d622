"""Which of several ways to grow leaves the network's output as it is: they are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.planning.neutral import neutral
from deepeyes_tui.surgery.planning.size_search import with_sizes
from deepeyes_tui.surgery.rehearsal import carried_out, readable_errors
from deepeyes_tui.surgery.running.comparing import difference, tolerance
from deepeyes_tui.surgery.running.quiet import output_of
from deepeyes_tui.surgery.sample import Sample

_DOES_NOT_RUN = "the forward pass fixes a size"


class Proof:
    """Compares a model with itself after a plan. Normalisations at the paths `spans` only weight, before and after.

    Raises SurgeryError where the model does not run on the sample.
    """

    def __init__(self, model: nn.Module, layer: str, sample: Sample, spans: Sequence[str]) -> None:
        self._model, self._layer, self._sample, self._spans = model, layer, sample, spans
        self._why = ""
        with readable_errors("the model does not run on the sample"):
            self._expected = self._output()
        self._tolerance = tolerance(self._expected)

    def first(self, plans: Sequence[Plan], refusal: str) -> Plan:
        """Return the first of `plans` that leaves the output as it is, with sizes added that the model's own modules
        have to say, if need be. Raises SurgeryError where none does: with `refusal`, if that says anything.
        """
        for plan in plans:
            if self._holds(plan):
                return plan
        self._holds(plans[0])
        why = self._why
        found = with_sizes(plans[0], self._model, self._holds)
        if found is None:
            raise SurgeryError(refusal or f"{self._layer} gets no new filters: {why}")
        return found

    def _holds(self, plan: Plan) -> bool:
        try:
            with carried_out(plan, self._model), readable_errors(_DOES_NOT_RUN):
                change = difference(self._output(), self._expected)
        except SurgeryError as error:
            self._why = str(error)
            return False
        self._why = f"the network's output would change by {change:.2g} of its size"
        return change <= self._tolerance

    def _output(self) -> Any:
        with neutral(self._model, self._spans):
            return output_of(self._model, self._sample)
