"""Two operators that stand in compiled graphs, and hand tensors to the monitor each time that the graph runs.

To the compiler they change a token: so they are neither left out nor moved into the backward graph. The token is a
number on the CPU, given to the graph as an input: which module it stands for is looked up when the graph runs, so that
modules of one class share their graph.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import torch
from torch import Tensor

Receiver = Callable[..., None]
_receivers: dict[int, Receiver] = {}
_numbers = count()

_LIBRARY = torch.library.Library("deepeyes_tui", "FRAGMENT")
_TAGS = (torch.Tag.flexible_layout,)


def address(receive: Receiver) -> Tensor:
    """Return a token `()` for an operator, which calls `receive` from now on."""
    number = next(_numbers)
    _receivers[number] = receive
    return torch.tensor(number, device="cpu")


def forget(token: Tensor) -> None:
    """Let the operators with this token do nothing from now on."""
    _receivers.pop(int(token), None)


def _passed(output: Tensor, entering: Tensor | None, token: Tensor) -> None:
    receive = _receivers.get(int(token))
    if receive is not None:
        receive(output, entering)


def _entered(values: list[Tensor], names: str, token: Tensor) -> None:
    receive = _receivers.get(int(token))
    if receive is not None:
        receive(values, names)


def _nothing(*_: Any) -> None:
    return None


def _nothing_mapped(*_: Any) -> tuple[None, None]:
    return None, None


def _define(name: str, arguments: str, run: Callable[..., None]) -> None:
    _LIBRARY.define(f"{name}({arguments}, Tensor(a!) token) -> ()", tags=_TAGS)
    _LIBRARY.impl(name, run, "CompositeExplicitAutograd")
    torch.library.register_fake(f"deepeyes_tui::{name}", _nothing, lib=_LIBRARY)
    torch.library.register_vmap(f"deepeyes_tui::{name}", _nothing_mapped, lib=_LIBRARY)


_define("passed", "Tensor output, Tensor? entering", _passed)
_define("entered", "Tensor[] values, str names", _entered)
