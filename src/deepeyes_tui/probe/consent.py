"""Whether what is done in one process of a training is done in all of them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from deepeyes_tui.link.messages import Command
from deepeyes_tui.surgery.plan import Plan


class Consent:
    """That of a training in one process: always given. `given` are plans made on another rank."""

    leads = True
    given: tuple[Plan, ...] | None = None

    def propose(self, command: Command, plans: Sequence[Plan]) -> None:
        """Tell the other ranks what is about to be done here."""

    def commit(self, model: nn.Module, plans: Sequence[Plan]) -> None:
        """Return once all have done the same. Raises SurgeryError where one could not: then it is to be taken back."""
