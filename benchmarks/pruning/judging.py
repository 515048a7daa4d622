"""What came of a cut in a network that trains: exact, wrong, refused, crashed; and whether training goes on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from tests.surgery.architectures_case import Case, step
from tests.surgery.masking import output, outputs_differ, silenced
from torch import Tensor, nn

from pruning.tools import Mask, Prune, RefusedError, ours

CLOSE = 1e-5
"""Of the output's magnitude; the case's own tolerance where that is wider."""


class Verdict(StrEnum):
    EXACT = "exact"
    WRONG = "silently wrong"
    OUTPUT = "cuts the network's output"
    REFUSED = "refused, model as before"
    HALF = "crashed, model half cut"
    CRASHED = "crashed, model as before"


@dataclass(frozen=True)
class Judgement:
    """`faults`: what breaks training although the cut itself went through."""

    verdict: Verdict
    why: str = ""
    faults: tuple[str, ...] = ()


def judge(case: Case, prune: Prune) -> Judgement:
    """Cut the case's network, compare it with the masked one, then cut another in the midst of its training."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, batch = case.model(), case.batch()
        whole = output(model, batch)
        before = shapes(model)
        try:
            mask = prune(model, None, case.layer, case.filters, batch)
            cut = output(model, batch)
        except RefusedError as refusal:
            return Judgement(Verdict.REFUSED if shapes(model) == before else Verdict.HALF, str(refusal))
        except Exception as error:
            return Judgement(
                Verdict.CRASHED if shapes(model) == before else Verdict.HALF, f"{type(error).__name__}: {error}"
            )
        if [tensor.shape for tensor in cut] != [tensor.shape for tensor in whole]:
            return Judgement(Verdict.OUTPUT)
        tolerance = max(CLOSE, case.tolerance)
        best = min((outputs_differ(expected, cut) for expected in references(case, mask, batch)), default=float("inf"))
        if best > tolerance:
            return Judgement(Verdict.WRONG, f"differs from the masked network by {best:.1e} of the output")
        return Judgement(Verdict.EXACT, "", faults(case, prune))


def references(case: Case, mask: Mask | None, batch: Any) -> list[Sequence[Tensor]]:
    """Return outputs that are right: masked by hand, as our plan says, and as the tool itself says."""
    masks = [mask] if mask else []
    if case.silent:
        masks.append(lambda whole: silenced(whole, case))
    try:
        masks.append(ours(case.model(), None, case.layer, case.filters, batch))
    except RefusedError:
        pass
    return [answer for mask in masks if (answer := _masked(mask, case, batch)) is not None]


def _masked(mask: Mask, case: Case, batch: Any) -> list[Tensor] | None:
    """Return the masked network's output; None where the mask names channels that the network does not have."""
    try:
        return output(mask(case.model()), batch)
    except IndexError:
        return None


def faults(case: Case, prune: Prune) -> tuple[str, ...]:
    """Return what is wrong with a network that was cut in the midst of training."""
    model, batch = case.model(), case.batch()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1e-3, momentum=0.9)
    step(model, batch, optimizer)
    modes = [module.training for module in model.modules()]
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    prune(model, optimizer, case.layer, case.filters, batch)
    found = []
    if {name for name, parameter in model.named_parameters() if not parameter.requires_grad} != frozen:
        found.append("unfreezes layers")
    if [module.training for module in model.modules()] != modes:
        found.append("leaves eval mode")
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    if any(id(p) not in known for name, p in model.named_parameters() if name not in frozen):
        found.append("optimizer keeps the old parameters")
    elif not _steps(model, batch, optimizer):
        found.append("next step fails")
    return tuple(found)


def _steps(model: nn.Module, batch: Any, optimizer: torch.optim.Optimizer) -> bool:
    try:
        step(model, batch, optimizer)
    except Exception:
        return False
    return True


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in model.state_dict().items()}
