"""Steering on a rank that does not lead: it comes when it is called, and does what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deepeyes_tui.link.messages import Command
from deepeyes_tui.probe.ranks.consent import FollowerConsent
from deepeyes_tui.probe.ranks.inverses import inverse
from deepeyes_tui.probe.ranks.link import Link
from deepeyes_tui.probe.ranks.meeting import Meeting
from deepeyes_tui.probe.steering import Steering, interrupt
from deepeyes_tui.surgery.guard import ranks_together
from deepeyes_tui.surgery.plan import Plan


@dataclass(slots=True)
class FollowerSteering(Steering):
    """`link` leads to the other ranks."""

    link: Link | None = None
    consent: FollowerConsent = field(default_factory=FollowerConsent)
    _back: Command | None = None

    def act(self, step: int) -> None:
        """Keep what was agreed on: nobody but rank 0 says what to do."""
        if self.link is not None:
            self.link.keep(step)

    def meet(self, number: int, step: int) -> None:
        """Do what rank 0 says, until it says that the training goes on."""
        assert self.link is not None
        meeting = self.link.meeting(number)
        if not meeting.open():
            return
        self.link.settle()
        stop = False
        while (order := meeting.next_order()) is not None and not order.get("end"):
            self._obey(meeting, order, step)
        if order is not None:
            stop = bool(order.get("stop"))
        if stop:
            self._stop_here()

    def _obey(self, meeting: Meeting, order: dict[str, Any], step: int) -> None:
        if "back" in order:
            done = self._back is None or self._outcome(self._back, step).ok
            meeting.reply({"ok": done, "message": "it could not be taken back"})
        elif "do" in order:
            self._do(meeting, order, step)

    def _do(self, meeting: Meeting, order: dict[str, Any], step: int) -> None:
        command = Command(order["do"]["action"], order["do"]["arguments"], sender=order["do"]["sender"])
        consent, self._back = self.consent, None
        consent.meeting, consent.asked = meeting, False
        consent.given = tuple(Plan.from_json(plan) for plan in order.get("plans") or ()) or None
        try:
            with ranks_together():
                back = inverse(command, self.handlers, step)
                outcome = self._outcome(command, step)
        finally:
            consent.meeting = consent.given = None
        if outcome.ok:
            self._back = back
        if not consent.asked:
            meeting.reply({"ok": outcome.ok, "message": outcome.message})

    def _stop_here(self) -> None:
        self.stopping = True
        if not self.loop_asks:
            interrupt()
