"""What a viewer asks of its analysis process, and what comes back: frozen, plain arrays.

Shapes: `S` instances of a sample, `F` filters, `n` points of a map, `k` neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepeyes_tui.link.excerpts import Excerpts
from deepeyes_tui.link.findings import Evidence, EvidenceRequest
from deepeyes_tui.link.frozen import frozen

Float = NDArray[np.float32]
Half = NDArray[np.float16]
Int = NDArray[np.int32]
Long = NDArray[np.int64]
Flag = NDArray[np.bool_]

REDUNDANT = 0.9
"""Similarity from which two filters are called redundant."""
QUALITY_NEIGHBOURS = 10
PAIRS_FROM = 0.5
"""Least similarity of the pairs that a Filter Map lists."""


class Stage(StrEnum):
    """What the analysis process is busy with. The value is what the user reads."""

    STARTING = "starting"
    WARMING = "warming"
    READY = "ready"
    READING = "reading instances"
    NEIGHBOURS = "finding neighbours"
    HIERARCHY = "building the hierarchy"
    LAYOUT = "laying out"
    QUALITY = "judging the picture"
    SIMILARITY = "comparing filters"
    SURVEY = "comparing layers"
    FINDINGS = "looking for findings"


@dataclass(frozen=True, slots=True)
class InputMapRequest:
    """Ask for the Input Map of the layer whose ring is at `path`. `trail` names, level by level, the landmarks drilled
    into, by their ids in the ring. `renew` reads the ring again; else what was read before is gone through.
    """

    number: int
    path: Path
    layer: str
    trail: tuple[tuple[int, ...], ...] = ()
    renew: bool = False


@dataclass(frozen=True, slots=True)
class FilterMapRequest:
    """Ask for the Filter Map of the layer whose ring is at `path`."""

    number: int
    path: Path
    layer: str


@dataclass(frozen=True, slots=True)
class SurveyRequest:
    """Ask for the numbers of several layers side by side: names and rings."""

    number: int
    layers: tuple[tuple[str, Path], ...]


Request = InputMapRequest | FilterMapRequest | SurveyRequest | EvidenceRequest


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done for request `number` (0: for none), and since how many seconds."""

    number: int
    stage: Stage
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Failure:
    """Request `number` came to nothing; `sentence` says why."""

    number: int
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """The instances behind a map, oldest first; fields as `link.instances.Instances`, and per instance `maximum` over
    all filters, `perplexity` (NaN where undetected), `undetected`.
    """

    number: int
    layer: str
    generation: int
    ids: Long  # (S,)
    activations: Half = field(repr=False)  # (S, F)
    labels: Int  # (S,)
    steps: Long  # (S,)
    inputs: Int  # (S,)
    positions: NDArray[np.int16]  # (S, 2)
    boxes: NDArray[np.int16]  # (S, 4)
    thumbnails: NDArray[np.uint8] = field(repr=False)  # (S, h, w, c)
    input_size: tuple[int, ...]
    maximum: Float  # (S,)
    perplexity: Float  # (S,)
    undetected: Flag  # (S,)
    nonfinite: int = 0
    excerpts: Excerpts = field(default_factory=Excerpts)

    @property
    def size(self) -> int:
        """The number of instances."""
        return len(self.ids)

    @property
    def filters(self) -> int:
        """The number of filters."""
        return int(self.activations.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class MapShape:
    """The points of a map, before they have places. `points (n,)` are rows of the sample of number `sample`;
    `members (S,)` says which point stands for each instance, -1 where none does; `weights (n,)` are the instances
    behind each point. `level` 0 shows every instance, `levels` counts the scales there are.
    """

    number: int
    sample: int
    trail: tuple[tuple[int, ...], ...]
    level: int
    levels: int
    points: Long
    weights: Float
    members: Int


@dataclass(frozen=True, slots=True, eq=False)
class MapFrame:
    """The places of a map's points `(n, 2)` after some iterations."""

    number: int
    iteration: int
    iterations: int
    positions: Float


@dataclass(frozen=True, slots=True, eq=False)
class MapQuality:
    """How true each point's neighbourhood is, 1 at best, and its false and missing neighbours, -1 where there are
    fewer than `k`.
    """

    number: int
    trustworthiness: Float  # (n,)
    continuity: Float  # (n,)
    false_neighbours: Int  # (n, k)
    missing_neighbours: Int  # (n, k)


@dataclass(frozen=True, slots=True, eq=False)
class FilterMap:
    """The filters of a layer by their similarity. `pairs (m, 2)` with `similarity (m,)` are those from PAIRS_FROM on,
    the most similar first; `groups` the redundant ones. Dead filters have no place (NaN) and no label (-1).
    """

    number: int
    layer: str
    generation: int
    instances: int
    positions: Float  # (F, 2)
    label: Int  # (F,)
    strength: Float  # (F,)
    dead: Flag  # (F,)
    coverage: Float  # (F,)
    pairs: Int
    similarity: Float
    groups: tuple[tuple[int, ...], ...]
    effective: float
    iteration: int = 0
    iterations: int = 0


@dataclass(frozen=True, slots=True)
class LayerNumbers:
    """What T3 to T5 ask of one layer, in numbers. Shares are of 1, NaN where unknown.

    `purity` is the share of an instance's nearest neighbours with its label, `purity_error` its standard error,
    `purity_by_chance` what labels thrown at random would give; `confused` are the pairs of labels most mixed.
    """

    layer: str
    instances: int
    purity: float = float("nan")
    purity_error: float = float("nan")
    purity_by_chance: float = float("nan")
    undetected: float = float("nan")
    effective_filters: float = float("nan")
    redundant: int = 0
    groups: int = 0
    coverage: float = float("nan")
    confused: tuple[tuple[int, int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Survey:
    """The numbers of the layers that have instances."""

    number: int
    layers: tuple[LayerNumbers, ...]


Answer = Progress | Failure | Sample | MapShape | MapFrame | MapQuality | FilterMap | Survey | Evidence


def freeze(answer: Answer | Excerpts) -> None:
    """Make all arrays of an answer read-only: those that came through a pipe can be written to."""
    for part in fields(answer):
        value = getattr(answer, part.name)
        if isinstance(value, np.ndarray):
            frozen(value)
        elif isinstance(value, Excerpts):
            freeze(value)
