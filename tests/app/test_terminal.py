import os
import subprocess
import sys

import pytest
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style

from deepeyes_tui.app.feed import Feed, News, shown
from deepeyes_tui.app.output import codes_of, sequences
from deepeyes_tui.app.pacing import Bucket, Pacer
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.still import still
from deepeyes_tui.app.terminal import Terminal, color_depth, glyph_set, prepare
from deepeyes_tui.link.watcher import Condition, RunView
from tests.app.synthetic import scene, snapshot


@pytest.mark.parametrize(
    ("wanted", "environ", "depth"),
    [
        ("256", {"TERM": "xterm", "NO_COLOR": "1"}, "256"),
        ("auto", {"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"),
        ("auto", {"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
        ("auto", {"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ("auto", {"TERM": "alacritty"}, "truecolor"),
        ("auto", {"TERM": "foot-extra"}, "truecolor"),
        ("auto", {"TERM": "screen-256color"}, "256"),
        ("auto", {"TERM": "linux"}, "16"),
        ("auto", {"TERM": "dumb"}, "none"),
        ("auto", {}, "none"),
        ("none", {"TERM": "xterm", "COLORTERM": "truecolor"}, "none"),
    ],
)
def test_the_depth_of_colour(wanted, environ, depth):
    assert color_depth(wanted, environ) == depth


def test_tmux_is_asked(monkeypatch):
    monkeypatch.setattr("deepeyes_tui.app.terminal.tmux_features", lambda: "256,RGB,title")
    assert color_depth("auto", {"TERM": "tmux-256color", "TMUX": "/tmp/x"}) == "truecolor"


def test_glyphs_follow_the_locale():
    assert glyph_set("auto", "UTF-8") == glyph_set("auto", "utf8") == "braille"
    assert glyph_set("auto", "ANSI_X3.4-1968") == "ascii"
    assert glyph_set("auto", "UTF-8", "linux") == "block"
    assert glyph_set("block", "ascii") == "block"


def test_what_textual_reads_is_set_before_it_is_imported():
    environ = {"TERM": "xterm-256color", "NO_COLOR": "1", "SSH_CONNECTION": "x"}
    terminal = prepare("auto", "braille", 0, environ)
    assert terminal == Terminal("none", "braille", 2.0, 150.0, True)
    assert "NO_COLOR" not in environ
    local = prepare("256", "ascii", 40, {})
    assert (local.rate, local.kbps, local.asks) == (4.0, 40, True)
    assert not prepare("256", "ascii", 0, {"TMUX": "x"}).asks


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_a_bucket_goes_into_debt_and_recovers():
    clock = Clock()
    bucket = Bucket(1.0, clock)
    bucket.spend(3000)
    assert not bucket.ready()
    clock.now = 1.9
    assert not bucket.ready()
    clock.now = 2.1
    assert bucket.ready()
    assert Bucket(0, clock).ready()


def test_a_silent_terminal_is_not_waited_for_for_ever():
    clock, asked = Clock(), []
    pacer = Pacer(lambda: asked.append(1), 0, clock)
    pacer.sent()
    assert not pacer.ready()
    clock.now = 2.5
    assert pacer.ready()
    pacer.sent()
    pacer.answered()
    assert pacer.ready()
    assert len(asked) == 2
    for _ in range(5):
        pacer.sent()
        clock.now += 2.5
        assert pacer.ready()
    assert len(asked) == 4


def test_colours_are_sent_where_they_change():
    red = Style(color="red")
    parts = [(0, 0, [Segment("a", red), Segment("b", red), Segment("c", Style())]), (5, 2, [Segment("d", red)])]
    text = sequences(parts, codes_of(ColorSystem.STANDARD))
    assert text == "\x1b[1;1H\x1b[0;31mab\x1b[0mc\x1b[3;6H\x1b[0;31md\x1b[0m"
    assert sequences(parts, codes_of(None)) == "\x1b[1;1Habc\x1b[3;6Hd"


def test_a_feed_keeps_the_latest_and_counts_only_what_is_new():
    views = [RunView(None, Condition.WAITING, "waiting"), None, RunView(snapshot(), Condition.TRAINING, "training")]
    lines = [["one"], [], ["two"]]
    feed = Feed(lambda: views.pop(0), lambda: lines.pop(0), 4.0)
    numbers = []
    for _ in range(3):
        feed.read()
        numbers.append(feed.latest.number)
    assert numbers == [1, 1, 2]
    assert feed.latest.log == ("one", "two")
    got = shown(Scene(), feed.latest)
    assert (got.sentence, got.layers, got.ended) == ("training", 4, False)


def test_the_last_picture_stays_when_the_run_is_gone():
    made = snapshot()
    first = shown(Scene(), News(1, RunView(made, Condition.TRAINING, "training"), ()))
    after = shown(first, News(2, RunView(None, Condition.GONE, "gone"), ()))
    assert after.snapshot is made
    assert after.ended
    assert after.failed


def test_one_picture_plain_and_in_colour():
    plain = still(scene(), (80, 24), Terminal("none", "braille", 4, 0, False), "dark", plain=True)
    assert "\x1b" not in plain
    assert plain.count("\n") == 24
    coloured = still(scene(), (80, 24), Terminal("256", "braille", 4, 0, False), "light", plain=False)
    assert "\x1b[0;38;5;" in coloured
    assert "38;2;" not in coloured
    bare = still(scene(), (80, 24), Terminal("none", "braille", 4, 0, False), "dark", plain=False)
    assert "38;5" not in bare
    assert "\x1b[0;1m" in bare


@pytest.mark.process
@pytest.mark.parametrize("environ", [{}, {"NO_COLOR": "1"}, {"TEXTUAL_THEME": "nord"}])
def test_the_viewer_runs_without_torch(environ):
    script = """
import asyncio, os, sys
from deepeyes_tui.app.terminal import prepare
prepare("auto", "auto", 0, os.environ)
from tests.app.driving import viewer
async def main():
    app = viewer()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("5", "colon")
        await pilot.pause(0.2)
asyncio.run(main())
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "numba", "pynndescent"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env={**os.environ, **environ}
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.process
def test_the_table_of_keys_is_printed_without_textual():
    script = "import sys, deepeyes_tui.app.key_table as t; t.markdown(); print('textual' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
