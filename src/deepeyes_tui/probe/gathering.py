"""Gathers the instances of an observed step that leave the training process, on the device, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from deepeyes_tui.link.excerpts import InputKind
from deepeyes_tui.link.ring import RingSpec
from deepeyes_tui.probe.discovery import OutputPoint
from deepeyes_tui.probe.excerpts import Excerpts
from deepeyes_tui.probe.inputs import Reading, find_input
from deepeyes_tui.probe.instances import MAX_INSTANCES, MAX_VALUES, Instances
from deepeyes_tui.probe.labels import class_numbers
from deepeyes_tui.probe.layers import Layer
from deepeyes_tui.probe.patches import gather_patches, patch_length
from deepeyes_tui.probe.pictures import Pictures, Window, window_of
from deepeyes_tui.probe.shipment import Parcel, Shipment, blank, pack, send

BESIDE_FOCUS = 128
"""Instances of a layer that is not in focus, on a step when it is its turn."""
BESIDE_VALUES = 1 << 17
"""Of such a layer and step: activations, patches and thumbnails together."""
TURNS = 4
"""Observed steps in which every layer that is not in focus has its turn."""
EARLY = 20
"""First observed steps, on which all layers have their turn: short trainings are to leave something to go by."""


class Gatherer:
    """Takes the instances that the statistics use, of the last pass of each step.

    How many passes a step has is learned from the step before: earlier ones are left out, as the targets that `step`
    is told belong to the last.
    """

    def __init__(self, layers: Sequence[Layer], seed: int, reading: Reading | None = None) -> None:
        self.focus: int | None = None
        self._reading = reading or Reading()
        self._layers, self._seed = list(layers), seed
        self._points: list[OutputPoint] = []
        self._generation = 0
        self._pictures = Pictures(self._reading.mean, self._reading.std)
        self._excerpts: dict[torch.device, Excerpts] = {}
        self._entering: dict[tuple[int, torch.device], Tensor] = {}
        self._taken = [0] * len(self._layers)
        self._parcels: dict[int, Parcel] = {}
        self._generators: dict[torch.device, torch.Generator] = {}
        self._passes, self._last_pass, self._gathered_in = 0, 1, 0
        self._collected = 0

    def install(self, points: Sequence[OutputPoint], generation: int) -> None:
        """Start with a structure of the model."""
        self._points, self._generation, self._collected = list(points), generation, 0
        self._parcels.clear()

    def begin_pass(self) -> None:
        """Count a training pass, observed or not."""
        self._passes += 1

    @property
    def gathers(self) -> bool:
        """Whether this pass may be the last of its step."""
        return self._passes >= self._last_pass

    def enter(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Take the network's own inputs, at the start of an observed pass."""
        found = find_input(args, kwargs, self._reading.kind, self._layers)
        if found is not None and found.kind is InputKind.PICTURE:
            self._pictures.enter(found.value)
        elif found is not None:
            self._excerpts[found.value.device] = Excerpts(found)

    def wants(self, number: int) -> bool:
        """Return whether the next call of a layer counts: in a pass, its first one does.

        To that one the pictures, the labels and the receptive field belong.
        """
        return self.gathers and self._has_turn(number) and self._taken[number] != self._passes

    def _has_turn(self, number: int) -> bool:
        return number == self.focus or self._collected < EARLY or number % TURNS == self._collected % TURNS

    def keep_input(self, number: int, entering: Any) -> None:
        """Hold a layer's input until `take` is called for the same layer."""
        if isinstance(entering, Tensor) and entering.layout == torch.strided:
            self._entering[number, entering.device] = entering.detach()

    def take(self, number: int, seen: Instances) -> None:
        """Pack instances of a layer, sampled behind its output point; a later pass in the step replaces them."""
        device = seen.inputs.device
        entering = self._entering.pop((number, device), None)
        if entering is None:
            return
        spec, window = self.describe(number, seen.grid, device, seen.batch)
        seen = self._choose(seen, self._most(number, spec))
        patches = gather_patches(self._layers[number], entering, seen)
        if patches is None:
            return
        self._parcels[number] = self._pack(number, spec, window, seen, patches)
        self._taken[number] = self._passes
        self._gathered_in = self._passes

    def _pack(self, number: int, spec: RingSpec, window: Window | None, seen: Instances, patches: Tensor) -> Parcel:
        shown: Sequence[Tensor] = ()
        if window is not None and spec.thumbnail[2]:
            shown = (self._pictures.thumbnails(window, seen),)
        excerpts = self._excerpts.get(seen.inputs.device) if spec.kind else None
        if excerpts is not None and window is None:
            places = excerpts.locate(seen, self._points[number])
            if places is None:
                shown = blank(spec, len(seen.inputs), seen.inputs.device)
            else:
                seen, shown = replace(seen, inputs=places.inputs, batch=len(excerpts.given.value)), excerpts.cut(places)
        return Parcel(number, spec, pack(seen, patches, shown), seen.batch, seen.grid, window)

    def describe(
        self, number: int, grid: tuple[int, ...], device: torch.device, batch: int | None = None
    ) -> tuple[RingSpec, Window | None]:
        """Return what a row of a layer holds in this pass, and where its fields lie; None without pictures."""
        layer, size = self._layers[number], self._pictures.size(device, batch)
        spec = RingSpec(layer.name, self._generation, layer.filters, patch_length(layer))
        if size is None:
            excerpts = self._excerpts.get(device)
            return (spec if excerpts is None else self._with_excerpts(spec, excerpts)), None
        window, channels = window_of(self._points[number], grid, size), self._pictures.channels(device)
        thumbnail = (*window.shape, channels) if channels else (0, 0, 0)
        return replace(spec, thumbnail=thumbnail, input_size=size, kind=InputKind.PICTURE), window

    def _with_excerpts(self, spec: RingSpec, excerpts: Excerpts) -> RingSpec:
        tokens, values = excerpts.sizes
        names = self._reading.columns[: values[1]] if excerpts.given.kind is InputKind.TABLE else ()
        return replace(spec, kind=excerpts.given.kind, tokens=tokens, values=values, names=names)

    def collect(self, step: int, targets: Any) -> Shipment:
        """Send off what was gathered in the step, with the classes that its targets say."""
        parcels, self._parcels = self._parcels, {}
        self._collected += 1
        length = max((excerpts.given.length for excerpts in self._excerpts.values()), default=0)
        self._pictures.leave()
        self._excerpts.clear()
        self._entering.clear()
        self._taken = [0] * len(self._layers)
        labels = class_numbers(targets, length) if parcels and self._gathered_in == self._passes else None
        return send(step, parcels, labels)

    def end_step(self) -> None:
        """Count the passes of the next step from nought."""
        self._last_pass, self._passes = self._passes, 0

    def _most(self, number: int, spec: RingSpec) -> int:
        values = spec.filters + spec.patch + math.prod(spec.thumbnail) + spec.tokens + math.prod(spec.values)
        rows, most = (MAX_INSTANCES, MAX_VALUES) if number == self.focus else (BESIDE_FOCUS, BESIDE_VALUES)
        return max(1, min(rows, most // max(values, 1)))

    def _choose(self, seen: Instances, most: int) -> Instances:
        """Draw one of each of `most` stretches of about the same length, none twice: neighbours are of one input."""
        there = len(seen.inputs)
        if there <= most:
            return seen
        device = seen.inputs.device
        if device not in self._generators:
            self._generators[device] = torch.Generator(device=device).manual_seed(self._seed)
        within = torch.rand(most, generator=self._generators[device], device=device)
        edges = torch.arange(most + 1, device=device) * there // most
        length = edges[1:] - edges[:-1]
        return seen.pick(edges[:-1] + torch.minimum((within * length).long(), length - 1))
