"""DeepEyes' result on MNIST, without a viewer: a LeNet is cut while it trains, and trains on with the same optimizer.

python examples/reproduce_deepeyes_mnist.py --data mnist.npz [--seed 0 1 2]

Section 4.6 of the text (Pezzotti et al., IEEE VIS 2017) reduces the first convolution from 20 to 10 filters and the
first linear layer from 500 to 100, and sees no loss: 98.2 % for both networks after 2000 steps. Here both networks
train on the same batches. After 300 steps one of them loses the filters that add least, as their activations on
training digits show.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import fmean, median, stdev
from time import perf_counter
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from deepeyes_tui.demo.data import DataError, Digits, load_digits
from deepeyes_tui.demo.lenet import LeNet, accuracy_and_loss, inverse_decay, parameter_groups
from deepeyes_tui.surgery import apply, plan_removal

KEEP = {"conv1": 10, "fc1": 100}
BATCH, RATE, MOMENTUM, DECAY = 64, 0.01, 0.9, 5e-4
LOOKED_AT = 2048
"""Training digits by whose activations filters are chosen."""
SAY_EVERY = 250
DEAD = 1e-3
"""A filter is dead whose maximum is at most this share of the layer's."""
ROUNDS, STEPS_A_ROUND = 15, 20

Batches: TypeAlias = Iterator[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Data:
    """`pixels (N, 1, 28, 28)` in [0, 1) and `digits (N,)` to train on, and to test on."""

    pixels: Tensor
    digits: Tensor
    test_pixels: Tensor
    test_digits: Tensor

    def batches(self, seed: int) -> Batches:
        """Yield shuffled batches without end, the same ones for the same seed."""
        shuffle = torch.Generator().manual_seed(seed)
        while True:
            order = torch.randperm(len(self.digits), generator=shuffle).to(self.digits.device)
            for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
                yield self.pixels[chosen], self.digits[chosen]


class Training:
    """A LeNet with the optimizer and the learning rate of Caffe's example."""

    def __init__(self, data: Data, seed: int) -> None:
        torch.manual_seed(seed)
        self.data, self.model = data, LeNet().to(data.pixels.device)
        self.optimizer = SGD(parameter_groups(self.model, RATE, DECAY), momentum=MOMENTUM)
        self.schedule = LambdaLR(self.optimizer, inverse_decay())
        self.batches = data.batches(seed)

    def run(self, steps: int) -> None:
        """Train for some steps more."""
        for step, (pixels, digits) in enumerate(islice(self.batches, steps), start=1):
            if step % SAY_EVERY == 0:
                print(f"... {step} of {steps} steps", file=sys.stderr)
            self.optimizer.zero_grad()
            functional.cross_entropy(self.model(pixels), digits).backward()
            self.optimizer.step()
            self.schedule.step()

    def accuracy(self) -> float:
        """Return the share of test digits recognised."""
        return accuracy_and_loss(self.model, self.data.test_pixels, self.data.test_digits)[0]

    def answers(self) -> Tensor:
        """Return the network's output for the test digits, `(N, 10)`."""
        with torch.no_grad():
            return self.model(self.data.test_pixels)  # type: ignore[no-any-return]

    def size(self) -> int:
        """Return the bytes of a file with the weights."""
        file = io.BytesIO()
        torch.save(self.model.state_dict(), file)
        return len(file.getvalue())


@dataclass(frozen=True)
class Result:
    """Figures of one seed, of the untouched network and of the one that was cut.

    `at_cut`: accuracy right before and after it; `change`: that of the output, as a share of its largest value.
    """

    accuracy: tuple[float, float]
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int]
    size: tuple[int, int]
    speed: tuple[float, float]
    at_cut: tuple[float, float]
    change: float


def activations(model: LeNet, layer: str, pixels: Tensor) -> Tensor:
    """Return what the filters of a layer answer, negative answers as nothing: `(instances, filters)`."""
    found: list[Tensor] = []
    hook = model.get_submodule(layer).register_forward_hook(lambda module, inputs, output: found.append(output))
    with torch.no_grad():
        model(pixels)
    hook.remove()
    return found[0].clamp(min=0).movedim(1, -1).flatten(0, -2)


def choose(answers: Tensor, keep: int) -> list[int]:
    """Return the filters to cut: dead ones, then, one by one, the one that adds least.

    What a filter adds is the spread of its activations as far as the filter most like it does not foretell them: little
    for weak filters, and little for those that another one repeats.
    """
    maximum = answers.amax(0)  # (F,)
    spread = answers.std(0).where(maximum > DEAD * maximum.max(), -1)
    likeness = torch.corrcoef(answers.T).nan_to_num().clamp(0, 1).fill_diagonal_(0)  # (F, F)
    left = list(range(len(spread)))
    while len(left) > keep:
        adds = spread[left] * (1 - likeness[left][:, left].amax(1).square()).sqrt()
        left.pop(int(adds.argmin()))
    return sorted(set(range(len(spread))) - set(left))


