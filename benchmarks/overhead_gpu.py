"""What monitoring costs on a GPU: wall time with and without it, in turn, and what the profiler saw it wait for.

    python benchmarks/overhead_gpu.py [--seconds 20] [--rounds 5] [--eager]

ResNet-50 on pictures of 224x224 and a transformer of 12 layers, bfloat16 autocast, compiled. Ends at once without CUDA.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from statistics import median

import torch
from overhead_models import CLASSES, WORDS, Transformer
from torch import Tensor, nn
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

import deepeyes_tui as deepeyes

SETTLE, BLOCK, PROFILED = 12, 10, 40
WAITS = (
    "cudaStreamSynchronize",
    "cudaDeviceSynchronize",
    "cudaEventSynchronize",
    "aten::item",
    "aten::_local_scalar_dense",
)


class Bottleneck(nn.Module):
    def __init__(self, entering: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(entering, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        short = nn.Conv2d(entering, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width)
        self.short = nn.Sequential(*(short if stride > 1 or entering != 4 * width else ()))

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x))))))
        return functional.relu(self.bn3(self.conv3(inner)) + self.short(x))


def resnet50() -> nn.Module:
    blocks: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    entering = 64
    for width, count in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for number in range(count):
            blocks.append(Bottleneck(entering, width, 2 if number == 0 and width > 64 else 1))
            entering = 4 * width
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(entering, CLASSES))


def transformer() -> nn.Module:
    return Transformer(layers=12, width=768, heads=12, length=256)


INPUTS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "ResNet-50": (resnet50, lambda: torch.rand(64, 3, 224, 224, device="cuda")),
    "12-layer transformer": (transformer, lambda: torch.randint(WORDS, (32, 256), device="cuda")),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--eager", action="store_true", help="not compiled")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("skipped: there is no CUDA device")
    print("| model | wall time ratio, median (least, most) | ms a step | observed | added waits in the trace |")
    print("| --- | --- | --- | --- | --- |")
    for name, (make, inputs) in INPUTS.items():
        print(measure(name, make, inputs, options), flush=True)


def measure(name: str, make: Callable[[], nn.Module], inputs: Callable[[], Tensor], options: argparse.Namespace) -> str:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DEEPEYES_HOME": folder, "DEEPEYES_LIVE": folder}
        bare_model, model = make().cuda(), make().cuda()
        with deepeyes.watch(model, name="gpu") as monitor:
            bare = stepper(bare_model, inputs, options.eager, lambda loss: None)
            watched = stepper(model, inputs, options.eager, lambda loss: monitor.step(loss=loss))
            for step in (bare, watched):
                timed(step, SETTLE)
            monitor._probe._budget._purse = 0.0  # what the set-up spent in advance is not paid back within the clock
            ratios, alone = zip(*(a_round(bare, watched, monitor, options) for _ in range(options.rounds)), strict=True)
            status = monitor._probe._status()
            added = waits(watched) - waits(bare)
    ratio = f"{median(ratios):.3f} ({min(ratios):.3f}, {max(ratios):.3f})"
    told = ", ".join(f"{count} {wait}" for wait, count in added.items()) or "none"
    return f"| {name} | {ratio} | {median(alone) * 1e3:.1f} | 1 in {status.observed_every} | {told} |"


def stepper(
    model: nn.Module, inputs: Callable[[], Tensor], eager: bool, tell: Callable[[Tensor], None]
) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    call = model if eager else torch.compile(model)

    def step() -> None:
        x = inputs()
        optimizer.zero_grad()
        with torch.autocast("cuda", torch.bfloat16):
            loss = functional.cross_entropy(call(x), torch.randint(CLASSES, (len(x),), device="cuda"))
        loss.backward()
        optimizer.step()
        tell(loss)

    return step


def a_round(
    bare: Callable[[], None], watched: Callable[[], None], monitor: deepeyes.Monitor, options: argparse.Namespace
) -> tuple[float, float]:
    with_it, without = [], []
    ends = time.perf_counter() + options.seconds / options.rounds
    while time.perf_counter() < ends:
        without.append(timed(bare, BLOCK))
        monitor._probe._last = time.perf_counter()  # the other training's time is not ours to spend
        with_it.append(timed(watched, BLOCK))
    return sum(with_it) / sum(without), sum(without) / len(without) / BLOCK


def timed(step: Callable[[], None], count: int) -> float:
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(count):
        step()
    torch.cuda.synchronize()
    return time.perf_counter() - started


def waits(step: Callable[[], None]) -> Counter[str]:
    """Count what made the host wait for the device, over `PROFILED` steps."""
    activities = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with profile(activities=activities) as trace:
        for _ in range(PROFILED):
            step()
    return Counter({event.key: event.count for event in trace.key_averages() if event.key in WAITS})


if __name__ == "__main__":
    main()
