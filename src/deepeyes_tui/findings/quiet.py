"""What is said where nothing is wrong: what was looked at, and that it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deepeyes_tui.findings.finding import Finding, Kind, Task
from deepeyes_tui.findings.limits import LEAST_INPUTS
from deepeyes_tui.findings.words import count, looks_at, named, share
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.snapshot import LEAST_WINDOW, LayerStatistics, Snapshot


def nothing_found(task: Task, snapshot: Snapshot, findings: Sequence[Finding], evidence: Evidence | None) -> str:
    """Return a sentence on what a task does not find, empty where it finds what there is to say."""
    layers = np.flatnonzero(snapshot.arrays["observed"] > 0)
    if not len(layers):
        return "No layer has run yet."
    kinds = {found.kind for found in findings if found.task is task}
    filters = sum(snapshot.layers[int(i)].filters for i in layers)
    where = f"{count(filters, 'filter')} of {count(len(layers), 'layer')}"
    judged = sum(known.inputs >= LEAST_INPUTS and known.living > 0 for known in evidence.layers) if evidence else 0
    match task:
        case Task.DEGENERATED if not kinds:
            known = [snapshot.layer(int(i)) for i in layers]
            if early := [layer for layer in known if layer.dead_window < LEAST_WINDOW]:
                return _judged_too_early(early, len(known))
            window = count(min(layer.dead_window for layer in known), "observed step")
            return f"No filter is dead or always on: {where}, over the last {window} or more."
        case Task.UNSEEN if not kinds:
            looked = int(snapshot.arrays["observed"][layers].min())
            if looked < LEAST_WINDOW:
                return f"Too early to say: {count(looked, 'observed step')} so far, {LEAST_WINDOW} are needed."
            most = float(np.nan_to_num(snapshot.arrays["undetected"][layers]).max())
            if not most:
                return "In every layer, each instance of the last observed steps is detected by some filter."
            return f"Nothing goes undetected to speak of: {share(most)} of the instances of any layer at most."
        case Task.UNSEEN if Kind.UNSEEN_PATTERN not in kinds and judged:
            return "No label and no place is overlooked: nothing that is undetected has a pattern to it."
        case Task.NEEDED if judged and not kinds & {Kind.USELESS, Kind.MISSING}:
            if Kind.PURITY not in kinds:
                return f"No layer is found to be of no use. {_without_labels(snapshot)}"
            return f"No layer is found to be of no use, and none to be missing ({count(judged, 'layer')} judged)."
        case Task.OVERSIZED | Task.NEEDED if not kinds and evidence is None:
            return "Nothing is known of this without instances."
        case Task.OVERSIZED if not kinds:
            few = f"instances of fewer than {LEAST_INPUTS} inputs are kept of each"
            return "Nothing was found." if judged else f"No layer is judged yet: {few}."
    return ""


def _judged_too_early(early: Sequence[LayerStatistics], layers: int) -> str:
    least = min(early, key=lambda layer: layer.dead_window)
    needed = f"{looks_at(least)}, {LEAST_WINDOW} are needed"
    if len(early) == layers:
        return f"No filter is judged yet: {needed}."
    names = named([layer.info.name for layer in early])
    return f"No filter of {names} is judged yet: {needed}. No other is dead or always on."


def _without_labels(snapshot: Snapshot) -> str:
    how = ", which this script's loss does not give" if snapshot.status.summary else ": step(targets=...) tells it"
    return f"How well labels are kept apart is not known: that takes one of two labels or more for each input{how}."
