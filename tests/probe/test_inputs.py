"""What a network's inputs are taken for, and the labels of places in them."""

from collections import UserDict

import numpy as np
import pytest
import torch
from torch import nn

from deepeyes_tui.link.excerpts import InputKind
from deepeyes_tui.probe.inputs import find_input, reading_of
from deepeyes_tui.probe.instances import Sampler
from deepeyes_tui.probe.labels import class_numbers, labels_at
from deepeyes_tui.probe.layers import find_layers
from deepeyes_tui.probe.pictures import Pictures, Window

IDS = torch.randint(50, (4, 12))
MASK = torch.ones(4, 12, dtype=torch.int64)
NOTHING = InputKind.NONE


@pytest.mark.parametrize(
    ("args", "kwargs", "kind", "shape"),
    [
        ((torch.rand(4, 3, 8, 9),), {}, InputKind.PICTURE, (4, 3, 8, 9)),
        ((torch.rand(4, 8, 9, 3),), {}, InputKind.PICTURE, (4, 3, 8, 9)),
        ((torch.rand(4, 2, 7, 8, 9),), {}, InputKind.PICTURE, (4, 2, 8, 9)),
        ((torch.rand(4, 1, 128, 60),), {}, InputKind.PICTURE, (4, 1, 128, 60)),
        ((torch.zeros(4, 3, 8, 9, dtype=torch.uint8),), {}, InputKind.PICTURE, (4, 3, 8, 9)),
        ((IDS,), {}, InputKind.TEXT, (4, 12)),
        ((), {"attention_mask": MASK, "input_ids": IDS}, InputKind.TEXT, (4, 12)),
        (({"attention_mask": MASK, "input_ids": IDS},), {}, InputKind.TEXT, (4, 12)),
        ((UserDict(attention_mask=MASK, input_ids=IDS),), {}, InputKind.TEXT, (4, 12)),
        ((torch.rand(4, 5), {"input_ids": IDS}), {}, InputKind.TEXT, (4, 12)),
        ((torch.rand(4, 2, 90),), {}, InputKind.SIGNAL, (4, 2, 90)),
        ((torch.rand(4, 90, 2),), {}, InputKind.SIGNAL, (4, 2, 90)),
        ((torch.rand(4, 7),), {}, InputKind.TABLE, (4, 7)),
        (((torch.rand(4, 7), torch.rand(4, 3)),), {}, InputKind.TABLE, (4, 7)),
        ((3, None, "x", torch.rand(4), torch.rand(4, 7)), {}, InputKind.TABLE, (4, 7)),
        ((torch.rand(4, 7) > 0, torch.rand(4, 7) * 1j), {}, None, None),
        ((nn.utils.rnn.pack_sequence([torch.rand(3, 2), torch.rand(2, 2)]),), {}, None, None),
        ((), {}, None, None),
    ],
)
def test_inputs_are_told_by_shape_and_type(args, kwargs, kind, shape):
    found = find_input(args, kwargs, NOTHING, [])
    assert (None if found is None else found.kind) == kind
    assert found is None or tuple(found.value.shape) == shape


@pytest.mark.parametrize(
    ("told", "value", "shape"),
    [
        ("picture", torch.rand(4, 8, 9), (4, 1, 8, 9)),
        ("signal", torch.rand(4, 900), (4, 1, 900)),
        ("table", IDS, (4, 12)),
        ("text", torch.zeros(4, 5, dtype=torch.uint8), (4, 5)),
        (["age", "size"], torch.rand(4, 2), (4, 2)),
    ],
)
def test_what_is_told_goes_before_what_is_guessed(told, value, shape):
    found = find_input((torch.rand(3), value), {}, reading_of(told).kind, [])
    assert tuple(found.value.shape) == shape


@pytest.mark.parametrize(
    ("net", "shape", "turned"),
    [
        (nn.Conv1d(40, 4, 3), (4, 40, 20), False),
        (nn.Conv1d(20, 4, 3), (4, 40, 20), True),
        (nn.Linear(40, 3), (4, 20, 40), True),
        (nn.Linear(7, 3), (4, 20, 40), False),
    ],
)
def test_the_layers_say_which_axis_of_a_signal_has_its_channels(net, shape, turned):
    value = torch.rand(shape)
    found = find_input((value,), {}, NOTHING, find_layers(net)).value
    assert torch.equal(found, value.movedim(2, 1) if turned else value)


def test_waves_without_channels_before_a_convolution():
    net = nn.Conv1d(1, 4, 3)
    found = find_input((torch.rand(4, 900),), {}, NOTHING, find_layers(net))
    assert (found.kind, tuple(found.value.shape)) == (InputKind.SIGNAL, (4, 1, 900))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"inputs": "smell"}, "inputs is one of picture, text, signal, table, or a list"),
        ({"mean": 0.5}, "mean and std are given together"),
        ({"mean": (0.5, 0.5), "std": (1, 0)}, "std above 0"),
        ({"mean": (0.5, 0.5), "std": 1}, "a number for each channel"),
        ({"mean": "x", "std": 1}, "mean is a number"),
        ({"mean": float("nan"), "std": 1}, "mean is a number"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(given, words):
    with pytest.raises(ValueError, match=words):
        reading_of(**given)


@pytest.mark.parametrize(("mean", "std", "top"), [((0.5, 0.2, 0.1), (0.2, 0.3, 0.4), 1), ((120.0,), (60.0,), 255)])
def test_normalised_pictures_are_shown_as_they_were(mean, std, top):
    original = torch.rand(2, 3, 6, 6) * 0.5 * top
    shape = (1, -1, 1, 1)
    pictures = Pictures(mean, std)
    pictures.enter((original - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape))
    seen = Sampler().draw(find_layers(nn.Linear(3, 2))[0], torch.rand(2, 2), 1, None)
    shown = pictures.thumbnails(Window((6, 6)), seen).movedim(3, 1)
    assert (shown - original * 255 / top).abs().max() <= 0.51


def test_classes_of_places():
    targets = torch.tensor([[5, 1, -100], [0, 2, 3]])
    assert class_numbers(targets, 3).tolist() == [[5, 1, -1], [0, 2, 3]]
    assert class_numbers(targets, 4).tolist() == [[5, 1, -1], [0, 2, 3]]
    assert class_numbers(torch.tensor([[0, 1, 0], [1, 0, 0]]), 9).tolist() == [1, 0]


SPANS = np.array([[0, 4, 0, 1, 4], [0, 4, 3, 4, 4], [0, 4, 2, 3, 4], [0, 4, 0, 4, 4], [0, 0, 0, 0, 0]], np.int32)
INPUTS = np.array([0, 0, 1, 1, 1], np.int32)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([7, 8], [7, 7, 8, 8, 8]),
        ([[1, 2, 3, 4], [5, 6, 7, 8]], [1, 4, 7, -1, -1]),
        ([1, 2, 3, 4, 5, 6, 7, 8], [1, 4, 7, -1, -1]),
        ([[1, 2, 3], [5, 6, 7]], [1, -1, 7, -1, -1]),
        ([1, 2, 3], [-1] * 5),
        ([[1, 2], [3, 4]], [-1] * 5),
    ],
)
def test_labels_of_places(labels, expected):
    assert labels_at(np.array(labels, np.int32), INPUTS, SPANS, 2).tolist() == expected
