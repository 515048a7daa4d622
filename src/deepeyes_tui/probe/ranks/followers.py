"""What a rank that does not lead has in the place of the run's board, socket, rings and journal: nothing goes out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deepeyes_tui.link.control import ControlServer, Request
from deepeyes_tui.link.messages import Outcome
from deepeyes_tui.link.ring import RingSpec
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import LayerInfo, Status
from deepeyes_tui.probe.diary import Deed, Diary
from deepeyes_tui.probe.gathering import Gatherer
from deepeyes_tui.probe.outlets import Outlets
from deepeyes_tui.probe.publishing import Publisher
from deepeyes_tui.probe.recording import Recording
from deepeyes_tui.probe.rings import Rings
from deepeyes_tui.probe.scalars import Scalars
from deepeyes_tui.probe.shipment import Shipment
from deepeyes_tui.probe.statistics.table import StatisticsTable


class SilentPublisher(Publisher):
    """Counts the structures of the model, and publishes nothing."""

    def __init__(self) -> None:
        super().__init__(Path(), "", (), 1.0)

    def _open(self, infos: Sequence[LayerInfo]) -> None:
        """Keep no board."""

    def describe_anew(self, infos: Sequence[LayerInfo]) -> None:
        """Do nothing."""

    def due(self) -> bool:
        """Return that it is never time."""
        return False

    def publish(self, status: Status, table: StatisticsTable, scalars: Scalars) -> None:
        """Do nothing."""


class SilentServer(ControlServer):
    """Has no socket: commands come from rank 0."""

    def __init__(self) -> None:
        """Listen to nobody."""

    @property
    def notice(self) -> str:
        """Nothing: there is no socket that could be lost."""
        return ""

    def pending(self) -> list[Request]:
        """Return no command."""
        return []

    def wait(self, timeout: float) -> bool:
        """Return at once: nobody sends anything here."""
        return False

    def answer(self, request: Request, outcome: Outcome) -> None:
        """Do nothing."""

    def close(self, reason: str = "") -> None:
        """Do nothing."""


class SilentDiary(Diary):
    """Numbers the deeds as that of rank 0 does, which writes them down."""

    def __init__(self) -> None:
        super().__init__(Path())

    @contextmanager
    def writing(self, deed: Deed) -> Iterator[int]:
        """Count a deed that succeeds."""
        yield self._next
        self._next += 1

    def say(self, sentence: str) -> None:
        """Do nothing: rank 0 says it."""


class SilentGatherer(Gatherer):
    """Gathers no instances."""

    @property
    def gathers(self) -> bool:
        """Whether this pass is of interest: none is."""
        return False


class SilentRings(Rings):
    """Keeps no instances."""

    def __init__(self) -> None:
        super().__init__(Path())

    def open(self, specs: Sequence[RingSpec]) -> None:
        """Do nothing."""

    def write(self, shipment: Shipment) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class SilentRecording(Recording):
    """Keeps no history."""

    notice = ""

    def __init__(self) -> None:
        """Open no file."""

    def scalar(self, name: str, step: int, value: float) -> None:
        """Do nothing."""

    def event(self, step: int, kind: str, text: str) -> None:
        """Do nothing."""

    def take_seconds(self) -> float:
        """Return that nothing was spent."""
        return 0.0

    def take(self, status: Status, publisher: Publisher, table: StatisticsTable) -> None:
        """Do nothing."""

    def close(self, timeout: float = 0.0) -> None:
        """Do nothing."""


class NoRun(Run):
    """The run of a rank that has none of its own: rank 0 has it."""

    def remove_live(self, keep_board: bool = True) -> None:
        """Do nothing."""


def no_run() -> Run:
    """Return what stands for the run in a process that writes nothing."""
    return NoRun("", Path(os.devnull), Path(os.devnull))


def silent_outlets() -> Outlets:
    """Return outlets through which nothing goes."""
    return Outlets(SilentPublisher(), SilentRings(), SilentRecording(), SilentServer(), SilentDiary())
