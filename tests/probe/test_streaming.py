"""Instances on their way from a training to the rings: what arrives is what the network did."""

import copy
import io
import math
import pickle
import random
import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.lenet import LeNet
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.ring import RingError, RingReader, RingSpec, ring_path
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.probe.capacity import BESIDE_BYTES, FOCUS_BYTES, LEAST_ROWS, room_in, rows_within, shares
from deepeyes_tui.probe.gathering import BESIDE_FOCUS, TURNS
from deepeyes_tui.probe.rings import Rings
from deepeyes_tui.probe.shipment import Parcel, send

from . import models
from .test_monitor import batches, train


@pytest.fixture(autouse=True)
def every_step(monkeypatch):
    """Observe every step, whatever it costs."""
    monkeypatch.setattr("deepeyes_tui.probe.budget.Budget.affords_observation", lambda budget: True)


def ring(name, number=0):
    """All rows of a layer's ring."""
    reader = RingReader(ring_path(find_run(name).instances, number))
    try:
        return reader.read()
    finally:
        reader.close()


def stream(model, data, focus=None, **options):
    """Train under the monitor, one layer in focus; return the run's name."""
    with deepeyes.watch(model, name="test", **options) as monitor:
        monitor._probe.focus(focus)
        train(model, monitor, data)
        assert monitor._border.errors == 0
        return monitor.name


@pytest.fixture
def still(monkeypatch):
    """Optimizers that change nothing: what was seen can be worked out again afterwards."""
    monkeypatch.setattr(torch.optim.SGD, "step", lambda optimizer: None)


@pytest.mark.parametrize("focus", [None, "conv1", "conv2", "fc1"])
def test_rows_are_what_the_network_saw(still, focus):
    model, data = LeNet(), list(batches(3))
    name = stream(model, data, focus)
    for number, layer in enumerate(("conv1", "conv2", "fc1", "fc2")):
        seen = ring(name, number)
        module = getattr(model, layer)
        assert (seen.layer, seen.focused, seen.input_size) == (layer, layer == focus, (28, 28))
        weight = module.weight.detach().flatten(1).numpy()
        raw = seen.patches.astype(np.float32) @ weight.T + module.bias.detach().numpy()
        assert np.allclose(np.maximum(raw, 0), seen.activations, atol=3e-3, rtol=3e-3)
        assert set(seen.steps.tolist()) == {1, 2, 3}
        for step in (1, 2, 3):
            own = seen.steps == step
            pixels, digits = data[step - 1]
            assert np.array_equal(seen.labels[own], digits.numpy()[seen.inputs[own]])
            for box, picture, thumbnail in zip(
                seen.boxes[own], pixels.numpy()[seen.inputs[own], 0], seen.thumbnails[own], strict=True
            ):
                y, x, height, width = box
                crop = picture[y : y + height, x : x + width]
                assert thumbnail.shape == (height, width, 1)
                assert np.abs(thumbnail[:, :, 0] - 255 * crop).max() <= 2


def test_boxes_follow_the_positions_and_are_cut_at_the_borders():
    net = nn.Sequential(nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 8 * 8, 10))
    seen = ring(stream(net, batches(2, shape=(3, 16, 16)), "0"))
    start = 2 * seen.positions.astype(int) - 2
    end = np.minimum(start + 5, 16)
    start = np.maximum(start, 0)
    assert np.array_equal(seen.boxes, np.concatenate((start, end - start), axis=1))
    assert seen.thumbnails.shape[1:] == (5, 5, 3)
    assert seen.positions.max() == 7
    assert (seen.boxes[:, 2] == 3).any()


def test_the_layer_in_focus_streams_all_and_the_others_a_few_by_turns(monkeypatch):
    monkeypatch.setattr("deepeyes_tui.probe.gathering.EARLY", 1)
    data = list(batches(1 + TURNS))
    few, all_of_them = (ring(stream(LeNet(), data, focus, budget=1)) for focus in (None, "conv1"))
    assert few.written == 2 * BESIDE_FOCUS
    assert all_of_them.written == (1 + TURNS) * 8 * 22
    for step in (1, 1 + TURNS):
        assert len(set(few.inputs[few.steps == step])) == 8


