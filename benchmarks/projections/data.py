"""What is projected: MNIST's digits, and the instances of the demo's own layers, as .npy files in a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.demo.data import Digits, load_digits

STEPS = 200
"""Of training before a layer's instances are taken."""
A_DIGIT = 8
"""Receptive fields of conv2 from one digit."""


def write_digits(folder: Path, source: Path | None, sizes: list[int]) -> list[int]:
    """Write the first digits of the training set; return the sizes for which there are enough."""
    digits = load_digits(source)
    pixels = digits.x_train.reshape(len(digits.x_train), -1).astype(np.float32) / 255
    there = [size for size in sizes if size <= len(pixels)]
    for size in there:
        save(folder, f"mnist{size}", pixels[:size], digits.y_train[:size])
    return there


def save(folder: Path, name: str, points: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
    np.save(folder / f"{name}.npy", points)
    np.save(folder / f"{name}.labels.npy", labels.astype(np.int64))


def load(path: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return the points and labels that `save` wrote as `path`, without its ending."""
    return np.load(f"{path}.npy"), np.load(f"{path}.labels.npy")


def our_layers(folder: str, source: str | None, instances: int, **_: object) -> dict[str, float]:
    """Train the demo's network for a while and write what its layers conv2 and fc1 see."""
    import torch

    from deepeyes_tui.demo.lenet import LeNet, parameter_groups
    from deepeyes_tui.demo.train import BATCH, DECAY, MOMENTUM, RATE

    torch.manual_seed(0)
    torch.set_num_threads(1)
    digits = load_digits(Path(source) if source else None)
    model = LeNet()
    optimizer = torch.optim.SGD(parameter_groups(model, RATE, DECAY), momentum=MOMENTUM)
    for step in range(STEPS):
        own = slice(step * BATCH % (len(digits.y_train) - BATCH), None)
        loss = torch.nn.functional.cross_entropy(
            model(pixels_of(digits, own, BATCH)), torch.from_numpy(digits.y_train[own][:BATCH].astype(np.int64))
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        conv2, fc1 = inputs(model, pixels_of(digits, slice(None), instances), instances // A_DIGIT)
    save(Path(folder), "conv2", conv2, digits.y_train[: instances // A_DIGIT].repeat(A_DIGIT))
    save(Path(folder), "fc1", fc1, digits.y_train[: len(fc1)])
    return {"loss": loss.item()}


def pixels_of(digits: Digits, rows: slice, most: int):
    import torch

    return torch.from_numpy(digits.x_train[rows][:most].astype(np.float32) / 256).unsqueeze(1)


def inputs(model, pixels, digits: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return receptive fields of conv2 `(A_DIGIT digits, 500)` at random places, and inputs of fc1 `(N, 800)`."""
    import torch
    from torch.nn import functional

    x = functional.max_pool2d(model.conv1(pixels), 2)
    fields = functional.unfold(x[:digits], model.conv2.kernel_size).transpose(1, 2)  # (digits, places, 500)
    places = torch.rand(fields.shape[:2]).argsort(1)[:, :A_DIGIT]
    chosen = fields.gather(1, places.unsqueeze(2).expand(-1, -1, fields.shape[2])).flatten(0, 1)
    return chosen.numpy(), functional.max_pool2d(model.conv2(x), 2).flatten(1).numpy()
