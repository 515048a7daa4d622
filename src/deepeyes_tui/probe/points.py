"""Where in a model a layer's output is taken."""

from __future__ import annotations

from dataclasses import dataclass

from deepeyes_tui.probe.nonlinearities import Nonlinearity


@dataclass(frozen=True, slots=True)
class OutputPoint:
    """Where a layer's output is taken: behind module `module` (the layer itself or a normalisation), through a
    nonlinearity if one follows. With `at_input`, it is the first argument that `module` is called with: heads that are
    about to be projected together, products of a gated layer.

    `receptive_field` is `()` where the whole input or nothing is known to be seen; `start` and `step` say where it lies
    (`ReceptiveField`). `calls` counts how often the layer ran in one pass. `chain` are the normalisations behind the
    layer, by path and in order, up to the output point.
    """

    module: str
    nonlinearity: Nonlinearity | None = None
    grid: tuple[int, ...] = ()
    receptive_field: tuple[int, ...] = ()
    positions_per_input: int = 1
    words: tuple[str, ...] = ()
    start: tuple[float, ...] = ()
    step: tuple[float, ...] = ()
    at_input: bool = False
    calls: int = 0
    chain: tuple[str, ...] = ()
