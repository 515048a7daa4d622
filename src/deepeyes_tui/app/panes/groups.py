"""A folded group of layers in the columns of the list, and in words: counts, and the worst of its layers."""

from __future__ import annotations

from deepeyes_tui.app.panes.words import Said, layer_name
from deepeyes_tui.app.plots.inks import Ink
from deepeyes_tui.app.plots.numbers import percent, printable, short, unknown
from deepeyes_tui.app.plots.sparkline import sparkline
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.app.totals import GroupNumbers, group_numbers, least_stable_history
from deepeyes_tui.app.tree import Row
from deepeyes_tui.link.snapshot import STABLE_BELOW

HISTORY_HIGH = 0.3
"""Distance of consecutive windows that fills a sparkline."""
NOTABLE = 0.01
"""Share of undetected instances from which on it has a colour."""

Cell = tuple[str, int]


def group_cells(scene: Scene, row: Row, history: int) -> dict[str, Cell]:
    """Return the cells of a group by the heads of their columns; `history` cells for the change of the least stable."""
    assert scene.snapshot is not None
    numbers = group_numbers(scene.snapshot, row.layers)
    done = numbers.stable == numbers.layers
    change = sparkline(
        least_stable_history(scene.snapshot, row.layers),
        history,
        high=HISTORY_HIGH,
        glyphs=scene.glyphs,
        threshold=STABLE_BELOW,
    )
    return {
        "kind": layers_cell(row),
        "filters": (short(numbers.filters) if numbers.filters > 99999 else str(numbers.filters), Ink.DEFAULT),
        "change": (change, Ink.GOOD if done else Ink.ACCENT),
        "stable at": _stable(numbers),
        "dead": _count(numbers.dead, numbers.judged, Ink.DOWN, scene.ascii),
        "on": (str(numbers.always_on), Ink.WARNING if numbers.always_on else Ink.MUTED),
        "undet.": (
            percent(numbers.undetected, ascii=scene.ascii),
            Ink.UNDETECTED if numbers.undetected >= NOTABLE else Ink.MUTED,
        ),
    }


def layers_cell(row: Row) -> Cell:
    """Return how many layers a group has."""
    return f"{len(row.layers)} layers".ljust(10), Ink.MUTED


def _stable(numbers: GroupNumbers) -> Cell:
    if numbers.stable_since is None:
        return f"{numbers.stable} of {numbers.layers}", Ink.GOOD if numbers.stable else Ink.MUTED
    text = f"{numbers.stable_since:,}"
    return text if len(text) <= 9 else short(numbers.stable_since), Ink.GOOD


def _count(number: int, judged: int, ink: int, ascii: bool) -> Cell:
    if not judged:
        return unknown(ascii), Ink.MUTED
    return str(number), ink if number else Ink.MUTED


def group_findings(scene: Scene, row: Row) -> list[Said]:
    """Return what is worth knowing of a group, the most important first, with the layers where it is worst."""
    assert scene.snapshot is not None
    numbers, plain = group_numbers(scene.snapshot, row.layers), scene.ascii
    said: list[Said] = [(lost_words(numbers), Ink.ERROR)] if numbers.nonfinite else []
    if not numbers.run:
        return [*said, (f"none of its {numbers.layers:,} layers has run", Ink.MUTED)]
    stable = f"{numbers.stable:,} of {numbers.layers:,} stable{_where(scene, numbers.worst, 'least: ')}"
    said.append((stable, Ink.GOOD if numbers.stable else Ink.MUTED))
    if numbers.dead:
        where = f" in {numbers.dead_in:,} layer{'s' * (numbers.dead_in != 1)}"
        said.append((f"{numbers.dead:,} dead{where}{_where(scene, numbers.most_dead, 'most: ')}", Ink.DOWN))
    if numbers.always_on:
        said.append((f"{numbers.always_on:,} always on", Ink.WARNING))
    if numbers.least_seen is not None:
        share = percent(numbers.undetected, ascii=plain)
        ink = Ink.UNDETECTED if numbers.undetected >= NOTABLE else Ink.MUTED
        said.append((f"at most {share} undetected{_where(scene, numbers.least_seen)}", ink))
    if numbers.run < numbers.layers:
        said.append((f"{numbers.layers - numbers.run:,} have not run", Ink.MUTED))
    return said


def lost_words(numbers: GroupNumbers) -> str:
    """Say in how many layers of a group something was not finite."""
    return f"NaN or infinite in {numbers.broken:,} of {numbers.layers:,}"


def _where(scene: Scene, layer: int | None, what: str = "") -> str:
    if layer is None:
        return ""
    return f" ({what}{printable(layer_name(scene, layer), 32, scene.ascii)})"
