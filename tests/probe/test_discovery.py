"""Output points and receptive fields, against what the architectures give by hand."""

import copy
import pickle
import random

import numpy as np
import pytest
import torch
from torch import nn

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.lenet import LeNet
from deepeyes_tui.probe.discovery import discover
from deepeyes_tui.probe.instances import MAX_INSTANCES, Sampler, positions_per_input
from deepeyes_tui.probe.layers import find_layers, unwrap
from deepeyes_tui.probe.tapping import CallTap
from deepeyes_tui.probe.taps import EntryTap, InputTap, Tap, attach
from deepeyes_tui.surgery import plan_removal

from . import models


def points_of(model, *args, **kwargs):
    found = discover(model, find_layers(model), args, kwargs)
    assert found.notice == ""
    return found.points


def test_lenet_receptive_fields():
    points = points_of(LeNet(), torch.rand(4, 1, 28, 28))
    assert {name: p.receptive_field for name, p in points.items()} == {
        "conv1": (5, 5),
        "conv2": (14, 14),
        "fc1": (28, 28),
        "fc2": (28, 28),
    }
    assert {name: p.positions_per_input for name, p in points.items()} == {"conv1": 22, "conv2": 3, "fc1": 1, "fc2": 1}
    assert [p.words for p in points.values()] == [(), (), ("relu",), ()]


@pytest.mark.parametrize(
    ("model", "shape", "fields"),
    [
        (models.Residual(), (3, 32, 32), {"conv1": (3, 3), "conv2": (5, 5), "fc": (32, 32)}),
        (models.Dilated(), (1, 31, 25), {"strided": (3, 3), "dilated": (11, 11)}),
        (models.Signal(), (2, 30), {"conv": (7,), "up": (8,)}),
        (
            nn.Sequential(nn.Conv3d(1, 2, 3), nn.Conv3d(2, 2, (1, 3, 5))),
            (1, 12, 12, 12),
            {"0": (3, 3, 3), "1": (3, 5, 7)},
        ),
    ],
)
def test_receptive_fields(model, shape, fields):
    points = points_of(model, torch.rand(2, *shape))
    assert {name: point.receptive_field for name, point in points.items()} == fields


def test_large_inputs_are_probed_in_bands_and_by_pixels_about_the_middle():
    wide = nn.Conv2d(1, 2, (81, 9))
    points = points_of(nn.Sequential(wide, nn.Conv2d(2, 2, 3)), torch.rand(1, 1, 200, 100))
    assert points["0"].receptive_field[1] == 9
    assert points["1"].receptive_field[1] == 11
    assert 81 <= points["0"].receptive_field[0] <= 81 + 2 * 25


@pytest.mark.parametrize("size", [(32, 32), (27, 50)])
def test_small_fields_are_exact_in_slow_networks_too(size, monkeypatch):
    monkeypatch.setattr("deepeyes_tui.probe.receptive_fields.SECONDS", 1e-9)
    model = nn.Sequential(
        nn.Conv2d(3, 2, 3, padding=1),
        nn.Conv2d(2, 2, 3, stride=2, padding=1),
        nn.Conv2d(2, 2, 3, padding=4, dilation=4),
        nn.Conv2d(2, 2, 1, stride=4),
    )
    points = points_of(model, torch.rand(2, 3, *size))
    assert (points["0"].receptive_field, points["0"].start, points["0"].step) == ((3, 3), (-1, -1), (1, 1))
    assert (points["1"].receptive_field, points["1"].start, points["1"].step) == ((5, 5), (-2, -2), (2, 2))
    assert all(21 <= size <= 21 + 2 * 7 for size in points["2"].receptive_field)
    assert all(21 <= size <= 21 + 2 * 7 for size in points["3"].receptive_field)


def test_output_points_lie_behind_normalisation_and_nonlinearity():
    points = points_of(models.Residual(), torch.rand(2, 3, 16, 16))
    assert points["conv1"].module == "bn1"
    assert points["conv1"].words == ("BatchNorm2d", "relu")
    assert points["conv2"].module == "bn2"
    assert points["conv2"].nonlinearity is None
    assert points["fc"].nonlinearity.signed


def test_a_shared_normalisation_is_no_output_point():
    norm = nn.BatchNorm2d(2)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), norm, nn.Conv2d(2, 2, 3), norm)
    points = points_of(model, torch.rand(2, 1, 9, 9))
    assert [p.module for p in points.values()] == ["0", "2"]


def test_asking_leaves_model_and_random_states_alone():
    model = models.RandomForward()
    calls = []
    model.conv.register_forward_hook(lambda *_: calls.append(1))
    state = copy.deepcopy(model.state_dict())
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    expected = torch.rand(3), random.random(), np.random.random()
    torch.manual_seed(3), random.seed(3), np.random.seed(3)
    points_of(model, torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.rand(3), expected[0])
    assert (random.random(), np.random.random()) == expected[1:]
    assert model.training
    assert not calls
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("model", [models.Uncopyable(), nn.Sequential(nn.Linear(7, 2))])
def test_a_model_that_cannot_be_asked_is_watched_all_the_same(model):
    found = discover(model, find_layers(model), (torch.rand(2, 3),), {})
    assert found.notice.startswith("receptive fields unknown")
    assert len(found.points) == 1


def test_layers_of_odd_models():
    assert find_layers(models.NoLayers()) == []
    assert [layer.name for layer in find_layers(nn.Linear(2, 3))] == ["Linear"]
    assert [layer.name for layer in find_layers(LeNet(), ["conv*"])] == ["conv1", "conv2"]
    attention = nn.Sequential(nn.MultiheadAttention(4, 2), nn.Linear(4, 4))
    assert [(layer.name, layer.unit) for layer in find_layers(attention)] == [("0", "heads"), ("1", "units")]
    inner = nn.Linear(2, 2)
    assert unwrap(nn.DataParallel(inner)) is inner
    assert unwrap(torch.compile(inner)) is inner


