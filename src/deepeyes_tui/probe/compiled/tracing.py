"""What the compiler is doing while it traces a hook."""

from __future__ import annotations

import sys
from typing import Any

import torch

REPLAYED = "a part is compiled with CUDA graphs, which run without Python: its layers cannot be seen"
notices: dict[str, str] = {}
"""What was found while tracing, by a word for it."""


def in_graph() -> bool:
    """Return whether what is traced now may hold operators of ours: a graph to run in this process, by Python."""
    return torch.compiler.is_dynamo_compiling() and not _is_exporting() and not _is_replayed()


def _is_replayed() -> bool:
    """Return whether the graph is to be replayed by CUDA graphs, which leave out what the host does."""
    tracing = sys.modules.get("torch._dynamo.symbolic_convert")
    try:
        backend: Any = tracing.InstructionTranslator.current_tx().output.compiler_fn  # type: ignore[union-attr]
    except AttributeError:
        return False
    replayed = any(getattr(each, "config", {}).get("triton.cudagraphs") for each in _unwrapped(backend))
    if replayed:
        notices["replayed"] = REPLAYED
    return replayed


def _unwrapped(backend: Any) -> list[Any]:
    found: list[Any] = []
    while backend is not None and len(found) < 10:
        found.append(backend)
        backend = getattr(backend, "_torchdynamo_orig_backend", getattr(backend, "_torchdynamo_orig_callable", None))
    return found


def _is_exporting() -> bool:
    asked = getattr(torch.compiler, "is_exporting", None)
    return bool(asked is not None and asked())


for _function in (_is_replayed, _is_exporting):
    _function._dynamo_marked_constant = True  # type: ignore[attr-defined]  # run while tracing, not traced
