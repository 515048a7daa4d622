"""What optimizers keep follows the parameters, or they are refused with the reason."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from deepeyes_tui.surgery import SurgeryError, apply, plan_growth, trust_optimizer
from deepeyes_tui.surgery.editing.slices import remove_slices
from deepeyes_tui.surgery.removal import plan_removal

from .snapshots import OPTIMIZERS, assert_same, by_name, everything, train

torch.set_num_threads(1)
LENET = by_name("lenet, conv1")
SLICED = [name for name in OPTIMIZERS if name != "Adafactor"]


@pytest.mark.parametrize("make", SLICED)
def test_every_state_of_the_parameters_shape_loses_the_same_slices(make: str) -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = OPTIMIZERS[make](list(model.parameters()))
    train(model, batch, [optimizer])
    plan = plan_removal(model, "conv1", (0, 4), batch)
    tensors = dict(model.named_parameters())
    cuts = [one for one in plan.cuts if tensors[one.tensor] in optimizer.state]
    before = {one.tensor: dict(optimizer.state[tensors[one.tensor]]) for one in cuts}
    shapes = {one.tensor: tensors[one.tensor].shape for one in cuts}
    apply(plan, model, optimizer)
    followed = 0
    for one in cuts:
        for key, value in optimizer.state[tensors[one.tensor]].items():
            then = before[one.tensor][key]
            if isinstance(then, torch.Tensor) and then.shape == shapes[one.tensor]:
                assert torch.equal(value, remove_slices(then, one.axis, one.indices)), key
                followed += 1
            else:
                assert_same(value, then)
    assert followed >= len(cuts)
    losses = train(model, batch, [optimizer], 4)
    assert all(loss == loss for loss in losses)


@pytest.mark.parametrize(
    ("make", "driving"), [("Adam", "exp_avg_sq"), ("Rprop", "step_size"), ("RMSprop", "square_avg")]
)
def test_new_filters_are_driven_as_the_others_are_on_average(make: str, driving: str) -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = OPTIMIZERS[make](list(model.parameters()))
    train(model, batch, [optimizer])
    state = optimizer.state[model.conv1.weight]
    mean = state[driving].mean()
    plan = plan_growth(model, "conv1", 2, batch)
    (grown,) = (one for one in plan.insertions if one.tensor == "conv1.weight")
    apply(plan, model, optimizer)
    new = list(grown.indices)
    torch.testing.assert_close(state[driving][new], mean.expand_as(state[driving][new]), rtol=1e-5, atol=0)
    assert not any(value[new].any() for key, value in state.items() if key in ("exp_avg", "prev"))


def test_averages_of_weights_start_with_the_new_weights() -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = OPTIMIZERS["ASGD"](list(model.parameters()))
    train(model, batch, [optimizer])
    plan = plan_growth(model, "conv1", 2, batch)
    (grown,) = (one for one in plan.insertions if one.tensor == "conv1.weight")
    apply(plan, model, optimizer)
    new = list(grown.indices)
    assert torch.equal(optimizer.state[model.conv1.weight]["ax"][new], model.conv1.weight[new])


def test_muon_on_matrices() -> None:
    model, batch = LENET.model(), LENET.batch()
    matrices = [one for one in model.parameters() if one.dim() == 2]
    optimizers = [torch.optim.Muon(matrices, 1e-2), torch.optim.SGD([*model.conv1.parameters()], 0.1)]
    train(model, batch, optimizers)
    before = everything(model, optimizers)
    applied = apply(plan_removal(model, "fc1", (2, 3), batch), model, optimizers)
    assert optimizers[0].state[model.fc1.weight]["momentum_buffer"].shape == (10, 128)
    applied.undo()
    assert_same(everything(model, optimizers), before)
    train(model, batch, optimizers)


def test_adafactor_starts_anew_for_matrices_and_says_so() -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = torch.optim.Adafactor(model.parameters(), 1e-2)
    train(model, batch, [optimizer])
    applied = apply(plan_removal(model, "conv1", (0, 4), batch), model, optimizer)
    assert len(applied.notes) == 1
    assert "Adafactor keeps in factors for 2 of the tensors" in applied.notes[0]
    assert optimizer.state[model.conv1.bias]["variance"].shape == (4,)
    train(model, batch, [optimizer])
    applied.undo()
    assert not optimizer.state[model.conv1.weight]
    train(model, batch, [optimizer])


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.out = nn.Embedding(11, 6, sparse=True), nn.Linear(6, 3)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.out(self.words(words).mean(1))


def test_sparse_gradients() -> None:
    torch.manual_seed(0)
    model, batch = Words(), torch.randint(11, (5, 7))
    optimizers = [torch.optim.SparseAdam(model.words.parameters(), 1e-2), torch.optim.SGD(model.out.parameters(), 0.1)]
    train(model, batch, optimizers)
    gradient, before = model.words.weight.grad.to_dense(), model.words.weight.detach().clone()
    applied = apply(plan_removal(model, "words", (1, 4), batch), model, optimizers)
    assert optimizers[0].state[model.words.weight]["exp_avg"].shape == (11, 4)
    assert torch.equal(model.words.weight.grad.to_dense(), remove_slices(gradient, 1, (1, 4)))
    applied.undo()
    assert torch.equal(model.words.weight, before)
    assert torch.equal(model.words.weight.grad.to_dense(), gradient)
    train(model, batch, optimizers)


class Own(torch.optim.SGD):
    """An optimizer of a user's own."""


