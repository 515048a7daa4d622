"""What was found in a script, and what was not, in one sentence."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from deepeyes_tui.probe.layers import unwrap
from deepeyes_tui.script.roots import Root

NOTHING = "nothing to see: "
NO_OPTIMIZER = "the script made no optimizer of torch.optim, so there was no training to find"
NEVER_STEPPED = "no optimizer of torch.optim has stepped"
NO_MODULE = (
    "what its optimizer steps on belongs to no torch.nn.Module (a purely functional model), so there are no layers"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where what is known of a step comes from; empty: not known."""

    optimizer: str
    loss: str = ""
    labels: str = ""
    epochs: bool = False


def tell(root: Root, roots: list[Root], sources: Sources, layers: int) -> str:
    """Return the sentence about a training; `layers` counts those that are watched."""
    module = root.module
    what = _model(root.name, module, layers) if module is not None else root.name
    found = [f"steps of {sources.optimizer}"]
    found += [f"loss from {sources.loss}"] if sources.loss else []
    found += [f"labels from {sources.labels}"] if sources.labels else []
    found += ["epochs from its DataLoader"] if sources.epochs else []
    missing = [
        name
        for name, there in (("loss", sources.loss), ("labels", sources.labels), ("epochs", sources.epochs))
        if not there
    ]
    others = [one.name for one in roots if one is not root]
    sentence = f"watches {what}; found {', '.join(found)}"
    sentence += f"; not found: {', '.join(missing)}" if missing else ""
    return sentence + (f"; trains too: {', '.join(others)}" if others else "")


def _model(name: str, module: nn.Module, layers: int) -> str:
    inner = unwrap(module)
    kind = type(inner).__name__
    parameters = sum(parameter.numel() for parameter in inner.parameters())
    size = f"{parameters:,} parameters, {layers} layer{'' if layers == 1 else 's'}"
    return f"{name} ({size})" if name.split()[0] == kind else f"{name} ({kind}, {size})"
