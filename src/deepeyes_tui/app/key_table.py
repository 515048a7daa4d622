"""The README's table of keys: what they do, and where."""

from __future__ import annotations

from dataclasses import replace

from deepeyes_tui.app.bindings import BINDINGS, PANES, Binding, Context, PaneName

WATCHING = Context(searched=True, mapped=True, undoable=True, tree=True, roots=True)
APART = {
    "a rectangle being drawn": replace(WATCHING, focus=PaneName.INPUT_MAP, brushing=True),
    "a preview": replace(WATCHING, preview=True, agreeable=True),
    "the panel": replace(WATCHING, panel=True),
    "a list to choose from": replace(WATCHING, choosing=True),
    "a replay": replace(WATCHING, live=False, replaying=True),
}
"""What has keys of its own."""


def where(binding: Binding) -> str:
    """Return the panes in which a binding applies, or what else it belongs to; nothing where that is everywhere."""
    panes = [pane for pane in PANES if binding.applies(replace(WATCHING, focus=pane))]
    if panes:
        return "" if len(panes) == len(PANES) else ", ".join(panes)
    return next((name for name, context in APART.items() if binding.applies(context)), "")


def markdown() -> str:
    """Return the table, keys that apply everywhere first."""
    rows = sorted(((where(binding), binding) for binding in BINDINGS), key=lambda row: row[0] != "")
    lines = [f"| {_keys(binding)} | {binding.does} | {place} |" for place, binding in rows]
    return "\n".join(["| key | does | in |", "| --- | --- | --- |", *lines])


def _keys(binding: Binding) -> str:
    return " ".join(f"`{key}`" for key in binding.shown.split())


if __name__ == "__main__":
    print(markdown())
