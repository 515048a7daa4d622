"""Precisions, scaled and skipped steps, devices and modes of torch."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from .twins import Small, batches, plain, same, sgd


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(dtype):
    def train(model, monitor):
        optimizer = sgd(model)
        for x, y in batches(4):
            with torch.autocast("cpu", dtype):
                loss = functional.cross_entropy(model(x).float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            monitor.step(loss=loss, targets=y)

    same(train)


def test_scaled_gradients_and_steps_that_are_skipped():
    def train(model, monitor):
        optimizer, scaler = sgd(model), torch.amp.GradScaler("cpu", init_scale=2.0**127, growth_interval=2)
        scales = []
        for x, y in batches(6):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.float16):
                loss = functional.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            monitor.step(loss=loss, targets=y)
            scales.append(scaler.get_scale())
        return scales

    alone, _ = same(train)
    assert alone.told[0] < 2.0**127  # the first step was skipped


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_models_of_other_precisions(dtype):
    same(
        lambda model, monitor: plain(model, monitor, [(x.to(dtype), y) for x, y in batches(4)]),
        lambda: Small().to(dtype),
    )


def test_a_model_that_moves_in_between():
    def train(model, monitor):
        data = batches(4)
        plain(model, monitor, data[:2])
        model.to("meta").to_empty(device="cpu").double()
        torch.manual_seed(3)
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
        for buffer in model.buffers():
            buffer.zero_()
        return plain(model, monitor, [(x.double(), y) for x, y in data[2:]])

    same(train)


def test_a_model_on_the_meta_device_tells_nothing_and_harms_nothing():
    def train(model, monitor):
        for x, _ in batches(3):
            model(x.to("meta")).sum().backward()
            monitor.step()

    same(train, lambda: Small().to("meta"), unseen={"conv", "hidden", "out"}, notices=True)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_a_default_device(device):
    def train(model, monitor):
        data = batches(4)
        torch.set_default_device(device)
        try:
            return plain(model, monitor, data)
        finally:
            torch.set_default_device(None)

    same(train)


def test_deterministic_algorithms():
    def train(model, monitor):
        torch.use_deterministic_algorithms(True)
        try:
            return plain(model, monitor)
        finally:
            torch.use_deterministic_algorithms(False)

    same(train)


def test_anomaly_detection():
    def train(model, monitor):
        with torch.autograd.detect_anomaly(check_nan=True):
            return plain(model, monitor)

    with pytest.warns(UserWarning, match="Anomaly"):
        same(train)


@pytest.mark.parametrize("norm", [parametrizations.weight_norm, parametrizations.spectral_norm])
def test_parametrised_weights(norm):
    def make():
        model = Small()
        norm(model.conv)
        norm(model.hidden)
        return model

    same(plain, make)


def test_operations_that_the_user_counts_are_not_ours():
    from torch.utils.flop_counter import FlopCounterMode

    def train(model, monitor):
        counter = FlopCounterMode(display=False)
        with counter:
            losses = plain(model, monitor)
        return losses, counter.get_total_flops()

    same(train)


def test_passes_without_numbers():
    from torch._subclasses import FakeTensorMode

    def train(model, monitor):
        losses = plain(model, monitor)
        with FakeTensorMode(allow_non_fake_inputs=True) as mode:
            told = model(mode.from_tensor(batches(1)[0][0])).shape
        monitor.step()
        return losses, told

    same(train)
