"""Surgery as a value: which slices of which tensors go or come, before anything is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.sample import Sample


class Kind(StrEnum):
    """What a plan does. The value is what the user reads."""

    PRUNE = "prune"
    GROW = "grow"
    ADD_LAYER = "add layer"
    DROP_LAYER = "drop layer"


class Role(StrEnum):
    """What a tensor has to do with the filters along the axis that is cut."""

    WRITES = "writes"
    """Their own weights: rows of a convolution, a linear layer, an embedding."""
    PASSES = "passes"
    """One value a channel on the way: normalisations, depthwise convolutions, PReLU."""
    READS = "reads"
    """The weights with which the next layers read them."""


class Fill(StrEnum):
    """What new slices hold."""

    RANDOM = "random"
    """Normal, with the mean and the spread of the tensor itself."""
    ZERO = "zero"
    ONE = "one"
    COPY = "copy"
    """As their sources."""
    SHARED = "shared"
    """As their sources, which are divided by the number of their copies and themselves alike."""


@dataclass(frozen=True, slots=True)
class Cut:
    """`tensor`, `size` long along `axis`, loses the slices at `indices` (rising, each once).

    `tensor` is a path as in `named_parameters` or `named_buffers`; a tied tensor goes by its first path.
    """

    tensor: str
    axis: int
    size: int
    indices: tuple[int, ...]
    role: Role

    @property
    def size_after(self) -> int:
        """How long the axis becomes."""
        return self.size - len(self.indices)


@dataclass(frozen=True, slots=True)
class Insertion:
    """`tensor`, `size` long along `axis`, gets slices that stand at `indices` of the new tensor (rising, each once).

    `sources` are the slices of the old tensor that each is modelled on.
    """

    tensor: str
    axis: int
    size: int
    indices: tuple[int, ...]
    sources: tuple[int, ...]
    fill: Fill
    role: Role

    @property
    def size_after(self) -> int:
        """How long the axis becomes."""
        return self.size + len(self.indices)


@dataclass(frozen=True, slots=True)
class Rescale:
    """The magnitudes of a weight-normalised layer follow its directions, which are cut along the axis that they are
    normed over: so its weights keep their values.
    """

    magnitude: str
    direction: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a module that has to say the new size."""

    module: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Replacement:
    """A module that is put in the place of another, by a description from which it can be made anew."""

    module: str
    what: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """`parameters` of the model, `multiply_adds` of one forward pass a sample."""

    parameters: int = 0
    multiply_adds: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done. Plain data but for `sample`, on which it was made and is checked when it is carried out.

    `exact`: the result is to equal the model with the same channels masked (or, grown, the model as it was); otherwise
    `warnings` say why not. `change` is the largest difference of the output on the sample in eval mode, as a share of
    the output's largest magnitude.
    """

    kind: Kind
    layer: str
    filters: tuple[int, ...] = ()
    cuts: tuple[Cut, ...] = ()
    insertions: tuple[Insertion, ...] = ()
    rescales: tuple[Rescale, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    replacement: Replacement | None = None
    before: Cost = Cost()
    after: Cost = Cost()
    exact: bool = True
    change: float = float("nan")
    warnings: tuple[str, ...] = ()
    seed: int = 0
    sample: Sample | None = field(default=None, compare=False, repr=False)

    @property
    def edits(self) -> tuple[Cut | Insertion, ...]:
        """All that is cut and all that is inserted."""
        return (*self.cuts, *self.insertions)

    def to_json(self) -> dict[str, Any]:
        """Return the plan as what JSON can say; the sample stays behind."""
        plain = {name: getattr(self, name) for name in self.__slots__ if name != "sample"}
        return {name: _plain(value) for name, value in plain.items()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Plan:
        """Return the plan that `to_json` was called on. Raises SurgeryError for anything else."""
        try:
            return cls(**_parsed(plain))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SurgeryError("this is no plan of surgery that this version can read") from error


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(item) for name, item in asdict(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    return None if isinstance(value, float) and value != value else value


def _parsed(plain: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: plain[name] for name in Plan.__slots__ if name in plain}
    return {
        **known,
        "kind": Kind(plain["kind"]),
        "layer": str(plain["layer"]),
        "filters": tuple(map(int, plain["filters"])),
        "cuts": tuple(Cut(**_slices(one)) for one in plain["cuts"]),
        "insertions": tuple(_insertion(one) for one in plain["insertions"]),
        "rescales": tuple(Rescale(**one) for one in plain["rescales"]),
        "attributes": tuple(Attribute(**_tuples(one)) for one in plain["attributes"]),
        "replacement": Replacement(**plain["replacement"]) if plain["replacement"] else None,
        "before": Cost(**plain["before"]),
        "after": Cost(**plain["after"]),
        "change": float("nan") if plain["change"] is None else float(plain["change"]),
        "warnings": tuple(map(str, plain["warnings"])),
    }


def _slices(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {**plain, "indices": tuple(map(int, plain["indices"])), "role": Role(plain["role"])}


def _insertion(plain: Mapping[str, Any]) -> Insertion:
    sources = tuple(map(int, plain["sources"]))
    return Insertion(**{**_slices(plain), "sources": sources, "fill": Fill(plain["fill"])})


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return lists as the tuples they were: sizes such as `normalized_shape`."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
