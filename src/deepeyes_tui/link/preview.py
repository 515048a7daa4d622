"""What a run answers about surgery and hyper-parameters, as viewers and scripts read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from deepeyes_tui.link.errors import MessageError
from deepeyes_tui.link.messages import JSON

MOST_PARTS = 1000
"""Tensors that are named one by one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One tensor: `axis` has `before` slices and will have `after`. `role`: writes, passes or reads the filters."""

    tensor: str
    axis: int
    before: int
    after: int
    role: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What surgery would do. Costs are of the model: parameters, and multiply-adds of a forward pass a sample.

    `parts_left_out`: tensors beyond those in `parts`. `change`: the largest difference of the output in eval mode, as a
    share of the output's largest magnitude; None where it is not known. `exact`: the output becomes just what masking
    the filters would make of it (grown: it stays as it is). `copies`: of the model, which will be changed alike.
    `structure` is to be sent back with the command itself; it is the generation of the board.
    """

    title: str
    parts: tuple[Part, ...]
    parts_left_out: int
    parameters: tuple[int, int]
    multiply_adds: tuple[int, int]
    change: float | None
    exact: bool
    warnings: tuple[str, ...]
    copies: int
    structure: int

    def to_json(self) -> dict[str, JSON]:
        """Return it as an outcome's details."""
        return asdict(self)

    @classmethod
    def from_json(cls, details: Mapping[str, Any]) -> Preview:
        """Return the preview of an outcome's details. Raises MessageError."""
        try:
            known = {name: details[name] for name in cls.__slots__}
            known["parts"] = tuple(Part(**part) for part in known["parts"])
            known["parameters"], known["multiply_adds"] = _pair(known["parameters"]), _pair(known["multiply_adds"])
            known["warnings"] = tuple(map(str, known["warnings"]))
            return cls(**known)
        except (KeyError, TypeError, ValueError) as error:
            raise MessageError("the run answered with something else than a preview") from error


@dataclass(frozen=True, slots=True)
class Setting:
    """A hyper-parameter: one of `messages.HYPERPARAMETERS`, its value by parameter group (one value where all agree),
    and why it cannot be set; nothing where it can.
    """

    name: str
    values: tuple[JSON, ...]
    refusal: str


@dataclass(frozen=True, slots=True)
class Settings:
    """`frozen`: layers, with their frozen filters, or none where the whole layer is. `undo`: what would be undone."""

    settings: tuple[Setting, ...]
    frozen: Mapping[str, tuple[int, ...]]
    undo: str
    structure: int

    def to_json(self) -> dict[str, JSON]:
        """Return it as an outcome's details."""
        return asdict(self)

    @classmethod
    def from_json(cls, details: Mapping[str, Any]) -> Settings:
        """Return the settings of an outcome's details. Raises MessageError."""
        try:
            settings = tuple(
                Setting(str(one["name"]), tuple(one["values"]), str(one["refusal"])) for one in details["settings"]
            )
            frozen = {str(name): tuple(map(int, filters)) for name, filters in details["frozen"].items()}
            return cls(settings, frozen, str(details["undo"]), int(details["structure"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MessageError("the run answered with something else than its settings") from error


def _pair(values: Any) -> tuple[int, int]:
    before, after = map(int, values)
    return before, after
