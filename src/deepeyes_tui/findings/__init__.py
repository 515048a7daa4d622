"""What is found in a run, in words, with the numbers behind it: the questions T1 to T5 of DeepEyes, answered with care.

`find` is a pure function of a snapshot and of what the instances say. Nothing is acted upon by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from deepeyes_tui.findings.degenerated import find_degenerated
from deepeyes_tui.findings.finding import Finding, Kind, Task, Weight
from deepeyes_tui.findings.limits import LEAST_INPUTS
from deepeyes_tui.findings.needed import find_needed
from deepeyes_tui.findings.oversized import find_oversized
from deepeyes_tui.findings.stability import find_stability
from deepeyes_tui.findings.undetected import find_undetected
from deepeyes_tui.findings.words import named
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.snapshot import LayerStatistics, Snapshot

__all__ = ["Finding", "Kind", "Task", "Weight", "find"]


def find(snapshot: Snapshot, evidence: Evidence | None = None) -> tuple[Finding, ...]:
    """Return what is found, in the order of T1 to T5, in each the faults first, then as the layers come.

    Without evidence, which instances give, T4 and T5 and the patterns of T3 are left out; evidence of filters that are
    others now is not used.
    """
    layers = [layer for layer in map(snapshot.layer, range(len(snapshot.layers))) if layer.has_run]
    fitting = fitted(snapshot, evidence)
    findings = [*find_stability(snapshot, layers), *find_degenerated(layers)]
    findings += find_undetected(layers, fitting, snapshot.labels)
    if fitting is not None:
        findings += [*find_oversized(layers, fitting), *find_needed(layers, fitting), *_too_little(layers, fitting)]
    order = list(Task)
    return tuple(sorted(findings, key=lambda found: (order.index(found.task), found.weight is not Weight.FAULT)))


def fitted(snapshot: Snapshot, evidence: Evidence | None) -> Evidence | None:
    """Return the evidence of the layers that are still as they were."""
    if evidence is None:
        return None
    names = {info.name for info in snapshot.layers}
    now = tuple(known for known in evidence.layers if known.layer in names and known.generation == snapshot.generation)
    return Evidence(evidence.number, now)


def _too_little(layers: list[LayerStatistics], evidence: Evidence) -> Iterator[Finding]:
    few: dict[str, int] = {}
    for layer in layers:
        known = evidence.of(layer.info.name)
        if known is None or known.inputs < LEAST_INPUTS:
            few[layer.info.name] = known.inputs if known is not None else 0
    if few:
        least, most = min(few.values()), max(few.values())
        text = (
            f"Too little is known of {named(list(few))} for T3 to T5: instances of only "
            f"{least:,}{f' to {most:,}' if most > least else ''} inputs were kept in the newer half of the training, "
            f"{LEAST_INPUTS} are needed."
        )
        yield Finding(Task.NEEDED, Kind.UNKNOWN, next(iter(few)) if len(few) == 1 else "", text)
