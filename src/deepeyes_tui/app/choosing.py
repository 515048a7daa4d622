"""Choosing in the viewer: a model to watch, a run to be seen beside this one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from deepeyes_tui.app import steering
from deepeyes_tui.app.beside import BoardBeside, RecordBeside
from deepeyes_tui.app.chooser import NO_RUN, About, Item, open_list, roots
from deepeyes_tui.app.replay_feed import ReplayFeed
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.runs import Run, find_run, is_live, list_runs

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer

MOST_RUNS = 50


def choose_root(viewer: Viewer) -> None:
    """Show the models of the run."""
    viewer.scene = open_list(viewer.scene, About.ROOT, roots(viewer.scene))


async def choose_beside(viewer: Viewer) -> None:
    """Show the other runs, the newest first."""
    items = await asyncio.to_thread(_runs, viewer.setting.run, viewer.setting.feed.beside)
    viewer.scene = open_list(viewer.scene, About.BESIDE, items)


def _runs(own: str, source: BoardBeside | RecordBeside | None) -> list[Item]:
    shown = source.run.name if source is not None else ""
    others = [run for run in list_runs() if run.name != own][:MOST_RUNS]
    found = [Item(run.name, "under way" if is_live(run) else "ended", run.name == shown) for run in others]
    return [Item(NO_RUN, here=not shown), *found] if found else []


def chosen(viewer: Viewer) -> None:
    """Do what was chosen."""
    chooser = viewer.scene.desk.chooser
    if chooser is None:
        return
    viewer.scene = viewer.scene.with_desk(chooser=None)
    name = chooser.item.name
    if chooser.about is About.ROOT:
        viewer.steer(steering.root_command(name))
    elif name == NO_RUN:
        viewer.setting.feed.beside = None
    else:
        try:
            viewer.setting.feed.beside = source_of(find_run(name), isinstance(viewer.setting.feed, ReplayFeed))
        except RunError as error:
            viewer.say(str(error), error=True)


def source_of(run: Run, recorded: bool) -> BoardBeside | RecordBeside:
    """Return where another run is read from: by its record where a record is gone through, else by its board."""
    return RecordBeside(run) if recorded else BoardBeside(run)