def trained(focus, watching=True):
    """Parameters after 200 steps; with a monitor, its focus moves every 50."""
    torch.manual_seed(5)
    model = models.Residual()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    with deepeyes.watch(model, name="test", enabled=watching) as monitor:
        for number, (x, y) in enumerate(batches(200, shape=(3, 12, 12), classes=5)):
            if watching and number % 50 == 0:
                monitor._probe.focus((None, focus, "fc", focus)[number // 50])
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            monitor.step(targets=y)
        if watching:
            assert monitor._border.errors == 0
            assert monitor._probe._observed_steps == 200
    return model


def test_training_is_bit_identical_with_and_without_focus():
    plain, watched = trained(None, watching=False), trained("conv2")
    for one, other in zip(plain.state_dict().values(), watched.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_random_states_are_left_alone():
    model = LeNet()
    monitor = deepeyes.watch(model, name="test")
    monitor._probe.focus("conv1")
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    train(model, monitor, batches(5))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    monitor.close()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_other_precisions(dtype):
    model = LeNet().to(dtype)
    name = stream(model, ((x.to(dtype), y) for x, y in batches(2)), "conv2")
    seen = ring(name, 1)
    assert seen.nonfinite == 0
    assert seen.activations.max() > 0
    assert seen.thumbnails.std() > 20


def test_autocast():
    model = LeNet()
    with deepeyes.watch(model, name="test") as monitor:
        monitor._probe.focus("conv2")
        for x, y in batches(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss = functional.cross_entropy(model(x), y)
            loss.backward()
            monitor.step(loss=loss, targets=y)
        assert monitor._border.errors == 0
    assert np.allclose(ring("test", 1).patches.max(), ring("test", 1).patches.astype(np.float32).max())
    assert ring("test", 1).labels.min() >= 0


@pytest.mark.parametrize("passes", [1, 3, 7])
def test_accumulated_gradients_give_the_last_pass_with_its_labels(passes):
    model, data = nn.Linear(6, 3), list(batches(4 * passes, shape=(6,), classes=3))
    with deepeyes.watch(model, name="test") as monitor:
        for number, (x, y) in enumerate(data, start=1):
            functional.cross_entropy(model(x), y).backward()
            if number % passes == 0:
                monitor.step(targets=y)
    seen = ring("test")
    for step in range(2, 5):
        own = seen.steps == step
        x, y = data[step * passes - 1]
        assert np.allclose(seen.patches[own], x.numpy()[seen.inputs[own]], atol=1e-3)
        assert np.array_equal(seen.labels[own], y.numpy()[seen.inputs[own]])


def test_labels_of_another_pass_are_not_taken():
    model = nn.Linear(6, 3)
    with deepeyes.watch(model, name="test") as monitor:
        for number, (x, y) in enumerate(batches(5, shape=(6,), classes=3)):
            functional.cross_entropy(model(x), y).backward()
            if number % 2:
                monitor.step(targets=y)
        monitor.step(targets=y)
    seen = ring("test")
    assert (seen.labels[seen.steps == 3] == -1).all()


def test_a_model_behind_data_parallel():
    model = LeNet()
    wrapped = nn.DataParallel(model)
    name = stream(wrapped, batches(2), "conv1")
    assert ring(name).written == 2 * 8 * 22


def test_a_layer_behind_its_normalisation_keeps_its_own_input(still):
    model, data = models.Residual(), list(batches(1, shape=(3, 12, 12), classes=5))
    seen = ring(stream(model, data, "conv2"), 1)
    weight = model.conv2.weight.detach().flatten(1).numpy()
    raw = torch.from_numpy(seen.patches.astype(np.float32) @ weight.T)
    mean, variance = (torch.zeros(8), torch.ones(8))
    with torch.no_grad():
        x = torch.relu(model.bn1(model.conv1(data[0][0])))
        behind = model.conv2(x)
        mean, variance = behind.mean((0, 2, 3)), behind.var((0, 2, 3), unbiased=False)
    normed = (raw - mean) / torch.sqrt(variance + model.bn2.eps)
    assert np.allclose(np.maximum(normed.numpy(), 0), seen.activations, atol=2e-2)


def test_no_input_is_held_after_its_layer():
    model, held = models.Residual(), []
    with deepeyes.watch(model, name="test") as monitor:
        probe = monitor._probe
        model.bn1.register_forward_hook(lambda *_: held.append(len(probe._gatherer._entering)))
        model.relu.register_forward_hook(lambda *_: held.append(len(probe._gatherer._entering)))
        x, y = next(batches(1, shape=(3, 12, 12), classes=5))
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        monitor.step(targets=y)
        assert probe._gatherer._entering == {}
        assert probe._gatherer._pictures.size(torch.device("cpu")) is None
    assert held == [1, 0, 0], "one from conv1 to bn1, whose tap comes behind this test's, and none behind that"


def test_nan_activations_are_counted_rows():
    model = LeNet()
    with torch.no_grad():
        model.conv1.bias[3] = math.nan
    name = stream(model, batches(2), "conv1")
    seen = ring(name)
    assert seen.nonfinite == len(seen) > 0
    assert np.isfinite(seen.activations).all()


def test_a_layer_that_never_runs_has_no_ring():
    model = nn.ModuleDict({"used": nn.Linear(4, 3), "idle": nn.Linear(4, 3)})
    model.forward = lambda x: model["used"](x)
    name = stream(model, batches(3, shape=(4,), classes=3), "idle")
    assert ring(name, 0).written == 3 * 8
    with pytest.raises(RingError, match="no instances of this layer yet"):
        ring(name, 1)


def test_batches_of_any_size():
    data = [next(batches(1, batch=size, seed=size)) for size in (8, 3, 8, 1, 5)]
    seen = ring(stream(LeNet(), data, "fc1"), 2)
    assert [(seen.steps == step).sum() for step in range(1, 6)] == [8, 3, 8, 1, 5]
    for step, (_, y) in enumerate(data, start=1):
        own = seen.steps == step
        assert np.array_equal(seen.labels[own], y.numpy()[seen.inputs[own]])


def test_another_size_of_inputs_starts_the_ring_anew():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))
    data = [*batches(2), *batches(2, shape=(1, 20, 24))]
    seen = ring(stream(net, data, "0"))
    assert seen.input_size == (20, 24)
    assert set(seen.steps) == {3, 4}


@pytest.mark.parametrize("targets", [None, torch.zeros(3), torch.zeros(5, dtype=torch.long), "digits"])
def test_targets_that_are_missing_or_do_not_fit(targets):
    model = LeNet()
    with deepeyes.watch(model, name="test") as monitor:
        for x, y in batches(2):
            functional.cross_entropy(model(x), y).backward()
            monitor.step(targets=targets)
        assert monitor._border.errors == 0
    assert (ring("test", 1).labels == -1).all()


def test_targets_are_read_off_the_criterion():
    model, criterion = LeNet(), nn.CrossEntropyLoss()
    data = list(batches(1))
    with deepeyes.watch(model, criterion, name="test") as monitor:
        for x, y in data:
            criterion(model(x), y).backward()
            monitor.step()
    seen = ring("test", 2)
    assert np.array_equal(seen.labels, data[0][1].numpy()[seen.inputs])


def test_a_shared_layer_gives_its_first_call(still):
    model, data = models.SharedLayer(), list(batches(1, shape=(4,), classes=4))
    assert np.allclose(ring(stream(model, data, "linear")).patches, data[0][0], atol=1e-3)


class Twins(nn.Module):
    """One encoder for two views of a picture."""

    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Conv2d(1, 4, 5), nn.Linear(2 * 4 * 24 * 24, 10)

    def forward(self, x):
        return self.head(torch.cat([self.encoder(view).flatten(1) for view in (x, x.flip(0))], 1))


def test_twins_have_the_pictures_that_they_saw():
    seen = ring(stream(Twins(), batches(2), "encoder"))
    shades = seen.patches.reshape(len(seen), 5, 5).astype(np.float32) * 255
    assert np.abs(seen.thumbnails[..., 0] - shades).max() < 3


class WholeNumbers(nn.Module):
    """Takes pictures as they come from a file."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 5), nn.Linear(4 * 12 * 12, 10)

    def forward(self, x):
        return self.head(self.conv(x.float() / 255).flatten(1))


def test_pictures_of_whole_numbers_have_receptive_fields():
    data = [((255 * x).to(torch.uint8), y) for x, y in batches(2, shape=(3, 16, 16))]
    seen = ring(stream(WholeNumbers(), data, "conv"))
    assert (seen.boxes[:, 2:] == 5).all()
    assert seen.thumbnails.shape[1:] == (5, 5, 3)


class Turned(nn.Module):
    """Takes pictures with their channels last."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 5), nn.Linear(4 * 12 * 12, 10)

    def forward(self, x):
        return self.head(self.conv(x.permute(0, 3, 1, 2)).flatten(1))


def test_pictures_with_channels_last_are_not_mistaken():
    model = Turned()
    with deepeyes.watch(model, name="test") as monitor:
        train(model, monitor, batches(2, shape=(16, 16, 3)))
        assert "(batch, height, width, channels)" in "".join(monitor._probe._notices.sentences)
    seen = ring("test")
    assert seen.input_size == (16, 16)
    assert seen.thumbnails.shape[1:] == (16, 16, 3)
    assert seen.boxes[0].tolist() == [0, 0, 16, 16]


def test_a_change_of_focus_carries_the_newest_rows_over(monkeypatch):
    monkeypatch.setattr("deepeyes_tui.probe.rings.BESIDE_BYTES", 1 << 18)
    model = LeNet()
    with deepeyes.watch(model, name="test") as monitor:
        train(model, monitor, batches(9, batch=64))
        before = ring("test", 2)
        monitor._probe.focus("fc1")
        train(model, monitor, batches(1, batch=64))
        focused = ring("test", 2)
        monitor._probe.focus(None)
        train(model, monitor, batches(4, batch=64))
        after = ring("test", 2)
    assert len(before) > 10
    assert np.array_equal(focused.patches[: len(before)], before.patches)
    assert len(focused) == len(before) + 64
    assert np.isin(focused.steps, after.steps).mean() > 0.4


def test_inputs_that_are_no_pictures():
    model = nn.Sequential(nn.Conv1d(2, 6, 7), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 24, 10))
    seen = ring(stream(model, batches(2, shape=(2, 30)), "0"))
    assert seen.thumbnails.shape == (len(seen), 0, 0, 0)
    assert seen.input_size == ()
    assert seen.positions[:, 1].max() > 0
    assert not seen.positions[:, 0].any()


def test_pictures_of_two_channels_have_boxes_and_no_thumbnails():
    model = nn.Sequential(nn.Conv2d(2, 6, 7), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 10))
    seen = ring(stream(model, batches(1, shape=(2, 10, 10)), "0"))
    assert seen.thumbnails.shape == (len(seen), 0, 0, 0)
    assert seen.input_size == (10, 10)
    assert np.array_equal(seen.boxes[:, :2], seen.positions)


