"""The rows of the panel for editing the training: what each shows, why it is refused, what it asks of the run."""

from __future__ import annotations

from collections.abc import Iterator

from deepeyes_tui.app.panel import SENDER, Does, Panel, Row
from deepeyes_tui.app.panel_layer import layer_rows
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.quantities import NAMES, RATIOS, after_values, change_text, groups_text
from deepeyes_tui.app.scene import Question, Scene
from deepeyes_tui.link.messages import Action, Command

SEND = "send"
"""The question whose answer sends a command."""
HYPERPARAMETERS = "Hyper-parameters"
RUN = "Run"


def rows(scene: Scene) -> list[Row]:
    """Return all rows of the panel; none while it is not open."""
    panel = scene.desk.panel
    if panel is None:
        return []
    return [*_hyperparameters(scene, panel), *layer_rows(scene, panel), *_run(panel)]


def row_here(scene: Scene) -> Row | None:
    """Return the row under the cursor."""
    every = rows(scene)
    panel = scene.desk.panel
    return next((row for row in every if panel is not None and row.id == panel.row), every[0] if every else None)


def asking(scene: Scene, row: Row) -> Scene:
    """Return the scene with the question of a row, whose answer sends its command; without one, as it is."""
    if row.command is None or not row.question:
        return scene
    return scene.with_desk(question=Question(SEND, row.question, command=row.command))


def _hyperparameters(scene: Scene, panel: Panel) -> Iterator[Row]:
    for name, label in NAMES.items():
        setting = panel.setting(name)
        before = groups_text(setting.values if setting else (), scene.ascii)
        if setting is None:
            why = panel.failure or ("not known yet" if panel.asking else "the run says nothing of it")
            yield Row(name, HYPERPARAMETERS, label, before, Does.TYPE, "", refusal=printable(why))
        elif name in panel.proposals:
            yield _proposed(scene, panel, name)
        else:
            help = _step_help(name, differ=len(setting.values) > 1)
            yield Row(name, HYPERPARAMETERS, label, before, Does.TYPE, help, refusal=printable(setting.refusal))


def _proposed(scene: Scene, panel: Panel, name: str) -> Row:
    setting, value = panel.setting(name), panel.proposals[name]
    known = setting.values if setting else ()
    before, after = change_text(known, after_values(name, known, value), scene.ascii)
    command = Command(Action.SET, {"name": name, "value": value}, sender=SENDER)
    help = "Enter sets it (asks), Esc drops it, h l go on from there"
    question = f"Set the {NAMES[name]}: {before} -> {after}?"
    return Row(name, HYPERPARAMETERS, NAMES[name], before, Does.ASK, help, after, "", command, question)


def _step_help(name: str, differ: bool) -> str:
    steps = {"momentum": "h l the next usual one", "betas": "h l the next usual first one"}
    groups = "; groups keep their ratios" if name in RATIOS else "; it is for all groups"
    return f"Enter types a new value, {steps.get(name, 'h l half or twice')}{groups if differ else ''}"


def _run(panel: Panel) -> Iterator[Row]:
    undo = printable(panel.settings.undo) if panel.settings else ""
    nothing = "not known yet" if panel.settings is None else "" if undo else "there is nothing to undo"
    yield Row(
        "undo", RUN, "undo", undo, Does.UNDO, "Enter takes the last change of the network back (asks)", "", nothing
    )
    save = Command(Action.SAVE, sender=SENDER)
    where = "a checkpoint now, in the run's folder"
    yield Row("save", RUN, "save", where, Does.SEND, "Enter writes weights and the optimizer's state", command=save)
