"""Training of each kind of model under the monitor: seen, and bit-identical to training without it."""

import threading
import time

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

import deepeyes_tui as deepeyes
from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.control import ControlClient
from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.ring import RingReader, ring_path
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.probe.operations import operation
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.sample import Sample

from . import networks


@pytest.fixture(autouse=True)
def _every_step(monkeypatch):
    """Observe every step, whatever it costs."""
    monkeypatch.setattr("deepeyes_tui.probe.budget.Budget.affords_observation", lambda budget: True)


def tokens(draw):
    return torch.randint(11, (6, 10), generator=draw)


def numbers(*shape):
    return lambda draw: torch.randn(*shape, generator=draw)


KINDS = {
    "gpt": (lambda: networks.Gpt(classes=3), tokens),
    "gpt written out, SwiGLU": (lambda: networks.Gpt(classes=3, flash=False, mlp=networks.SwiGlu), tokens),
    "gpt with fused gates": (lambda: networks.Gpt(classes=3, mlp=networks.Fused), tokens),
    "encoder": (networks.Encoder, numbers(6, 7, 8)),
    "encoder, time first": (lambda: networks.Encoder(batch_first=False), numbers(7, 6, 8)),
    "vision transformer": (networks.Patches, numbers(6, 3, 16, 16)),
    "lstm": (lambda: networks.Recurrent(num_layers=2, dropout=0.3), numbers(6, 7, 5)),
    "gru, both ways": (lambda: networks.Recurrent(nn.GRU, bidirectional=True, batch_first=False), numbers(7, 6, 5)),
    "rnn": (lambda: networks.Recurrent(nn.RNN), numbers(6, 7, 5)),
    "packed gru": (networks.Packed, numbers(6, 7, 5)),
    "cells": (lambda: networks.Cells(nn.LSTMCell), numbers(6, 7, 5)),
    "densenet": (networks.Dense, numbers(6, 3, 8, 8)),
    "mobilenet": (networks.Inverted, numbers(6, 3, 8, 8)),
    "vgg, lazy": (networks.Vgg, numbers(6, 3, 16, 16)),
}


def trained(kind, steps=4, **options):
    """Train a model of a kind; return its parameters, the next random numbers, and the run's name."""
    make, inputs = KINDS[kind]
    torch.manual_seed(5)
    model, draw = make(), torch.Generator().manual_seed(1)
    with deepeyes.watch(model, name="kind", **options) as monitor:
        model(inputs(draw))  # lazy layers get their weights
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(steps):
            x, y = inputs(draw), torch.randint(3, (6,), generator=draw)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            monitor.step(loss=loss, targets=y)
        name, errors = monitor.name, monitor._border.errors
    assert errors == 0
    return [p.detach().clone() for p in model.parameters()], torch.rand(3), name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_trains_the_same_and_is_seen(kind):
    one, random, name = trained(kind)
    other, undisturbed, _ = trained(kind, enabled=False)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert torch.equal(random, undisturbed)
    snapshot = BoardReader(find_run(name).board).read()
    assert not [notice for notice in snapshot.status.notices if "unknown" in notice or "error" in notice]
    for number, info in enumerate(snapshot.layers):
        layer = snapshot.layer(number)
        assert layer.observed >= 4, info.name
        assert layer.maximum.max() > 0
        assert np.isfinite(layer.maximum).all()
        assert info.calls >= 1
        kept = RingReader(ring_path(find_run(name).instances, number)).read()
        assert kept is not None, info.name
        assert kept.activations.shape[1] == info.filters


def test_heads_are_counted_on_the_board():
    snapshot = BoardReader(find_run(trained("gpt")[2]).board).read()
    heads = {info.name: info.filters for info in snapshot.layers if info.unit == "heads"}
    assert heads == {"blocks.0.attn": 2, "blocks.1.attn": 2}
    assert all(info.signed and info.output_point for info in snapshot.layers if info.unit == "heads")


class Halves(nn.Module):
    """A gated layer beside one that never runs and one whose parameters are frozen."""

    def __init__(self):
        super().__init__()
        self.mlp, self.head, self.never = networks.SwiGlu(), nn.Linear(8, 3), nn.LSTM(3, 3)
        self.head.requires_grad_(False)

    def forward(self, x):
        return self.head(self.mlp(x).mean(1))


def test_frozen_and_silent_layers_are_marked():
    model = Halves()
    with deepeyes.watch(model, name="halves") as monitor:
        for _ in range(3):
            model(torch.rand(4, 5, 8)).sum().backward()
            monitor.step(0.0)
        name = monitor.name
    infos = {info.name: info for info in BoardReader(find_run(name).board).read().layers}
    assert infos["head"].frozen
    assert not infos["mlp.gate"].frozen
    assert infos["never"].calls == 0
    assert infos["mlp.gate"].output_point == "absolute values of silu + times mlp.up"


def test_gated_units_are_pruned_and_heads_stay_what_they_are():
    torch.manual_seed(0)
    model, tokens = networks.Gpt(mlp=networks.SwiGlu), torch.randint(11, (6, 10))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    with deepeyes.watch(model, optimizer=optimizer, name="cut") as monitor:
        sent = []
        for step in range(6):
            model(tokens).sum().backward()
            optimizer.step()
            if step == 2:
                sent.append(prune_soon(monitor.name, "blocks.0.mlp.gate", [1, 2]))
            monitor.step(0.0)
        name, errors = monitor.name, monitor._border.errors
    sent[0].join(10)
    assert errors == 0
    snapshot = BoardReader(find_run(name).board).read()
    sizes = {info.name: info.filters for info in snapshot.layers}
    assert (sizes["blocks.0.mlp.gate"], sizes["blocks.1.mlp.gate"], sizes["blocks.0.attn"]) == (10, 12, 2)
    assert all(snapshot.layer(number).has_run for number in range(len(sizes)))


def prune_soon(run, layer, filters):
    """Send the command, and return the thread that waits for its answer once it has arrived."""
    client = ControlClient(find_run(run).control)
    command = Command(Action.PRUNE, {"filters": {layer: filters}})
    thread = threading.Thread(target=client.send, args=(command,))
    thread.start()
    time.sleep(0.2)
    return thread


@pytest.mark.parametrize(
    ("model", "layer", "sentence"),
    [
        (networks.Encoder(), "encoder.layers.0.self_attn", "torch's own attention"),
        (networks.Gpt(), "blocks.0.attn", "is a Attention, which has no filters of its own"),
        (networks.ByEinsum(), "out.heads", "no layer 'out.heads'"),
        (networks.Recurrent(proj_size=2), "rnn", "projects its hidden units"),
    ],
)
def test_surgery_refuses_what_it_does_not_take_with_a_sentence(model, layer, sentence):
    inputs = {networks.Encoder: (2, 7, 8), networks.Recurrent: (2, 7, 5), networks.ByEinsum: (2, 4, 6)}.get(type(model))
    x = torch.rand(inputs) if inputs else torch.randint(11, (2, 6))
    (make,) = operation(Action.PRUNE, {"filters": {layer: [0]}}).makers
    with pytest.raises(SurgeryError, match=sentence):
        make(model, Sample((x,)), {})
