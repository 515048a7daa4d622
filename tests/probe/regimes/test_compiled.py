"""Compiled models: every layer is seen, no graph is broken or traced once more, nothing differs."""

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

import deepeyes_tui as deepeyes

from .twins import batches, every_step, last_snapshot, one_step, plain, same, sgd


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.norm, self.down = nn.Linear(8, 12), nn.LayerNorm(12), nn.Linear(12, 8)

    def forward(self, x):
        return x + self.down(functional.gelu(self.norm(self.up(x))))


class Blocks(nn.Module):
    def __init__(self, between=lambda block, x: block(x), count=2):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(count)])
        self.out, self.between = nn.Linear(8, 3), between

    def forward(self, x):
        for block in self.blocks:
            x = self.between(block, x)
        return self.out(x)


def sequential():
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3))


def rows(steps=4):
    return batches(steps, shape=(8,))


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled_frames(train):
    """Wrap a training so that it also tells what the compiler did."""

    def told(model, monitor):
        torch._dynamo.reset()
        counters.clear()
        losses = train(model, monitor)
        return losses, counters["stats"]["unique_graphs"], dict(counters["graph_break"]), dict(counters["frames"])

    return told


def whole(backend):
    return lambda model, monitor: plain(model, monitor, rows(), torch.compile(model, backend=backend, fullgraph=True))


def in_place(backend):
    def train(model, monitor):
        model.compile(backend=backend, fullgraph=True)
        return plain(model, monitor, rows())

    return train


def by_block(backend):
    def train(model, monitor):
        for block in model.blocks:
            block.compile(backend=backend, fullgraph=True)
        return plain(model, monitor, rows())

    return train


def in_step(backend):
    def train(model, monitor):
        step = torch.compile(lambda x, y: functional.cross_entropy(model(x), y), backend=backend, fullgraph=True)
        optimizer, losses = sgd(model), []
        for x, y in rows():
            optimizer.zero_grad()
            loss = step(x, y)
            loss.backward()
            optimizer.step()
            monitor.step(loss=loss, targets=y)
            losses.append(loss.item())
        return losses

    return train


@pytest.mark.parametrize(
    ("way", "backend"), [(whole, "eager"), (whole, "aot_eager"), (in_place, "aot_eager"), (in_step, "aot_eager")]
)
def test_no_break_no_further_graph_and_the_same_bits(way, backend):
    _, seen = same(compiled_frames(way(backend)), Blocks)
    assert seen.told[2] == {}
    assert seen.snapshot.layer(0).observed >= 3


def test_blocks_that_are_compiled_one_by_one_share_their_graphs():
    """They are more than a function may be compiled times."""
    _, seen = same(compiled_frames(by_block("aot_eager")), lambda: Blocks(count=10))
    assert seen.told[1] <= 2


def test_parts_that_were_compiled_before():
    def make():
        model = Blocks()
        for number, block in enumerate(model.blocks):
            model.blocks[number] = torch.compile(block, backend="aot_eager", fullgraph=True)
        return model

    same(compiled_frames(lambda model, monitor: plain(model, monitor, rows())), make)


@pytest.mark.parametrize("way", [whole, in_step])
def test_a_root_of_torchs_own_is_entered_within_the_graph(way):
    same(compiled_frames(way("aot_eager")), sequential)


def test_inductor():
    _, seen = same(compiled_frames(whole("inductor")), sequential)
    assert seen.snapshot.layer(1).maximum.max() > 0


def test_what_is_seen_of_a_graph_is_what_is_seen_without_one():
    def graph_of(model, monitor):
        return plain(model, monitor, batches(4), torch.compile(model, backend="aot_eager"))

    _, eager = same(lambda model, monitor: plain(model, monitor, batches(4)))
    _, graph = same(compiled_frames(graph_of))
    for number in range(3):
        one, other = eager.snapshot.layer(number), graph.snapshot.layer(number)
        assert one.observed == other.observed
        assert one.maximum == pytest.approx(other.maximum, rel=1e-4)
        assert one.histogram == pytest.approx(other.histogram, abs=1e-6)
    assert eager.snapshot.layers[0].output_point == graph.snapshot.layers[0].output_point
    assert 0 <= graph.snapshot.status.accuracy <= 1


