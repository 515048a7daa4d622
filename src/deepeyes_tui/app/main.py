"""Showing a run: in the terminal until it is left, or one picture of it on standard output."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from deepeyes_tui.app.terminal import prepare
from deepeyes_tui.link.launch import Launched
from deepeyes_tui.link.runs import Run, is_live
from deepeyes_tui.link.settings import ViewOptions
from deepeyes_tui.link.watcher import Watcher

if TYPE_CHECKING:
    from deepeyes_tui.app.feed import Feed
    from deepeyes_tui.app.scene import Scene

FIRST_PICTURE = 5.0
"""Seconds that `--once` waits for something to show."""
MAPS_WITHIN = 120.0
"""Seconds that `--once` waits for maps: where kernels have never been compiled, a good part of a minute."""
AFTER_STOP = 10.0
"""Seconds to wait for a training that is about to end, to pass its exit status on."""


def view(run: Run, *, options: ViewOptions, launched: Launched | None = None, recorded: bool = False) -> int:
    """Show a run, or the record of it, until the user leaves. Raises RunError.

    Returns the script's exit status if this viewer started it and it has ended.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print(
            "deepeyes: the viewer draws on standard error, which is no terminal; --once prints one picture",
            file=sys.stderr,
        )
        return 1
    terminal = prepare(options.color, options.glyphs, options.max_kbps, os.environ)
    # The first snapshot is read while textual is imported.
    from deepeyes_tui.app.sources import feed_of

    feed = feed_of(run, options, terminal.rate, launched, recorded=recorded).start()
    from deepeyes_tui.app.plots.palette import Theme
    from deepeyes_tui.app.setting import Setting
    from deepeyes_tui.app.viewer import Viewer

    setting = Setting(
        run=run.name,
        feed=feed,
        terminal=terminal,
        control=run.control,
        folder=run.folder,
        theme=Theme(options.theme),
        readonly=options.readonly,
        owner=launched is not None,
        rings=lambda: run.instances,
        pane=options.pane,
        layer=options.layer,
        step=options.step,
    )
    app = Viewer(setting)
    try:
        app.run()
    finally:
        app.analyst.close()
        feed.stop()
    last = feed.latest.view
    ends = app.stopping or (last is not None and last.condition.is_over)
    status = _script_status(launched, ends=ends)
    if not recorded:
        print(farewell(run, launched))
    return app.return_code or status


def _script_status(launched: Launched | None, ends: bool) -> int:
    if launched is None:
        return 0
    status = launched.wait(AFTER_STOP) if ends else launched.poll()
    if status is None:
        return 0
    return status if status >= 0 else 128 - status


def farewell(run: Run, launched: Launched | None) -> str:
    """Say how to come back to a run, or how it has ended."""
    ended = launched is not None and launched.poll() is not None
    if not ended and is_live(run):
        return f"{run.name} goes on. Come back with: deepeyes attach {run.name}"
    watcher = Watcher(run)
    last = watcher.poll()
    watcher.close()
    how = f": {last.sentence}" if last is not None and last.condition.is_over else ""
    return f"{run.name} has ended{how}{f'; its log: {run.log}' if run.log.exists() else ''}"


def print_once(run: Run, *, options: ViewOptions, recorded: bool = False) -> int:
    """Print one picture of a run, or of the record of it; in colour where that goes to a terminal or `--color` asks.

    Raises RunError.
    """
    asked = options.color != "auto"
    color = options.color if asked or sys.stdout.isatty() else "none"
    terminal = prepare(color, options.glyphs, options.max_kbps, os.environ)
    from deepeyes_tui.app.bindings import PaneName
    from deepeyes_tui.app.feed import shown
    from deepeyes_tui.app.replaying import started
    from deepeyes_tui.app.sources import feed_of

    feed = feed_of(run, options, terminal.rate, recorded=recorded).start()
    news = feed.wait_for_snapshot(FIRST_PICTURE)
    feed.stop()
    from deepeyes_tui.app.opening import opened
    from deepeyes_tui.app.plots.glyphs import Glyphs
    from deepeyes_tui.app.scene import Scene

    glyphs, colour = Glyphs(terminal.glyphs), terminal.depth != "none"
    replay = started(news.timeline, options.step) if news.timeline is not None else None
    first = Scene(run=run.name, glyphs=glyphs, colour=colour, readonly=options.readonly, replay=replay)
    scene = shown(first, news)
    try:
        scene = opened(scene, options.pane, options.layer)
    except ValueError as error:
        print(f"deepeyes: {error}", file=sys.stderr)
        return 1
    kept = scene.replay is None or scene.replay.at_end
    if kept and (scene.desk.maps_screen or scene.desk.focus is PaneName.FINDINGS):
        from deepeyes_tui.app.waiting import with_maps

        scene = with_maps(scene, run, MAPS_WITHIN)
        scene = scene if recorded else caught_up(scene, feed)
    elif scene.desk.maps_screen:
        from deepeyes_tui.app.kept import with_kept

        scene = with_kept(scene, run.folder)
    size = options.size or shutil.get_terminal_size((120, 40))
    plain = terminal.depth == "none" or (not asked and not sys.stdout.isatty())
    if options.text:
        from deepeyes_tui.app.keeping import view_text

        _print(view_text(scene), sys.stdout.write)
    else:
        from deepeyes_tui.app.still import still

        _print(still(scene, (size[0], size[1]), terminal, options.theme, plain), sys.stdout.write)
    if news.view is None or news.view.snapshot is None:
        reason = news.view.sentence if news.view else "nothing is known of it yet"
        print(f"deepeyes: {run.name}: {reason}", file=sys.stderr)
        return 1
    return 0


def caught_up(scene: Scene, feed: Feed) -> Scene:
    """Return the scene with the state of now, after something was waited for: the training went on meanwhile."""
    from deepeyes_tui.app.feed import shown

    feed.read()
    return shown(scene, feed.latest)


def _print(text: str, write: Callable[[str], object]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
