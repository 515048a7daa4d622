"""The Textual app: wiring between the feed, the keys, the surface and the training process."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from textual import events, work
from textual.app import ComposeResult

from deepeyes_tui.app import choosing, panel_desk, steering
from deepeyes_tui.app.bindings import PANE_KEYS, Group, PaneName, find
from deepeyes_tui.app.feed import Feed, News, shown
from deepeyes_tui.app.keeping import view_text, write_view
from deepeyes_tui.app.kept import keep_shown, with_kept
from deepeyes_tui.app.mapping import Cartographer
from deepeyes_tui.app.maps import MapBox
from deepeyes_tui.app.moves import MOVES, to_pane
from deepeyes_tui.app.opening import opened
from deepeyes_tui.app.paced import PacedApp
from deepeyes_tui.app.panel_moves import PANEL_MOVES, begin_typing
from deepeyes_tui.app.panes.training import summary_of
from deepeyes_tui.app.plots.glyphs import Glyphs
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.plots.palette import Depth, Palette, Theme
from deepeyes_tui.app.pointing import clicked, dragged, released
from deepeyes_tui.app.prompt import pasted, typed
from deepeyes_tui.app.replay_desk import Player
from deepeyes_tui.app.replaying import started
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.surface import Surface
from deepeyes_tui.app.surgery import Surgeon
from deepeyes_tui.app.terminal import Terminal
from deepeyes_tui.app.themes import base_style, next_theme, textual_theme, usable
from deepeyes_tui.history import HistoryError
from deepeyes_tui.link.analyst import Analyst
from deepeyes_tui.link.messages import Command

NOTE_SECONDS = 8.0
WARM_AFTER = 1.0
"""Seconds after the first picture in which the analysis process is started: the picture goes before it."""
FRAMES_A_SECOND = 10.0
"""Of a map that is being laid out, where the terminal is near."""
NEAR = 4.0
"""Pictures a second from which on a terminal is not at the end of a slow link."""
LAST_RESORT = 3.0
"""Seconds after a signal to end in which the screen may be restored; a dead terminal can block that for ever."""


@dataclass(frozen=True)
class Setting:
    """What a viewer is started with. `owner`: it has started the training. `rings` says where its instances are by now;
    without it, no maps are made. `step` is where a replay begins, None: at its end.
    """

    run: str
    feed: Feed
    terminal: Terminal
    control: Path
    folder: Path
    theme: Theme = Theme.DARK
    readonly: bool = False
    owner: bool = False
    rings: Callable[[], Path] | None = None
    pane: str = ""
    layer: str = ""
    step: int | None = None
    clock: Callable[[], float] = field(default=time.monotonic)


class Viewer(PacedApp, inherit_bindings=False):
    """Shows a run until it is left."""

    CSS = "Screen { overflow: hidden; }"
    TITLE = "deepeyes"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting.terminal, setting.clock)
        self.setting = setting
        self._taken = 0
        self._opened = not (setting.pane or setting.layer)
        self._pressed: tuple[int, int] | None = None
        self._dragging = False
        self.stopping = False
        self.surgeon = Surgeon(self)
        self.player = Player(self)
        self.box = MapBox(setting.clock)
        self.analyst = Analyst(self.box.receive)
        self._maps_of = (
            Cartographer(self.analyst, self.box, setting.rings, self._look_at, setting.clock) if setting.rings else None
        )
        self.look = setting.theme if setting.theme in usable(self.depth) else Theme.ANSI
        palette = Palette(self.look, self.depth)
        self.surface = Surface(
            palette, base_style(self.look, palette), lambda patch: self.send_patch(self.surface.screen, patch)
        )
        self.surface.can_focus = True

    @property
    def scene(self) -> Scene:
        """What is shown."""
        return self.surface.scene

    @scene.setter
    def scene(self, scene: Scene) -> None:
        self.surface.scene = scene

    def compose(self) -> ComposeResult:
        """Return the one widget."""
        yield self.surface

    def on_mount(self) -> None:
        """Show what is known, and begin to look for more."""
        terminal, setting = self.setting.terminal, self.setting
        self._use_look()
        glyphs, colour = Glyphs(terminal.glyphs), self.depth is not Depth.NONE
        first = Scene(run=setting.run, glyphs=glyphs, colour=colour, readonly=setting.readonly)
        self.scene = self._with_news(first, setting.feed.latest)
        self.surface.focus()
        self.set_interval(1 / terminal.rate, self.tick)
        self.set_interval(1 / terminal.rate, lambda: self.player.tick(1 / terminal.rate))
        if self._maps_of is not None:
            self.set_interval(1 / (FRAMES_A_SECOND if terminal.rate >= NEAR else terminal.rate), self.tick_maps)
            self.set_timer(WARM_AFTER, self.analyst.start)
        self.call_after_refresh(gc.freeze)
        if not self.is_headless:
            self._end_on_signals()

    # New data

    def _open(self, scene: Scene) -> Scene:
        """Show first what was asked for, once the layers are known."""
        if self._opened or not scene.layers:
            return scene
        self._opened = True
        try:
            return opened(scene, self.setting.pane, self.setting.layer)
        except ValueError as error:
            return scene.with_desk(note=str(error), note_is_error=True)

    def tick(self) -> None:
        """Take the latest, if there is something new and the terminal can take it."""
        news = self.setting.feed.latest
        if news.number != self._taken and not self.scene.desk.frozen and self.may_draw():
            self.scene = self._with_news(self.scene, news)
        panel_desk.look(self)
        self.surgeon.look()

    def tick_maps(self) -> None:
        """Ask for the maps that are missing, and take what has come."""
        if self._maps_of is None:
            return
        if self.scene.replay is not None and not self.scene.replay.at_end:
            self.scene = with_kept(self.scene, self.setting.folder)
            return
        self._maps_of.look(self.scene)
        maps = self.box.latest
        if maps.failure and self.scene.replay is not None and maps.input is None:
            self.scene = with_kept(self.scene, self.setting.folder)
            return
        held = self.scene.desk.frozen or self.scene.brush is not None  # what is being marked stays where it is
        if maps.version != self.scene.maps.version and not held and self.may_draw():
            self.scene = replace(self.scene, maps=maps)

    def take_latest(self) -> None:
        """Show the latest at once: the answer to a key."""
        news = self.setting.feed.latest
        if news.number != self._taken and not self.scene.desk.frozen:
            self.scene = self._with_news(self.scene, news)

    def _look_at(self, layer: str) -> None:
        if self.scene.context.live:
            self._focus(layer)

    @work(group="focus", exclusive=True)
    async def _focus(self, layer: str) -> None:
        # A training that cannot be told goes on keeping small samples of every layer.
        await steering.send(self.setting.control, steering.focus_command(layer))

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
            self._answer(key, character)
        elif desk.typing is not None:
            before = self.scene.replay
            self.scene = typed(self.scene, key, character)
            self.player.follow(before)
        elif (binding := find(key, character, self.scene.context)) is not None:
            self.do(binding.id, key)
        else:
            self._refuse(key, character)

    def _refuse(self, key: str, character: str | None) -> None:
        """Say why a key that steers the training does not do so now."""
        binding = find(key, character, replace(self.scene.context, live=True, readonly=False))
        if binding is not None and binding.group is Group.TRAIN:
            self.say(steering.refusal(self.scene), error=True)

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
            "reset": lambda: self._ask(steering.RESET),
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
            "keep_map": self._keep_map,
            "copy": self._copy,
            "write": self._write,
            "palette": self._open_palette,
            "redraw": self._redraw,
            "leave": self._leave,
        }

    @work(group="choosing", exclusive=True)
    async def _choose_beside(self) -> None:
        await choosing.choose_beside(self)

    def on_paste(self, event: events.Paste) -> None:
        """Put a pasted text into the search line."""
        if self.scene.desk.typing is not None:
            self.scene = pasted(self.scene, event.text)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Remember where a drag may begin."""
        self._pressed, self._dragging = (event.screen_x, event.screen_y), False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw a rectangle over a map while the button is down."""
        arrangement, here = self.surface.arrangement, (event.screen_x, event.screen_y)
        if self._pressed is None or not event.button or arrangement is None or not isinstance(self.focused, Surface):
            return
        if here != self._pressed or self._dragging:
            self._dragging = True
            self.scene = dragged(self.scene, arrangement, self._pressed, here)

    def on_mouse_up(self, _: events.MouseUp) -> None:
        """End the rectangle."""
        if self._dragging:
            self.scene = released(self.scene, self.surface.room)
        self._pressed = None

    def on_click(self, event: events.Click) -> None:
        """Put the focus on what is under the mouse."""
        arrangement = self.surface.arrangement
        if self._dragging:
            self._dragging = False
        elif arrangement is not None and isinstance(self.focused, Surface):
            self.scene = clicked(self.scene, arrangement, event.screen_x, event.screen_y)

    def on_mouse_scroll_down(self) -> None:
        """Scroll as `j` does."""
        self.do("down")

    def on_mouse_scroll_up(self) -> None:
        """Scroll as `k` does."""
        self.do("up")

    # The training

    def _ask(self, question: str) -> None:
        said = steering.refusal(self.scene)
        if said:
            self.say(said, error=True)
            return
        asked = steering.reset_question(self.scene) if question == steering.RESET else steering.stop_question()
        self.scene = self.scene.with_desk(question=asked)

    def ask_to_stop(self) -> None:
        """Ask before the training is stopped."""
        self._ask(steering.STOP)

    def _answer(self, key: str, character: str | None) -> None:
        question = self.scene.desk.question
        assert question is not None
        known = [answer for answer, _ in question.answers]
        if key not in (*known, "escape", "q", "ctrl+c") and character not in known:
            return
        self.scene = self.scene.with_desk(question=None)
        match question.id, key:
            case steering.RESET, "y":
                self.steer(steering.reset_command(self.scene))
            case steering.STOP, "y":
                self.steer(steering.stop_command())
            case _, "y" if question.command is not None:
                self.steer(question.command)
            case steering.LEAVE, "l":
                self.exit()
            case steering.LEAVE, "s":
                self.stopping = True
                self.steer(steering.stop_command(), then_exit=True)

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

    async def take_news(self) -> None:
        """Take what a command has done: it is on the board by now, and the next key has to meet the new state."""
        await asyncio.to_thread(self.setting.feed.read)
        if not self.scene.desk.frozen:
            self.scene = self._with_news(self.scene, self.setting.feed.latest)

    def say(self, text: str, error: bool = False) -> None:
        """Show a sentence in the status row, until a key is pressed or some time has passed."""
        self.scene = self.scene.with_desk(note=text, note_is_error=error)
        self.set_timer(NOTE_SECONDS, lambda: self._unsay(text))

    def _unsay(self, text: str) -> None:
        if self.scene.desk.note == text:
            self.scene = self.scene.with_desk(note="")

    # The picture

    def _freeze(self) -> None:
        self.scene = self.scene.with_desk(frozen=not self.scene.desk.frozen)
        self.tick()

    def _redraw(self) -> None:
        self.output.forget()
        self.refresh(repaint=True)

    def _next_theme(self) -> None:
        if len(usable(self.depth)) == 1:
            self.say("this terminal has too few colours for themes: it keeps its own")
        else:
            self.use_theme(next_theme(self.look, self.depth))

    def use_theme(self, theme: Theme) -> None:
        """Draw with the colours of a theme."""
        self.look = theme
        palette = Palette(theme, self.depth)
        self.surface.use(palette, base_style(theme, palette))
        self._use_look()

    def _use_look(self) -> None:
        theme = textual_theme(self.look, Palette(self.look, self.depth))
        if theme is not None and theme.name not in self.available_themes:
            self.register_theme(theme)
        self.theme = theme.name if theme is not None else "ansi-dark"

    @work(group="keeping", exclusive=True)
    async def _keep_map(self) -> None:
        try:
            self.say(await asyncio.to_thread(keep_shown, self.scene, self.setting.folder))
        except OSError as error:
            self.say(f"the map could not be kept: {error.strerror or error}", error=True)
        except HistoryError as error:
            self.say(str(error), error=True)

    def _copy(self) -> None:
        self.copy_to_clipboard(view_text(self.scene))
        self.say(f"{self.scene.desk.focus} copied as text (if the terminal lets programs use the clipboard)")

    def _write(self) -> None:
        folders = (self.setting.folder / "views", Path.cwd())
        try:
            path = write_view(self.scene, self.screen_svg(), self._png(), folders, time.time())
        except OSError as error:
            self.say(f"the view could not be written: {error.strerror or error}", error=True)
        else:
            self.say(f"written: {path} and pictures beside it")

    def screen_svg(self) -> str:
        """Return a picture of the screen."""
        svg = self.export_screenshot(title=printable(self.setting.run, 60))
        # Some programs drop the spaces at the beginning of a text.
        return svg.replace("<text ", '<text xml:space="preserve" ')

    def _png(self) -> bytes:
        from deepeyes_tui.app.png import png_available, png_of

        if not (png_available() and self.surface.canvas.glyph.size):
            return b""
        return png_of(self.surface.canvas, self.surface.palette, self.surface.base)

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
