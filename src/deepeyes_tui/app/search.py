"""Search over layers, filters and labels: `conv` finds names, `17` a filter of the layer in focus, `conv2:17` one of
another, `=cat` puts the labels whose names have it into question.
"""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app import selection as select
from deepeyes_tui.app.folding import entered
from deepeyes_tui.app.scene import Scene

LABELS = "="
Match = tuple[int, int | None]
"""A layer, and a filter of it or none."""


def matches(scene: Scene, wanted: str) -> list[Match]:
    """Return what matches, in the network's order."""
    if scene.snapshot is None or not wanted:
        return []
    layers = scene.snapshot.layers
    name, colon, number = wanted.rpartition(":")
    if colon and number.isdecimal():
        filter = int(number)
        return [(i, filter) for i, info in enumerate(layers) if _in(name, info.name) and filter < info.filters]
    found: list[Match] = [(i, None) for i, info in enumerate(layers) if _in(wanted, info.name)]
    here = scene.selection.layer
    if wanted.isdecimal() and int(wanted) < layers[here].filters:
        found.insert(0, (here, int(wanted)))
    return found


def search(scene: Scene, wanted: str) -> Scene:
    """Go to the first match from the layer in focus on, or say that there is none."""
    if wanted.startswith(LABELS):
        return _labels(scene.with_desk(typing=None), wanted[len(LABELS) :].strip())
    scene = scene.with_desk(typing=None, searched=wanted)
    found = matches(scene, wanted)
    if not found:
        return scene.with_desk(note=f"nothing matches {wanted}" if wanted else "", note_is_error=True)
    here = next((match for match in found if match[0] >= scene.selection.layer), found[0])
    return _go(scene, found, here)


def _labels(scene: Scene, wanted: str) -> Scene:
    """Show only the labels whose names match in colour; nothing wanted: all of them again."""
    names = scene.snapshot.labels if scene.snapshot else ()
    numbers = [i for i, name in enumerate(names) if _in(wanted, name)]
    if wanted.isdecimal() and not numbers:
        numbers = [int(wanted)]
    if wanted and not numbers:
        return scene.with_desk(note=f"no label matches {wanted}", note_is_error=True)
    labels = frozenset(numbers) if wanted else select.NONE
    count = f"{len(labels)} label{'s' * (len(labels) != 1)}"
    note = f"{count} in question: the others are grey" if labels else "all labels in colour"
    chosen = replace(scene.selection, labels=labels)
    return replace(scene, selection=chosen).with_desk(note=note, note_is_error=False)


def next_match(scene: Scene, step: int) -> Scene:
    """Go to the next match, or the one before, round the end."""
    found = matches(scene, scene.desk.searched)
    if not found:
        return scene.with_desk(note=f"nothing matches {scene.desk.searched}", note_is_error=True)
    at: Match = (scene.selection.layer, scene.selection.cursor)
    here = next((i for i, match in enumerate(found) if match in (at, (at[0], None))), None)
    if here is None:
        here = -1 if step > 0 else 0
    return _go(scene, found, found[(here + step) % len(found)])


def _go(scene: Scene, found: list[Match], match: Match) -> Scene:
    layer, filter = match
    chosen = select.to_layer(scene.selection, layer, scene.layers)
    if filter is not None and scene.snapshot is not None:
        chosen = select.to_filter(chosen, filter, scene.snapshot.layers[layer].filters)
    note = f"match {found.index(match) + 1} of {len(found)}: {scene.desk.searched}"
    return entered(replace(scene, selection=chosen)).with_desk(note=note, note_is_error=False)


def _in(part: str, name: str) -> bool:
    return part.casefold() in name.casefold()
