"""Operations on the network, from the key to the outcome: the training is held, asked what would become of it, and
told once the user has agreed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from deepeyes_tui.app import steering
from deepeyes_tui.app.bindings import PaneName
from deepeyes_tui.app.finding_moves import offered
from deepeyes_tui.app.marking import prune_command, without_marks
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.proposals import (
    SENDER,
    Proposal,
    answered,
    asked_again,
    carry_out_command,
    hold_command,
    plan_command,
    refused,
    still_meant,
    wanted,
)
from deepeyes_tui.app.scene import Question
from deepeyes_tui.link.errors import MessageError
from deepeyes_tui.link.messages import SURGERY, Action, Command
from deepeyes_tui.link.preview import Preview, Settings

if TYPE_CHECKING:
    from textual.timer import Timer

    from deepeyes_tui.app.viewer import Viewer
    from deepeyes_tui.link.snapshot import Snapshot

HOLD_SECONDS: Final = 15.0
"""For which the training waits without another word: so long at most after a viewer that has died."""
RENEW_EVERY: Final = 5.0
ANSWER_WITHIN: Final = 60.0
"""Seconds for a plan: a long step, and the network asked many times."""
DONE_WITHIN: Final = 300.0
"""Seconds for the operation itself, a checkpoint of a large model before it."""
UNDO: Final = "undo"
CHANGED: Final = "model has changed"
"""What a run says of an operation that was planned for another structure."""
NOTHING_OFFERED: Final = "this finding offers nothing to do"
BY_PANEL: Final = "E freezes the layer in focus: Enter goes to this one"
NOTHING_MARKED: Final = "nothing is marked: space marks a filter in Filters, d all dead ones"


def open_preview(viewer: Viewer, command: Command) -> None:
    """Show what one of `messages.SURGERY` would do, with its arguments but `structure` and `inexact`, and ask."""
    viewer.surgeon.open(command)


class Surgeon:
    """Does operations for a viewer, one at a time."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._turn = asyncio.Lock()
        self._renewing: Timer | None = None
        self._meant: Snapshot | None = None

    def prune(self) -> None:
        """Show what pruning the marked filters would do."""
        self._thaw()
        scene = self._viewer.scene
        command = offered(scene) if scene.desk.focus is PaneName.FINDINGS else prune_command(scene)
        if command is None:
            self._viewer.say(NOTHING_OFFERED if scene.desk.focus is PaneName.FINDINGS else NOTHING_MARKED, error=True)
        elif command.action not in SURGERY:
            self._viewer.say(BY_PANEL)
        else:
            self.open(command)

    def open(self, command: Command) -> None:
        """Show what an operation would do, and ask."""
        self._thaw()
        if said := steering.refusal(self._viewer.scene):
            self._viewer.say(said, error=True)
            return
        self._propose(command)
        if self._renewing is None:
            self._renewing = self._viewer.set_interval(RENEW_EVERY, self._renew)

    def decline(self) -> None:
        """Do nothing, and let the training go on; what was agreed to already is not stopped by that."""
        proposal = self._viewer.scene.desk.proposal
        self._show(None)
        if proposal is not None and not proposal.sent:
            self._work(self._let_go())

    def agree(self) -> None:
        """Do what is shown."""
        proposal = self._viewer.scene.desk.proposal
        if proposal is None or not proposal.ready:
            return
        if said := steering.refusal(self._viewer.scene):
            self._viewer.say(said, error=True)
            return
        sent = replace(proposal, sent=True)
        self._show(sent)
        self._work(self._carry_out(sent))

    def look(self) -> None:
        """Ask again about what is shown when somebody else has changed the network meanwhile."""
        proposal = self._viewer.scene.desk.proposal
        if proposal is not None and proposal.ready and self._outdated(proposal):
            self._ask_again(proposal)

    def ask_to_undo(self) -> None:
        """Ask before the last operation is taken back."""
        if said := steering.refusal(self._viewer.scene):
            self._viewer.say(said, error=True)
        else:
            self._work(self._ask_to_undo())

    # Asking

    def _propose(self, command: Command, remark: str = "") -> None:
        snapshot = self._viewer.scene.snapshot
        self._meant = snapshot
        proposal = Proposal(command, snapshot.generation if snapshot else -1, remark=remark)
        self._show(proposal)
        self._work(self._ask(proposal))

    async def _ask(self, proposal: Proposal) -> None:
        async with self._turn:
            if not self._shown(proposal):
                return
            said = await self._send(hold_command(HOLD_SECONDS))
            if said.ok:
                said = await self._send(plan_command(proposal), ANSWER_WITHIN)
                await self._viewer.take_news()
        if not self._shown(proposal):
            return
        if self._outdated(proposal):
            self._ask_again(proposal)
        elif said.ok:
            self._answer(proposal, said)
        else:
            self._refuse(proposal, said.message)

    def _answer(self, proposal: Proposal, said: steering.Said) -> None:
        try:
            self._show(answered(proposal, Preview.from_json(said.details)))
        except MessageError as error:
            self._refuse(proposal, str(error))

    def _ask_again(self, proposal: Proposal) -> None:
        command = still_meant(proposal.command, self._meant, self._viewer.scene.snapshot)
        if command is None:
            names = ", ".join(wanted(proposal.command))
            self._refuse(proposal, f"the model has changed since: {names} has other filters now, or is gone")
        else:
            self._propose(command, asked_again(proposal.command, command))

    def _refuse(self, proposal: Proposal, why: str) -> None:
        self._show(refused(proposal, why))
        self._work(self._let_go())

    def _outdated(self, proposal: Proposal) -> bool:
        snapshot = self._viewer.scene.snapshot
        return snapshot is not None and snapshot.generation != proposal.generation

    # Doing

    async def _carry_out(self, proposal: Proposal) -> None:
        async with self._turn:
            said = await self._send(carry_out_command(proposal), DONE_WITHIN)
            await self._viewer.take_news()
        seen = self._shown(proposal)
        if not said.ok and said.heard and seen:
            if CHANGED in said.message:
                self._ask_again(proposal)
            else:
                self._refuse(proposal, said.message)
            return
        if seen:
            self._show(None)
        if said.ok:
            self._viewer.scene = without_marks(self._viewer.scene, proposal.command)
        self._viewer.say(said.message if said.ok else said.text, error=not said.ok)
        await self._let_go()

    async def _ask_to_undo(self) -> None:
        said = await self._send(Command(Action.SETTINGS, sender=SENDER))
        try:
            settings = Settings.from_json(said.details) if said.ok else None
        except MessageError as error:
            said, settings = steering.Said(str(error), False), None
        if settings is not None and settings.undo:
            question = undo_question(settings.undo, settings.structure, self._viewer.scene.ascii)
            self._viewer.scene = self._viewer.scene.with_desk(question=question)
        else:
            self._viewer.say("there is nothing to undo" if said.ok else said.text, error=True)

    # The training's waiting

    def _renew(self) -> None:
        if not self._turn.locked():
            self._work(self._hold())

    async def _hold(self) -> None:
        async with self._turn:
            if self._renewing is not None:
                await self._send(hold_command(HOLD_SECONDS))

    async def _let_go(self) -> None:
        proposal = self._viewer.scene.desk.proposal
        if proposal is not None and not proposal.refusal:
            return  # the next one has been opened meanwhile
        if self._renewing is not None:
            self._renewing.stop()
            self._renewing = None
        async with self._turn:
            if self._renewing is None:
                await self._send(hold_command(0))

    # The viewer

    async def _send(self, command: Command, timeout: float = ANSWER_WITHIN) -> steering.Said:
        return await steering.send(self._viewer.setting.control, command, timeout)

    def _work(self, work: Coroutine[object, object, None]) -> None:
        self._viewer.run_worker(work, group="surgery")

    def _thaw(self) -> None:
        """Show what there is now: an operation is never meant for a picture of the past."""
        if self._viewer.scene.desk.frozen:
            self._viewer.do("freeze")

    def _shown(self, proposal: Proposal) -> bool:
        return self._viewer.scene.desk.proposal is proposal

    def _show(self, proposal: Proposal | None) -> None:
        before = self._viewer.scene.desk.proposal
        top = self._viewer.scene.desk.proposal_top if before is not None else 0
        self._viewer.scene = self._viewer.scene.with_desk(proposal=proposal, proposal_top=top, help=False)


def undo_question(undo: str, structure: int, ascii: bool = False) -> Question:
    """Ask before the last operation on a structure is taken back, in the run's words for it."""
    command = Command(Action.UNDO, {"structure": structure}, sender=SENDER)
    return Question(UNDO, f"Undo {printable(undo, ascii=ascii)}?", (("y", "undo"), ("n", "keep")), command)
