"""The batch size of a training whose loader is in use."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any, cast

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, RandomSampler, WeightedRandomSampler

from deepeyes_tui.link.messages import JSON
from deepeyes_tui.surgery.errors import SurgeryError

SHUFFLING = (RandomSampler, DistributedSampler, WeightedRandomSampler)
"""How a training's data are drawn; tests and validation go through theirs in order."""
Loaders = Sequence[DataLoader[Any]]


def find_loaders() -> list[DataLoader[Any]]:
    """Return all loaders that are alive in this process."""
    return [one for one in gc.get_objects() if issubclass(type(one), DataLoader)]


def training_loader(loaders: Loaders) -> DataLoader[Any]:
    """Return the one that the training draws from: the only one, or the only one that shuffles. Raises SurgeryError."""
    if not loaders:
        raise SurgeryError("no data loader is known: pass it as watch(model, loader=loader)")
    candidates = loaders if len(loaders) == 1 else [one for one in loaders if _shuffles(one)]
    if len(candidates) != 1:
        raise SurgeryError("which data loader is the training's is not clear: pass it as watch(model, loader=loader)")
    return candidates[0]


def read_batch_size(loaders: Loaders) -> tuple[JSON, ...]:
    """Return the batch size of the training's loader, or nothing where there is none."""
    try:
        return (_sampler(training_loader(loaders)).batch_size,)
    except SurgeryError:
        return ()


def batch_size_refusal(loaders: Loaders) -> str:
    """Return why the batch size cannot be set; nothing where it can."""
    try:
        _sampler(training_loader(loaders))
    except SurgeryError as refusal:
        return str(refusal)
    return ""


def set_batch_size(loader: DataLoader[Any], size: JSON, model: nn.Module | None = None) -> tuple[str, ...]:
    """Set the instances of a batch, in the epoch that runs too; return what the user is to know. Raises SurgeryError.

    `model`: a BatchNorm in it cannot train on batches of one.
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise SurgeryError(f"the batch size is a whole number from 1 on, not {size!r}")
    sampler = _sampler(loader)
    if size < 2 and model is not None and any(isinstance(module, _BatchNorm) for module in model.modules()):
        raise SurgeryError("BatchNorm cannot train on batches of less than 2")
    instances = _instances(sampler)
    if _drops_last(sampler) and instances is not None and size > instances:
        raise SurgeryError(f"there are {instances} instances and incomplete batches are dropped: none would be left")
    sampler.batch_size = size
    if loader.batch_size is not None:
        # Past `DataLoader.__setattr__`, which forbids it because alone it would do nothing.
        vars(loader)["batch_size"] = size
    return _notes(loader, sampler)


def _notes(loader: DataLoader[Any], sampler: BatchSampler) -> tuple[str, ...]:
    notes = []
    if type(sampler) is not BatchSampler:
        notes.append(f"batches are made by {type(sampler).__name__}: whether it takes the new size is its own matter")
    elif sampler.drop_last:
        notes.append("it holds from the next epoch on at the latest, as incomplete batches are dropped")
    if loader.num_workers:
        ahead = loader.num_workers * (loader.prefetch_factor or 2)
        notes.append(f"up to {ahead} batches that are loaded already come first")
    return tuple(notes)


def _shuffles(loader: DataLoader[Any]) -> bool:
    inner = getattr(loader.batch_sampler, "sampler", None)
    return isinstance(loader.sampler, SHUFFLING) or isinstance(inner, SHUFFLING)


def _sampler(loader: DataLoader[Any]) -> BatchSampler:
    sampler = loader.batch_sampler
    if sampler is None:
        raise SurgeryError("the data set makes its own batches: their size is set there")
    if type(getattr(sampler, "batch_size", None)) is not int:
        raise SurgeryError(f"batches are made by {type(sampler).__name__}, whose size only the script can set")
    return cast(BatchSampler, sampler)


def _instances(sampler: BatchSampler) -> int | None:
    try:
        return len(sampler.sampler)  # type: ignore[arg-type]
    except (TypeError, AttributeError):
        return None


def _drops_last(sampler: BatchSampler) -> bool:
    return bool(getattr(sampler, "drop_last", False))