class Odd(torch.optim.SGD):
    """Keeps something for each parameter that has a shape of its own."""

    def step(self, closure: Any = None) -> None:
        super().step(closure)
        for group in self.param_groups:
            for one in group["params"]:
                self.state[one]["history"] = [torch.zeros(3)]


def refuses(optimizer: torch.optim.Optimizer, model: nn.Module, sentence: str) -> None:
    plan = plan_removal(model, "conv1", (0, 4), LENET.batch())
    before = everything(model, [optimizer], places=True)
    with pytest.raises(SurgeryError, match=sentence):
        apply(plan, model, optimizer)
    assert_same(everything(model, [optimizer], places=True), before)


def test_lbfgs_is_refused() -> None:
    model = LENET.model()
    refuses(torch.optim.LBFGS(model.parameters()), model, "LBFGS keeps a history")


def test_an_optimizer_of_a_users_own_needs_trust() -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = Own(model.parameters(), 0.1, momentum=0.9)
    train(model, batch, [optimizer])
    refuses(optimizer, model, r"allow it with deepeyes_tui\.surgery\.trust_optimizer\(Own\)")
    trust_optimizer(Own)
    apply(plan_removal(model, "conv1", (0, 4), batch), model, optimizer)
    assert optimizer.state[model.conv1.weight]["momentum_buffer"].shape == (4, 1, 3, 3)


def test_trust_does_not_reach_what_is_not_known() -> None:
    model, batch = LENET.model(), LENET.batch()
    optimizer = Odd(model.parameters(), 0.1, momentum=0.9)
    train(model, batch, [optimizer])
    trust_optimizer(Odd)
    refuses(optimizer, model, "keeps a history for conv1")


def test_trust_is_for_optimizers() -> None:
    with pytest.raises(SurgeryError, match="subclass"):
        trust_optimizer(dict)  # type: ignore[arg-type]
    with pytest.raises(SurgeryError, match="an optimizer has to be"):
        apply(plan_removal(LENET.model(), "conv1", (0,), LENET.batch()), LENET.model(), [3])  # type: ignore[list-item]


def test_an_optimizer_of_another_network_is_left_alone() -> None:
    model, other, batch = LENET.model(), LENET.model(), LENET.batch()
    optimizer = torch.optim.Adam(other.parameters())
    train(other, batch, [optimizer])
    before = everything(other, [optimizer], places=True)
    apply(plan_removal(model, "conv1", (0,), batch), model, optimizer)
    assert_same(everything(other, [optimizer], places=True), before)