def test_copies_and_pickles_stream_nothing():
    model = LeNet()
    with deepeyes.watch(model, name="test") as monitor:
        monitor._probe.focus("conv1")
        train(model, monitor, batches(1))
        copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
        saved = io.BytesIO()
        torch.save(model, saved)
        copies.append(torch.load(io.BytesIO(saved.getvalue()), weights_only=False))
        gatherer = monitor._probe._gatherer
        for duplicate in copies:
            duplicate(torch.rand(4, 1, 28, 28))
        assert gatherer._passes == 0
        assert gatherer._parcels == {}


def test_evaluation_passes_are_not_streamed():
    model, data = LeNet(), list(batches(2))
    with deepeyes.watch(model, name="test") as monitor:
        for x, y in data:
            functional.cross_entropy(model(x), y).backward()
            model.eval()
            model(torch.full_like(x, 9.0))
            model.train()
            monitor.step(targets=y)
    seen = ring("test")
    assert seen.patches.max() <= 1
    assert seen.labels.min() >= 0


def shipped(number, spec, count=3):
    """Rows of zeros of one layer that have arrived."""
    parcel = Parcel(number, spec, torch.empty(0), count, (), None)
    data = torch.zeros(count, parcel.wire.itemsize, dtype=torch.uint8)
    return send(1, {number: replace(parcel, data=data)}, None)


