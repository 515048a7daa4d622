"""Tensors that change their size, a row each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len

from deepeyes_tui.app.panes.base import Piece
from deepeyes_tui.app.plots.inks import Ink, Look
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.link.preview import Part

NAME_MOST: Final = 70


def part_rows(parts: Sequence[Part], width: int, ascii: bool) -> Iterator[list[Piece]]:
    """Yield rows of at most `width` cells; tensors of one module stand together, its name quiet but on the first."""
    ordered = grouped(parts)
    sizes = [f"{part.before:,} {arrow(ascii)} {part.after:,}" for part in ordered]
    room = max(map(cell_len, sizes))
    most = max(min(width - room - 22, NAME_MOST), 8)
    names = [_ending(part.tensor, most, ascii) for part in ordered]
    longest = max(map(cell_len, names))
    module = None
    for part, name, size in zip(ordered, names, sizes, strict=True):
        owner, again = _module(part), _module(part) == module
        module = owner
        lead = name[: len(name) - len(_leaf(part))] if name.endswith(_leaf(part)) else ""
        pad = " " * (longest - cell_len(name))
        yield [
            (f"  {lead}", Ink.MUTED if again else Ink.TITLE),
            (name[len(lead) :] + pad, Ink.DEFAULT),
            (f"  {size.rjust(room)}", Ink.DEFAULT, Look.BOLD),
            (f"  {printable(part.role, 8, ascii).ljust(8)}", Ink.DEFAULT),
            (f"  axis {part.axis}", Ink.MUTED),
        ]


def grouped(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with those of one module behind one another, the modules as they come first."""
    places: dict[str, int] = {}
    for part in parts:
        places.setdefault(_module(part), len(places))
    return sorted(parts, key=lambda part: places[_module(part)])


def _module(part: Part) -> str:
    return part.tensor.rpartition(".")[0]


def _leaf(part: Part) -> str:
    return part.tensor.rpartition(".")[2]


def _ending(name: str, width: int, ascii: bool) -> str:
    """Return a path in at most `width` cells: its end is what tells tensors apart."""
    text = printable(name, ascii=ascii)
    if cell_len(text) <= width:
        return text
    text, used = text[-width:], 0
    for at in range(len(text) - 1, -1, -1):
        used += cell_len(text[at])
        if used > width - 1:
            return ("~" if ascii else "…") + text[at + 1 :]
    return ("~" if ascii else "…") + text


def arrow(ascii: bool) -> str:
    """Return what stands between a size before and after."""
    return "->" if ascii else "→"
