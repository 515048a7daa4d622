"""The acts that findings offer, as people type them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.messages import SURGERY, Action, Command

SHORT: Mapping[str, str] = {
    Action.PRUNE: "prune them",
    Action.DROP_LAYER: "drop the layer",
    Action.ADD_LAYER: "add a layer",
    Action.GROW: "add filters",
    Action.FREEZE: "freeze the layer",
}
"""What an act is called beside its finding."""


def ctl_line(run: str, act: Command) -> str:
    """Return a command line that asks a run for a plan of an act, or does it where there is nothing to plan."""
    words = ["plan"] if act.action in SURGERY else []
    return shlex.join(["deepeyes", "ctl", run, *words, str(act.action), *_arguments(act)])


def _arguments(act: Command) -> list[str]:
    filters, layer = act.arguments.get("filters"), act.arguments.get("layer")
    if isinstance(filters, Mapping):
        return [word for name, those in filters.items() for word in (name, _filters(those))]
    words = [layer] if isinstance(layer, str) else []
    if act.action == Action.GROW:
        words.append(str(act.arguments["count"]))
    return words


def _filters(those: object) -> str:
    return format_filters(i for i in those if isinstance(i, int)) if isinstance(those, list) else ""
