"""What is found in the run that a scene shows, looked for only now and then: it is the same list for all who ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from deepeyes_tui.app.scene import Scene
from deepeyes_tui.findings import Finding, Kind, Task, Weight, find
from deepeyes_tui.findings.gathered import gathered
from deepeyes_tui.findings.quiet import nothing_found
from deepeyes_tui.findings.rests import rests_on
from deepeyes_tui.link.findings import Evidence
from deepeyes_tui.link.snapshot import Snapshot

MOST_OF_A_KIND = 30
"""Findings of a kind that are listed: a network of hundreds of layers is told in full by `deepeyes report --json`."""
EVERY = 3.0
"""Seconds of a run between two looks for findings."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot for all of its time: those that are as good as equal compare equal."""

    key: tuple[object, ...]
    snapshot: Snapshot = field(compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What is listed, in the order of the list; how many more there are of each task; how many of each weight in all;
    what is said of the tasks where nothing is wrong; what all of it rests on, where that is little.
    """

    findings: tuple[Finding, ...] = ()
    more: Mapping[Task, int] = field(default_factory=dict)
    weights: Mapping[Weight, int] = field(default_factory=dict)
    quiet: Mapping[Task, str] = field(default_factory=dict)
    rests: str = ""


def moment(snapshot: Snapshot) -> Moment:
    """Return the few seconds that a snapshot stands for."""
    at = snapshot.status.published_at
    return Moment((snapshot.run, snapshot.generation, int(at // EVERY) if at else snapshot), snapshot)


@lru_cache(maxsize=2)
def _found(when: Moment, evidence: Evidence | None) -> Found:
    everything = find(when.snapshot, evidence)
    told: Counter[Kind] = Counter()
    more: Counter[Task] = Counter()
    kept = []
    for finding in (listed := gathered(everything)):
        told[finding.kind] += 1
        if told[finding.kind] <= MOST_OF_A_KIND:
            kept.append(finding)
        else:
            more[finding.task] += 1
    quiet = {task: nothing_found(task, when.snapshot, everything, evidence) for task in Task}
    weights = Counter(finding.weight for finding in listed)
    return Found(tuple(kept), more, weights, quiet, rests_on(when.snapshot, evidence))


def found_in(scene: Scene) -> Found:
    """Return what is found in a scene's run."""
    return _found(moment(scene.snapshot), scene.maps.evidence) if scene.snapshot is not None else Found()


def findings_of(scene: Scene) -> tuple[Finding, ...]:
    """Return the findings that are listed, in the order of the list."""
    return found_in(scene).findings


def finding_here(scene: Scene) -> Finding | None:
    """Return the finding under the cursor."""
    found = findings_of(scene)
    return found[min(scene.desk.finding, len(found) - 1)] if found else None