def cut(training: Training) -> tuple[tuple[int, int], tuple[int, int]]:
    """Prune the layers of `KEEP`; return parameters and multiply-adds, before and after."""
    model, pixels = training.model, training.data.pixels[:LOOKED_AT]
    plans = []
    for layer, keep in KEEP.items():
        filters = choose(activations(model, layer, pixels), keep)
        plan = plan_removal(model, layer, filters, pixels[:BATCH])
        apply(plan, model, training.optimizer)
        plans.append(plan)
    before, after = plans[0].before, plans[-1].after
    return (before.parameters, after.parameters), (before.multiply_adds, after.multiply_adds)


def compare(data: Data, seed: int, *, steps: int, prune_at: int) -> Result:
    """Train both networks on the same batches, and measure them."""
    untouched, pruned = Training(data, seed), Training(data, seed)
    pruned.run(prune_at)
    whole, answers = pruned.accuracy(), pruned.answers()
    parameters, multiply_adds = cut(pruned)
    at_cut = whole, pruned.accuracy()
    change = float((pruned.answers() - answers).abs().max() / answers.abs().max())
    untouched.run(steps)
    pruned.run(steps - prune_at)
    accuracy, size = (untouched.accuracy(), pruned.accuracy()), (untouched.size(), pruned.size())
    return Result(accuracy, parameters, multiply_adds, size, speeds(untouched, pruned), at_cut, change)


def speeds(one: Training, other: Training) -> tuple[float, float]:
    """Return the steps per second of both on one thread, medians of rounds in turn."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for training, taken in zip((one, other), times, strict=True):
            started = perf_counter()
            training.run(STEPS_A_ROUND)
            _finish(training.data.pixels.device)
            taken.append(perf_counter() - started)
    torch.set_num_threads(threads)
    return STEPS_A_ROUND / median(times[0]), STEPS_A_ROUND / median(times[1])


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def table(results: Sequence[Result], steps: int, prune_at: int) -> str:
    """Return the figures of both networks side by side in Markdown, means over the seeds."""

    def row(name: str, form: str, figures: Callable[[Result], Sequence[float]]) -> str:
        one, other = (_cell(form, [figures(result)[side] for result in results]) for side in (0, 1))
        ratio = fmean(figures(result)[1] / figures(result)[0] for result in results)
        return f"| {name} | {one} | {other} | {ratio:.3f} |"

    rows = [
        f"| | untouched | pruned at step {prune_at} | ratio |",
        "| --- | --- | --- | --- |",
        row(f"test accuracy after {steps} steps, %", ".2f", lambda result: [100 * x for x in result.accuracy]),
        row("parameters", ",.0f", lambda result: result.parameters),
        row("multiply-adds a digit", ",.0f", lambda result: result.multiply_adds),
        row("steps per second, one thread", ",.0f", lambda result: result.speed),
        row("file with the weights, bytes", ",.0f", lambda result: result.size),
    ]
    return "\n".join(rows)


def at_the_cut(results: Sequence[Result]) -> str:
    """Say what the cut did at once."""
    before, after = (_cell(".2f", [100 * result.at_cut[side] for result in results]) for side in (0, 1))
    change = _cell(".1f", [100 * result.change for result in results])
    return f"At the cut: test accuracy {before} % before, {after} % after; the output changes by at most {change} %."


def _cell(form: str, values: Sequence[float]) -> str:
    """Return the mean, and the standard deviation where values differ."""
    spread = f" ± {stdev(values):{form}}" if len(set(values)) > 1 else ""
    return f"{fmean(values):{form}}{spread}"


def prepare(digits: Digits, device: str) -> Data:
    """Return pixels and digits as tensors on a device."""

    def pair(pictures: object, labels: object) -> tuple[Tensor, Tensor]:
        pixels = torch.as_tensor(pictures, dtype=torch.float32).div(256).unsqueeze(1)
        return pixels.to(device), torch.as_tensor(labels, dtype=torch.int64).to(device)

    return Data(*pair(digits.x_train, digits.y_train), *pair(digits.x_test, digits.y_test))


def main(argv: Sequence[str] | None = None) -> int:
    """Train, cut, compare, print."""
    options = _parser().parse_args(argv)
    if not 0 <= options.prune_at < options.steps:
        print("--prune-at has to lie before --steps", file=sys.stderr)
        return 1
    try:
        digits = load_digits(options.data)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    if options.data is None:
        print("The 10,000 digits that ship; with --data all of MNIST, as in the text.\n")
    data = prepare(digits, options.device)
    results = []
    for seed in options.seed:
        results.append(compare(data, seed, steps=options.steps, prune_at=options.prune_at))
        print(f"seed {seed}: {results[-1].accuracy[0]:.2%} untouched, {results[-1].accuracy[1]:.2%} pruned")
    print(f"\n{table(results, options.steps, options.prune_at)}\n\n{at_the_cut(results)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="full MNIST: an .npz, or the folder with the four IDX files")
    parser.add_argument("--steps", type=int, default=2000, help="optimizer steps (2000)")
    parser.add_argument(
        "--prune-at", type=int, default=300, help="the step after which filters are cut, from 0 on (300)"
    )
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="of weights and batches; several: means (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 ... (cpu)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
