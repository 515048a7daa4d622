"""Bringing a model that was built anew to the shape that a training gave it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from torch import nn

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.journal import JOURNAL, Entry, read_journal, standing
from deepeyes_tui.surgery.apply import apply
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Cut, Insertion, Plan
from deepeyes_tui.surgery.undo import Applied

Journal = str | PathLike[str] | Iterable[Entry | Plan | Mapping[str, Any]]


def replay(model: nn.Module, journal: Journal) -> list[Plan]:
    """Carry out on a model the surgery of a journal that was not undone, and return its plans.

    `journal`: the path of a journal or of a run's folder, or its entries, or plans (also as JSON). Afterwards the
    model has the shape that it had at the journal's end, so that a `state_dict` of then loads; weights are to come from
    that. All or nothing: raises SurgeryError, with the model as it was, where it is not what the journal began with.
    """
    plans = _plans(journal)
    done: list[Applied] = []
    try:
        for plan in plans:
            _check(plan, model)
            done.append(apply(plan, model, inexact=True))
    except BaseException:
        for applied in reversed(done):
            applied.undo()
        raise
    return plans


def _plans(journal: Journal) -> list[Plan]:
    entries = _read(Path(journal)) if isinstance(journal, str | PathLike) else list(journal)
    acts = [one for one in entries if isinstance(one, Entry)]
    if acts and len(acts) < len(entries):
        raise SurgeryError("a journal is made of entries or of plans, not of both")
    steps = [plan for entry in standing(acts) for plan in entry.plans] if acts else entries
    plans = [one if isinstance(one, Plan) else Plan.from_json(one) for one in steps]  # type: ignore[arg-type]
    return [replace(plan, sample=None) for plan in plans]


def _read(path: Path) -> list[Any]:
    path = path / JOURNAL if path.is_dir() else path
    if not path.is_file():
        raise SurgeryError(f"there is no journal at {path}")
    try:
        return list(read_journal(path))
    except RunError as error:
        raise SurgeryError(f"{path}: {error}") from error


def _check(plan: Plan, model: nn.Module) -> None:
    """Raise SurgeryError with the first tensor of the plan that the model does not have as the journal knows it."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    edits: list[Cut | Insertion] = [*plan.cuts, *plan.insertions]
    for edit in edits:
        tensor = tensors.get(edit.tensor)
        if tensor is None or edit.axis >= tensor.dim():
            raise SurgeryError(f"the model has no {edit.tensor} as in the journal, which began with another model")
        length = tensor.shape[edit.axis]
        if length != edit.size:
            found = f"{edit.tensor} is {length} long along axis {edit.axis}, not {edit.size}"
            raise SurgeryError(f"{found}: the journal began with another model")
