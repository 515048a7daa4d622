"""Surgery is taken back: at once bit for bit, after training with what the rest has learned."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from deepeyes_tui.surgery import SurgeryError, apply
from deepeyes_tui.surgery.editing.slices import remove_slices, take_slices
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Kind, Plan, Replacement
from deepeyes_tui.surgery.removal import plan_removal

from .architectures import CASES
from .architectures_case import Case, Expect
from .snapshots import OPTIMIZERS, assert_same, by_name, everything, train

torch.set_num_threads(1)
LENET = by_name("lenet, conv1")
RESNET = by_name("resnet, second stage's width")


def prepared(case: Case, make: str = "Adam") -> tuple[nn.Module, object, torch.optim.Optimizer, Plan]:
    """Return a network in training and the plan of its case."""
    model, batch = case.model(), case.batch()
    optimizer = OPTIMIZERS[make](list(model.parameters()))
    train(model, batch, [optimizer])
    return model, batch, optimizer, plan_removal(model, case.layer, case.filters, batch)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_at_once_every_bit_is_as_before(make: str) -> None:
    model, _, optimizer, plan = prepared(RESNET, make)
    before = everything(model, [optimizer])
    applied = apply(plan, model, optimizer)
    assert [p.shape for p in model.parameters()] != [before[f"values {n}"].shape for n, _ in model.named_parameters()]
    applied.undo()
    assert_same(everything(model, [optimizer]), before)


@pytest.mark.parametrize("case", [case for case in CASES if case.expect is Expect.EXACT], ids=lambda case: case.name)
def test_every_architecture_is_brought_back(case: Case) -> None:
    try:
        model, batch, optimizer, plan = prepared(case, "SGD")
    except SurgeryError as error:
        pytest.skip(str(error))
    before = everything(model, [optimizer])
    apply(plan, model, optimizer).undo()
    assert_same(everything(model, [optimizer]), before)
    assert all(torch.isfinite(torch.tensor(train(model, batch, [optimizer]))))


@pytest.mark.parametrize("make", ["SGD", "Adam", "ASGD", "Rprop"])
def test_after_training_the_slices_are_as_when_cut_and_the_rest_as_learned(make: str) -> None:
    model, batch, optimizer, plan = prepared(LENET, make)
    tensors = dict(model.named_parameters())
    cut = {one.tensor: one for one in plan.cuts}
    then = {name: tensors[name].detach().clone() for name in cut}
    states = {name: {k: v.clone() for k, v in optimizer.state[tensors[name]].items()} for name in cut}
    applied = apply(plan, model, optimizer)
    train(model, batch, [optimizer], 3)
    learned = {name: tensors[name].detach().clone() for name in cut}
    later = {name: dict(optimizer.state[tensors[name]]) for name in cut}
    applied.undo()
    for name, one in cut.items():

        def agree(now: Tensor, cut_away: Tensor, rest: Tensor, one=one) -> None:
            gone = take_slices(cut_away, one.axis, one.indices)
            assert torch.equal(take_slices(now, one.axis, one.indices), gone)
            assert torch.equal(remove_slices(now, one.axis, one.indices), rest)

        agree(tensors[name].detach(), then[name], learned[name])
        assert not torch.equal(learned[name], remove_slices(then[name], one.axis, one.indices))
        for key, value in optimizer.state[tensors[name]].items():
            if value.shape == then[name].shape:
                agree(value, states[name][key], later[name][key])
            else:
                assert torch.equal(value, later[name][key])


def test_state_that_came_after_the_cut_starts_sensibly_for_what_returns() -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    applied = apply(plan_removal(model, "conv1", (0, 4), batch), model, optimizer)
    train(model, batch, [optimizer], 3)
    squares = optimizer.state[model.conv1.weight]["exp_avg_sq"]
    applied.undo()
    state = optimizer.state[model.conv1.weight]
    assert not state["exp_avg"][[0, 4]].any()
    torch.testing.assert_close(state["exp_avg_sq"][[0, 4]], squares.mean().expand(2, 1, 3, 3), rtol=1e-5, atol=0)
    train(model, batch, [optimizer])


@pytest.mark.parametrize("how", ["random", "split", "random outgoing"])
@pytest.mark.parametrize("make", ["SGD", "Adam", "Adafactor"])
def test_growth_at_once(how: str, make: str) -> None:
    model, batch, optimizer, _ = prepared(RESNET, make)
    before = everything(model, [optimizer])
    plan = plan_growth(model, "blocks.2.conv1", 3, batch, how=how)
    applied = apply(plan, model, optimizer, inexact=True)
    assert everything(model)["values blocks.2.conv1.weight"].shape != before["values blocks.2.conv1.weight"].shape
    applied.undo()
    assert_same(everything(model, [optimizer]), before)


def test_shares_that_were_trained_return_to_their_source_as_a_sum() -> None:
    model, batch, optimizer, _ = prepared(LENET, "SGD")
    plan = plan_growth(model, "fc1", 1, batch, how="split", source=3)
    applied = apply(plan, model, optimizer)
    train(model, batch, [optimizer], 3)
    grown = model.fc2.weight.detach().clone()
    applied.undo()
    new = plan.filters[0]
    torch.testing.assert_close(model.fc2.weight[:, 3], grown[:, 3] + grown[:, new])
    rest = [one for one in range(12) if one != 3]
    assert torch.equal(model.fc2.weight[:, rest], remove_slices(grown, 1, (new,))[:, rest])


def test_one_after_the_other_and_back_in_turn() -> None:
    model, batch, optimizer, plan = prepared(LENET)
    before = everything(model, [optimizer])
    first = apply(plan, model, optimizer)
    second = apply(plan_removal(model, "conv1", (1,), batch), model, optimizer)
    between = everything(model, [optimizer], places=True)
    with pytest.raises(SurgeryError, match="undo first what was done to it later"):
        first.undo()
    assert_same(everything(model, [optimizer], places=True), between)
    second.undo()
    first.undo()
    assert_same(everything(model, [optimizer]), before)
    with pytest.raises(SurgeryError, match="undone already"):
        first.undo()


def test_an_undo_that_cannot_be_committed_changes_nothing() -> None:
    model, _, optimizer, plan = prepared(RESNET)
    applied = apply(plan, model, optimizer)
    between = everything(model, [optimizer], places=True)

    def full() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        applied.undo(full)
    assert_same(everything(model, [optimizer], places=True), between)
    applied.undo()


def test_attributes_that_were_changed_by_hand_are_refused() -> None:
    model, _, optimizer, plan = prepared(LENET)
    applied = apply(plan, model, optimizer)
    model.conv1.out_channels = 99
    with pytest.raises(SurgeryError, match="99"):
        applied.undo()


@pytest.mark.parametrize("name", ["weight norm", "weight norm as a parametrization, into a linear layer"])
def test_weights_with_a_norm_of_their_own_after_training(name: str) -> None:
    model, batch, optimizer, plan = prepared(by_name(name))
    applied = apply(plan, model, optimizer)
    train(model, batch, [optimizer], 3)
    scale = plan.rescales[0]
    tensors = dict(model.named_parameters())
    magnitude, direction = tensors[scale.magnitude], tensors[scale.direction]

    def weights() -> Tensor:
        axes = [axis for axis in range(direction.dim()) if magnitude.shape[axis] == 1]
        return (magnitude * direction / direction.square().sum(axes, keepdim=True).sqrt()).detach()

    learned = weights()
    applied.undo()
    back = weights()
    for one in plan.cuts:
        if one.tensor == scale.direction:
            back = remove_slices(back, one.axis, one.indices)
    torch.testing.assert_close(back, learned)


BEHIND = {"like": "2", "behind": [{"kind": "ReLU"}, {"kind": "Linear", "features": 8}]}
ADDED = Plan(Kind.ADD_LAYER, "2", replacement=Replacement("2", "followed", BEHIND))
DROPPED = Plan(Kind.DROP_LAYER, "2", replacement=Replacement("2", "identity", {"also": []}), exact=False)


def sequence() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))


@pytest.mark.parametrize("plan", [ADDED, DROPPED], ids=lambda plan: plan.kind)
@pytest.mark.parametrize("steps", [0, 3])
def test_whole_layers(plan: Plan, steps: int) -> None:
    model, batch = sequence(), torch.randn(5, 6)
    optimizer = torch.optim.Adam([{"params": model[:2].parameters()}, {"params": model[2:].parameters(), "lr": 1e-2}])
    train(model, batch, [optimizer])
    before, modules = everything(model, [optimizer]), list(model.modules())
    applied = apply(plan, model, optimizer, sample=batch, inexact=True)
    trained = [id(one) for group in optimizer.param_groups for one in group["params"]]
    assert sorted(trained) == sorted(map(id, model.parameters()))
    assert trained[:2] == before["groups 0"][0]
    train(model, batch, [optimizer], steps)
    applied.undo()
    assert list(model.modules()) == modules
    if steps:
        assert everything(model, [optimizer])["groups 0"] == before["groups 0"]
        train(model, batch, [optimizer])
    else:
        assert_same(everything(model, [optimizer]), before)
