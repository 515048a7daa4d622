"""Surgery is carried out on all ranks or on none: each changes its model and checks it, and keeps that if all could."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from deepeyes_tui.link.messages import Command
from deepeyes_tui.probe.consent import Consent
from deepeyes_tui.probe.ranks.meeting import Meeting
from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.plan import Plan
from deepeyes_tui.surgery.running.wrappers import unwrapped


class LeaderConsent(Consent):
    """`meeting` is there while all ranks are between two steps, `waited_for` while the others wait for a verdict."""

    def __init__(self) -> None:
        self.meeting: Meeting | None = None
        self.waited_for = False

    def propose(self, command: Command, plans: Sequence[Plan]) -> None:
        """Have the other ranks do it too."""
        if self.meeting is not None:
            self.meeting.order({"do": as_plain(command), "plans": [plan.to_json() for plan in plans]})
            self.waited_for = True

    def commit(self, model: nn.Module, plans: Sequence[Plan]) -> None:
        """Wait for all, and tell them what they have decided together."""
        if self.meeting is None or not self.waited_for:
            return
        refusal = first_refusal(self.meeting, self.meeting.replies(), digest(model, plans))
        self._decide(self.meeting, not refusal)
        if refusal:
            raise SurgeryError(f"nothing was done: {refusal}")

    def call_off(self) -> None:
        """Tell the others, where they wait for it, that nothing is to be done after all."""
        if self.meeting is not None and self.waited_for:
            self.meeting.replies()
            self._decide(self.meeting, False)

    def _decide(self, meeting: Meeting, verdict: bool) -> None:
        self.waited_for = False
        meeting.order({"verdict": verdict})


class FollowerConsent(Consent):
    """`asked` tells whether this rank has said that it is ready."""

    leads = False

    def __init__(self) -> None:
        self.meeting: Meeting | None = None
        self.asked = False

    def commit(self, model: nn.Module, plans: Sequence[Plan]) -> None:
        """Say that all is in place here, and wait for what all together decide."""
        if self.meeting is None:
            raise SurgeryError("rank 0 has not asked for this")
        self.asked = True
        self.meeting.reply({"ok": True, "digest": digest(model, plans)})
        order = self.meeting.next_order()
        if not (order and order.get("verdict")):
            raise SurgeryError("nothing was done, as not all ranks could")


def as_plain(command: Command) -> dict[str, Any]:
    """Return a command for other ranks: which structure its sender has seen, the leader has looked at."""
    arguments = {name: value for name, value in command.arguments.items() if name != "structure"}
    return {"action": command.action, "arguments": arguments, "sender": command.sender}


def first_refusal(meeting: Meeting, replies: dict[int, dict[str, Any]], expected: str = "") -> str:
    """Return why one of the ranks could not, nothing where all could and came to the same values."""
    for rank in range(1, meeting.size):
        reply = replies.get(rank)
        if reply is None:
            return f"rank {rank} did not answer"
        if not reply.get("ok"):
            return f"rank {rank}: {reply.get('message')}"
        if expected and reply.get("digest") != expected:
            return f"rank {rank} came to other values than rank 0: they do not hold the same model"
    return ""


def digest(model: nn.Module, plans: Sequence[Plan]) -> str:
    """Return what tells the values of all changed parameters apart."""
    changed = {edit.tensor for plan in plans for edit in plan.edits}
    renewed = tuple(f"{plan.replacement.module}." for plan in plans if plan.replacement is not None)
    found = hashlib.sha256()
    for name, parameter in unwrapped(model).named_parameters(remove_duplicate=False):
        if name in changed or name.startswith(renewed):
            values = parameter.detach().cpu().contiguous()
            found.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
            found.update(values.view(-1).view(torch.uint8).numpy().tobytes() if values.numel() else b"")
    return found.hexdigest()
