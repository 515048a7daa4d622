"""Gathers one observed step: taps on the layers reduce their outputs on the device, one transfer brings them home."""

from __future__ import annotations

import weakref
from collections.abc import MutableMapping, Sequence, Set
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.compiled.again import normalised
from deepeyes_tui.probe.discovery import OutputPoint
from deepeyes_tui.probe.gathering import Gatherer
from deepeyes_tui.probe.instances import Instances, Sampler
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.observation import COUNTS, Observation, merge_vectors, reduce_activations, unpack
from deepeyes_tui.probe.shipment import Shipment
from deepeyes_tui.probe.sources import Source, sources
from deepeyes_tui.probe.tapping import entering_rows, tap_layer
from deepeyes_tui.probe.taps import Handle, Tap, apart, attach, is_ordinary_forward, is_real, retire
from deepeyes_tui.probe.transfer import Transfer

MOST_CALLS = 4
"""Calls of one layer that count within a step: shared layers, accumulated batches."""
Events = tuple[torch.cuda.Event, torch.cuda.Event]


@dataclass(slots=True)
class PendingObservation:
    """An observed step whose vectors may still be on their way."""

    step: int
    sizes: list[int]
    parts: list[tuple[list[int], Transfer]]
    events: list[Events]
    shipment: Shipment

    def arrived(self) -> bool:
        """Return whether it can be read without waiting."""
        return all(transfer.arrived() for _, transfer in self.parts) and self.shipment.arrived()

    def device_seconds(self) -> float:
        """Return the time that the device spent on it, 0 on a CPU."""
        return float(sum(start.elapsed_time(end) for start, end in self.events)) / 1e3

    def read(self) -> Observation:
        """Return the observation; waits if it has not arrived."""
        vectors = {}
        for numbers, transfer in self.parts:
            values, start = transfer.values(), 0
            for number in numbers:
                length = vector_length(self.sizes[number])
                vectors[number] = values[start : start + length]
                start += length
        return unpack(self.step, vectors, self.sizes)


def vector_length(filters: int) -> int:
    """Return the length of a layer's vector."""
    return COUNTS + 2 * filters


