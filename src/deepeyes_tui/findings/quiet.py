"""What is said where nothing is wrong: what was looked at, and that it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.words import count, share
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.snapshot import LEAST_WINDOW, Snapshot


def nothing_found(task: Task, snapshot: Snapshot, findings: Sequence[Finding], evidence: Evidence | None) -> str:
    """Return a sentence on what a task does not find, empty where it finds what there is to say."""
    layers = np.flatnonzero(snapshot.arrays["observed"] > 0)
    if not len(layers):
        return "No layer has run yet."
    kinds = {found.kind for found in findings if found.task is task}
    filters = sum(snapshot.layers[int(i)].filters for i in layers)
    where = f"{count(filters, 'filter')} of {count(len(layers), 'layer')}"
    match task:
        case Task.DEGENERATED if not kinds:
            window = int(snapshot.arrays["dead_window"][layers].min())
            if window < LEAST_WINDOW:
                return f"No filter is judged yet: {count(window, 'observed step')} so far, {LEAST_WINDOW} are needed."
            return f"No filter is dead or always on: {where}, over the last {count(window, 'observed step')} or more."
        case Task.UNSEEN if not kinds:
            most = float(np.nan_to_num(snapshot.arrays["undetected"][layers]).max())
            if not most:
                return "In every layer, each instance of the last observed steps is detected by some filter."
            return f"Nothing goes undetected to speak of: {share(most)} of the instances of any layer at most."
        case Task.UNSEEN if Kind.UNSEEN_PATTERN not in kinds and evidence is not None:
            return "No label and no place is overlooked: nothing that is undetected has a pattern to it."
        case Task.NEEDED if evidence is not None and not any(known.living for known in evidence.layers):
            return ""
        case Task.NEEDED if evidence is not None and not kinds & {Kind.USELESS, Kind.MISSING}:
            if Kind.PURITY not in kinds:
                return "No layer is found to be of no use. Labels are not known: step(targets=...) tells them."
            judged = sum(bool(known.living) for known in evidence.layers)
            return f"No layer is found to be of no use, and none to be missing ({count(judged, 'layer')} judged)."
    if not kinds:
        return "Nothing is known of this without instances." if evidence is None else "Nothing was found."
    return ""