def test_a_new_structure_starts_new_rings(tmp_path):
    rings = Rings(tmp_path / "instances")
    rings.open([RingSpec("conv", 1, 4, 4)])
    rings.write(shipped(0, RingSpec("conv", 1, 4, 4)))
    old = RingReader(ring_path(tmp_path / "instances", 0))
    rings.open([RingSpec("conv", 2, 3, 4)])
    assert old.superseded
    rings.write(shipped(0, RingSpec("conv", 2, 3, 4)))
    new = RingReader(ring_path(tmp_path / "instances", 0))
    assert (new.generation, new.read().activations.shape) == (2, (3, 3))
    rings.close()


def test_a_pruned_model_is_watched_anew():
    model, data = LeNet(), list(batches(4))
    with deepeyes.watch(model, name="test") as monitor:
        monitor._probe.focus("conv2")
        train(model, monitor, data[:2])
        old = RingReader(ring_path(find_run("test").instances, 1))
        model.conv1 = nn.Conv2d(1, 12, 5)
        model.conv2 = nn.Conv2d(12, 50, 5)
        monitor.close()
    with deepeyes.watch(model, name="pruned") as monitor:
        monitor._probe.focus("conv2")
        train(model, monitor, data[2:])
    assert ring("pruned", 1).patches.shape[1] == 12 * 25
    assert old.read().patches.shape[1] == 20 * 25


