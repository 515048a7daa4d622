"""The panel for editing the training at work: it asks the run for its settings, and sends what is confirmed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from deepeyes_tui.app import steering
from deepeyes_tui.app.panel import SENDER, Does, Panel
from deepeyes_tui.app.panel_moves import PANEL_MOVES, begin_typing, changed, closed
from deepeyes_tui.app.panel_rows import SEND, asking, row_here
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.quantities import NAMES
from deepeyes_tui.app.surgery import open_preview
from deepeyes_tui.link.errors import MessageError
from deepeyes_tui.link.messages import HYPERPARAMETERS, Action, Command
from deepeyes_tui.link.preview import Settings

if TYPE_CHECKING:
    from deepeyes_tui.app.viewer import Viewer

SETTINGS = Command(Action.SETTINGS, sender=SENDER)


def close(viewer: Viewer) -> None:
    """Close the panel, with whatever was only proposed."""
    viewer.scene = closed(viewer.scene)


def open_at(viewer: Viewer, row: str = HYPERPARAMETERS[0]) -> None:
    """Open the panel with the cursor in a row, and ask the run what it has to show; or say why that is no use."""
    said = steering.refusal(viewer.scene)
    if said:
        viewer.say(said, error=True)
        return
    if viewer.scene.desk.frozen:
        viewer.do("freeze")
    viewer.scene = viewer.scene.with_desk(panel=Panel(row=row))
    ask(viewer)


def offers(viewer: Viewer) -> list[tuple[str, Callable[[], object]]]:
    """Return what the command palette offers of the panel: what it is called, and what it does."""
    scene = viewer.scene
    if steering.refusal(scene):
        return []
    layer = printable(scene.layer_name, 60, scene.ascii)
    shown = {name: f"{label} ..." for name, label in NAMES.items()}
    if layer:
        shown |= {"grow": f"grow {layer} ...", "add": f"add a layer behind {layer} ...", "drop": f"drop {layer} ..."}
        shown |= {"freeze": f"freeze {layer} ...", "unfreeze": f"unfreeze {layer} ..."}
    save = "save a checkpoint", partial(viewer.steer, Command(Action.SAVE, sender=SENDER))
    return [*((title, partial(open_at, viewer, row)) for row, title in shown.items()), save]


def ask(viewer: Viewer) -> None:
    """Ask the run for its settings; an answer that is under way is not waited for."""
    snapshot = viewer.scene.snapshot
    generation = snapshot.generation if snapshot else -1
    viewer.scene = changed(viewer.scene, lambda panel: panel.asked(generation))
    viewer.run_worker(_ask(viewer), group="settings", exclusive=True)


async def _ask(viewer: Viewer) -> None:
    said = await steering.send(viewer.setting.control, SETTINGS)
    if not said.ok:
        viewer.scene = changed(viewer.scene, lambda panel: panel.failed(said.message))
        return
    try:
        settings = Settings.from_json(said.details)
    except MessageError as error:
        why = str(error)
        viewer.scene = changed(viewer.scene, lambda panel: panel.failed(why))
    else:
        viewer.scene = changed(viewer.scene, lambda panel: panel.told(settings))


def look(viewer: Viewer) -> None:
    """Ask again when the network is another than it was; what was about to be agreed to meant the one before."""
    panel, snapshot = viewer.scene.desk.panel, viewer.scene.snapshot
    if panel is None or snapshot is None or panel.generation == snapshot.generation:
        return
    question = viewer.scene.desk.question
    if question is not None and question.id == SEND:
        viewer.scene = viewer.scene.with_desk(question=None)
        viewer.say("the model has changed since this was asked: nothing was sent", error=True)
    ask(viewer)


def answered(viewer: Viewer, command: Command, ok: bool) -> None:
    """Show what is true after a command: what came of it drops its proposal, and the run is asked again."""
    if viewer.scene.desk.panel is None:
        return
    name = command.arguments.get("name")
    if ok and command.action == Action.SET and isinstance(name, str):
        viewer.scene = changed(viewer.scene, lambda panel: panel.dropping(name))
    ask(viewer)


def act(viewer: Viewer) -> None:
    """Do what Enter does in the row under the cursor."""
    here, said = row_here(viewer.scene), steering.refusal(viewer.scene)
    if here is None:
        return
    if said or here.refusal:
        viewer.say(said or f"{here.label}: {here.refusal}", error=True)
        return
    match here.does, here.command:
        case Does.TYPE, _:
            viewer.scene = begin_typing(viewer.scene)
        case Does.NEXT, _:
            viewer.scene = PANEL_MOVES["panel_more"](viewer.scene, viewer.surface.room)
        case Does.UNDO, _:
            viewer.do("take_back")
        case Does.ASK, _:
            viewer.scene = asking(viewer.scene, here)
        case Does.PREVIEW, Command() as command:
            open_preview(viewer, command)
        case Does.SEND, Command() as command:
            viewer.steer(command)
