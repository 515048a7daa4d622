"""What steering needs of the other ranks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepeyes_tui.probe.ranks.meeting import Meeting


@dataclass(slots=True)
class Link:
    """What steering needs of the other ranks. `hindrance`: why they cannot act together, empty where they can; `call`
    them; make a `meeting` by its number; `settle` what is on its way between them; `keep` the appointments of a step.
    """

    hindrance: Callable[[], str]
    call: Callable[[], None]
    meeting: Callable[[int], Meeting]
    settle: Callable[[], None]
    keep: Callable[[int], None]