class Observer:
    """Holds the taps of one model, not the model. Does nothing but one comparison a call while `observing` is false.

    With `keeps_output`, the model's own output `(N, C)` of the last pass is held in `output`.
    """

    def __init__(
        self, root: nn.Module, layers: Sequence[Layer], border: Border, sampler: Sampler, gatherer: Gatherer
    ) -> None:
        self.observing = False
        self.keeps_output = False
        self.seconds = 0.0
        self.output: Tensor | None = None
        self._root, self._layers = weakref.ref(root), list(layers)
        self._border, self._sampler, self._gatherer = border, sampler, gatherer
        self._points: list[OutputPoint] = []
        self._sources: MutableMapping[nn.Module, list[Source]] = {}
        self._vectors: dict[int, Tensor] = {}
        self._calls = [0] * len(self._layers)
        self._peaks: dict[int, Tensor] = {}
        self._events: list[Events] = []
        self._handles: list[Handle] = []

    def install(self, points: Sequence[OutputPoint], in_graphs: Set[nn.Module] = frozenset()) -> None:
        """Tap the layers at their inputs and output points, and the model's own output.

        Modules that were seen `in_graphs` get no hooks: those would have their graphs traced anew.
        """
        root = self._root()
        if root is None:
            return
        self._points = list(points)
        modules = dict(root.named_modules(remove_duplicate=False))
        self._sources = sources(self._layers, self._points, modules)
        for number, (layer, point) in enumerate(zip(self._layers, self._points, strict=True)):
            if layer.module not in in_graphs:
                self._handles += tap_layer(number, layer, point, modules, self._receive, self._receive_input)
        if root not in in_graphs:
            self._handles.append(attach(root, Tap(-1, self._receive_output)))

    def remove(self, *, traced: bool = False) -> None:
        """Take all taps off the model; off one that was `traced` they are not taken, but do nothing any longer."""
        retire(self._handles, traced=traced)
        self._handles.clear()
        self._sources.clear()
        self.observing = False

    def take_portion(self, portion: float) -> None:
        """Draw this share of as many instances as may be drawn."""
        self._sampler.portion = portion

    def forget_peak(self, number: int | None) -> None:
        """Start the largest activation of one layer, or of all, anew."""
        if number is None:
            self._peaks.clear()
        else:
            self._peaks.pop(number, None)

    def know_peaks(self, peaks: Sequence[float]) -> None:
        """Start with the largest activations `(L,)` that are known of the layers already, 0 for those that are new."""
        self._peaks = {
            number: torch.tensor(peak, dtype=torch.float32, device=layer.device)
            for number, (layer, peak) in enumerate(zip(self._layers, peaks, strict=True))
            if peak > 0
        }

    def enter(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Take note of a pass that begins, and hold its inputs where it is observed."""
        if self._begins():
            self._border.call(self._gatherer.enter, args, kwargs)

    def enter_graph(self, args: tuple[Tensor, ...], kwargs: dict[str, Tensor]) -> None:
        """As `enter`, for inputs whose memory the graph may use for something else in the same pass."""
        if self._begins():
            self._border.call(self._gatherer.enter, *tree_map(Tensor.clone, (args, kwargs)))

    def pass_in_graph(self, module: nn.Module, output: Tensor, entering: Tensor | None) -> None:
        """Take what passed a module within a graph: nothing of it is valid any longer once this returns."""
        if not (self.observing and self._counts()):
            return
        started = perf_counter()
        for source in self._sources.get(module, ()):
            self._border.call(self._take_from_graph, source, output, entering)
        self.seconds += perf_counter() - started

    def leave_graph(self, output: Tensor) -> None:
        """Take the model's output from a graph."""
        if self.keeps_output and self._counts():
            self.output = output.clone()

    def collect(self, step: int, targets: Any) -> PendingObservation:
        """Send off what was gathered since the last call, the instances with the classes of the last pass."""
        by_device: dict[torch.device, list[int]] = {}
        for number, vector in self._vectors.items():
            by_device.setdefault(vector.device, []).append(number)
        parts = [(numbers, Transfer(torch.cat([self._vectors[n] for n in numbers]))) for numbers in by_device.values()]
        shipment = self._gatherer.collect(step, targets)
        pending = PendingObservation(step, [layer.filters for layer in self._layers], parts, self._events, shipment)
        self._vectors, self._events = {}, []
        self._calls = [0] * len(self._layers)
        return pending

    def take_seconds(self) -> float:
        """Return the time spent in taps since the last call."""
        seconds, self.seconds = self.seconds, 0.0
        return seconds

    def _begins(self) -> bool:
        if not self._counts():
            return False
        self._gatherer.begin_pass()
        return self.observing and self._gatherer.gathers

    def _counts(self) -> bool:
        root = self._root()
        return root is not None and root.training and is_ordinary_forward()

    def _receive_input(self, number: int, entering: Any) -> None:
        if self.observing and self._gatherer.wants(number) and self._counts():
            self._border.call(self._gatherer.keep_input, number, entering_rows(entering))

    def _receive(self, number: int, output: Any) -> None:
        if self.observing and self._counts():
            started = perf_counter()
            self._border.call(self._reduce, number, output)
            self.seconds += perf_counter() - started

    def _receive_output(self, _: int, output: Any) -> None:
        if self.keeps_output and isinstance(output, Tensor) and output.dim() == 2 and self._counts():
            self.output = output.detach()

    def _take_from_graph(self, source: Source, output: Tensor, entering: Tensor | None) -> None:
        number = source.number
        if source.enters and entering is not None and self._gatherer.wants(number):
            self._gatherer.keep_input(number, entering if source.leaves else entering.clone())
        if source.at_input and entering is not None:
            self._reduce(number, entering)
        elif source.leaves and not source.at_input:
            with torch.no_grad(), apart():
                passed = normalised(output, [norm for each in source.norms if (norm := each()) is not None])
            self._reduce(number, passed)

    def _reduce(self, number: int, output: Any) -> None:
        counts, leaves = self._calls[number] < MOST_CALLS, self._gatherer.wants(number)
        values = self._layers[number].leaving(output) if counts or leaves else None
        if values is None or not is_real(values.data):
            return
        with _timed(values.data, self._events), torch.no_grad(), apart():
            point = self._points[number]
            seen = self._sampler.draw(self._layers[number], values, point.positions_per_input, point.nonlinearity)
            if seen is None:
                return
            if counts:
                self._add(number, seen)
            if leaves:
                self._gatherer.take(number, seen)

    def _add(self, number: int, seen: Instances) -> None:
        vector = reduce_activations(seen.activations, self._peak(number, seen.activations.device))
        before = self._vectors.get(number)
        self._vectors[number] = vector if before is None else merge_vectors(before, vector)
        self._calls[number] += 1

    def _peak(self, number: int, device: torch.device) -> Tensor:
        peak = self._peaks.get(number)
        if peak is None or peak.device != device:
            peak = self._peaks[number] = torch.zeros((), dtype=torch.float32, device=device)
        return peak


class _timed:  # noqa: N801
    """Brackets work on a CUDA device with a pair of events."""

    def __init__(self, output: Tensor, events: list[Events]) -> None:
        self._pair: Events | None = None
        if output.is_cuda:
            self._pair = (torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True))
            events.append(self._pair)

    def __enter__(self) -> None:
        if self._pair is not None:
            self._pair[0].record()

    def __exit__(self, *_: object) -> None:
        if self._pair is not None:
            self._pair[1].record()
