"""What the viewer does in a replay: it passes on which step is wanted, plays, and shows what comes at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deepeyes_tui.app.replay_feed import ReplayFeed
from deepeyes_tui.app.replaying import Replay, advanced

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer

WITHIN = 2.0
"""Seconds that a state is waited for before the next look of the viewer at its feed brings it."""


class Player:
    """Plays the record of one viewer."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._due = 0.0
        self._task: asyncio.Task[None] | None = None

    def tick(self, seconds: float) -> None:
        """Play on by the states that are due after some time."""
        replay = self._viewer.scene.replay
        if replay is None or not replay.playing:
            self._due = 0.0
            return
        self._due += seconds * replay.speed
        if self._due >= 1 and self._viewer.may_draw():
            states, self._due = int(self._due), self._due % 1
            self._viewer.scene = advanced(self._viewer.scene, states)
            self.follow(replay)

    def follow(self, before: Replay | None) -> None:
        """Have the feed read the step that is wanted now, if it is another than before."""
        feed, now = self._viewer.setting.feed, self._viewer.scene.replay
        if not isinstance(feed, ReplayFeed) or now is None or (before is not None and now.wanted == before.wanted):
            return
        feed.seek(now.wanted)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._take(feed))

    async def _take(self, feed: ReplayFeed) -> None:
        """Show the state that was wished for last, as soon as it is there."""
        shown = -1
        while feed.latest.number != shown:
            await asyncio.to_thread(feed.settle, WITHIN)
            shown = feed.latest.number
            self._viewer.take_latest()
