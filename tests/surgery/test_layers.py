"""Layers come as identities and go with a warning; what is undone stands where it stood."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from deepeyes_tui.surgery import SurgeryError, apply, plan_layer_addition, plan_layer_removal
from deepeyes_tui.surgery.editing.replacing import put_in_place
from deepeyes_tui.surgery.plan import Plan, Replacement
from deepeyes_tui.surgery.running.comparing import difference

from .answers import answers
from .architectures import CASES
from .architectures_case import Case
from .snapshots import assert_same, by_name, call, everything, train

torch.set_num_threads(1)
NETWORKS = tuple({case.build: case for case in CASES}.values())
CONV = {"kind": "Conv2d", "channels": 8, "kernel": 3}
RELU = {"kind": "ReLU"}


def plain(activation: nn.Module) -> nn.Sequential:
    """Two equal convolutions with norms, in between `activation`; a linear head."""
    torch.manual_seed(3)
    body = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), activation, nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)]
    return nn.Sequential(*body, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


class Functional(nn.Module):
    """A convolution and two linear layers; `act` is a function."""

    def __init__(self, act: Any = functional.relu) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2 = nn.Conv2d(3, 8, 3), nn.Linear(8, 6), nn.Linear(6, 4)
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.act(self.conv(x)), 6)
        return self.fc2(self.act(self.fc1(x.flatten(1))))


class Reaching(Functional):
    """Its forward pass looks into a layer."""

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(self.act(self.conv(x)), 6)
        return self.fc2(self.act(functional.linear(x.flatten(1), self.fc1.weight, self.fc1(x.flatten(1))[0])))


class ReachingInTraining(Functional):
    """Its forward pass looks into a layer in training alone."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + (self.conv.weight.sum() if self.training else 0)


BATCH = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def added(model: nn.Module, layer: str, batch: Any = BATCH) -> Plan:
    """Plan, carry out and compare: in eval and in train mode the output is as before."""
    plan = plan_layer_addition(model, layer, batch)
    assert plan.change <= 1e-6
    before = answers(model, batch)
    apply(plan, model)
    for then, now in zip(before, answers(model, batch), strict=True):
        assert difference(now, then) <= 1e-6
    return plan


def test_a_layer_stands_behind_the_activation_and_has_one_of_its_own() -> None:
    model = plain(nn.ReLU(inplace=True))
    names = set(model.state_dict())
    relu = model[2]
    plan = added(model, "0")
    assert plan.replacement == Replacement("2", "followed", {"like": "0", "behind": [CONV, RELU]})
    assert [type(one) for one in model[2]] == [nn.ReLU, nn.Conv2d, nn.ReLU]
    assert model[2][0] is relu
    assert set(model.state_dict()) == names | {"2.1.weight", "2.1.bias"}
    assert not plan.warnings
    assert plan.after.parameters - plan.before.parameters == 8 * 8 * 9 + 8


@pytest.mark.parametrize(
    ("activation", "own"),
    [(nn.ReLU6(), {"kind": "ReLU6"}), (nn.Hardtanh(-2, 2), {"kind": "Hardtanh", "min_val": -2, "max_val": 2})],
)
def test_other_activations_that_can_be_repeated(activation: nn.Module, own: dict[str, Any]) -> None:
    plan = added(plain(activation), "0")
    assert plan.replacement is not None
    assert plan.replacement.options["behind"] == [CONV, own]


@pytest.mark.parametrize("activation", [nn.LeakyReLU(0.1), nn.GELU(), nn.Tanh()])
def test_behind_activations_that_cannot_be_repeated_stands_a_linear_map(activation: nn.Module) -> None:
    plan = added(plain(activation), "0")
    assert plan.replacement == Replacement("2", "followed", {"like": "0", "behind": [CONV]})
    assert "linear map" in plan.warnings[0]


