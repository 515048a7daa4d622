"""A residual network on CIFAR-10, as anybody writes it: nothing here knows of a monitor.

deepeyes run examples/train_cifar.py --data cifar10.npz
torchrun --nproc-per-node 2 -m deepeyes_tui run examples/train_cifar.py --data cifar10.npz

The data are an .npz with `x_train (N, 32, 32, 3)` uint8, `y_train (N,)`, `x_test` and `y_test`.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


class Block(nn.Module):
    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, leaving, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.shortcut = nn.Sequential()
        if stride != 1 or entering != leaving:
            self.shortcut = nn.Sequential(nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, width: int, blocks: int, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages, entering = [], width
        for stage in range(3):
            leaving = width << stage
            for block in range(blocks):
                stages.append(Block(entering, leaving, 2 if stage and not block else 1))
                entering = leaving
        self.blocks = nn.Sequential(*stages)
        self.fc = nn.Linear(entering, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(torch.relu(self.bn1(self.conv1(x))))
        return self.fc(x.mean((2, 3)))


def load(path: Path) -> tuple[TensorDataset, TensorDataset]:
    with np.load(path) as data:
        arrays = {name: torch.from_numpy(data[name]) for name in ("x_train", "y_train", "x_test", "y_test")}
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    sets = []
    for part in ("train", "test"):
        pictures = (arrays[f"x_{part}"].permute(0, 3, 1, 2).contiguous().float() / 255 - mean) / std
        sets.append(TensorDataset(pictures, arrays[f"y_{part}"].long()))
    return sets[0], sets[1]


def train_epoch(model: nn.Module, loader: DataLoader, optimizer: torch.optim.Optimizer) -> float:
    model.train()
    criterion, total = nn.CrossEntropyLoss(label_smoothing=0.1), 0.0
    for x, y in loader:
        flipped = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
        loss = criterion(model(flipped), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)


@torch.no_grad()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    model.eval()
    right = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return right / len(loader.dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=3, help="in each of three stages")
    parser.add_argument("--lr", type=float, default=0.1)
    options = parser.parse_args()
    several = "RANK" in os.environ
    if several:
        distributed.init_process_group("gloo")
    torch.manual_seed(0)
    train_set, test_set = load(options.data)
    sampler = DistributedSampler(train_set) if several else None
    train_loader = DataLoader(train_set, options.batch_size, shuffle=not several, sampler=sampler, drop_last=True)
    test_loader = DataLoader(test_set, 256)
    network = ResNet(options.width, options.blocks)
    model = DistributedDataParallel(network) if several else network
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    for epoch in range(options.epochs):
        if sampler is not None:
            sampler.set_epoch(epoch)
        loss = train_epoch(model, train_loader, optimizer)
        scheduler.step()
        if not several or distributed.get_rank() == 0:
            print(f"epoch {epoch + 1}: loss {loss:.3f}, test accuracy {accuracy(network, test_loader):.3f}", flush=True)
    if several:
        distributed.destroy_process_group()


if __name__ == "__main__":
    main()