def test_small_networks_keep_their_rings_when_the_focus_moves():
    model = LeNet()
    with deepeyes.watch(model, name="test") as monitor:
        train(model, monitor, batches(1))
        run = find_run("test")
        readers = [RingReader(ring_path(run.instances, number)) for number in range(4)]
        for layer in ("conv1", "fc1", None, "conv2"):
            monitor._probe.focus(layer)
            train(model, monitor, batches(1))
            seen = [reader.read() for reader in readers]
            assert [s.focused for s in seen] == [s.layer == layer for s in seen]
        assert not any(reader.superseded for reader in readers)
        assert {reader.capacity for reader in readers} == {8192}


def test_a_large_layer_gets_more_room_in_focus():
    class Wide(nn.Sequential):
        def __init__(self):
            super().__init__(nn.Linear(20_000, 2000), nn.Linear(2000, 3000), nn.Linear(3000, 3))

    model = Wide()
    with deepeyes.watch(model, name="test") as monitor:
        train(model, monitor, batches(2, shape=(20_000,), classes=3))
        path = ring_path(find_run("test").instances, 0)
        before = RingReader(path)
        monitor._probe.focus("0")
        train(model, monitor, batches(1, shape=(20_000,), classes=3))
        after = RingReader(path)
        assert before.superseded
        assert after.capacity > before.capacity
        assert after.read().focused


def test_shares_of_the_memory():
    assert shares([100, 100], 10**9) == [819_200, 819_200]
    assert shares([1000, 10, 10**6], 30_000_000) == [8_192_000, 81_920, 21_726_080]
    assert shares([10**6] * 3, 3_000_000) == [10**6] * 3
    assert shares([], 100) == []
    assert rows_within(100, 101) == 0
    assert rows_within(100, 100) == LEAST_ROWS
    assert rows_within(10**9, 10) == 8192
    assert rows_within(FOCUS_BYTES, 64 << 20) == 2
    demo = [143, 1324, 3408, 1828]
    assert all(rows_within(s, r) == 8192 for s, r in zip(shares(demo, BESIDE_BYTES), demo, strict=True))


def test_room_in_shared_memory(tmp_path):
    assert 0 < room_in(tmp_path) <= 1
    assert room_in(tmp_path / "nowhere") == 1


def notices(name):
    reader = BoardReader(find_run(name).board)
    try:
        return " ".join(reader.read().status.notices)
    finally:
        reader.close()


def test_no_room_makes_smaller_rings_and_the_training_goes_on():
    """A limit on the size of files fails as a full memory does, at `pwrite`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    model = LeNet()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
    try:
        with deepeyes.watch(model, name="test") as monitor:
            monitor._probe.focus("fc1")
            train(model, monitor, batches(60, batch=32))
            assert monitor._border.errors == 0
            step, room = monitor._probe.step_number, monitor._probe._rings._room
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert step == 60
    assert 0 < room < 1
    assert "fewer instances are kept" in notices("test")


def test_no_room_at_all_is_one_notice(tmp_path):
    (tmp_path / "instances").write_text("in the way")
    rings = Rings(tmp_path / "instances")
    rings.open([RingSpec("conv", 1, 4, 4)])
    rings.write(shipped(0, RingSpec("conv", 1, 4, 4)))
    rings.focus(0)
    rings.close()
    assert rings.notice.startswith("no instances are kept")
    assert "\n" not in rings.notice


@pytest.mark.parametrize("layer", [2, 3])
def test_no_input_is_kept_twice_of_a_step(layer):
    seen = ring(stream(LeNet(), batches(1, batch=64)), layer)
    assert len(set(seen.inputs.tolist())) == len(seen) > 31
