"""What the panel for editing the training knows of the run, and what is proposed in it but not sent yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from deepeyes_tui.app.quantities import is_set
from deepeyes_tui.link.messages import GROWTHS, HYPERPARAMETERS, JSON, Command
from deepeyes_tui.link.preview import Setting, Settings

SENDER = "viewer"
NAME_WIDTH = 40
"""Cells of a layer's name, or of a list of filters."""
MOST_NEW = 65536
"""Filters that a layer can be grown by at a time."""


@dataclass(frozen=True, slots=True)
class Panel:
    """`settings` are the run's, None until it has said them; `failure` is why it has not, `asking` whether it is asked.

    `generation` is the structure that the run had when it was asked, `row` the row under the cursor. `proposals` are
    values of hyper-parameters, `count` and `way` new filters, `whole` a freeze of the layer though some are marked.
    `problem` is what is wrong with what was typed.
    """

    settings: Settings | None = None
    failure: str = ""
    asking: bool = True
    generation: int = -1
    row: str = HYPERPARAMETERS[0]
    proposals: Mapping[str, JSON] = field(default_factory=dict)
    count: int = 1
    way: str = GROWTHS[0]
    whole: bool = False
    problem: str = ""

    def setting(self, name: str) -> Setting | None:
        """Return a hyper-parameter as the run has it; None where it is not known."""
        known = self.settings.settings if self.settings else ()
        return next((setting for setting in known if setting.name == name), None)

    def value(self, name: str) -> JSON:
        """Return what is proposed for a hyper-parameter, else what its first group has that is not at 0; None where
        neither is known.
        """
        if name in self.proposals:
            return self.proposals[name]
        values = (setting.values if (setting := self.setting(name)) else ()) or (None,)
        return next((value for value in values if value), values[0])

    def proposing(self, name: str, value: JSON) -> Panel:
        """Return the panel with a value proposed; what the run has already, or refuses, is none."""
        others = {known: proposed for known, proposed in self.proposals.items() if known != name}
        setting = self.setting(name)
        same = setting is not None and (bool(setting.refusal) or is_set(name, setting.values, value))
        return replace(self, proposals=others if same else {**others, name: value}, problem="")

    def dropping(self, name: str) -> Panel:
        """Return the panel without a proposal."""
        others = {known: proposed for known, proposed in self.proposals.items() if known != name}
        return replace(self, proposals=others)

    def asked(self, generation: int) -> Panel:
        """Return the panel while the run is asked, whose network is of this generation."""
        return replace(self, asking=True, failure="", generation=generation)

    def told(self, settings: Settings) -> Panel:
        """Return the panel with what the run has said; proposals that came true are none any more."""
        after = replace(self, settings=settings, failure="", asking=False)
        for name, value in self.proposals.items():
            after = after.proposing(name, value)
        return replace(after, problem=self.problem)

    def failed(self, why: str) -> Panel:
        """Return the panel with the reason for which the run has said nothing."""
        return replace(self, failure=why, asking=False)


class Does(Enum):
    """What Enter does in a row."""

    TYPE = auto()
    ASK = auto()
    PREVIEW = auto()
    NEXT = auto()
    UNDO = auto()
    SEND = auto()


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `value` is how it is, `proposal` how it would be, `refusal` why that cannot be.

    `help` says what can be done with it; `command` is what it would send, after `question` where it asks that.
    """

    id: str
    section: str
    label: str
    value: str
    does: Does
    help: str
    proposal: str = ""
    refusal: str = ""
    command: Command | None = None
    question: str = ""
