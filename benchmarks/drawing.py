"""Milliseconds per frame of every plot, and of turning it into strips: `python benchmarks/drawing.py`."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from deepeyes_tui.app.plots.canvas import Canvas
from deepeyes_tui.app.plots.curve_points import Curve
from deepeyes_tui.app.plots.curves import draw_curves
from deepeyes_tui.app.plots.heatmap import draw_heatmap, layout_heatmap
from deepeyes_tui.app.plots.histogram import draw_changes, draw_histogram
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.palette import Palette

SIZES = (120, 20), (120, 40), (200, 60)


def curves(width: int, height: int) -> Canvas:
    random = np.random.default_rng(0)
    x, none = np.arange(1000) * 20, np.zeros(1000)
    y = np.exp(-x / 4000) + random.normal(0, 0.05, 1000)
    return draw_curves(
        width,
        height,
        [Curve("training", x, y, none, Ink.TRAINING), Curve("validation", x, y + 0.1, none, Ink.VALIDATION)],
        title="loss",
    )


def heatmap(filters: int) -> Callable[[int, int], Canvas]:
    random = np.random.default_rng(0)
    value, order = random.random(filters), random.permutation(filters)
    flags = random.random((3, filters)) < 0.05

    def draw(width: int, height: int) -> Canvas:
        return draw_heatmap(
            width,
            height,
            value,
            reliability=value,
            ramp=Ink.MAXIMUM,
            order=order,
            top=1.0,
            dead=flags[0],
            always_on=flags[1],
            marked=flags[2],
            cursor=3,
            layout=layout_heatmap(filters, width, height),
        )

    return draw


def histogram(width: int, height: int) -> Canvas:
    return draw_histogram(width, height, np.full(30, 1 / 30), undetected=0.1, high=64)


def changes(width: int, height: int) -> Canvas:
    return draw_changes(width, height, np.linspace(-0.02, 0.02, 30), undetected_change=0.01)


def milliseconds(run: Callable[[], object], seconds: float = 0.2) -> float:
    times, end = [], perf_counter() + seconds
    while perf_counter() < end:
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return 1e3 * float(np.median(times))


def main() -> None:
    style = Palette().style
    plots = {"curves 2 x 1000": curves, "histogram": histogram, "changes": changes}
    plots |= {f"heatmap {n}": heatmap(n) for n in (64, 512, 4096, 200_000)}
    print(f"{'ms: draw / strips':20}" + "".join(f"{w}x{h}".rjust(16) for w, h in SIZES))
    for name, draw in plots.items():
        cells = []
        for width, height in SIZES:
            canvas = draw(width, height)
            drawing = milliseconds(lambda draw=draw, w=width, h=height: draw(w, h))
            cells.append(f"{drawing:.2f} / {milliseconds(lambda canvas=canvas: canvas.strips(style)):.2f}".rjust(16))
        print(f"{name:20}" + "".join(cells))


if __name__ == "__main__":
    main()
