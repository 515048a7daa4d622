"""What surgery is not possible on is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from deepeyes_tui.surgery import SurgeryError, check_can_cut
from deepeyes_tui.surgery.guard import check_graph
from deepeyes_tui.surgery.running.wrappers import unwrapped

from .architectures_lenet import LeNet


def module_of(package: str, name: str = "Engine") -> nn.Module:
    """Return a module whose class is one of another package."""
    kind = type(name, (nn.Module,), {"__module__": package})
    made: nn.Module = kind()
    made.add_module("layer", nn.Linear(2, 2))
    return made


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return LeNet()


def made_in_inference() -> nn.Module:
    with torch.inference_mode():
        return LeNet()


def part_of_types() -> nn.Module:
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(torch.rand(2, 2).as_subclass(type("Packed", (torch.Tensor,), {})))
    return model


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "not a module": (lambda: 3, "needs a torch module, not int"),
    "scripted": (lambda: torch.jit.script(nn.Sequential(nn.Linear(2, 2))), "scripted"),
    "traced, inside": (lambda: nn.Sequential(torch.jit.trace(nn.Linear(2, 2), torch.rand(1, 2))), "0 is scripted"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), "0.weight has no shape yet"),
    "meta": (on_meta, "conv1.weight is on the meta device"),
    "inference": (made_in_inference, "inference mode"),
    "quantised": (
        lambda: torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 2)), {nn.Linear}),
        "quantised",
    ),
    "a tensor of another kind": (part_of_types, "Packed"),
    "FSDP": (lambda: module_of("torch.distributed.fsdp", "FullyShardedDataParallel"), "under FSDP"),
    "fully_shard": (lambda: nn.Sequential(module_of("torch.distributed.fsdp", "FSDPModule")), "fully_shard"),
    "DeepSpeed": (lambda: module_of("deepspeed.runtime.engine", "DeepSpeedEngine"), "DeepSpeed"),
    "pipeline": (lambda: module_of("torch.distributed.pipelining.stage"), "pipeline"),
    "fairscale": (lambda: module_of("fairscale.nn"), "fairscale"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_refused(what: str) -> None:
    build, sentence = REFUSED[what]
    with pytest.raises(SurgeryError, match=sentence):
        check_can_cut(build())  # type: ignore[arg-type]


def test_fully_sharded_in_earnest(tmp_path) -> None:
    from torch import distributed
    from torch.distributed.fsdp import fully_shard

    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    try:
        with pytest.raises(SurgeryError, match=r"fully_shard|DTensor"):
            check_can_cut(fully_shard(LeNet(), mesh=distributed.init_device_mesh("cpu", (1,))))
    finally:
        distributed.destroy_process_group()


def test_ordinary_networks_and_what_is_around_them_pass() -> None:
    model = LeNet()
    wrapped = nn.DataParallel(torch.compile(model, backend="eager"))
    for one in (model, wrapped):
        check_can_cut(one, [torch.optim.Adam(model.parameters()), torch.optim.SGD(model.parameters(), 0.1)])
    assert unwrapped(wrapped) is model


@pytest.mark.parametrize(
    "loss_of",
    [
        lambda model, x: model(x).sum(),
        lambda model, x: model(x).square().mean() / 4,
        lambda model, x: nn.functional.cross_entropy(model(x), torch.tensor([0, 1])),
        lambda model, x: checkpoint(model, x, use_reentrant=False).square().sum(),
    ],
)
def test_a_loss_that_waits_for_its_backward(loss_of):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 3))
    loss = loss_of(model, torch.rand(2, 3))
    with pytest.raises(SurgeryError, match="backward to come"):
        check_graph(loss)
    check_graph(loss.detach())
    loss.backward()
    check_graph(loss)
    check_graph(None)
    check_graph(0.5)
