"""Going back to a checkpoint."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.optim import Optimizer

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.keeping.checkpoint import REST, WEIGHTS


def load_checkpoint(path: Path, model: nn.Module, optimizers: Sequence[Optimizer] | Optimizer = ()) -> int:
    """Load what `write_checkpoint` wrote, and return its step.

    The model must have the shape that it had (`replay` gives it to a model built anew). Without optimizers their state
    is left alone. Raises SurgeryError, with nothing changed, for another model, other optimizers or a damaged file.
    """
    several = [optimizers] if isinstance(optimizers, Optimizer) else list(optimizers)
    state, rest = _read(path)
    _check(model, state)
    if several:
        _check_optimizers(several, rest)
    model.load_state_dict(state)
    for optimizer, kept in zip(several, rest["optimizers"], strict=bool(several)):
        optimizer.load_state_dict(kept)
    return int(rest["step"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        with safe_open(path / WEIGHTS, "pt") as file:
            state: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            shared: dict[str, str] = json.loads(file.metadata()["shared"])
        rest: dict[str, Any] = torch.load(path / REST, map_location="cpu", weights_only=True)
        return state | {name: state[other] for name, other in shared.items()} | rest["odd"], rest
    except pickle.UnpicklingError as error:
        raise SurgeryError(
            f"{path / REST} holds objects of the script's own, which are not loaded from files"
        ) from error
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise SurgeryError(f"{path} is no checkpoint that can be read: {error}") from error


def _check(model: nn.Module, state: Mapping[str, Any]) -> None:
    """Raise SurgeryError with the first tensor that differs."""
    mine = model.state_dict()
    for name in [*mine, *state]:
        if name not in mine or name not in state:
            where = "checkpoint" if name in mine else "model"
            raise SurgeryError(f"the {where} has no {name}: they are not of the same shape")
        if isinstance(mine[name], Tensor) and mine[name].shape != state[name].shape:
            ours, theirs = tuple(mine[name].shape), tuple(state[name].shape)
            raise SurgeryError(
                f"{name} is {ours} in the model and {theirs} in the checkpoint: replay its journal first"
            )


def _check_optimizers(optimizers: Sequence[Optimizer], rest: Mapping[str, Any]) -> None:
    mine = [[type(one).__name__, *(len(group["params"]) for group in one.param_groups)] for one in optimizers]
    kept = zip(rest["kinds"], rest["optimizers"], strict=True)
    theirs = [[kind, *(len(group["params"]) for group in one["param_groups"])] for kind, one in kept]
    if mine != theirs:
        raise SurgeryError("the checkpoint is of other optimizers or parameter groups")
