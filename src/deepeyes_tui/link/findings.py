"""What the instances of a run say for its findings, layer by layer: measured by the analysis process, judged elsewhere.

An *input* is one picture, text or row of a batch; several instances may be cut from it. Instances of one input resemble
each other, so errors and tests count inputs. An instance is *blank* where all values of its patch are the same: there
is no pattern in it that could be missed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

UNKNOWN = float("nan")


@dataclass(frozen=True, slots=True)
class EvidenceRequest:
    """Ask what the instances of several layers say: names and rings, in the network's order."""

    number: int
    layers: tuple[tuple[str, Path], ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """Of the `inputs` of a group, in how many no filter detects half or more of what is not blank."""

    group: str
    inputs: int
    unseen: int


@dataclass(frozen=True, slots=True)
class Purities:
    """Share of the nearest neighbours with an instance's own label, in a layer's input and in its output, each with its
    standard error; `rise` is the difference on the same instances, `chance` what random labels would give.
    """

    before: float = UNKNOWN
    before_error: float = UNKNOWN
    after: float = UNKNOWN
    after_error: float = UNKNOWN
    rise: float = UNKNOWN
    rise_error: float = UNKNOWN
    chance: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class LayerEvidence:
    """What `instances` of `inputs` say of one layer, the newest of them of `step`. Shares are of 1, NaN where unknown.

    `groups` are the filters that are alike beyond the error of the measurement, in each the one that responds most at
    first; `effective` counts the `living` filters with those that are alike as one. `copied` is the share of the
    output's variance in filters that pass on one value of the layer's input each. `unchanged` names the layer whose
    input the next layer gets again, as this one adds next to nothing to it: `added` is the size of what it adds beside
    that. `blank` is the share of blank instances, `undetected` that of the others which no filter detects.
    """

    layer: str
    generation: int = 0
    instances: int = 0
    inputs: int = 0
    groups: tuple[tuple[int, ...], ...] = ()
    effective: float = UNKNOWN
    living: int = 0
    purities: Purities = field(default_factory=Purities)
    copied: float = UNKNOWN
    unchanged: str = ""
    added: float = UNKNOWN
    blank: float = UNKNOWN
    undetected: float = UNKNOWN
    labels: tuple[Tally, ...] = ()
    places: tuple[Tally, ...] = ()
    step: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the layers' instances say; layers without any are missing."""

    number: int
    layers: tuple[LayerEvidence, ...] = ()

    def of(self, layer: str) -> LayerEvidence | None:
        """Return what is known of a layer."""
        return next((known for known in self.layers if known.layer == layer), None)
