"""The Textual app: wiring between the feed, the keys, the surface and the training process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace

from textual import events, work

from deepeyes_tui.app import choosing, keeping_desk, panel_desk, question_desk, steering
from deepeyes_tui.app.bindings import PANE_KEYS, PaneName, find
from deepeyes_tui.app.chooser import NO_OTHER, About
from deepeyes_tui.app.feed import News, shown
from deepeyes_tui.app.map_desk import MapDesk
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.mouse import Mouse
from deepeyes_tui.app.moves import MOVES, to_pane
from deepeyes_tui.app.opening import opened
from deepeyes_tui.app.panel_moves import PANEL_MOVES, begin_typing
from deepeyes_tui.app.panes.training import summary_of
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.palette import Depth
from deepeyes_tui.app.prompt import pasted, typed
from deepeyes_tui.app.replay_desk import Player
from deepeyes_tui.app.replaying import started
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.setting import Setting
from deepeyes_tui.app.surface import Surface
from deepeyes_tui.app.surface_app import SurfaceApp
from deepeyes_tui.app.surgery import Surgeon
from deepeyes_tui.app.themes import next_theme, usable
from deepeyes_tui.link.analyst import Analyst
from deepeyes_tui.link.messages import Command

NOTE_SECONDS = 8.0
LAST_RESORT = 3.0
"""Seconds after a signal to end in which the screen may be restored; a dead terminal can block that for ever."""


class Viewer(SurfaceApp, inherit_bindings=False):
    """Shows a run until it is left."""

    TITLE = "deepeyes"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.terminal, setting.theme, setting.clock)
        self.setting = setting
        self._taken = 0
        self._opened = not (setting.pane or setting.layer)
        self.stopping = False
        self.surgeon = Surgeon(self)
        self.player = Player(self)
        self._mouse = Mouse(self)
        box = MapBox(setting.clock)
        self.analyst = Analyst(box.receive)
        self._maps = MapDesk(self, box, setting.rings) if setting.rings else None

    def on_mount(self) -> None:
        """Show what is known, and begin to look for more."""
        terminal, setting = self.setting.terminal, self.setting
        self._theme_widgets()
        glyphs, colour = Glyphs(terminal.glyphs), self.depth is not Depth.NONE
        first = Scene(run=setting.run, glyphs=glyphs, colour=colour, readonly=setting.readonly)
        self.scene = self._with_news(first, setting.feed.latest)
        self.surface.focus()
        self.set_interval(1 / terminal.rate, self.tick)
        self.set_interval(1 / terminal.rate, lambda: self.player.tick(1 / terminal.rate))
        if self._maps is not None:
            self._maps.begin(terminal.rate)
        self.call_after_refresh(gc.freeze)
        if not self.is_headless:
            self._end_on_signals()

    # New data

    def tick(self) -> None:
        """Take the latest, if there is something new and the terminal can take it."""
        news = self.setting.feed.latest
        if news.number != self._taken and not self.scene.desk.frozen and self.may_draw():
            self.scene = self._with_news(self.scene, news)
        panel_desk.look(self)
        self.surgeon.look()

    def take_latest(self) -> None:
        """Show the latest at once: the answer to a key."""
        news = self.setting.feed.latest
        if news.number != self._taken and not self.scene.desk.frozen:
            self.scene = self._with_news(self.scene, news)

    async def take_news(self) -> None:
        """Take what a command has done: it is on the board by now, and the next key has to meet the new state."""
        await asyncio.to_thread(self.setting.feed.read)
        if not self.scene.desk.frozen:
            self.scene = self._with_news(self.scene, self.setting.feed.latest)

    def _with_news(self, scene: Scene, news: News) -> Scene:
        self._taken = news.number
        if scene.replay is None and news.timeline is not None:
            scene = replace(scene, replay=started(news.timeline, self.setting.step))
        after = self._open(shown(scene, news))
        told, now = summary_of(scene), summary_of(after)
        if now and now != told and not after.desk.note:
            after = after.with_desk(note=now, note_is_error=False)
            self.set_timer(NOTE_SECONDS, lambda: self._unsay(now))
        # The last lines of the log say why; who looks at maps keeps them, and the header says it too.
        ended = after.failed and not scene.failed and after.log and not after.desk.maps_screen
        return to_pane(after, PaneName.LOG) if ended else after

    def _open(self, scene: Scene) -> Scene:
        """Show first what was asked for, once the layers are known."""
        if self._opened or not scene.layers:
            return scene
        self._opened = True
        try:
            return opened(scene, self.setting.pane, self.setting.layer)
        except ValueError as error:
            return scene.with_desk(note=str(error), note_is_error=True)

    # Keys

    def on_key(self, event: events.Key) -> None:
        """Do what a key means now."""
        if isinstance(self.focused, Surface):
            event.stop()
            event.prevent_default()
            self.press(event.key, event.character)

    def press(self, key: str, character: str | None) -> None:
        """Do what a key means now."""
        if self.scene.desk.note:
            self.scene = self.scene.with_desk(note="")
        desk = self.scene.desk
        if desk.question is not None:
            question_desk.answer(self, desk.question, key, character)
        elif desk.typing is not None:
            before = self.scene.replay
            self.scene = typed(self.scene, key, character)
            self.player.follow(before)
        elif (binding := find(key, character, self.scene.context)) is not None:
            self.do(binding.id, key)
        else:
            self._refuse(key, character)

    def _refuse(self, key: str, character: str | None) -> None:
        """Say why a key of the training does nothing now."""
        binding = find(key, character, replace(self.scene.context, live=True, readonly=False, roots=True))
        if binding is not None:
            self.say(steering.refusal(self.scene) or NO_OTHER[About.ROOT], error=True)

    def do(self, action: str, key: str = "") -> None:
        """Do one thing of the table of keys."""
        if action in PANEL_MOVES and self.scene.context.at_panel:
            self.scene = PANEL_MOVES[action](self.scene, self.surface.room)
        elif action in MOVES:
            before = self.scene.replay
            self.scene = MOVES[action](self.scene, self.surface.room)
            self.player.follow(before)
        elif action == "pane":
            self.scene = to_pane(self.scene, PANE_KEYS[key])
        elif action == "panel_type":
            self.scene = begin_typing(self.scene, key)
        else:
            self.effects[action]()

    @property
    def effects(self) -> dict[str, Callable[[], object]]:
        """What keys do beyond the scene, by the id of their binding."""
        return {
            "freeze": self._freeze,
            "theme": self._next_theme,
            "pause": lambda: self.steer(steering.pause_command(self.setting.feed.latest)),
            "reset": lambda: question_desk.ask(self, steering.reset_question(self.scene)),
            "prune": self.surgeon.prune,
            "take_back": self.surgeon.ask_to_undo,
            "agree": self.surgeon.agree,
            "decline": self.surgeon.decline,
            "panel": lambda: panel_desk.open_at(self),
            "close_panel": lambda: panel_desk.close(self),
            "panel_act": lambda: panel_desk.act(self),
            "panel_again": lambda: panel_desk.ask(self),
            "root": lambda: choosing.choose_root(self),
            "beside": self._choose_beside,
            "choose": lambda: choosing.chosen(self),
            "keep_map": lambda: keeping_desk.keep_map(self),
            "copy": lambda: keeping_desk.copy(self),
            "write": lambda: keeping_desk.write(self),
            "palette": self._open_palette,
            "redraw": self.redraw,
            "leave": self._leave,
        }

    @work(group="choosing", exclusive=True)
    async def _choose_beside(self) -> None:
        await choosing.choose_beside(self)

    def on_paste(self, event: events.Paste) -> None:
        """Put a pasted text into the search line."""
        if self.scene.desk.typing is not None:
            self.scene = pasted(self.scene, event.text)

    # The mouse

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Pass on a button that is pressed."""
        self._mouse.press(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pass on a movement."""
        self._mouse.move(event)

    def on_mouse_up(self) -> None:
        """Pass on a button that is let go."""
        self._mouse.release()

    def on_click(self, event: events.Click) -> None:
        """Pass on a click."""
        self._mouse.click(event)

    def on_mouse_scroll_down(self) -> None:
        """Scroll as `j` does."""
        self.do("down")

    def on_mouse_scroll_up(self) -> None:
        """Scroll as `k` does."""
        self.do("up")

    # The training

    def ask_to_stop(self) -> None:
        """Ask before the training is stopped."""
        question_desk.ask(self, steering.stop_question())

    def steer(self, command: Command, then_exit: bool = False) -> None:
        """Send a command, and show what comes of it; or say why that is no use."""
        said = steering.refusal(self.scene)
        if said:
            self.say(said, error=True)
        else:
            self.say(f"{command.action}: sent, waiting for the next step")
            self._send(command, then_exit)

    @work(group="steering")
    async def _send(self, command: Command, then_exit: bool) -> None:
        said = await steering.send(self.setting.control, command)
        await self.take_news()
        self.say(said.text, error=not said.ok)
        panel_desk.answered(self, command, said.ok)
        if then_exit and said.ok:
            self.exit()

    # What is shown

    def say(self, text: str, error: bool = False) -> None:
        """Show a sentence in the status row, until a key is pressed or some time has passed."""
        self.scene = self.scene.with_desk(note=text, note_is_error=error)
        self.set_timer(NOTE_SECONDS, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self.scene.desk.note == text:
            self.scene = self.scene.with_desk(note="")

    def _freeze(self) -> None:
        self.scene = self.scene.with_desk(frozen=not self.scene.desk.frozen)
        self.tick()

    def _next_theme(self) -> None:
        if len(usable(self.depth)) == 1:
            self.say("this terminal has too few colours for themes: it keeps its own")
        else:
            self.use_theme(next_theme(self.look, self.depth))

    def _open_palette(self) -> None:
        from deepeyes_tui.app.commands import open_palette

        open_palette(self)

    # Leaving

    def _leave(self) -> None:
        if self.setting.owner and not self.scene.ended:
            self.scene = self.scene.with_desk(question=steering.leave_question())
        else:
            self.exit()

    def _end_on_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end_at_once, number)

    def _end_at_once(self, number: int) -> None:
        resort = threading.Timer(LAST_RESORT, os._exit, (128 + number,))
        resort.daemon = True
        resort.start()
        self.exit(return_code=128 + number)
