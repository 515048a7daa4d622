"""Viewers of synthetic runs, to be driven by a pilot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deepeyes_tui.app.feed import Feed, News
from deepeyes_tui.app.plots.palette import Theme
from deepeyes_tui.app.setting import Setting
from deepeyes_tui.app.terminal import Terminal
from deepeyes_tui.app.viewer import Viewer
from deepeyes_tui.link.watcher import Condition, RunView
from tests.app.synthetic import LOG, snapshot

SIZES = ((80, 24), (100, 30), (120, 40), (200, 60))


class Source:
    """A feed that a test tells what is new."""

    def __init__(self, first=None, log=LOG):
        self.feed = Feed(lambda: None, lambda: [], 4.0)
        self.feed._latest = News(1, first, tuple(log))

    def tell(self, made=None, condition=Condition.TRAINING, sentence="training", log=None):
        before = self.feed.latest
        view = RunView(made, condition, sentence)
        self.feed._latest = News(before.number + 1, view, before.log if log is None else tuple(log))


def source(made=None, condition=Condition.TRAINING, sentence="training", log=LOG):
    return Source(RunView(snapshot() if made is None else made, condition, sentence), log)


def viewer(given=None, *, depth="truecolor", glyphs="braille", folder=Path("/nonexistent"), **changes):
    given = given or source()
    terminal = Terminal(depth, glyphs, 4.0, 0.0, False)
    setting = Setting(
        run="lenet-mnist",
        feed=given.feed,
        terminal=terminal,
        control=folder / "control",
        folder=folder,
        theme=Theme.DARK,
    )
    return Viewer(replace(setting, **changes))


def rows(app) -> list[str]:
    """The screen as a pilot sees it."""
    surface = app.surface
    return [surface.render_line(y).text for y in range(surface.size.height)]


def screen(app) -> str:
    return "\n".join(rows(app))
