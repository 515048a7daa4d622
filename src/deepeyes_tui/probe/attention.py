"""What torch's own attention gives before its heads are projected together: asked again, as it is handed to nobody."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


def is_torchs_own(module: nn.Module) -> bool:
    """Return whether a module works as torch's own attention does: it is one, or of a class that adds nothing to it."""
    return isinstance(module, nn.MultiheadAttention) and type(module).forward is nn.MultiheadAttention.forward


@dataclass(frozen=True, slots=True)
class AttentionCall:
    """One call of a `nn.MultiheadAttention`, with the arguments it had."""

    module: nn.MultiheadAttention
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]

    @property
    def data(self) -> Tensor:
        """The queries."""
        query: Tensor = self.args[0] if self.args else self.kwargs["query"]
        return query

    def attended(self) -> Tensor:
        """Return the output of all heads side by side, laid out as the module's own output, before the projection and
        without dropout.

        The call is made once more, on a shallow twin of the module whose projection is the identity: no random number
        is drawn, and nothing of the user's own call is touched.
        """
        with torch.no_grad():
            attended: Tensor = nn.MultiheadAttention.forward(_twin(self.module), *self.args[:4], **self._rest())[0]
        return attended

    def _rest(self) -> dict[str, Any]:
        names = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask", "average_attn_weights")
        given = dict(zip((*names, "is_causal"), self.args, strict=False))
        return {**dict(list(given.items())[4:]), **self.kwargs, "need_weights": False}


class _Projection(nn.Module):
    bias = None

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight


def _twin(module: nn.MultiheadAttention) -> nn.MultiheadAttention:
    weight = module.out_proj.weight
    identity = torch.eye(module.embed_dim, dtype=weight.dtype, device=weight.device)
    twin = copy.copy(module)
    twin._modules = {"out_proj": _Projection(identity)}
    twin.dropout = 0.0
    twin.training = True  # out of the fast path, which wants parameters
    return twin
