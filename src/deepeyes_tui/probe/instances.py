"""Instances: sampled receptive fields and the activations of all filters on them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from deepeyes_tui.probe.attention import AttentionCall
from deepeyes_tui.probe.layers import Layer, Values
from deepeyes_tui.probe.nonlinearities import Nonlinearity, rectify

COVERAGE = 0.5
MAX_INSTANCES = 1024
MAX_VALUES = 1 << 18
"""Of a layer and step, instances times filters: wide layers have fewer instances."""


@dataclass(frozen=True, slots=True)
class Instances:
    """`activations (S, F)`, not negative where finite; `inputs (S,)` numbers in a batch of `batch`; `positions (S,)` on
    the flattened output grid. Of a packed sequence, `rows (S,)` are where they lie in its data.
    """

    activations: Tensor
    inputs: Tensor
    positions: Tensor
    batch: int
    grid: tuple[int, ...]
    rows: Tensor | None = None

    def pick(self, numbers: Tensor) -> Instances:
        """Return the instances of these numbers."""
        picked = self.activations[numbers], self.inputs[numbers], self.positions[numbers]
        rows = self.rows[numbers] if self.rows is not None else None
        return Instances(*picked, batch=self.batch, grid=self.grid, rows=rows)


def positions_per_input(field_share: float, coverage: float = COVERAGE) -> int:
    """Return how many receptive fields, each seeing `field_share` of the input, cover `coverage` of it on average.

    `n = ceil(ln(1 - coverage) / ln(1 - field_share))`, at least 1: DeepEyes, section 4.1, with draws uniform.
    """
    if not 0 < field_share < 1:
        return 1
    return max(1, math.ceil(math.log1p(-coverage) / math.log1p(-field_share)))


def most_instances(filters: int, portion: float = 1.0) -> int:
    """Return how many instances of a layer are taken on one step at most."""
    return max(1, int(portion * min(MAX_INSTANCES, MAX_VALUES // max(filters, 1))))


@dataclass(slots=True)
class Sampler:
    """Draws positions from random generators of its own, one a device: the user's random state is never touched.

    `portion` is the share that is drawn of as many as may be.
    """

    seed: int = 0
    portion: float = 1.0
    _generators: dict[torch.device, torch.Generator] = field(default_factory=dict)

    def draw(self, layer: Layer, output: Values, per_input: int, nonlinearity: Nonlinearity | None) -> Instances | None:
        """Return instances of one output `(N, F, *grid)` or `(N, ..., F)` or packed, rectified at zero; None for an
        empty batch.

        At most `most_instances`: inputs are drawn as well when every input's positions would be more.
        """
        if isinstance(output, PackedSequence):
            return self._draw_packed(layer, output, per_input, nonlinearity)
        whole = output.attended() if isinstance(output, AttentionCall) else output.detach()
        values = layer.by_position(whole)  # (N, *grid, width)
        batch, grid = values.shape[0], values.shape[1:-1]
        places = math.prod(grid)
        if batch * places == 0 or values.shape[-1] != layer.width:
            return None
        most = most_instances(layer.width, self.portion)
        each = min(per_input, places, most)
        generator = self._generator(values.device)
        inputs = self._inputs(batch, each, most // each, generator)
        if each < places:
            positions = torch.randint(places, inputs.shape, generator=generator, device=values.device)
        else:
            positions = torch.arange(len(inputs), device=values.device) % places
        picked = values[(inputs, *unravel(positions, tuple(grid)))]  # (S, width)
        return Instances(_activations(layer, picked, nonlinearity), inputs, positions, batch, tuple(grid))

    def _draw_packed(
        self, layer: Layer, output: PackedSequence, per_input: int, nonlinearity: Nonlinearity | None
    ) -> Instances | None:
        """Draw rows of a packed sequence: every token is as likely, padding is none."""
        values, device = output.data.detach(), output.data.device
        there = len(values)
        if there == 0 or values.shape[-1] != layer.width:
            return None
        batch, longest = int(output.batch_sizes[0]), len(output.batch_sizes)
        count = min(batch * per_input, there, most_instances(layer.width, self.portion))
        rows = torch.randint(there, (count,), generator=self._generator(device), device=device)
        ends = output.batch_sizes.to(device).cumsum(0)  # (T,)
        positions = torch.searchsorted(ends, rows, right=True)
        inputs = rows - torch.where(positions > 0, ends[positions - 1], 0)
        if output.sorted_indices is not None:
            inputs = output.sorted_indices[inputs]
        activations = _activations(layer, values[rows], nonlinearity)
        return Instances(activations, inputs, positions, batch, (longest,), rows)

    def _inputs(self, batch: int, each: int, wanted: int, generator: torch.Generator) -> Tensor:
        if wanted >= batch:
            numbers = torch.arange(batch, device=generator.device)
        else:
            numbers = torch.randperm(batch, generator=generator, device=generator.device)[:wanted]
        return numbers.repeat_interleave(each) if each > 1 else numbers

    def _generator(self, device: torch.device) -> torch.Generator:
        if device not in self._generators:
            self._generators[device] = torch.Generator(device=device).manual_seed(self.seed)
        return self._generators[device]


def unravel(positions: Tensor, grid: tuple[int, ...]) -> list[Tensor]:
    """Return the coordinates along each axis of a grid, `(S,)` each, of flattened positions `(S,)`."""
    indices: list[Tensor] = []
    for size in reversed(grid):
        indices.insert(0, positions % size)
        positions = positions // size
    return indices


def _activations(layer: Layer, picked: Tensor, nonlinearity: Nonlinearity | None) -> Tensor:
    return layer.by_filter(rectify(picked, nonlinearity, signed=layer.signed))
