"""What is sent to the terminal: only the cells that changed, and colours only where they change.

Textual sends a changed region from the left edge of its widget on, and resets all colours after every segment. What
changes on the surface does not take the way over segments and strips at all: it goes from the canvas to the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from deepeyes_tui.app.plots.canvas import CONTINUED, Canvas, StyleOf, style_parts

RESET = "\x1b[0m"
Codes = Callable[[Style | None], str]


Span = tuple[int, int, int]
"""Row, first column, and the one behind the last."""


@dataclass(frozen=True, slots=True)
class Patch:
    """What has changed on a canvas that covers the whole screen."""

    canvas: Canvas
    spans: list[Span]
    style_of: StyleOf


Update = ChopsUpdate | LayoutUpdate | Patch


class Output:
    """What goes to one terminal. A line that already stands there as it is to be sent is not sent again.

    `sent` is told the bytes of every update.
    """

    def __init__(self, system: ColorSystem | None, sent: Callable[[int], None]) -> None:
        self._codes = codes_of(system)
        self._sent = sent
        self._lines: dict[int, str] = {}
        self._region: Region | None = None

    def forget(self) -> None:
        """Send everything anew next time: what stands on the terminal is not known any more."""
        self._lines.clear()

    def render(self, update: Update) -> str:
        """Return what to write to the terminal."""
        if isinstance(update, Patch):
            text = self._patched(update)
        else:
            text = self._changed(update) if isinstance(update, ChopsUpdate) else self._whole(update)
        self._sent(len(text.encode("utf-8", "replace")))
        return text

    def _patched(self, patch: Patch) -> str:
        for y, _, _ in patch.spans:
            self._lines.pop(y, None)
        return canvas_sequences(patch, self._codes)

    def _changed(self, update: ChopsUpdate) -> str:
        for y, _, _ in update.spans:
            self._lines.pop(y, None)
        return sequences(changed_parts(update), self._codes)

    def _whole(self, update: LayoutUpdate) -> str:
        if update.region != self._region:
            self._region = update.region
            self._lines.clear()
        out = []
        for part in whole_lines(update):
            line = sequences([part], self._codes)
            if self._lines.get(part[1]) != line:
                self._lines[part[1]] = line
                out.append(line)
        return "".join(out)


class Frame(CompositorUpdate):
    """A compositor's update on its way to an output."""

    def __init__(self, update: Update, output: Output) -> None:
        self._update, self._output = update, output

    def render_segments(self, console: Console) -> str:
        """Return what to write to the terminal."""
        return self._output.render(self._update)


Part = tuple[int, int, Sequence[Segment]]
"""Column, row, and what stands there."""


def changed_parts(update: ChopsUpdate) -> Iterable[Part]:
    """Yield what lies within the changed spans of an update."""
    for y, x1, x2 in update.spans:
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < x2 and end > x1:
                left = max(x, x1)
                yield left, y, cut(strip, left - x, min(end, x2) - x)


def cut(segments: Iterable[Segment], left: int, right: int) -> list[Segment]:
    """Return what stands in the cells `[left, right)`; as `Strip.crop`, for a fraction of its cost."""
    kept, at = [], 0
    for segment in segments:
        end = at + segment.cell_length
        if end > left:
            if at < left:
                segment = segment.split_cells(left - at)[1]
            if end > right:
                segment = segment.split_cells(right - max(at, left))[0]
            kept.append(segment)
        if end >= right:
            break
        at = end
    return kept


def whole_lines(update: LayoutUpdate) -> Iterable[Part]:
    """Yield every line of an update of the whole screen."""
    for y, line in enumerate(update.strips):
        yield update.region.x, update.region.y + y, list(Strip.join(line))


def sequences(parts: Iterable[Part], codes: Codes) -> str:
    """Return the parts as text with escape sequences, changing colours only where they change."""
    out: list[str] = []
    current = ""
    for x, y, segments in parts:
        out.append(f"\x1b[{y + 1};{x + 1}H")
        for text, style, control in segments:
            if control or not text:
                continue
            wanted = codes(style)
            if wanted != current:
                out.append(f"\x1b[0;{wanted}m" if wanted else RESET)
                current = wanted
            out.append(text)
    if current:
        out.append(RESET)
    return "".join(out)


def canvas_sequences(patch: Patch, codes: Codes) -> str:
    """Return the spans of a canvas as text with escape sequences."""
    canvas, out, current = patch.canvas, [], ""
    keys = canvas.style_keys()
    known: dict[int, str] = {}
    for y, x1, x2 in patch.spans:
        row = keys[y, x1:x2]
        text = canvas.glyph[y, x1:x2].astype("<u4").tobytes().decode("utf-32-le", "replace")
        starts = [0, *(np.flatnonzero(row[1:] != row[:-1]) + 1).tolist()]
        out.append(f"\x1b[{y + 1};{x1 + 1}H")
        for start, end, key in zip(starts, [*starts[1:], x2 - x1], row[starts].tolist(), strict=True):
            wanted = known.get(key)
            if wanted is None:
                wanted = known[key] = codes(patch.style_of(*style_parts(key)))
            if wanted != current:
                out.append(f"\x1b[0;{wanted}m" if wanted else RESET)
                current = wanted
            out.append(text[start:end])
    if current:
        out.append(RESET)
    return "".join(out).replace(chr(CONTINUED), "")


def codes_of(system: ColorSystem | None) -> Codes:
    """Return a function from a style to its SGR parameters; without a colour system its attributes alone."""
    known: dict[Style | None, str] = {None: ""}

    def codes(style: Style | None) -> str:
        found = known.get(style)
        if found is None:
            if len(known) > 4096:
                known.clear()
            found = known[style] = _codes(style, system) if style else ""
        return found

    return codes


def _codes(style: Style, system: ColorSystem | None) -> str:
    if system is not None:
        return style._make_ansi_codes(system)
    return style.without_color._make_ansi_codes(ColorSystem.STANDARD)
