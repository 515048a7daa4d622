"""A run without a training: it listens at a control socket, says its settings and keeps what it is told."""

from __future__ import annotations

import threading
from dataclasses import replace

from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.messages import Action, Outcome
from deepeyes_tui.link.preview import Preview, Setting, Settings

ADAMW = Settings(
    (
        Setting("lr", (0.001,), ""),
        Setting("momentum", (), "AdamW has no momentum"),
        Setting("betas", ([0.9, 0.999],), ""),
        Setting("weight_decay", (0.01, 0.0), ""),
        Setting("batch_size", (64,), ""),
    ),
    {},
    "prune conv1: 3 filters",
    1,
)
PREVIEW = Preview("grow conv1: 1 filter", (), 0, (1000, 1030), (500, 515), 0.0, True, (), 0, 1)


class SteeredRun:
    """Carries out what it can from a thread of its own; `refusals` are its answers to actions that it refuses."""

    def __init__(self, path, settings=ADAMW, refusals=None, allowed=True):
        self.settings, self.refusals = settings, refusals or {}
        self.told = []
        self._server = ControlServer(path, allowed=allowed)
        self._going = threading.Event()
        self._going.set()
        self._thread = threading.Thread(target=self._train)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._going.clear()
        self._thread.join()
        self._server.close()

    def acts(self):
        """What it was told beside being looked at and held."""
        return [one for one in self.told if one[0] not in (Action.SETTINGS, Action.HOLD, Action.FOCUS)]

    def asked(self):
        """How often it was asked for its settings."""
        return sum(action == Action.SETTINGS for action, _ in self.told)

    def _train(self):
        while self._going.is_set():
            if self._server.wait(0.01):
                for request in self._server.pending():
                    self._server.answer(request, self._outcome(request.command))

    def _outcome(self, command):
        arguments = dict(command.arguments)
        self.told.append((command.action, arguments))
        if command.action in self.refusals:
            return Outcome(command.id, False, self.refusals[command.action], 12)
        details = {}
        match command.action:
            case Action.SETTINGS:
                details = self.settings.to_json()
            case Action.PLAN:
                details = PREVIEW.to_json()
            case Action.SET:
                self._set(arguments["name"], arguments["value"])
            case Action.FREEZE:
                frozen = {**self.settings.frozen, arguments["layer"]: tuple(arguments["filters"] or ())}
                self.settings = replace(self.settings, frozen=frozen)
            case Action.UNFREEZE:
                kept = {k: v for k, v in self.settings.frozen.items() if k != arguments["layer"]}
                self.settings = replace(self.settings, frozen=kept)
        return Outcome(command.id, True, f"{command.action} done at step 12", 12, details)

    def _set(self, name, value):
        changed = tuple(replace(s, values=(value,)) if s.name == name else s for s in self.settings.settings)
        self.settings = replace(self.settings, settings=changed)
