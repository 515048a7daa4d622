"""The layers of a large network as a tree: its groups are what the dotted names of the modules have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

LEAST_LAYERS = 12
"""Layers from which on they are shown as a tree."""
UNFOLDED_AT_FIRST = 30
"""Rows that a tree takes at most before anything is folded or unfolded in it, where its outermost groups allow it."""

Paths = frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tree: a group of `layers`, named by its `path`, or one layer, whose path is empty.

    `within`: a layer of the same name as the group that it stands in, as the heads of an attention and its block.
    """

    label: str
    depth: int
    layers: tuple[int, ...]
    path: str = ""
    within: bool = False

    @property
    def is_group(self) -> bool:
        """Whether it stands for several layers."""
        return bool(self.path)


@dataclass(frozen=True, slots=True)
class Tree:
    """All rows of a tree in their order, and the groups that each layer lies in, the outermost first."""

    rows: tuple[Row, ...]
    around: tuple[tuple[str, ...], ...]

    @property
    def groups(self) -> Paths:
        """The paths of all groups."""
        return frozenset(row.path for row in self.rows if row.is_group)

    @property
    def order(self) -> list[int]:
        """The layers in the tree's order."""
        return [row.layers[0] for row in self.rows if not row.is_group]

    def seen(self, folded: Paths) -> list[Row]:
        """Return the rows that do not lie within a folded group."""
        rows: list[Row] = []
        hidden_from = -1
        for row in self.rows:
            if 0 <= hidden_from < row.depth:
                continue
            hidden_from = row.depth if row.path in folded else -1
            rows.append(row)
        return rows

    def first_folds(self) -> Paths:
        """Return what is folded at first: as much as it takes for `UNFOLDED_AT_FIRST` rows, whole levels of it."""
        depths = sorted({row.depth for row in self.rows if row.is_group})
        for depth in reversed(depths):
            folded = frozenset(row.path for row in self.rows if row.is_group and row.depth > depth)
            if len(self.seen(folded)) <= UNFOLDED_AT_FIRST:
                return folded
        return self.groups


@dataclass(slots=True)
class _Node:
    children: dict[str, _Node]
    layer: int | None = None


@lru_cache(maxsize=8)
def tree_of(names: tuple[str, ...]) -> Tree | None:
    """Return the tree of layers of these names; None for a network that is small or has no groups.

    Groups stand where their first layer does. A group of a single layer or of a single group is joined with it.
    """
    if len(names) < LEAST_LAYERS:
        return None
    root = _Node({})
    for index, name in enumerate(names):
        _put(root, name.split("."), index)
    rows = tuple(_rows(root, (), 0))
    if not any(row.is_group for row in rows):
        return None
    around: list[list[str]] = [[] for _ in names]
    for row in rows:
        for layer in row.layers if row.is_group else ():
            around[layer].append(row.path)
    return Tree(rows, tuple(map(tuple, around)))


def _put(root: _Node, parts: Sequence[str], index: int) -> None:
    node = root
    for part in parts:
        node = node.children.setdefault(part, _Node({}))
    while node.layer is not None:  # two layers of one name
        node = node.children.setdefault("", _Node({}))
    node.layer = index


def _rows(node: _Node, parts: tuple[str, ...], depth: int) -> Iterator[Row]:
    """Yield the rows beneath a node whose path has these parts."""
    for name, child in node.children.items():
        label, path = name, (*parts, name)
        while child.layer is None and len(child.children) == 1:
            part, child = next(iter(child.children.items()))
            label, path = f"{label}.{part}", (*path, part)
        if not child.children:
            yield Row(label, depth, _layers(child))
            continue
        yield Row(label, depth, _layers(child), ".".join(path) or ".")
        if child.layer is not None:
            yield Row(path[-1], depth + 1, (child.layer,), within=True)
        yield from _rows(child, path, depth + 1)


def _layers(node: _Node) -> tuple[int, ...]:
    own = () if node.layer is None else (node.layer,)
    return own + tuple(layer for child in node.children.values() for layer in _layers(child))