@pytest.mark.parametrize(("share", "count"), [(25 / 784, 22), (0.25, 3), (1.0, 1), (0.0, 1), (0.5, 1)])
def test_positions_cover_half_of_the_input(share, count):
    assert positions_per_input(share) == count
    if 0 < share < 1:
        assert 1 - (1 - share) ** count >= 0.5


def draw(model, output, each=1, seed=0):
    (layer,) = find_layers(model)
    return Sampler(seed).draw(layer, output, each, None)


def test_instances_are_the_activations_at_their_positions():
    model = nn.Conv2d(1, 6, 3)
    output = torch.randn(5, 6, 4, 7)
    seen = draw(model, output, each=9)
    assert seen.activations.shape == (45, 6)
    flat = output.flatten(2)
    for a, n, p in zip(seen.activations, seen.inputs, seen.positions, strict=True):
        assert torch.equal(a, flat[n, :, p].clamp_min(0))


@pytest.mark.parametrize("shape", [(0, 6, 4, 4), (3, 6, 0, 4)])
def test_empty_output_gives_no_instances(shape):
    assert draw(nn.Conv2d(1, 6, 3), torch.zeros(shape)) is None


def test_instances_are_capped_by_drawing_inputs():
    seen = draw(nn.Conv2d(1, 2, 3), torch.rand(500, 2, 30, 30), each=22)
    assert len(seen.activations) <= MAX_INSTANCES
    assert len(seen.inputs.unique()) == MAX_INSTANCES // 22


def test_a_portion_of_the_instances_is_drawn_where_all_would_be_dear():
    (layer,) = find_layers(nn.Conv2d(1, 2, 3))
    seen = Sampler(portion=0.25).draw(layer, torch.rand(500, 2, 30, 30), 22, None)
    assert len(seen.activations) == MAX_INSTANCES // 4 // 22 * 22


def test_a_portion_of_the_rows_of_packed_sequences_is_drawn():
    (layer,) = find_layers(nn.Linear(2, 3))
    rows = nn.utils.rnn.pack_sequence([torch.rand(length, 3) for length in (90, 80, 60)])
    for portion, count in ((1.0, 150), (1 / 16, MAX_INSTANCES // 16)):
        assert len(Sampler(portion=portion).draw(layer, rows, 50, None).activations) == count


@pytest.mark.parametrize("output", [torch.rand(6, 3), torch.rand(2, 5, 3), torch.rand(3)])
def test_linear_layers_with_any_leading_axes(output):
    seen = draw(nn.Linear(2, 3), output, each=2)
    assert seen.activations.shape[1] == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_precision_becomes_float32(dtype):
    assert draw(nn.Conv2d(1, 2, 3), torch.rand(2, 2, 4, 4).to(dtype)).activations.dtype == torch.float32


def test_channels_last_gives_the_same_instances():
    output = torch.rand(4, 6, 5, 5)
    one = draw(nn.Conv2d(1, 6, 3), output, each=3)
    other = draw(nn.Conv2d(1, 6, 3), output.to(memory_format=torch.channels_last), each=3)
    assert torch.equal(one.activations, other.activations)


def test_copies_and_pickles_of_a_tapped_model_do_nothing():
    seen = []
    model = nn.Linear(2, 2)
    attach(model, Tap(0, lambda *a: seen.append(a)))
    attach(model, InputTap(0, lambda *a: seen.append(a)))
    attach(model, CallTap(0, lambda *a: seen.append(a)))
    attach(model, EntryTap(lambda *a: seen.append(a)), before=True)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(twin(torch.ones(1, 2)), model(torch.ones(1, 2)))
    assert len(seen) == 6
    assert b"deepeyes" not in pickle.dumps(model)


def test_a_tapped_model_compiles_without_a_break():
    seen = []
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    attach(model[0], Tap(0, lambda *a: seen.append(a)))
    attach(model[0], InputTap(0, lambda *a: seen.append(a)))
    attach(model, EntryTap(lambda *a: seen.append(a)), before=True)
    x = torch.ones(1, 2)
    explanation = torch._dynamo.explain(model)(x)
    assert explanation.graph_break_count == 0
    assert torch.equal(torch.compile(model, backend="eager", fullgraph=True)(x), model(x))
    assert len(seen) == 3


class AddsInPlace(nn.Module):
    """A residual sum in place, and the nonlinearity behind it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        y = self.norm(self.conv(x))
        y += x
        return torch.tanh(y)


def test_a_nonlinearity_behind_a_sum_in_place_is_not_the_layers():
    model = AddsInPlace()
    point = discover(model, find_layers(model), (torch.rand(2, 3, 8, 8),), {}).points["conv"]
    assert point.module == "norm"
    assert point.nonlinearity is None


class Telling(nn.Sequential):
    """Prints a line each pass, as people do who look for a mistake."""

    def forward(self, x):
        print("forward", len(x))
        return super().forward(x)


def test_what_a_network_prints_is_printed_as_without_us(capsys):
    model = Telling(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 6 * 6, 3))
    inputs = torch.rand(5, 1, 8, 8)
    with deepeyes.watch(model, name="telling", control="off") as monitor:
        for _ in range(3):
            model(inputs).sum().backward()
            monitor.step()
    plan_removal(model, "0", [1], inputs)
    assert capsys.readouterr().out == 3 * "forward 5\n"
