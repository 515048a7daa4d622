"""The rows of the panel that are about the layer in focus: growing it, a layer more or less, freezing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from deepeyes_tui.app.panel import NAME_WIDTH, SENDER, Does, Panel, Row
from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.app.scene import Scene
from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.messages import GROWTHS, JSON, Action, Command
from deepeyes_tui.link.snapshot import LayerInfo

WAYS = dict(
    zip(
        GROWTHS,
        (
            "at random, the output stays as it is",
            "split filter {}, the output stays as it is",
            "at random with what reads them, the output changes",
        ),
        strict=True,
    )
)
"""How new filters are made, in words."""


def layer_rows(scene: Scene, panel: Panel) -> Iterator[Row]:
    """Yield the rows; none before there are layers."""
    if scene.snapshot is None or not scene.layers:
        return
    info = scene.snapshot.layers[scene.selection.layer]
    name = printable(info.name, NAME_WIDTH, scene.ascii)
    section = f"Layer {name}: {printable(info.kind, 20, scene.ascii)}, {info.filters:,} filters"
    yield from _growth(scene, panel, info, section)
    add, drop = (
        Command(action, {"layer": info.name}, sender=SENDER) for action in (Action.ADD_LAYER, Action.DROP_LAYER)
    )
    shown = "Enter shows what would come and go, and asks"
    yield Row(
        "add", section, "add a layer", f"behind {name}, passing on what it gets", Does.PREVIEW, shown, command=add
    )
    yield Row("drop", section, "drop it", f"{name} itself: the output changes", Does.PREVIEW, shown, command=drop)
    yield from _freezing(scene, panel, info, section)


def _growth(scene: Scene, panel: Panel, info: LayerInfo, section: str) -> Iterator[Row]:
    source = split_source(scene) if panel.way == "split" else None
    arguments: dict[str, JSON] = {"layer": info.name, "count": panel.count, "how": panel.way, "source": source}
    some = f"{panel.count:,} filter{'s' if panel.count > 1 else ''}: {info.filters:,} -> {info.filters + panel.count:,}"
    command = Command(Action.GROW, arguments, sender=SENDER)
    help = "Enter shows what would grow and asks; h l or digits change how many"
    yield Row("grow", section, "grow by", some, Does.PREVIEW, help, command=command)
    way = WAYS[panel.way].format(split_source(scene))
    yield Row(
        "way", section, "new filters", way, Does.NEXT, "Enter, h l: the other ways; split takes the cursor's filter"
    )


def split_source(scene: Scene) -> int:
    """Return the filter to be split: the one that is marked, else the one under the cursor."""
    marks = scene.selection.marks
    return next(iter(marks)) if len(marks) == 1 else scene.selection.cursor


def _freezing(scene: Scene, panel: Panel, info: LayerInfo, section: str) -> Iterator[Row]:
    marks = sorted(scene.selection.marks) if not panel.whole else []
    frozen = panel.settings.frozen.get(info.name) if panel.settings else None
    name = printable(info.name, NAME_WIDTH, scene.ascii)
    what = f"marked {_filters(marks)}" if marks else "the whole layer"
    state = _frozen_words(frozen)
    asked = f"{_filters(marks)} of {name}" if marks else name
    help = f"{name} {state}; Enter asks" + ("; h l: marked filters or whole layer" if scene.selection.marks else "")
    for action, verb, refusal in (
        (Action.FREEZE, "freeze", _no_freeze(frozen, marks)),
        (Action.UNFREEZE, "unfreeze", _no_thaw(frozen, marks)),
    ):
        structure = panel.settings.structure if panel.settings is not None else None
        asked_of: dict[str, JSON] = {"layer": info.name, "filters": list(marks) or None, "structure": structure}
        command = Command(action, asked_of, sender=SENDER)
        value = f"{what} ({state})" if action is Action.FREEZE and not refusal else what
        question = f"{verb.capitalize()} {asked}?"
        unknown = "not known yet" if panel.settings is None else refusal
        yield Row(str(action), section, verb, value, Does.ASK, help, "", unknown, command, question)


def _filters(numbers: list[int]) -> str:
    return f"filter{'s' if len(numbers) > 1 else ''} {printable(format_filters(numbers), NAME_WIDTH, ascii=True)}"


def _frozen_words(frozen: tuple[int, ...] | None) -> str:
    if frozen is None:
        return "trains"
    return f"{_filters(list(frozen))} frozen" if frozen else "frozen"


def _no_freeze(frozen: tuple[int, ...] | None, marks: list[int]) -> str:
    if frozen == ():
        return "the layer is frozen already"
    return "frozen already" if frozen and marks and set(marks) <= set(frozen) else ""


def _no_thaw(frozen: tuple[int, ...] | None, marks: list[int]) -> str:
    if frozen is None:
        return "nothing of it is frozen"
    if marks and not frozen:
        return "the layer is frozen as a whole"
    return "none of the marked is frozen" if marks and not set(marks) & set(frozen) else ""


def frozen_text(frozen: Mapping[str, tuple[int, ...]], ascii: bool = False) -> str:
    """Return what is frozen of the whole network: `conv1 3,7; fc1`."""
    parts = (
        printable(name, NAME_WIDTH, ascii) + (f" {format_filters(filters)}" if filters else "")
        for name, filters in frozen.items()
    )
    return "; ".join(parts)
