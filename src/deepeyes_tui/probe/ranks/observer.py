"""Observes the steps of one rank: activations are counted once it is known how large they are on all ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.gathering import Gatherer
from deepeyes_tui.probe.instances import Instances, Sampler
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.observation import reduce_activations
from deepeyes_tui.probe.observer import Observer
from deepeyes_tui.probe.shipment import Shipment
from deepeyes_tui.probe.transfer import Transfer

Kept = Mapping[int, Sequence[Tensor]]
Parts = list[tuple[list[int], list[int], Transfer]]
"""Layers, the lengths of their values, and the values one behind the other."""


class Seen:
    """The activations `(S, F)` of one observed step, by layer and call, held on the device until they are counted."""

    def __init__(self, step: int, kept: Kept, shipment: Shipment) -> None:
        self.step, self.shipment = step, shipment
        self._kept = kept
        self._tops = _send({number: torch.stack([_tops(call) for call in calls]) for number, calls in kept.items()})
        self._counts: Parts | None = None

    @property
    def counting(self) -> bool:
        """Whether `count` has been called."""
        return self._counts is not None

    def tops(self) -> dict[int, NDArray[np.float32]] | None:
        """Return the largest activations `(calls, F)` of the layers that ran; None while they are on their way."""
        found = _read(self._tops)
        return found and {number: flat.reshape(len(self._kept[number]), -1) for number, flat in found.items()}

    def forget(self) -> None:
        """Let go of the activations: this rank has seen nothing."""
        self._kept, self._tops = {}, []

    def count(self, peaks: NDArray[np.float32]) -> None:
        """Have the activations counted against the peaks `(L, MOST_CALLS)` of all ranks, and let go of them."""
        with torch.no_grad():
            counts = {number: _count(calls, peaks[number]) for number, calls in self._kept.items()}
        self._counts, self._kept = _send(counts), {}

    def counts(self) -> dict[int, NDArray[np.float32]] | None:
        """Return the vectors of the layers that ran; None while they are on their way."""
        return None if self._counts is None else _read(self._counts)


class RankObserver(Observer):
    """As `Observer`, and with `joint` true it keeps what is to be counted later."""

    def __init__(
        self, root: nn.Module, layers: Sequence[Layer], border: Border, sampler: Sampler, gatherer: Gatherer
    ) -> None:
        super().__init__(root, layers, border, sampler, gatherer)
        self.joint = False
        self._held: dict[int, list[Tensor]] = {}

    def collect_seen(self, step: int, targets: Any) -> Seen:
        """Return what was gathered since the last call."""
        held, self._held = self._held, {}
        self._calls = [0] * len(self._layers)
        self._events = []
        return Seen(step, held, self._gatherer.collect(step, targets))

    def _add(self, number: int, seen: Instances) -> None:
        if not self.joint:
            super()._add(number, seen)
            return
        self._held.setdefault(number, []).append(seen.activations)
        self._calls[number] += 1


def _tops(activations: Tensor) -> Tensor:
    return torch.where(torch.isfinite(activations), activations, 0.0).amax(0).float()


def _count(calls: Sequence[Tensor], peaks: NDArray[np.float32]) -> Tensor:
    vectors = [
        reduce_activations(call, torch.full((), float(peak), dtype=torch.float32, device=call.device))
        for call, peak in zip(calls, peaks, strict=False)
    ]
    return vectors[0] if len(vectors) == 1 else torch.stack(vectors).sum(0)


def _send(by_layer: Mapping[int, Tensor]) -> Parts:
    by_device: dict[torch.device, list[int]] = {}
    for number, tensor in by_layer.items():
        by_device.setdefault(tensor.device, []).append(number)
    return [
        (layers, [by_layer[n].numel() for n in layers], Transfer(torch.cat([by_layer[n].flatten() for n in layers])))
        for layers in by_device.values()
    ]


def _read(parts: Parts) -> dict[int, NDArray[np.float32]] | None:
    if not all(transfer.arrived() for _, _, transfer in parts):
        return None
    found: dict[int, NDArray[np.float32]] = {}
    for layers, lengths, transfer in parts:
        found |= zip(layers, np.split(transfer.values(), np.cumsum(lengths)[:-1]), strict=True)
    return found
