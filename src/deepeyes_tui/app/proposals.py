"""An operation on the network that is shown before it is done."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.messages import JSON, Action, Command
from deepeyes_tui.link.preview import Preview
from deepeyes_tui.link.snapshot import Snapshot

VERBS = {
    Action.PRUNE: "prune",
    Action.GROW: "grow",
    Action.ADD_LAYER: "add the layer",
    Action.DROP_LAYER: "drop the layer",
}
SENDER = "viewer"


@dataclass(frozen=True, slots=True)
class Proposal:
    """`command` is what is to be done, as it is asked for; `generation` is that of the snapshot which it speaks of.

    Of `preview` and `refusal` there is none while the run is asked. `remark` says why it is asked again; `sent`: the
    user has agreed, and the run is at it.
    """

    command: Command
    generation: int = -1
    preview: Preview | None = None
    refusal: str = ""
    remark: str = ""
    sent: bool = False

    @property
    def ready(self) -> bool:
        """Whether the user can agree."""
        return self.preview is not None and not self.refusal and not self.sent

    @property
    def verb(self) -> str:
        """What is done to the network."""
        return VERBS.get(Action(self.command.action), self.command.action)

    @property
    def title(self) -> str:
        """What is to be done, in words: the run's own once it has answered."""
        if self.preview is not None:
            return self.preview.title
        names = ", ".join(_subject(name, filters) for name, filters in wanted(self.command).items())
        return f"{self.verb} {names}".strip()


def wanted(command: Command) -> dict[str, JSON]:
    """Return the layers that a command names, with their filters where it names those."""
    filters = command.arguments.get("filters")
    if isinstance(filters, Mapping):
        return dict(filters)
    layer = command.arguments.get("layer")
    return {layer: None} if isinstance(layer, str) else {}


def asked_again(before: Command, after: Command) -> str:
    """Say that the network is another than it was asked about, and what of a command is left out for that."""
    said = "The model has changed meanwhile: this is what would be done to it as it is now."
    still = wanted(after)
    lost = [_subject(name, filters) for name, filters in wanted(before).items() if name not in still]
    if not lost:
        return said
    return f"{said} Left out, and marked no more, as the filters there are others now: {', '.join(lost)}."


def _subject(name: str, filters: JSON) -> str:
    if not isinstance(filters, list):
        return name
    numbers = {number for number in filters if isinstance(number, int)}
    return f"{name}: {len(numbers):,} filter{'s' * (len(numbers) != 1)} ({format_filters(numbers)})"


def plan_command(proposal: Proposal) -> Command:
    """Return the command that asks what the operation would do to the structure that the user has seen."""
    command, seen = proposal.command, proposal.generation if proposal.generation >= 0 else None
    return Command(Action.PLAN, {**command.arguments, "action": str(command.action), "structure": seen}, sender=SENDER)


def carry_out_command(proposal: Proposal) -> Command:
    """Return the command that does what was shown. Raises ValueError without a preview."""
    preview = proposal.preview
    if preview is None:
        raise ValueError("nothing is done that was not shown")
    agreed = {"structure": preview.structure, "inexact": not preview.exact}
    return Command(proposal.command.action, {**proposal.command.arguments, **agreed}, sender=SENDER)


def hold_command(seconds: float) -> Command:
    """Return the command that lets the training wait; 0 ends that."""
    return Command(Action.HOLD, {"seconds": seconds, "by": f"{socket.gethostname()} {os.getpid()}"}, sender=SENDER)


def answered(proposal: Proposal, preview: Preview) -> Proposal:
    """Return the proposal with what it would do."""
    return replace(proposal, preview=preview, refusal="")


def refused(proposal: Proposal, why: str) -> Proposal:
    """Return the proposal that cannot be agreed to, with the reason."""
    return replace(proposal, refusal=why, sent=False)


def still_meant(command: Command, before: Snapshot | None, after: Snapshot | None) -> Command | None:
    """Return what is left of a command that was meant for another structure of the model: of a prune, the layers that
    still have as many filters; of anything else all of it, if the layer is still there (and has as many filters, where
    one of them is named). None where nothing is.
    """
    known = {info.name: info.filters for info in after.layers} if after else {}
    same = {info.name for info in before.layers if known.get(info.name) == info.filters} if before else set()
    arguments = command.arguments
    if isinstance(filters := arguments.get("filters"), Mapping):
        left: dict[str, JSON] = {name: those for name, those in filters.items() if name in same}
        return replace(command, arguments={**arguments, "filters": left}) if left else None
    fitting = same if arguments.get("source") is not None else known
    return command if arguments.get("layer") in fitting else None
