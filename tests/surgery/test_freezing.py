"""Frozen layers and filters do not move by a bit, and the rest trains as before."""

from __future__ import annotations

import copy
import gc
import io
import weakref

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.growth import plan_growth
from deepeyes_tui.surgery.plan import Cut, Fill, Insertion, Kind, Plan, Role
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.retuning.freezing import filter_freezes, freeze, frozen_layers, unfreeze

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1),
    "adam amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adam fused": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, weight_decay=0.1),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.01, weight_decay=0.1),
    "adafactor": lambda p: torch.optim.Adafactor(p, lr=0.01, weight_decay=0.1),
    "rprop": lambda p: torch.optim.Rprop(p, lr=0.01),
    "nadam": lambda p: torch.optim.NAdam(p, lr=0.01, weight_decay=0.1),
}


def fused_sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, fused=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.up = nn.ConvTranspose2d(6, 4, 2)
        self.fc = nn.Linear(4, 5)

    def forward(self, x):
        return self.fc(self.up(self.norm(self.conv(x)).relu()).mean((2, 3)))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Net()


def train(model, optimizer, count=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        x = torch.randn(8, 1, 8, 8, generator=generator)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()


def tensors(module):
    return {name: one.detach().clone() for name, one in module.named_parameters()}


def same(module, before):
    return all(torch.equal(one, before[name]) for name, one in module.named_parameters())


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_layer_stays_while_the_others_train(model, kind):
    optimizer = OPTIMIZERS[kind](model.parameters())
    train(model, optimizer)
    frozen, others = tensors(model.conv), tensors(model.fc)
    assert freeze(model, "conv", optimizer=optimizer).parameters == ("conv.weight", "conv.bias")
    train(model, optimizer)
    assert same(model.conv, frozen)
    assert not same(model.fc, others)
    unfreeze(model, "conv")
    train(model, optimizer)
    assert not torch.equal(model.conv.weight, frozen["weight"])


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize(("layer", "axis"), [("conv", 0), ("up", 1), ("fc", 0)])
def test_filters_stay_while_their_neighbours_train(model, kind, layer, axis):
    optimizer = OPTIMIZERS[kind](model.parameters())
    train(model, optimizer)
    module = model.get_submodule(layer)
    chosen, rest = torch.tensor([0, 3]), torch.tensor([1, 2])
    weight, bias = module.weight.detach().clone(), module.bias.detach().clone()
    assert freeze(model, layer, [3, 0], optimizer=optimizer).filters == (0, 3)
    train(model, optimizer, 5)
    assert torch.equal(module.weight.index_select(axis, chosen), weight.index_select(axis, chosen))
    assert torch.equal(module.bias[chosen], bias[chosen])
    assert (module.weight.index_select(axis, rest) != weight.index_select(axis, rest)).any()
    unfreeze(model, layer, [0, 3])
    train(model, optimizer, 2)
    assert not torch.equal(module.weight.index_select(axis, chosen), weight.index_select(axis, chosen))


@pytest.mark.parametrize("kind", [*OPTIMIZERS, "sgd fused"])
def test_a_layer_that_never_trained_begins_when_it_is_unfrozen(model, kind):
    optimizer = {**OPTIMIZERS, "sgd fused": fused_sgd}[kind](model.parameters())
    before = tensors(model.conv)
    freeze(model, "conv", optimizer=optimizer)
    train(model, optimizer)
    unfreeze(model, "conv")
    train(model, optimizer)
    assert not torch.equal(model.conv.weight, before["weight"])


def test_frozen_filters_do_not_count_in_clipping(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    freeze(model, "conv", [1, 2], optimizer=optimizer)
    model(torch.randn(8, 1, 8, 8)).square().mean().backward()
    assert (model.conv.weight.grad[[1, 2]] == 0).all()
    assert (model.conv.weight.grad[[0, 3]] != 0).any()


def test_a_gradient_that_is_there_when_a_layer_is_frozen_is_not_used(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    train(model, optimizer)
    model(torch.randn(8, 1, 8, 8)).sum().backward()
    before = tensors(model.conv)
    freeze(model, "conv")
    optimizer.step()
    assert same(model.conv, before)


def test_what_the_script_froze_stays_frozen(model):
    model.fc.bias.requires_grad_(False)
    freeze(model, "fc")
    unfreeze(model, "fc")
    assert (model.fc.weight.requires_grad, model.fc.bias.requires_grad) == (True, False)
    model.conv.requires_grad_(False)
    with pytest.raises(SurgeryError, match="by the script"):
        unfreeze(model, "conv")
    assert frozen_layers(model) == {"conv": ()}


def test_what_is_frozen(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    assert frozen_layers(model) == {}
    freeze(model, "up")
    freeze(model, "conv", [4, 1], optimizer=optimizer)
    freeze(model, "conv", [1, 2], optimizer=optimizer)
    assert frozen_layers(model) == {"conv": (1, 2, 4), "up": ()}
    unfreeze(model, "conv", [1])
    assert frozen_layers(model) == {"conv": (2, 4), "up": ()}
    unfreeze(model, "conv")
    unfreeze(model, "up")
    assert frozen_layers(model) == {}
    assert not optimizer._optimizer_step_post_hooks


def test_a_block_freezes_as_a_whole_and_what_shares_weights_is_said():
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 4), nn.Linear(4, 2))
    model[1].weight = model[0][1].weight
    frozen = freeze(model, "0")
    assert frozen.notes == ("1 shares its weights and is frozen with it",)
    assert set(frozen_layers(model)) == {"0.0", "0.1"}
    unfreeze(model, "0")
    assert all(one.requires_grad for one in model.parameters())


def test_a_weight_normalised_layer_is_one_layer():
    model = nn.Sequential(weight_norm(nn.Linear(3, 4)), nn.Linear(4, 2))
    freeze(model, "0")
    assert frozen_layers(model) == {"0": ()}
    weight = model[0].weight.detach().clone()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(2, 3)).sum().backward()
        optimizer.step()
    assert torch.equal(model[0].weight, weight)
    unfreeze(model, "0")
    with pytest.raises(SurgeryError, match="computed from others"):
        freeze(model, "0", [1], optimizer=optimizer)
    model[0].bias.requires_grad_(False)
    assert frozen_layers(model) == {}


def test_a_layer_at_two_places_goes_by_either():
    shared = nn.Linear(3, 3)
    model = nn.Sequential(shared, nn.Linear(3, 3), shared)
    freeze(model, "2")
    unfreeze(model, "0")
    assert shared.weight.requires_grad


def test_a_model_that_is_one_layer_goes_by_its_class():
    model = nn.Linear(3, 2)
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    freeze(model, "Linear", [1], optimizer=optimizer)
    assert frozen_layers(model) == {"Linear": (1,)}


@pytest.mark.parametrize(
    ("layer", "filters", "sentence"),
    [
        ("convv", None, "there is no layer 'convv'"),
        ("", None, "there is no layer ''"),
        ("conv", [6], "conv has filters 0 to 5, not 6"),
        ("conv", [-1], "conv has filters 0 to 5, not -1"),
        ("conv", [], "not none"),
        ("norm", [0], "no convolution or linear layer"),
    ],
)
def test_refusals(model, layer, filters, sentence):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    for act in (lambda: freeze(model, layer, filters, optimizer=optimizer), lambda: unfreeze(model, layer, filters)):
        with pytest.raises(SurgeryError, match=sentence):
            act()
    assert frozen_layers(model) == {}


def test_refusals_that_depend_on_what_is_frozen(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    with pytest.raises(SurgeryError, match="conv is not frozen"):
        unfreeze(model, "conv")
    with pytest.raises(SurgeryError, match="conv 2: not frozen"):
        unfreeze(model, "conv", [2])
    with pytest.raises(SurgeryError, match="optimizer"):
        freeze(model, "conv", [2])
    freeze(model, "conv", [2], optimizer=optimizer)
    with pytest.raises(SurgeryError, match="conv 2: frozen already"):
        freeze(model, "conv", [2], optimizer=optimizer)
    freeze(model, "conv")
    for filters, sentence in ((None, "frozen already"), ([1], "no weights that train")):
        with pytest.raises(SurgeryError, match=sentence):
            freeze(model, "conv", filters, optimizer=optimizer)


def test_the_last_layer_that_trains_is_not_frozen(model):
    for layer in ("conv", "norm", "up"):
        freeze(model, layer)
    with pytest.raises(SurgeryError, match="nothing would be left to train"):
        freeze(model, "fc")
    train(model, OPTIMIZERS["sgd"](model.parameters()))


def test_layers_under_lbfgs_are_refused(model):
    with pytest.raises(SurgeryError, match="LBFGS"):
        freeze(model, "conv", optimizer=torch.optim.LBFGS(model.parameters()))


def test_statistics_outlast_calls_of_train(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    freeze(model, "conv", statistics=True)
    mean = model.norm.running_mean.clone()
    model.train()
    train(model, optimizer)
    assert torch.equal(model.norm.running_mean, mean)
    copied = copy.deepcopy(model).train()
    train(copied, OPTIMIZERS["sgd"](copied.parameters()))
    assert not torch.equal(copied.norm.running_mean, mean)
    unfreeze(model, "conv")
    train(model, optimizer)
    assert not torch.equal(model.norm.running_mean, mean)


def test_batchnorm_goes_on_without_the_option(model):
    freeze(model, "conv")
    mean = model.norm.running_mean.clone()
    train(model, OPTIMIZERS["sgd"](model.parameters()))
    assert not torch.equal(model.norm.running_mean, mean)


def test_copies_and_pickles_train_freely(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    freeze(model, "conv", [0, 1], optimizer=optimizer)
    freeze(model, "up", statistics=True)
    buffer = io.BytesIO()
    torch.save((model, optimizer), buffer)
    buffer.seek(0)
    for twin, steps in (copy.deepcopy((model, optimizer)), torch.load(buffer, weights_only=False)):
        train(twin, steps)
        assert (twin.conv.weight[[0, 1]] != model.conv.weight[[0, 1]]).any()


def test_a_model_that_is_dropped_is_freed():
    model = Net()
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    freeze(model, "conv", [0], optimizer=optimizer)
    watched = weakref.ref(model)
    del model
    gc.collect()
    assert watched() is None
    optimizer.step()


def cut_conv(model, indices):
    """Cut filters of the convolution by hand, as surgery does, and return the plan and what puts them back."""
    cuts = [Cut(name, axis, 6, indices, Role.WRITES) for name, axis in CONV_AXES]
    old = {cut.tensor: model.state_dict(keep_vars=True)[cut.tensor].data for cut in cuts}

    def put(change):
        for cut in cuts:
            model.state_dict(keep_vars=True)[cut.tensor].data = change(old[cut.tensor], cut.axis)
        for one in model.parameters():
            one.grad = None

    keep = torch.tensor([one for one in range(6) if one not in indices])
    put(lambda tensor, axis: tensor.index_select(axis, keep))
    return Plan(Kind.PRUNE, "conv", indices, tuple(cuts)), lambda: put(lambda tensor, axis: tensor)


CONV_AXES = [
    ("conv.weight", 0),
    ("conv.bias", 0),
    ("norm.weight", 0),
    ("norm.bias", 0),
    ("norm.running_mean", 0),
    ("norm.running_var", 0),
    ("up.weight", 0),
]


def test_filters_stay_frozen_through_a_cut_and_its_undo(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = tensors(model.conv)["weight"]
    freeze(model, "conv", [1, 2, 5], optimizer=optimizer)
    freeze(model, "up", [3], optimizer=optimizer)
    up = model.up.weight.detach().clone()
    plan, back = cut_conv(model, (0, 2))
    undone = filter_freezes(model).after(plan)
    assert frozen_layers(model) == {"conv": (0, 3), "up": (3,)}
    train(model, optimizer)
    assert torch.equal(model.conv.weight[[0, 3]], before[[1, 5]])
    assert torch.equal(model.up.weight[:, 3], up[[1, 3, 4, 5], 3])
    unfreeze(model, "conv", [3])
    back()
    undone()
    assert frozen_layers(model) == {"conv": (1, 2), "up": (3,)}
    train(model, optimizer)
    assert torch.equal(model.conv.weight[[1, 2]], before[[1, 2]])


def test_filters_stay_frozen_through_planned_surgery(model):
    x = torch.randn(8, 1, 8, 8)
    optimizer = OPTIMIZERS["adamw"](model.parameters())
    train(model, optimizer)
    before = tensors(model.conv)["weight"]
    freeze(model, "conv", [1, 2, 5], optimizer=optimizer)
    freeze(model, "fc")
    fc = tensors(model.fc)["bias"]
    plan = plan_removal(model, "conv", [0, 2], x)
    applied = apply(plan, model, optimizer)
    undone = filter_freezes(model).after(plan)
    train(model, optimizer)
    assert frozen_layers(model) == {"conv": (0, 3), "fc": ()}
    assert torch.equal(model.conv.weight[[0, 3]], before[[1, 5]])
    applied.undo()
    undone()
    train(model, optimizer)
    assert frozen_layers(model) == {"conv": (1, 2, 5), "fc": ()}
    assert torch.equal(model.conv.weight[[1, 2, 5]], before[[1, 2, 5]])
    assert torch.equal(model.fc.bias, fc)


def test_filters_stay_frozen_through_planned_growth(model):
    optimizer = OPTIMIZERS["sgd"](model.parameters())
    before = tensors(model.conv)["weight"]
    freeze(model, "conv", [0, 5], optimizer=optimizer)
    plan = plan_growth(model, "conv", 2, torch.randn(8, 1, 8, 8))
    apply(plan, model, optimizer)
    filter_freezes(model).after(plan)
    train(model, optimizer)
    places = frozen_layers(model)["conv"]
    assert len(places) == 2
    assert torch.equal(model.conv.weight[list(places)], before[[0, 5]])


def test_a_cut_of_all_frozen_filters_and_its_undo(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    freeze(model, "conv", [4], optimizer=optimizer)
    before = model.conv.weight.detach().clone()
    plan, back = cut_conv(model, (4,))
    undone = filter_freezes(model).after(plan)
    assert frozen_layers(model) == {}
    train(model, optimizer)
    back()
    undone()
    train(model, optimizer)
    assert frozen_layers(model) == {"conv": (4,)}
    assert torch.equal(model.conv.weight[4], before[4])


def test_new_filters_are_not_frozen(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    freeze(model, "fc", [0, 3], optimizer=optimizer)
    old = model.fc.weight.detach().clone()
    model.fc.weight.data = torch.cat([old[:2], torch.ones(1, 4), old[2:]])
    model.fc.bias.data = torch.zeros(6)
    new = [Insertion(name, 0, 5, (2,), (1,), Fill.RANDOM, Role.WRITES) for name in ("fc.weight", "fc.bias")]
    filter_freezes(model).after(Plan(Kind.GROW, "fc", insertions=tuple(new)))
    assert frozen_layers(model) == {"fc": (0, 4)}
    train(model, optimizer)
    assert torch.equal(model.fc.weight[[0, 4]], old[[0, 3]])
    assert (model.fc.weight[2] != 1).any()


def test_a_layer_that_others_reshaped_trains_on_and_says_so(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    freeze(model, "conv", [5], optimizer=optimizer)
    cut_conv(model, (0,))
    with pytest.warns(UserWarning, match="frozen filters train again"):
        train(model, optimizer)
    assert frozen_layers(model) == {}