def test_dynamic_shapes_need_no_further_graph():
    def train(model, monitor):
        call = torch.compile(model, backend="aot_eager", dynamic=True)
        optimizer = sgd(model)
        return [one_step(model, optimizer, x, y, monitor, call) for n in (8, 5, 3, 7) for x, y in batches(1, n, (8,))]

    same(compiled_frames(train), Blocks)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_within_a_graph(reentrant):
    def blocks():
        return Blocks(lambda block, x: checkpoint(block, x, use_reentrant=reentrant))

    _, seen = same(compiled_frames(whole("aot_eager")), blocks)
    assert seen.snapshot.layer(0).observed == 4


def test_autocast_within_and_around_a_graph():
    def train(model, monitor):
        def within(x):
            with torch.autocast("cpu", torch.bfloat16):
                return model(x).float()

        return plain(model, monitor, batches(3), torch.compile(within, backend="aot_eager", fullgraph=True))

    same(compiled_frames(train))


def test_a_mapped_call_within_a_graph_is_left_alone():
    def train(model, monitor):
        return plain(model, monitor, rows(3), torch.compile(lambda x: torch.vmap(model)(x), backend="aot_eager"))

    _, seen = same(compiled_frames(train), sequential, unseen={"0", "2"}, notices=True)
    assert seen.snapshot.status.step == 3


def test_evaluation_between_epochs_has_its_own_graph_as_without_us():
    def train(model, monitor):
        call, told = torch.compile(model, backend="aot_eager"), []
        optimizer = sgd(model)
        for x, y in rows(3):
            told.append(one_step(model, optimizer, x, y, monitor, call))
            call.eval()
            with torch.no_grad():
                told.append(call(x).sum().item())
            call.train()
        return told

    same(compiled_frames(train), Blocks)


def test_the_end_of_the_monitor_lets_graphs_be():
    model = Blocks()
    call = torch.compile(model, backend="aot_eager")
    with every_step(), deepeyes.watch(model, name="ends") as monitor:
        plain(model, monitor, rows(2), call)
        before = counters["stats"]["unique_graphs"]
    call(rows(1)[0][0])
    assert counters["stats"]["unique_graphs"] == before


def test_a_model_that_was_compiled_and_ran_before_says_what_to_do():
    model = Blocks()
    call = torch.compile(model, backend="eager")
    call(rows(1)[0][0])
    counters.clear()
    with deepeyes.watch(call, name="late") as monitor:
        plain(model, monitor, rows(22), call)
        name = monitor.name
    assert counters["stats"]["unique_graphs"] == 0
    assert any("torch._dynamo.reset()" in notice for notice in last_snapshot(name).status.notices)


def test_graphs_that_are_replayed_on_the_device_are_left_alone_and_it_is_said():
    model = sequential()
    call = torch.compile(model, mode="reduce-overhead")
    with deepeyes.watch(model, name="replayed") as monitor:
        plain(model, monitor, rows(2), call)
        name = monitor.name
    snapshot = last_snapshot(name)
    assert any("CUDA graphs" in notice for notice in snapshot.status.notices)
    assert not snapshot.layer(0).has_run


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_model_knows_nothing_of_the_monitor(strict):
    model = Blocks()
    with deepeyes.watch(model, name="exported") as monitor:
        plain(model, monitor, rows(1))
        program = torch.export.export(model, (rows(1)[0][0],), strict=strict)
    assert "deepeyes" not in str(program.graph)


def test_where_the_compiler_gives_up_layers_are_seen_and_no_graph_is_broken_further():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.read, self.rnn, self.out = nn.Linear(8, 6), nn.LSTM(6, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            x = self.read(x)
            torch._dynamo.graph_break()
            return self.out(self.rnn(x.unsqueeze(1))[0][:, -1])

    def train(model, monitor):
        torch._dynamo.reset()
        counters.clear()
        losses = plain(model, monitor, rows(3), torch.compile(model, backend="aot_eager"))
        return losses, sum(counters["graph_break"].values())

    _, seen = same(train, Broken)
    assert [seen.snapshot.layer(number).observed for number in range(3)] == [3, 3, 3]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_compiled_step_that_tells_the_monitor():
    def train(model, monitor):
        torch._dynamo.reset()
        optimizer = sgd(model)

        @torch.compile(backend="eager")
        def step(x, y):
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            monitor.step(loss=loss, targets=y)
            return loss

        return [step(x, y).item() for x, y in rows(4)]

    same(train, sequential)