@pytest.mark.parametrize("layer", ["conv", "fc1"])
def test_activations_by_functions_are_found(layer: str) -> None:
    model = Functional()
    plan = added(model, layer)
    assert plan.replacement is not None
    assert plan.replacement.options["behind"][0] == RELU
    assert f"{layer}.0.*" in plan.warnings[0]
    assert f"{layer}.0.weight" in model.state_dict()


def test_functions_that_cannot_be_repeated_are_not_taken_for_relu() -> None:
    plan = added(Functional(functional.gelu), "conv")
    assert plan.replacement is not None
    assert len(plan.replacement.options["behind"]) == 1
    assert "linear map" in plan.warnings[0]


def test_added_layers_learn() -> None:
    model = plain(nn.ReLU())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    train(model, BATCH, [optimizer])
    apply(plan_layer_addition(model, "0", BATCH), model, optimizer)
    before = model[2][1].weight.detach().clone()
    losses = train(model, BATCH, [optimizer], 6)
    assert losses[-1] < losses[0]
    assert not torch.equal(model[2][1].weight, before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_added_layers_are_as_the_layer_they_follow(dtype: torch.dtype) -> None:
    model = plain(nn.ReLU()).to(dtype=dtype, memory_format=torch.channels_last)
    model.eval()
    state = torch.get_rng_state()
    apply(plan_layer_addition(model, "0", BATCH.to(dtype)), model)
    layer = model[2][1]
    assert layer.weight.dtype is dtype
    assert layer.weight.stride() == model[3].weight.stride()
    assert not layer.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("model", [Reaching(), ReachingInTraining()])
def test_layers_that_are_looked_into_are_refused(model: Functional) -> None:
    before = everything(model)
    with pytest.raises(SurgeryError, match=r"no layer can be added behind .*weight"):
        plan_layer_addition(model, "fc1" if type(model) is Reaching else "conv", BATCH)
    assert_same(everything(model), before)


@pytest.mark.parametrize(
    ("case", "layer", "word"),
    [
        ("siamese, first layer", "one", "shared"),
        ("lenet, conv1", "conv9", "conv9"),
        ("lenet, conv1", "", "itself"),
        ("vgg, first convolution", "1", "BatchNorm2d"),
        ("layer that does not run", "idle", "does not run"),
        ("encoder layer, units of the perceptron", "1.layers.0.linear1", "TransformerEncoderLayer"),
    ],
)
def test_refused_additions(case: str, layer: str, word: str) -> None:
    found = by_name(case)
    model = found.model()
    before = everything(model)
    with pytest.raises(SurgeryError, match=word) as caught:
        plan_layer_addition(model, layer, found.batch())
    assert "\n" not in str(caught.value)
    assert_same(everything(model), before)


@pytest.mark.parametrize("case", NETWORKS, ids=lambda case: case.name)
def test_all_networks_keep_their_output_and_take_undo(case: Case) -> None:
    model, batch = case.model().eval(), case.batch()
    layers = [path for path, one in model.named_modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    for layer in layers[:2]:
        modules = dict(model.named_modules())
        try:
            plan = plan_layer_addition(model, layer, batch)
        except SurgeryError:
            continue
        before = everything(model)
        apply(plan, model).undo()
        assert plan.change <= 1e-5
        assert_same(everything(model), before)
        assert all(model.get_submodule(path) is one for path, one in modules.items())


def test_a_layer_goes_with_its_norm_and_activation() -> None:
    model = plain(nn.ReLU())
    gone = list(model[3:6])
    plan = plan_layer_removal(model, "3", BATCH)
    assert plan.replacement == Replacement("3", "identity", {"also": ["4", "5"]})
    assert not plan.exact
    assert plan.change > 0
    assert "output changes" in plan.warnings[0]
    assert plan.before.parameters - plan.after.parameters == 8 * 8 * 9 + 8 + 16
    with pytest.raises(SurgeryError):
        apply(plan, model)
    expected = nn.Sequential(*model[:3], *model[6:]).eval()(BATCH)
    applied = apply(plan, model, inexact=True)
    torch.testing.assert_close(model.eval()(BATCH), expected)
    applied.undo()
    assert list(model[3:6]) == gone


def test_a_block_goes() -> None:
    case = by_name("resnet, inside a block")
    model, batch = case.model(), case.batch()
    plan = plan_layer_removal(model, "blocks.1", batch)
    apply(plan, model, inexact=True)
    assert type(model.blocks[1]) is nn.Identity
    assert call(model, batch).shape == (len(batch), 5)


@pytest.mark.parametrize(
    ("case", "layer", "word"),
    [
        ("lenet, conv1", "conv2", "what goes in is 6x8x8 a sample, what comes out 8x8x8"),
        ("autoencoder, code", "0", "out|first"),
        ("vgg, first convolution", "2", "no weights"),
        ("lenet, conv1", "", "itself"),
        ("layer that does not run", "idle", "does not run"),
        ("built-in attention, width", "attention", "3 tensors"),
    ],
)
def test_refused_removals(case: str, layer: str, word: str) -> None:
    found = by_name(case)
    model = found.model()
    before = everything(model)
    with pytest.raises(SurgeryError, match=word):
        plan_layer_removal(model, layer, found.batch())
    assert_same(everything(model), before)


@pytest.mark.parametrize(("layer", "word"), [("0", "first layer"), ("2", "last layer")])
def test_first_and_last_layers_stay(layer: str, word: str) -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Softmax(1))
    with pytest.raises(SurgeryError, match=word):
        plan_layer_removal(model, layer, torch.randn(3, 4))


@pytest.mark.parametrize("plan", [plan_layer_addition, plan_layer_removal])
def test_a_described_replacement_is_made_anew(plan: Any) -> None:
    again = Plan.from_json(plan(plain(nn.ReLU()), "3", BATCH).to_json())
    assert again.replacement is not None
    first, second = plain(nn.ReLU()), plain(nn.ReLU())
    put_in_place(first, again.replacement)
    train(first, BATCH, [torch.optim.SGD(first.parameters(), lr=0.1)])
    undo = put_in_place(second, again.replacement)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(second.eval()(BATCH), first.eval()(BATCH))
    undo()
    assert list(second.state_dict()) == list(plain(nn.ReLU()).state_dict())


@pytest.mark.parametrize(
    "replacement",
    [
        Replacement("9", "identity", {"also": []}),
        Replacement("", "identity", {"also": []}),
        Replacement("3", "identity", {}),
        Replacement("3", "identity", {"also": ["nowhere"]}),
        Replacement("3", "hole"),
        Replacement("2", "followed", {"like": "0", "behind": [{"kind": "Conv9d", "channels": 8}]}),
        Replacement("2", "followed", {"like": "2", "behind": [CONV]}),
        Replacement("2", "followed", {"like": "0", "behind": [{"kind": "Conv2d", "channels": -1, "kernel": 3}]}),
        Replacement("2", "followed", {"like": "0", "behind": 5}),
    ],
)
def test_descriptions_that_say_nothing_change_nothing(replacement: Replacement) -> None:
    model = plain(nn.ReLU())
    modules = list(model.modules())
    with pytest.raises(SurgeryError):
        put_in_place(model, replacement)
    assert list(model.modules()) == modules


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon")
def test_biases_of_a_new_layer_do_not_go_to_muon() -> None:
    torch.manual_seed(0)
    model, batch = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), torch.randn(4, 5)
    matrices = torch.optim.Muon([one for one in model.parameters() if one.dim() == 2])
    rest = torch.optim.AdamW([one for one in model.parameters() if one.dim() != 2])
    with pytest.raises(SurgeryError, match="Muon trains matrices alone"):
        apply(plan_layer_addition(model, "0", batch), model, matrices)
    assert len(list(model.parameters())) == 4
    apply(plan_layer_addition(model, "0", batch), model, [matrices, rest])
    model(batch).square().mean().backward()
    before = [one.detach().clone() for one in model.parameters()]
    for one in (matrices, rest):
        one.step()
    assert not any(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))
