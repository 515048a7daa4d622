"""Surgery on networks with something around them: compiled, parallel, distributed in one process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from deepeyes_tui.surgery import apply
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.removal import plan_removal
from deepeyes_tui.surgery.running.wrappers import unwrapped

from .snapshots import assert_same, by_name, everything, train

torch.set_num_threads(1)
LENET = by_name("lenet, conv1")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[None]:
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def cut_and_back(model: nn.Module) -> None:
    """Cut, train, undo and train `model`, each time with its outputs compared with those of the network inside."""
    batch, core = LENET.batch(), unwrapped(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    train(model, batch, [optimizer])
    before = everything(core, [optimizer])
    plan = plan_removal(model, "conv1", (0, 4), batch)
    applied = apply(plan, model, optimizer)
    assert core.conv1.out_channels == 4
    torch.testing.assert_close(model(batch), core(batch))
    applied.undo()
    assert_same(everything(core, [optimizer]), before)
    apply(Plan.from_json(plan.to_json()), model, optimizer)
    losses = train(model, batch, [optimizer], 4)
    assert losses[-1] < losses[0]
    assert core.conv1.weight.grad.shape == (4, 1, 3, 3)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled(backend: str) -> None:
    cut_and_back(torch.compile(LENET.model(), backend=backend))


def test_compiled_in_place() -> None:
    model = LENET.model()
    model.compile(backend="eager")
    cut_and_back(model)


def test_data_parallel() -> None:
    cut_and_back(nn.DataParallel(LENET.model()))


def test_after_a_cut_that_failed_distributed_training_goes_on(alone: None) -> None:
    model, batch = nn.parallel.DistributedDataParallel(LENET.model()), LENET.batch()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    train(model, batch, [optimizer])
    plan = plan_removal(model, "conv1", (0, 4), batch)

    def refuse() -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        apply(plan, model, optimizer, commit=refuse)
    losses = train(model, batch, [optimizer], 4)
    assert losses[-1] < losses[0]


def test_a_model_and_its_wrapper_are_one() -> None:
    model, batch = LENET.model(), LENET.batch()
    plan = plan_removal(model, "conv1", (0, 4), batch)
    apply(plan, model, copies=[nn.DataParallel(model)])
    assert model.conv1.out_channels == 4


def test_distributed_in_one_process(alone: None) -> None:
    cut_and_back(nn.parallel.DistributedDataParallel(LENET.model(), bucket_cap_mb=7))


def test_distributed_and_compiled(alone: None) -> None:
    cut_and_back(torch.compile(nn.parallel.DistributedDataParallel(LENET.model()), backend="eager"))


def test_a_distributed_wrapper_keeps_its_settings_and_hooks(alone: None) -> None:
    model = nn.parallel.DistributedDataParallel(LENET.model(), bucket_cap_mb=7, broadcast_buffers=False)
    seen: list[int] = []
    model.register_forward_hook(lambda *_: seen.append(1))
    model.eval()
    apply(plan_removal(model, "conv1", (0,), LENET.batch()), model)
    model(LENET.batch())
    assert (model.bucket_bytes_cap, model.broadcast_buffers, model.training, len(seen)) == (7 << 20, False, False, 1)
