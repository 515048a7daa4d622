"""Checkpoints: what a training can go back to, written whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

KEPT = 3
"""Checkpoints that stay; the newest."""
WEIGHTS, REST = "weights.safetensors", "optimizers.pt"
UNFINISHED = ".unfinished"
ROOM = 1 << 20
"""Bytes for what comes beside the tensors: names, shapes, settings."""


def write_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizers: Sequence[Optimizer] | Optimizer,
    step: int,
    *,
    keep: int | None = KEPT,
) -> Path:
    """Write a folder with the weights and with the optimizers' state, and return its path; it is on the disk by then.

    `weights.safetensors` holds the model's state, tensors that are tied once (which, its metadata say);
    `optimizers.pt` the step, the optimizers' state and what of the model's is no dense tensor. Only the newest
    `keep` stay, None: all. Raises OSError, with nothing left behind: also before anything is written, where the disk
    has no room.
    """
    several = [optimizers] if isinstance(optimizers, Optimizer) else list(optimizers)
    state, shared, odd = _untie(model.state_dict())
    rest = {
        "step": step,
        "kinds": [type(one).__name__ for one in several],
        "optimizers": [one.state_dict() for one in several],
        "odd": odd,
    }
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    _check_room(folder, _bytes(state) + _bytes(rest))
    path = folder / f"{_next_number(folder):04}-step-{step}"
    try:
        unfinished.mkdir(mode=0o700)
        metadata = {"format": "pt", "step": str(step), "shared": json.dumps(shared)}
        _write(unfinished, _alone(state), metadata, rest)
        unfinished.rename(path)
        _sync(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    for old in checkpoints(folder)[:-keep] if keep else ():
        shutil.rmtree(old, ignore_errors=True)
    return path


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a folder, the newest last."""
    return sorted(folder.glob("*-step-*"), key=_number)


def _write(folder: Path, state: dict[str, Tensor], metadata: dict[str, str], rest: Mapping[str, Any]) -> None:
    try:
        save_file(state, folder / WEIGHTS, metadata)
        with (folder / REST).open("wb") as file:
            torch.save(rest, file)
    except (SafetensorError, RuntimeError) as error:
        raise OSError(errno.EIO, f"the checkpoint could not be written: {error}") from error
    for name in (WEIGHTS, REST):
        (folder / name).chmod(0o600)
        _sync(folder / name)
    _sync(folder)


def _untie(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, str], dict[str, Any]]:
    """Return dense tensors, each once; which names share which; and whatever else there is."""
    kept: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    odd: dict[str, Any] = {}
    first: dict[tuple[Any, ...], str] = {}
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided:
            odd[name] = value
            continue
        place = (value.data_ptr(), value.shape, value.stride(), value.dtype, value.device)
        if value.numel() and place in first:
            shared[name] = first[place]
        else:
            first[place] = name
            kept[name] = value.detach()
    return kept, shared, odd


def _alone(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in memory of their own, in rows: views, and other orders of memory, are copied."""
    storages: set[int] = set()
    alone = {}
    for name, value in state.items():
        storage = value.untyped_storage()
        whole = value.is_contiguous() and storage.nbytes() == value.nbytes and storage.data_ptr() not in storages
        storages.add(storage.data_ptr())
        alone[name] = value if whole else value.clone(memory_format=torch.contiguous_format)
    return alone


def _bytes(tree: Any) -> int:
    return sum(leaf.nbytes for leaf in tree_leaves(tree) if isinstance(leaf, Tensor) and not leaf.is_sparse)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + ROOM:
        has, wants = (f"{size / 1e6:.1f} MB" for size in (free, needed + ROOM))
        raise OSError(errno.ENOSPC, f"a checkpoint takes {wants} and the disk has {has} left", str(folder))


def _next_number(folder: Path) -> int:
    return max(map(_number, checkpoints(folder)), default=0) + 1


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else 0


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
