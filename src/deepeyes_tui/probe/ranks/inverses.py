"""What takes back a command that all ranks were to carry out, and one of them could not."""

from __future__ import annotations

from collections.abc import Mapping

from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.preview import Settings
from deepeyes_tui.probe.steering import Handler

_OPPOSITES: Mapping[str, str] = {Action.FREEZE: Action.UNFREEZE, Action.UNFREEZE: Action.FREEZE}


def inverse(command: Command, handlers: Mapping[str, Handler], step: int) -> Command | None:
    """Return the command that takes `command` back, found before it is carried out; None where nothing has to be."""
    if command.action in _OPPOSITES:
        arguments = {name: value for name, value in command.arguments.items() if name != "structure"}
        return Command(_OPPOSITES[command.action], arguments, sender=command.sender)
    if command.action == Action.SET:
        name = command.arguments.get("name")
        settings = Settings.from_json(handlers[Action.SETTINGS](Command(Action.SETTINGS), step).details).settings
        values = next((one.values for one in settings if one.name == name), ())
        return Command(Action.SET, {"name": name, "value": values[0]}, sender=command.sender) if values else None
    return None
