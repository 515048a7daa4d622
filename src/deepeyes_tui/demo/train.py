"""Train LeNet on MNIST under the monitor: what `deepeyes demo` starts, and an example of a training script."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset, RandomSampler

import deepeyes_tui as deepeyes
from deepeyes_tui.demo.data import DataError, Digits, load_digits
from deepeyes_tui.demo.lenet import LeNet, accuracy_and_loss, inverse_decay, parameter_groups

BATCH, RATE, MOMENTUM, DECAY = 64, 0.01, 0.9, 5e-4
STEPS = 5000
EVALUATE_EVERY = 100
Batch = tuple[Tensor, Tensor]


def main(argv: Sequence[str] | None = None) -> int:
    """Train, and print the accuracy on the test set."""
    options = _parser().parse_args(argv)
    try:
        digits = load_digits(options.data)
        device = _device(options.device)
    except (DataError, ValueError) as error:
        print(f"deepeyes demo: {error}", file=sys.stderr)
        return 1
    try:
        return _train_and_report(digits, device, options)
    except KeyboardInterrupt:
        print("deepeyes demo: interrupted", file=sys.stderr)
        return 130


def _train_and_report(digits: Digits, device: torch.device, options: argparse.Namespace) -> int:
    per_epoch = len(digits.x_train) // BATCH
    if per_epoch == 0:
        print(f"deepeyes demo: {len(digits.x_train)} training digits do not fill a batch of {BATCH}", file=sys.stderr)
        return 1
    steps = options.epochs * per_epoch if options.epochs else options.steps
    accuracy = train(digits, steps=steps, seed=options.seed, device=device, watched=not options.unwatched)
    print(f"test accuracy {accuracy:.2%} after {steps} steps")
    return 0


def train(digits: Digits, *, steps: int, seed: int, device: torch.device, watched: bool = True) -> float:
    """Train a new LeNet as Caffe does and return its accuracy on the test set, a share of 1."""
    torch.manual_seed(seed)
    model = LeNet().to(device)
    optimizer = torch.optim.SGD(parameter_groups(model, RATE, DECAY), momentum=MOMENTUM)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, inverse_decay())
    x_test, y_test = _pixels(digits.x_test, device), _numbers(digits.y_test, device)
    names = [str(digit) for digit in range(10)]
    accuracy = 0.0
    loader = _loader(digits, seed, device)
    with deepeyes.watch(
        model, optimizer=optimizer, loader=loader, labels=names, name="demo", enabled=watched
    ) as monitor:
        for step, (x, y, epoch) in enumerate(_drawn(loader, steps), start=1):
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            schedule.step()
            monitor.step(loss=loss, targets=y, epoch=epoch)
            if step % EVALUATE_EVERY == 0 or step == steps:
                accuracy, test_loss = accuracy_and_loss(model, x_test, y_test)
                monitor.log(val_loss=test_loss, val_accuracy=accuracy)
                print(f"step {step:5d}  loss {loss.item():.4f}  test loss {test_loss:.4f}  accuracy {accuracy:.2%}")
            if monitor.stopping:
                print(f"stopped at step {step}")
                break
    return accuracy


class _Pictures(Dataset[Batch]):
    """Digits on their device, fetched a batch at a time."""

    def __init__(self, pixels: Tensor, numbers: Tensor) -> None:
        self.pixels, self.numbers = pixels, numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitems__(self, chosen: list[int]) -> Batch:
        """Return a batch, which is what a DataLoader asks for where it can."""
        places = torch.tensor(chosen, device=self.numbers.device)
        return self.pixels[places], self.numbers[places]


def _loader(digits: Digits, seed: int, device: torch.device) -> DataLoader[Batch]:
    pictures = _Pictures(_pixels(digits.x_train, device), _numbers(digits.y_train, device))
    shuffle = RandomSampler(pictures, generator=torch.Generator().manual_seed(seed))
    return DataLoader(pictures, BATCH, sampler=shuffle, drop_last=True, collate_fn=lambda batch: batch)


def _batches(digits: Digits, steps: int, seed: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor, float]]:
    return _drawn(_loader(digits, seed, device), steps)


def _drawn(loader: DataLoader[Batch], steps: int) -> Iterator[tuple[Tensor, Tensor, float]]:
    """Yield shuffled batches and the epoch, counted in whole passes, that each is part of."""
    epochs = itertools.count()
    every = ((x, y, epoch + share / len(loader)) for epoch in epochs for share, (x, y) in enumerate(loader, start=1))
    return itertools.islice(every, steps)


def _pixels(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(pictures.astype(np.float32) / 256).unsqueeze(1).to(device)


def _numbers(labels: NDArray[np.uint8], device: torch.device) -> Tensor:
    return torch.from_numpy(labels.astype(np.int64)).to(device)


def _device(name: str | None) -> torch.device:
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
    except RuntimeError:
        raise ValueError(f"there is no device {name!r}: cpu, cuda, cuda:1 ...") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here: use --device cpu")
    return device


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deepeyes demo", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_positive, default=STEPS, help=f"optimizer steps ({STEPS})")
    length.add_argument("--epochs", type=_positive, help="passes through the training set, instead of --steps")
    parser.add_argument("--seed", type=int, default=0, help="of weights and shuffling (0)")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 ... (cuda when there is one)")
    parser.add_argument("--data", type=Path, help="full MNIST: an .npz, or the folder with the four IDX files")
    parser.add_argument("--unwatched", action="store_true", help="train without the monitor, for comparison")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a positive number is needed, not {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
