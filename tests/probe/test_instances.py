"""Patches, thumbnails and places of instances, against the layers' own arithmetic."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from deepeyes_tui.probe.discovery import OutputPoint, discover
from deepeyes_tui.probe.instances import Sampler
from deepeyes_tui.probe.labels import class_numbers
from deepeyes_tui.probe.layers import find_layers
from deepeyes_tui.probe.patches import gather_patches, patch_length
from deepeyes_tui.probe.pictures import Pictures, Window, window_of

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def raw(patches, module):
    """Outputs `(S, F)` from patches and weights, group by group."""
    weight, groups = module.weight, getattr(module, "groups", 1)
    if isinstance(module, nn.Linear):
        result = patches @ weight.T
    else:
        channels = patches.view(len(patches), groups, module.in_channels // groups, -1)
        own = weight.flatten(2)
        if module.transposed:
            own = own.view(groups, module.in_channels // groups, -1, own.shape[-1])
            result = torch.einsum("sgck,gcfk->sgf", channels, own).flatten(1)
        else:
            own = own.view(groups, -1, *own.shape[1:])
            result = torch.einsum("sgck,gfck->sgf", channels, own).flatten(1)
    return result if module.bias is None else result + module.bias


def check_patches(module, entering, each=6):
    """Every sampled patch gives the layer's raw output at its place."""
    [layer] = find_layers(module)
    with torch.no_grad():
        output = module(entering)
        seen = Sampler(1).draw(layer, output, each, None)
        patches = gather_patches(layer, entering, seen)
        assert patches.shape == (len(seen.inputs), patch_length(layer))
        values = layer.by_position(output).reshape(seen.batch, -1, layer.filters)
        expected = values[seen.inputs, seen.positions]
        assert torch.allclose(raw(patches, module), expected, atol=1e-4, rtol=1e-4)


@st.composite
def convolutions(draw):
    axes = draw(st.integers(1, 3))
    sizes = st.lists(st.integers(1, 3), min_size=axes, max_size=axes).map(tuple)
    groups = draw(st.integers(1, 2))
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    same = draw(st.booleans())
    kernel, dilation = draw(sizes), draw(sizes)
    module = CONVOLUTIONS[axes](
        2 * groups,
        3 * groups,
        kernel,
        stride=1 if same else draw(sizes),
        padding="same" if same else draw(sizes),
        dilation=dilation,
        groups=groups,
        padding_mode=mode,
        bias=draw(st.booleans()),
    )
    size = [draw(st.integers(max(d * (k - 1), 3) + 1, 9)) for k, d in zip(kernel, dilation, strict=True)]
    return module, (2 * groups, *size)


@given(convolutions(), st.integers(1, 3), st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=120)
def test_patches_of_convolutions(convolution, batch, channels_last, seed):
    torch.manual_seed(seed)
    module, shape = convolution
    entering = torch.randn(batch, *shape)
    if channels_last:
        entering = entering.movedim(1, -1).contiguous().movedim(-1, 1)
    check_patches(module, entering)


