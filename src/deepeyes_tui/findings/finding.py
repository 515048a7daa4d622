"""One finding: what was found, where, how certain, where to look, and what may be done about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from deepeyes_tui.link.messages import JSON, Command


class Task(StrEnum):
    """The questions that a network is looked at with (DeepEyes, section 3)."""

    STABLE = "T1"
    DEGENERATED = "T2"
    UNSEEN = "T3"
    OVERSIZED = "T4"
    NEEDED = "T5"


QUESTIONS: Mapping[Task, str] = {
    Task.STABLE: "which layers are stable",
    Task.DEGENERATED: "which filters are degenerated",
    Task.UNSEEN: "what no filter detects",
    Task.OVERSIZED: "which layers have more filters than they use",
    Task.NEEDED: "which layers are not needed, or missing",
}


class Kind(StrEnum):
    """What is found."""

    STABLE = "stable"
    MOVING = "not stable yet"
    NONFINITE = "not finite"
    DEAD = "dead filters"
    SILENT = "filters never above 0"
    ALWAYS_ON = "always-on filters"
    UNDETECTED = "undetected instances"
    UNSEEN_PATTERN = "unseen pattern"
    REDUNDANT = "redundant filters"
    EFFECTIVE = "effective filters"
    USELESS = "layer without use"
    MISSING = "layer missing"
    PURITY = "label purity"
    UNKNOWN = "too little data"


class Weight(StrEnum):
    """How much it matters: something wrong, something to be known, or not known yet."""

    FAULT = "fault"
    FACT = "fact"
    OPEN = "open"


FAULTS = (
    Kind.NONFINITE,
    Kind.DEAD,
    Kind.ALWAYS_ON,
    Kind.UNSEEN_PATTERN,
    Kind.REDUNDANT,
    Kind.USELESS,
    Kind.MISSING,
)
PANES: Mapping[Kind, str] = {
    Kind.STABLE: "Perplexity",
    Kind.MOVING: "Perplexity",
    Kind.NONFINITE: "Layers",
    Kind.DEAD: "Filters",
    Kind.SILENT: "Filters",
    Kind.ALWAYS_ON: "Filters",
    Kind.UNDETECTED: "Input Map",
    Kind.UNSEEN_PATTERN: "Input Map",
    Kind.REDUNDANT: "Filter Map",
    Kind.EFFECTIVE: "Filter Map",
    Kind.USELESS: "Layer",
    Kind.MISSING: "Input Map",
    Kind.PURITY: "Layer",
    Kind.UNKNOWN: "Layer",
}
"""Where each kind is seen, by the names of the viewer's panes."""
KEYS: Mapping[str, str] = {
    "Layers": "2",
    "Perplexity": "3",
    "Layer": "4",
    "Filters": "5",
    "Input Map": "6",
    "Filter Map": "8",
}
"""The keys of these panes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`layer` is empty where it concerns the whole network, `filters` where it concerns no single ones.

    `numbers` are those that the sentence rests on, shares of 1; `act` is what may be done about it, which the training
    is asked to plan, never to do by itself.
    """

    task: Task
    kind: Kind
    layer: str
    sentence: str
    filters: tuple[int, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    act: Command | None = None

    @property
    def weight(self) -> Weight:
        """How much it matters."""
        if self.kind is Kind.UNKNOWN:
            return Weight.OPEN
        return Weight.FAULT if self.kind in FAULTS else Weight.FACT

    @property
    def pane(self) -> str:
        """The pane that shows it."""
        return PANES[self.kind]

    @property
    def key(self) -> str:
        """The key that leads to that pane."""
        return KEYS[self.pane]

    def to_json(self) -> dict[str, JSON]:
        """Return it as JSON; numbers that are not known are null."""
        act: JSON = {"action": str(self.act.action), "arguments": dict(self.act.arguments)} if self.act else None
        return {
            "task": str(self.task),
            "kind": str(self.kind),
            "weight": str(self.weight),
            "layer": self.layer,
            "filters": list(self.filters),
            "sentence": self.sentence,
            "numbers": {name: value if math.isfinite(value) else None for name, value in self.numbers.items()},
            "pane": self.pane,
            "key": self.key,
            "act": act,
        }
