"""Instances on their way to the host: packed to bytes on the device, unpacked to arrays there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepeyes_tui.link.excerpts import NOTHING, SPAN
from deepeyes_tui.link.ring import RingSpec
from deepeyes_tui.probe.instances import Instances
from deepeyes_tui.probe.labels import UNKNOWN, labels_at
from deepeyes_tui.probe.pictures import Window
from deepeyes_tui.probe.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Parcel:
    """The instances of layer `number` in `batch` inputs, packed as `data (S, B)`, and what the host has to know of
    them.
    """

    number: int
    spec: RingSpec
    data: Tensor
    batch: int
    grid: tuple[int, ...]
    window: Window | None

    @property
    def wire(self) -> np.dtype[Any]:
        """One row of the data."""
        spec = self.spec
        return _wire(spec.filters, spec.patch, spec.thumbnail, spec.tokens, spec.values)


@lru_cache(maxsize=1024)
def _wire(
    filters: int, patch: int, thumbnail: tuple[int, int, int], tokens: int, values: tuple[int, int]
) -> np.dtype[Any]:
    return np.dtype(
        [
            ("inputs", "<i4"),
            ("places", "<i4"),
            ("activations", "<f2", (filters,)),
            ("patches", "<f2", (patch,)),
            ("spans", "<i4", (SPAN if tokens or values[1] else 0,)),
            ("tokens", "<i4", (tokens,)),
            ("values", "<f4", values),
            ("thumbnails", "|u1", thumbnail),
        ]
    )


def pack(seen: Instances, patches: Tensor, shown: Sequence[Tensor] = ()) -> Tensor:
    """Return instances, patches `(S, D)` and what is shown of them as bytes `(S, B)`, laid out as `Parcel.wire`:
    thumbnails `(S, h, w, c)`, or spans `(S, 5)` and tokens or values `(S, W)`.
    """
    head = torch.stack((seen.inputs, seen.positions), dim=1).int().view(torch.uint8)
    values = torch.cat((seen.activations, patches.detach().float()), dim=1).half().view(torch.uint8)
    return torch.cat([head, values, *(part.flatten(1).contiguous().view(torch.uint8) for part in shown)], dim=1)


def blank(spec: RingSpec, rows: int, device: torch.device) -> list[Tensor]:
    """Return what is shown of instances whose place in the input is not known, as `pack` takes it."""
    spans = torch.zeros(rows, SPAN, dtype=torch.int32, device=device)
    if spec.tokens:
        return [spans, torch.full((rows, spec.tokens), NOTHING, dtype=torch.int32, device=device)]
    return [spans, torch.full((rows, spec.values[0] * spec.values[1]), torch.nan, device=device)]


@dataclass(slots=True)
class Shipment:
    """All parcels of one step, one transfer a device, and the class numbers of the batch."""

    step: int
    parts: list[tuple[list[Parcel], Transfer]]
    labels: Transfer | None

    def by_place(self, parcel: Parcel) -> bool:
        """Return whether there are labels of places, not of the inputs that a parcel's instances were cut from."""
        return self.labels is not None and self.labels.values().shape != (parcel.batch,)

    def arrived(self) -> bool:
        """Return whether it can be read without waiting."""
        return all(transfer.arrived() for _, transfer in self.parts) and (self.labels is None or self.labels.arrived())

    def unpack(self) -> Iterator[tuple[Parcel, dict[str, Any]]]:
        """Yield the rows of each parcel as `RingWriter.append` takes them; waits if they have not arrived."""
        labels = self.labels.values() if self.labels is not None else None
        for parcels, transfer in self.parts:
            data, start = transfer.values(), 0
            for parcel in parcels:
                end = start + parcel.data.numel()
                yield parcel, _rows(parcel, data[start:end].view(parcel.wire), self.step, labels)
                start = end


def send(step: int, parcels: dict[int, Parcel], labels: Tensor | None) -> Shipment:
    """Send off what was packed on a step, with the class numbers of its batch, `(N,)` or `(N, T)`, where known."""
    by_device: dict[torch.device, list[Parcel]] = {}
    for parcel in parcels.values():
        by_device.setdefault(parcel.data.device, []).append(parcel)
    parts = [(own, Transfer(torch.cat([parcel.data.view(-1) for parcel in own]))) for own in by_device.values()]
    return Shipment(step, parts, Transfer(labels) if parts and labels is not None else None)


def _rows(parcel: Parcel, wire: NDArray[Any], step: int, labels: NDArray[np.int32] | None) -> dict[str, Any]:
    positions = _positions(wire["places"], parcel.grid)
    return {
        "activations": wire["activations"],
        "patches": wire["patches"],
        "thumbnails": wire["thumbnails"],
        "spans": wire["spans"],
        "tokens": wire["tokens"],
        "values": wire["values"],
        "labels": UNKNOWN if labels is None else labels_at(labels, wire["inputs"], wire["spans"], parcel.batch),
        "steps": step,
        "inputs": wire["inputs"],
        "positions": positions.clip(0, np.iinfo(np.int16).max),
        "boxes": _boxes(parcel, positions),
    }


def _positions(places: NDArray[np.int32], grid: tuple[int, ...]) -> NDArray[np.int64]:
    """Return row and column `(S, 2)` on the last two axes of the grid; 0 for axes that it lacks."""
    height, width = (1, 1, *grid)[-2:]
    return np.stack((places // width % height, places % width), axis=1).astype(np.int64)


def _boxes(parcel: Parcel, positions: NDArray[np.int64]) -> NDArray[np.int64] | int:
    """Return the receptive fields `(S, 4)`: y, x, height, width, cut at the borders of the input."""
    window = parcel.window
    if window is None:
        return 0
    size = np.array(parcel.spec.input_size)
    start = np.round(positions * window.step + window.start).astype(np.int64)
    end = (start + window.size).clip(1, size)
    start = start.clip(0, size - 1)
    return np.concatenate((start, end - start), axis=1)
