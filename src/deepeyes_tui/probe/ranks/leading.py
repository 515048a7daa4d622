"""Steering of a training in several processes: rank 0 takes the commands, all carry them out at the same step."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepeyes_tui.link.control import Request
from deepeyes_tui.link.messages import SURGERY, WATCHING, Action, Command, Outcome
from deepeyes_tui.probe.ranks.consent import LeaderConsent, as_plain, first_refusal
from deepeyes_tui.probe.ranks.inverses import inverse
from deepeyes_tui.probe.ranks.link import Link
from deepeyes_tui.probe.ranks.meeting import Meeting
from deepeyes_tui.probe.steering import Answer, Steering
from deepeyes_tui.surgery.guard import ranks_together

AT_ONCE = WATCHING | {Action.PLAN}
"""What concerns rank 0 alone and needs no meeting."""
WAITING = frozenset({Action.PAUSE, Action.RESUME, Action.HOLD, Action.STOP})
VOTED = frozenset({*SURGERY, Action.UNDO})


@dataclass(slots=True)
class LeaderSteering(Steering):
    """`link` leads to the other ranks."""

    link: Link | None = None
    consent: LeaderConsent = field(default_factory=LeaderConsent)
    _kept: list[Request] = field(default_factory=list)

    def act(self, step: int) -> None:
        """Carry out what needs nobody else, and call the others together for the rest."""
        for request in self.server.pending():
            if request.command.action in AT_ONCE:
                self.server.answer(request, self._outcome(request.command, step))
            else:
                self._kept.append(request)
        if self._kept and self.link is not None:
            hindrance = self.link.hindrance()
            if hindrance:
                self._refuse(hindrance, step)
            else:
                self.link.call()
        if self.link is not None:
            self.link.keep(step)

    def meet(self, number: int, step: int) -> None:
        """Carry out what waits, together with all other ranks; while the training is to wait, stay."""
        assert self.link is not None
        meeting = self.link.meeting(number)
        if not meeting.open():
            self._refuse("not all ranks came to the same step: nothing was done", step)
            return
        self.consent.meeting = meeting
        try:
            self.link.settle()
            self._stay(step)
        finally:
            self.consent.meeting = None
            meeting.order({"end": True, "stop": self.stopping})

    def _stay(self, step: int) -> None:
        kept, self._kept = self._kept, []
        for request in kept:
            self._take(request, step)
        super(LeaderSteering, self).act(step)

    def _refuse(self, why: str, step: int) -> None:
        kept, self._kept = self._kept, []
        for request in kept:
            if request.command.action == Action.STOP:  # launchers end the others with this one
                self._stop(request, step)
            else:
                self.server.answer(request, Outcome(request.command.id, False, why, step))

    def _carry_out(self, command: Command, step: int) -> Answer | str:
        if command.action in AT_ONCE and self.link is not None and self.link.hindrance():
            return super(LeaderSteering, self)._carry_out(command, step)
        with ranks_together():
            if command.action in AT_ONCE | WAITING or self.consent.meeting is None or command.action == Action.SAVE:
                return super(LeaderSteering, self)._carry_out(command, step)
            return self._with_all(self.consent.meeting, command, step)

    def _with_all(self, meeting: Meeting, command: Command, step: int) -> Answer | str:
        if command.action in VOTED:
            try:
                return super(LeaderSteering, self)._carry_out(command, step)
            finally:
                self.consent.call_off()
        back = inverse(command, self.handlers, step)
        answer = super(LeaderSteering, self)._carry_out(command, step)
        if isinstance(answer, str):
            return answer
        meeting.order({"do": as_plain(command)})
        refusal = first_refusal(meeting, meeting.replies())
        if refusal and back is not None:
            super(LeaderSteering, self)._carry_out(back, step)
            meeting.order({"back": True})
            meeting.replies()
        return f"taken back: {refusal}" if refusal else answer