@given(st.integers(1, 3), st.data())
@settings(deadline=None, max_examples=80)
def test_patches_of_transposed_convolutions(axes, data):
    sizes = st.lists(st.integers(1, 3), min_size=axes, max_size=axes).map(tuple)
    groups = data.draw(st.integers(1, 2))
    kernel, stride, dilation = data.draw(sizes), data.draw(sizes), data.draw(sizes)
    padding = tuple(data.draw(st.integers(0, d * (k - 1) // 2)) for k, d in zip(kernel, dilation, strict=True))
    extra = tuple(data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    module = TRANSPOSED[axes](
        2 * groups, 3 * groups, kernel, stride, padding, output_padding=extra, groups=groups, dilation=dilation
    )
    check_patches(module, torch.randn(2, 2 * groups, *[data.draw(st.integers(2, 5)) for _ in range(axes)]))


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 7, 5), (2, 3, 4, 5)])
def test_patches_of_linear_layers(shape):
    check_patches(nn.Linear(5, 4), torch.randn(shape))


def test_patches_of_one_unbatched_picture_and_of_a_view():
    check_patches(nn.Conv2d(3, 4, 3, padding=1), torch.randn(3, 8, 9))
    check_patches(nn.Conv2d(3, 4, 3, padding=1), torch.randn(6, 5, 12, 9)[::2, 1:4, 2:])
    check_patches(nn.Conv2d(3, 4, 3), torch.randn(1, 1, 8, 9).expand(4, 3, 8, 9))


def test_an_input_that_does_not_fit_the_output_gives_no_patches():
    module = nn.Conv2d(1, 2, 3)
    [layer] = find_layers(module)
    seen = Sampler().draw(layer, module(torch.rand(4, 1, 8, 8)), 2, None)
    assert gather_patches(layer, torch.rand(3, 1, 8, 8), seen) is None
    assert gather_patches(layer, torch.rand(4, 2, 8, 8), seen) is None
    linear = nn.Linear(3, 2)
    [layer] = find_layers(linear)
    seen = Sampler().draw(layer, linear(torch.rand(4, 3)), 1, None)
    assert gather_patches(layer, torch.rand(5, 3), seen) is None


def placed(model, shape):
    found = discover(model, find_layers(model), (torch.rand(1, *shape),), {})
    assert found.notice == ""
    return {name: (point.receptive_field, point.start, point.step) for name, point in found.points.items()}


def test_where_the_receptive_fields_of_regular_networks_lie():
    from deepeyes_tui.demo.lenet import LeNet

    assert placed(LeNet(), (1, 28, 28)) == {
        "conv1": ((5, 5), (0, 0), (1, 1)),
        "conv2": ((14, 14), (0, 0), (2, 2)),
        "fc1": ((28, 28), (0, 0), (0, 0)),
        "fc2": ((28, 28), (0, 0), (0, 0)),
    }
    deep = nn.Sequential(
        nn.Conv2d(3, 2, 3, stride=2, padding=1),
        nn.MaxPool2d(2),
        nn.Conv2d(2, 2, 3, padding=1),
        nn.Conv2d(2, 2, 3, padding=(2, 1), dilation=(2, 1)),
    )
    assert placed(deep, (3, 48, 40)) == {
        "0": ((3, 3), (-1, -1), (2, 2)),
        "2": ((13, 13), (-5, -5), (4, 4)),
        "3": ((29, 21), (-13, -9), (4, 4)),
    }


def test_fields_that_every_border_cuts_are_placed_by_the_edge_that_is_free():
    net = nn.Sequential(nn.Conv2d(1, 1, 9, padding=4))
    assert placed(net, (1, 10, 12))["0"] == ((9, 9), (-4, -4), (1, 1))


def test_irregular_networks_are_placed_about_right():
    net = nn.Sequential(nn.AdaptiveAvgPool2d(10), nn.Conv2d(1, 1, 1))
    _, start, step = placed(net, (1, 36, 36))["1"]
    assert start == pytest.approx((0, 0), abs=0.6)
    assert step == pytest.approx((3.6, 3.6), abs=0.1)


def test_large_inputs_are_placed_to_within_a_band():
    (size, _), (start, _), (step, _) = placed(nn.Sequential(nn.Conv2d(1, 2, 9)), (1, 200, 100))["0"]
    assert step == pytest.approx(1, abs=0.05)
    for output in (0, 96, 191):
        assert output - 7 <= start + step * output <= output + 1
        assert start + step * output + size >= output + 8


def crops(pictures, window, inputs, positions, grid):
    """What the receptive fields show, in the pictures' own values `(N, H, W)`, nought outside, without shrinking."""
    h, w = window.size
    rows = []
    for number, place in zip(inputs, positions, strict=True):
        top = round(window.start[0] + window.step[0] * (place // grid[1]))
        left = round(window.start[1] + window.step[1] * (place % grid[1]))
        padded = np.pad(pictures[number], 50)
        rows.append(padded[50 + top : 50 + top + h, 50 + left : 50 + left + w])
    return np.stack(rows)


@given(st.integers(-6, 3), st.integers(1, 3), st.integers(2, 12), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_thumbnails_are_the_receptive_fields(start, step, extent, channels):
    draw = torch.Generator().manual_seed(0)
    values = torch.randint(-1, 3, (4, channels, 20, 24), generator=draw).float()
    values[0, :, 0, :2] = torch.tensor([-1.0, 2.0])
    pictures = Pictures()
    pictures.enter(values)
    shown = pictures.channels(values.device)
    assert shown == {1: 1, 2: 0, 3: 3}[channels]
    if not shown:
        return
    module = nn.Conv2d(channels, 2, 3)
    [layer] = find_layers(module)
    seen = Sampler().draw(layer, module(values)[:, :, :8, :9], 7, None)
    window = Window((extent, extent + 1), (start, start), (step, step))
    thumbnails = pictures.thumbnails(window, seen)
    assert thumbnails.dtype == torch.uint8
    assert thumbnails.shape == (len(seen.inputs), extent, extent + 1, shown)
    for channel in range(shown):
        own = crops(values[:, channel].numpy(), window, seen.inputs.tolist(), seen.positions.tolist(), (8, 9))
        assert np.array_equal(thumbnails[..., channel].numpy(), np.round((own + 1) * 85))


def test_large_fields_are_shrunk_by_their_mean():
    values = torch.arange(64.0).view(1, 1, 64, 1).expand(2, 1, 64, 48)
    pictures = Pictures()
    pictures.enter(values)
    layer = find_layers(nn.Linear(3, 2))[0]
    seen = Sampler().draw(layer, torch.rand(2, 2), 1, None)
    window = window_of(OutputPoint("fc"), (), pictures.size(values.device, 2))
    assert window == Window((64, 48))
    thumbnails = pictures.thumbnails(window, seen)
    assert thumbnails.shape == (2, 32, 24, 1)
    expected = (np.arange(32) * 2 + 0.5) / 63 * 255
    assert np.abs(thumbnails[1, :, 5, 0].numpy() - expected).max() <= 0.5


def test_the_scale_runs_on_and_survives_what_is_not_finite():
    pictures, layer = Pictures(), find_layers(nn.Linear(3, 2))[0]
    seen = Sampler().draw(layer, torch.rand(1, 2), 1, None)

    def shade(*values):
        picture = torch.tensor(values).view(1, 1, 1, -1)
        pictures.enter(picture)
        return pictures.thumbnails(Window((1, len(values))), seen)[0, 0, :, 0].tolist()

    assert shade(0.0, 0.5, 1.0) == [0, 128, 255]
    assert shade(float("nan"), 1.0, 0.5, float("inf")) == [0, 255, 128, 255]
    assert shade(-1.0, 0.0, 1.0) == [0, 128, 255]
    assert shade(0.0, 1.0) == [128, 255]
    pictures.leave()
    assert pictures.size(torch.device("cpu")) is None


@pytest.mark.parametrize(
    ("targets", "classes"),
    [
        (torch.tensor([3, 0, -100]), [3, 0, -1]),
        (torch.tensor([3, 0], dtype=torch.uint8), [3, 0]),
        (torch.tensor([True, False]), [1, 0]),
        (torch.tensor([2**40, 1]), [2**31 - 1, 1]),
        (np.array([1, 2]), [1, 2]),
        (torch.tensor([[0, 1, 0], [1, 0, 0], [1, 1, 0]]), [1, 0, -1]),
        (torch.tensor([[0.25, 0.75], [0.5, 3.0]]), [1, -1]),
        (torch.tensor([0.0, 1.0, 1.0]), [0, 1, 1]),
        (torch.tensor([[1.0], [0.0]]), [1, 0]),
        (torch.tensor([0.3, -2.0]), [-1, -1]),
    ],
)
def test_classes(targets, classes):
    numbers = class_numbers(targets)
    assert numbers.dtype == torch.int32
    assert numbers.tolist() == classes


@pytest.mark.parametrize("targets", [None, [1, 2], torch.zeros(2, 3, 4), np.array(["a"]), {"y": 1}])
def test_targets_that_are_no_classes(targets):
    assert class_numbers(targets) is None
