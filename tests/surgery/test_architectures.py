"""Every reference architecture: the cut is exact, or refused with the reason; never silently wrong."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan, Role
from deepeyes_tui.surgery.removal import plan_removal

from .architectures import CASES
from .architectures_case import Case, Expect, backward, step
from .masking import kept, output, outputs_differ, reads_masked, shapes_after, silenced

torch.set_num_threads(1)
WELL = [case for case in CASES if case.expect is not Expect.REFUSED]
PLANS: dict[str, Plan] = {}
REFUSED = [case for case in CASES if case.expect is Expect.REFUSED]


def cases(chosen: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in chosen])


@cases(REFUSED)
def test_what_cannot_be_is_refused_with_the_reason(case: Case):
    model, batch = case.model(), case.batch()
    backward(model, batch)
    before = everything(model)
    with pytest.raises(SurgeryError) as refusal:
        plan_removal(model, case.layer, case.filters, batch)
    assert case.word in str(refusal.value)
    assert len(str(refusal.value)) > 20
    assert "\n" not in str(refusal.value)
    assert same(before, everything(model))


@cases(WELL)
def test_planning_changes_nothing(case: Case):
    model, batch = case.model(), case.batch()
    backward(model, batch)
    before = everything(model)
    planned(case, model, batch)
    assert same(before, everything(model))


@cases(WELL)
def test_the_cut_network_is_the_masked_one(case: Case):
    model, batch, plan = case.model(), case.batch(), plan_of(case)
    assert plan.exact == (case.expect is not Expect.INEXACT)
    assert plan.exact or plan.warnings
    masked = output(reads_masked(case.model(), plan), batch)
    silent = output(silenced(case.model(), case), batch) if case.silent else masked
    apply(plan, model, inexact=not plan.exact)
    assert outputs_differ(masked, output(model, batch)) <= case.tolerance
    assert outputs_differ(silent, output(model, batch)) <= case.tolerance


@cases(WELL)
def test_what_the_plan_says_goes_and_the_rest_stays_bit_for_bit(case: Case):
    model, plan = case.model(), plan_of(case)
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    before = {name: tensor.detach().clone() for name, tensor in tensors.items()}
    parameters = dict(model.named_parameters())
    apply(plan, model, inexact=not plan.exact)
    after = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    assert all(after[name] is parameter for name, parameter in parameters.items())
    assert {name: tuple(tensor.shape) for name, tensor in after.items()} == shapes_after(
        {name: tensor.shape for name, tensor in before.items()}, plan
    )
    for name, tensor in rest(before, plan).items():
        assert torch.equal(tensor, after[name]), name
    assert chosen(plan)
    assert not case.goes or {cut.tensor.rpartition(".")[0] for cut in plan.cuts} == case.goes


@cases(WELL)
def test_a_cut_network_trains_on_in_its_modes(case: Case):
    model, batch = case.model(), case.batch()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05, momentum=0.9)
    step(model, batch, optimizer)
    modes, trainable = modes_of(model), {name: p.requires_grad for name, p in model.named_parameters()}
    plan = planned(case, model, batch)
    apply(plan, model, optimizer, inexact=not plan.exact)
    assert modes_of(model) == modes
    assert {name: p.requires_grad for name, p in model.named_parameters()} == trainable
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    step(model, batch, optimizer)
    moved = {name for name, p in model.named_parameters() if not torch.equal(before[name], p)}
    layers = {cut.tensor for cut in plan.cuts if cut.tensor in before and trainable[cut.tensor]}
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert moved <= {name for name, learns in trainable.items() if learns}
    assert not layers or moved & layers


def plan_of(case: Case) -> Plan:
    """Return the plan of a case, made once: its networks are alike to the last bit."""
    if case.name not in PLANS:
        PLANS[case.name] = planned(case, case.model(), case.batch())
    return PLANS[case.name]


def planned(case: Case, model: nn.Module, batch: Any) -> Plan:
    """Plan the case's cut; what may be refused, and is, ends the test."""
    try:
        return plan_removal(model, case.layer, case.filters, batch)
    except SurgeryError as refusal:
        if case.expect is not Expect.EITHER or case.word not in str(refusal):
            raise
        pytest.skip(f"refused: {refusal}")


def chosen(plan: Plan) -> bool:
    """Return whether the layer loses the filters that were asked for, and no tensor twice along an axis."""
    own = [cut for cut in plan.cuts if cut.tensor.startswith(plan.layer + ".") and cut.role is not Role.READS]
    axes = [(cut.tensor, cut.axis) for cut in plan.cuts]
    rising = all(list(cut.indices) == sorted(set(cut.indices)) for cut in plan.cuts)
    return rising and len(axes) == len(set(axes)) and any(set(plan.filters) <= set(cut.indices) for cut in own)


def rest(before: dict[str, Tensor], plan: Plan) -> dict[str, Tensor]:
    """Return what is to be left of the tensors; magnitudes that follow their directions are left out."""
    left = dict(before)
    for cut in plan.cuts:
        left[cut.tensor] = left[cut.tensor].index_select(cut.axis, kept(cut))
    derived = {rescale.magnitude for rescale in plan.rescales}
    return {name: tensor for name, tensor in left.items() if name not in derived}


def modes_of(model: nn.Module) -> dict[str, bool]:
    return {path: module.training for path, module in model.named_modules()}


def everything(model: nn.Module) -> dict[str, Any]:
    """Return all that planning must leave as it is."""
    names = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
    return {
        "tensors": {k: (id(v), v.data_ptr(), v.detach().clone(), v._version) for k, v in model.named_parameters()},
        "buffers": {k: (id(v), v.data_ptr(), v.detach().clone()) for k, v in model.named_buffers()},
        "gradients": {k: None if p.grad is None else p.grad.clone() for k, p in model.named_parameters()},
        "requires": {k: p.requires_grad for k, p in model.named_parameters()},
        "modes": modes_of(model),
        "hooks": {path: [len(getattr(module, name)) for name in names] for path, module in model.named_modules()},
        "attributes": {path: sorted(vars(module)) for path, module in model.named_modules()},
        "random": (torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "gradients on": torch.is_grad_enabled(),
    }


def same(one: Any, other: Any) -> bool:
    """Return whether two of the same structure hold the same, tensors bit for bit."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
