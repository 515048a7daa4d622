"""Evidence of a run, waited for: what an analysis process of our own makes of its instances."""

from __future__ import annotations

import queue
import time

from deepeyes_tui.link.analyst import Analyst
from deepeyes_tui.link.findings import Evidence, EvidenceRequest
from deepeyes_tui.link.maps import Answer, Failure, Progress, Stage
from deepeyes_tui.link.ring import ring_path
from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.snapshot import Snapshot

WITHIN = 120.0
"""Seconds to wait at least: where kernels have never been compiled, a good part of a minute."""
A_LAYER = 2.0
"""Seconds to wait for each layer besides."""
NUMBER = 1
NONE_KEPT = (
    "no instances are kept of this run, as they are of those under way and the newest that are over alone: "
    "what T3 to T5 need of them is not known"
)


def ask_evidence(run: Run, snapshot: Snapshot) -> tuple[Evidence | None, str]:
    """Return what the instances of a run say, or None and a sentence on why that is not known."""
    names = [info.name for info in snapshot.layers]
    if not any(ring_path(run.instances, number).exists() for number in range(len(names))):
        return None, NONE_KEPT
    answers: queue.Queue[Answer] = queue.Queue()
    analyst = Analyst(answers.put)
    try:
        analyst.ask(EvidenceRequest(NUMBER, tuple((name, ring_path(run.instances, i)) for i, name in enumerate(names))))
        return _wait(answers, time.monotonic() + WITHIN + A_LAYER * len(names))
    finally:
        analyst.close()


def _wait(answers: queue.Queue[Answer], until: float) -> tuple[Evidence | None, str]:
    found: Evidence | None = None
    while (left := until - time.monotonic()) > 0:
        try:
            answer = answers.get(timeout=left)
        except queue.Empty:
            break
        match answer:
            case Evidence():
                found = answer
            case Failure():
                return None, f"its instances could not be looked at: {answer.sentence}"
            case Progress(number=number, stage=Stage.READY) if number == NUMBER:
                if found is not None and found.layers:
                    return found, ""
                return None, "none of its instances can be read: what T3 to T5 need of them is not known"
    return found, "its instances could not be looked at in time: what T3 to T5 need of them is not known"
