"""Surgery is a transaction: everything stays the object it was, and what fails leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from deepeyes_tui.surgery import SurgeryError, apply, find_copies
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Plan, Role
from deepeyes_tui.surgery.removal import plan_removal

from .architectures_case import Case
from .snapshots import OPTIMIZERS, assert_same, by_name, everything, outputs_sum, train

torch.set_num_threads(1)
LENET = by_name("lenet, conv1")
RESNET = by_name("resnet, second stage's width")


def prepared(case: Case, make: str = "Adam") -> tuple[nn.Module, torch.Tensor, torch.optim.Optimizer, Plan]:
    model, batch = case.model(), case.batch()
    optimizer = OPTIMIZERS[make](list(model.parameters()))
    train(model, batch, [optimizer])
    return model, batch, optimizer, plan_removal(model, case.layer, case.filters, batch)


def test_output_is_that_of_the_masked_network_and_all_objects_stay() -> None:
    model, batch, optimizer, plan = prepared(LENET)
    objects = {name: id(one) for name, one in model.named_parameters()}
    mask = torch.ones(6)
    mask[[0, 4]] = 0
    handle = model.conv1.register_forward_hook(lambda _, __, output: output * mask[:, None, None])
    expected = model.eval()(batch)
    handle.remove()
    model.train()
    apply(plan, model, optimizer)
    assert model.training
    assert {name: id(one) for name, one in model.named_parameters()} == objects
    assert (model.conv1.out_channels, model.conv2.in_channels, len(model.conv1.weight.grad)) == (4, 4, 4)
    torch.testing.assert_close(model.eval()(batch), expected, rtol=1e-5, atol=1e-6)


def test_a_loss_from_before_is_in_nobodys_way() -> None:
    model, batch, optimizer, plan = prepared(LENET)
    alive = outputs_sum(model(batch))
    applied = apply(plan, model, optimizer)
    losses = train(model, batch, [optimizer])
    applied.undo()
    losses += train(model, batch, [optimizer])
    assert alive.grad_fn is not None
    assert losses[-1] < float(alive.detach())


def test_hooks_of_parameters_go_on() -> None:
    model, batch, optimizer, plan = prepared(LENET)
    seen: list[torch.Size] = []
    model.conv1.weight.register_hook(lambda gradient: seen.append(gradient.shape))
    model.conv1.weight.register_post_accumulate_grad_hook(lambda one: seen.append(one.grad.shape))
    apply(plan, model, optimizer)
    train(model, batch, [optimizer], 1)
    assert seen == [(4, 1, 3, 3)] * 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_form_in_memory_dtype_and_freezing_stay(dtype: torch.dtype) -> None:
    model, batch = RESNET.model(), RESNET.batch()
    model.to(dtype=dtype, memory_format=torch.channels_last)
    model.conv.requires_grad_(False)
    last = {name for name, one in model.named_parameters() if one.dim() == 4 and not one.is_contiguous()}
    frozen = {name for name, one in model.named_parameters() if not one.requires_grad}
    apply(plan_removal(model, RESNET.layer, RESNET.filters, batch.to(dtype)), model)
    tensors = dict(model.named_parameters())
    assert last
    assert {name for name in tensors if not tensors[name].requires_grad} == frozen
    assert all(tensors[name].is_contiguous(memory_format=torch.channels_last) for name in last)
    assert {one.dtype for one in tensors.values()} == {dtype}


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("make", OPTIMIZERS)
def test_what_cannot_be_committed_was_never_done(error: BaseException, make: str) -> None:
    model, batch, optimizer, plan = prepared(RESNET, make)
    before = everything(model, [optimizer], places=True)

    def commit() -> None:
        assert model.blocks[2].conv2.out_channels == 10
        raise error

    with pytest.raises(type(error)):
        apply(plan, model, optimizer, commit=commit)
    assert_same(everything(model, [optimizer], places=True), before)
    apply(plan, model, optimizer, commit=lambda: None)
    train(model, batch, [optimizer])


def wrong_readers(plan: Plan) -> Plan:
    """Return a plan that removes what other filters are read with: all sizes fit, the output does not."""
    cuts = [replace(one, indices=(1, 2)) if one.role is Role.READS else one for one in plan.cuts]
    return replace(plan, cuts=tuple(cuts))


SPOILED: dict[str, tuple[Callable[[Plan], Plan], str]] = {
    "other slices": (wrong_readers, "off what it should give"),
    "a tensor too few": (lambda plan: replace(plan, cuts=plan.cuts[:1]), "does not run"),
    "other sizes": (lambda plan: replace(plan, cuts=(replace(plan.cuts[0], size=9),)), "has changed since"),
    "no such tensor": (lambda plan: replace(plan, cuts=(replace(plan.cuts[0], tensor="a.b"),)), "there is no a.b"),
    "no such slices": (lambda plan: replace(plan, cuts=(replace(plan.cuts[0], indices=(3, 9)),)), "that there are not"),
    "all slices": (
        lambda plan: replace(plan, cuts=(replace(plan.cuts[0], indices=tuple(range(6))),)),
        "that there are not",
    ),
    "other attributes": (
        lambda plan: replace(plan, attributes=(replace(plan.attributes[0], before=7),)),
        "is 6, not 7",
    ),
    "not exact": (lambda plan: replace(plan, exact=False, change=0.25), "25.00%.*inexact=True"),
    "not exact, not measured": (lambda plan: replace(plan, exact=False, change=float("nan")), "%.*inexact=True"),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_a_wrong_plan_is_refused_and_nothing_is_left_of_it(spoiled: str) -> None:
    model, _, optimizer, plan = prepared(LENET)
    before = everything(model, [optimizer], places=True)
    spoil, sentence = SPOILED[spoiled]
    with pytest.raises(SurgeryError, match=sentence):
        apply(spoil(plan), model, optimizer)
    assert_same(everything(model, [optimizer], places=True), before)


def test_a_plan_is_good_once() -> None:
    model, _, optimizer, plan = prepared(LENET)
    apply(plan, model, optimizer)
    with pytest.raises(SurgeryError, match="the model has changed since this plan was made"):
        apply(plan, model, optimizer)


def test_what_is_not_exact_is_done_when_allowed() -> None:
    case = by_name("group norm, one group")
    model, batch, optimizer, plan = prepared(case)
    with pytest.raises(SurgeryError, match="inexact=True"):
        apply(plan, model, optimizer)
    apply(plan, model, optimizer, inexact=True)
    train(model, batch, [optimizer])


def test_one_surgery_at_a_time() -> None:
    model, _, optimizer, plan = prepared(LENET)
    other, _, _, same = prepared(LENET)
    with pytest.raises(SurgeryError, match="another surgery is under way"):
        apply(plan, model, optimizer, commit=lambda: apply(same, other) and None)
    apply(plan, model, optimizer)


def test_without_a_sample_the_network_is_not_run() -> None:
    model, _, optimizer, plan = prepared(LENET)

    def never(*_: object) -> None:
        raise AssertionError("the network was run")

    model.act = never
    apply(Plan.from_json(plan.to_json()), model, optimizer)
    assert model.conv1.out_channels == 4


def test_statistics_modes_hooks_and_chance_are_untouched_by_the_check() -> None:
    case = by_name("batch norm of vectors")
    model, batch, optimizer, plan = prepared(case)
    model[0].eval()
    ran: list[int] = []
    model.register_forward_hook(lambda *_: ran.append(1))
    random = torch.get_rng_state()
    modes = [module.training for module in model.modules()]
    kept = {name: one.clone() for name, one in model.named_buffers()}
    apply(plan, model, optimizer, sample=batch).undo()
    assert not ran
    assert [module.training for module in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(one, kept[name]) for name, one in model.named_buffers())


def test_several_optimizers_each_with_its_part() -> None:
    model, batch = LENET.model(), LENET.batch()
    trainers = [torch.optim.SGD(model.conv1.parameters(), 0.1, momentum=0.9), torch.optim.Adam(model.fc2.parameters())]
    trainers.append(torch.optim.RMSprop([*model.conv2.parameters(), model.conv1.weight]))
    train(model, batch, trainers)
    before = everything(model, trainers)
    applied = apply(plan_removal(model, "conv1", (0, 4), batch), model, trainers)
    shapes = [
        trainers[n].state[model.conv1.weight][key].shape for n, key in ((0, "momentum_buffer"), (2, "square_avg"))
    ]
    assert shapes == [model.conv1.weight.shape] * 2
    applied.undo()
    assert_same(everything(model, trainers), before)


def test_copies_go_along() -> None:
    model, batch, optimizer, plan = prepared(LENET)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    average.update_parameters(model)
    copies = find_copies(model)
    assert average.module in copies
    before = everything(average.module)
    applied = apply(plan, model, optimizer, copies=[average.module])
    train(model, batch, [optimizer])
    average.update_parameters(model)
    assert average(batch).shape == (len(batch), 5)
    assert [one.shape for one in average.module.parameters()] == [one.shape for one in model.parameters()]
    applied.undo()
    assert [one.shape for one in average.module.parameters()] == [one.shape for one in model.parameters()]
    assert torch.equal(average.module.conv1.weight[[0, 4]], before["values conv1.weight"][[0, 4]])


def test_a_copy_that_differs_spoils_all() -> None:
    model, _, optimizer, plan = prepared(LENET)
    other = LENET.model()
    other.conv2 = nn.Conv2d(7, 8, 3, padding=1)
    before = everything(model, [optimizer], places=True)
    with pytest.raises(SurgeryError, match=r"conv2\.weight is 8x7x3x3"):
        apply(plan, model, optimizer, copies=[other])
    assert_same(everything(model, [optimizer], places=True), before)


def test_grown_filters_start_with_sensible_states() -> None:
    model, batch, optimizer, _ = prepared(LENET)
    model.eval()
    expected = model(batch)
    moments = optimizer.state[model.conv1.weight]["exp_avg_sq"].mean()
    plan = plan_growth(model, "conv1", 2, batch)
    chance = torch.get_rng_state()
    apply(plan, model, optimizer)
    assert torch.equal(torch.get_rng_state(), chance)
    torch.testing.assert_close(model(batch), expected, rtol=1e-5, atol=1e-6)
    state, new = optimizer.state[model.conv1.weight], list(plan.filters)
    assert not state["exp_avg"][new].any()
    torch.testing.assert_close(state["exp_avg_sq"][new], moments.expand(2, 1, 3, 3))
    assert not model.conv1.weight.grad[new].any()
    outgoing = model.conv2.weight[:, new].detach().clone()
    train(model, batch, [optimizer])
    assert not torch.equal(model.conv2.weight[:, new], outgoing)
