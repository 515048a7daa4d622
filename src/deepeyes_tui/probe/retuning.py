"""Hyper-parameters and freezing on command, in the training thread between two steps."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from deepeyes_tui.link.messages import Action, Command
from deepeyes_tui.link.preview import Settings
from deepeyes_tui.probe.diary import Deed, Diary
from deepeyes_tui.probe.holding import still
from deepeyes_tui.probe.layers import unwrap
from deepeyes_tui.probe.operations import filter_numbers
from deepeyes_tui.probe.steering import Answer, Handler
from deepeyes_tui.probe.surgeon import Surgeon
from deepeyes_tui.surgery.guard import check_one_process
from deepeyes_tui.surgery.retuning.batch_size import find_loaders
from deepeyes_tui.surgery.retuning.freezing import Frozen, freeze, frozen_layers, unfreeze
from deepeyes_tui.surgery.retuning.hyperparameters import format_values, read_settings, set_hyperparameter
from deepeyes_tui.surgery.running.wrappers import renew_wrappers


class Retuner:
    """`loader` is what the script said that its training draws from; without it, it is looked for."""

    def __init__(self, loader: weakref.ref[DataLoader[Any]] | None, diary: Diary, surgeon: Surgeon) -> None:
        self._loader, self._diary, self._surgeon = loader, diary, surgeon

    @property
    def _root(self) -> nn.Module:
        return unwrap(self._surgeon.model)

    def handlers(self) -> Mapping[str, Handler]:
        """Return what carries out the actions of retuning."""
        return {
            Action.SET: self._set,
            Action.SETTINGS: self._settings,
            Action.FREEZE: self._freeze,
            Action.UNFREEZE: self._unfreeze,
        }

    def _set(self, command: Command, step: int) -> Answer:
        check_one_process()
        name, value = command.arguments.get("name"), command.arguments.get("value")
        optimizer, loaders = self._optimizer(), self._loaders()
        change = set_hyperparameter(optimizer, str(name), value, loaders, self._root)
        before, after = format_values(change.before), format_values(change.after)
        sentence = f"{change.name} {before} -> {after}"
        trouble = self._enter(Deed(command.action, step, command.sender, sentence, before=before, after=after))
        return self._said("; ".join([f"{sentence} at step {step}", *change.notes, *trouble]))

    def _settings(self, command: Command, step: int) -> Answer:
        found = Settings(
            settings=read_settings(self._optimizer(), self._loaders()),
            frozen=frozen_layers(self._root),
            undo=self._surgeon.last,
            structure=self._surgeon.structure,
        )
        return Answer(f"settings at step {step}", found.to_json())

    def _freeze(self, command: Command, step: int) -> Answer:
        layer, filters = self._layer_and_filters(command)
        statistics = command.arguments.get("statistics") is True
        done = freeze(self._root, layer, filters, optimizer=self._optimizer(), statistics=statistics)
        return self._entered(command, step, f"freeze {done}", done)

    def _unfreeze(self, command: Command, step: int) -> Answer:
        layer, filters = self._layer_and_filters(command)
        done = unfreeze(self._root, layer, filters)
        return self._entered(command, step, f"unfreeze {done}", done)

    def _layer_and_filters(self, command: Command) -> tuple[str, list[int] | None]:
        check_one_process()
        self._surgeon.check_structure(command.arguments.get("structure"))
        layer, filters = command.arguments.get("layer"), command.arguments.get("filters")
        if not isinstance(layer, str) or not layer:
            raise ValueError(f"{command.action} takes the name of a layer")
        return layer, None if filters is None else filter_numbers(layer, filters)

    def _entered(self, command: Command, step: int, sentence: str, done: Frozen) -> Answer:
        renew_wrappers(self._surgeon.model)
        trouble = self._enter(Deed(command.action, step, command.sender, sentence, layer=done.layer))
        return self._said("; ".join([f"{sentence} at step {step}", *done.notes, *trouble]))

    def _optimizer(self) -> Optimizer | None:
        found = self._surgeon.optimizers()
        return found[0] if found else None

    def _enter(self, deed: Deed) -> tuple[str, ...]:
        """Put into the journal what was done; return what there is to say of that."""
        try:
            with self._diary.writing(deed):
                return ()
        except OSError as error:
            return (f"the journal of the run cannot be written ({error.strerror or error})",)

    def _loaders(self) -> Sequence[DataLoader[Any]]:
        loader = still(self._loader)
        return find_loaders() if loader is None else [loader]

    def _said(self, sentence: str) -> Answer:
        self._diary.say(sentence)
        return Answer(sentence)
