"""Where what a probe knows goes out, and where commands come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.journal import JOURNAL
from deepeyes_tui.link.keeping import INSTANCES
from deepeyes_tui.link.runs import Run
from deepeyes_tui.probe.diary import Diary
from deepeyes_tui.probe.publishing import Publisher
from deepeyes_tui.probe.recording import Recording
from deepeyes_tui.probe.rings import Rings


@dataclass(frozen=True, slots=True)
class Outlets:
    """Board, instances, history, control socket and journal of one run."""

    publisher: Publisher
    rings: Rings
    recording: Recording
    server: ControlServer
    diary: Diary


def open_outlets(run: Run, labels: Sequence[str], budget: float, control: bool) -> Outlets:
    """Make all of them in the run's folders. Raises OSError or ControlError."""
    return Outlets(
        publisher=Publisher(run.board, run.name, labels, budget),
        rings=Rings(run.live / INSTANCES),
        recording=Recording(run, budget),
        server=ControlServer(run.control, allowed=control),
        diary=Diary(run.folder / JOURNAL),
    )
