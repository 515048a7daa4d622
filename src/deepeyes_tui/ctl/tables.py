"""What a run answers, as text of a terminal or a log."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

from deepeyes_tui.link.filter_lists import format_filters
from deepeyes_tui.link.journal import Entry
from deepeyes_tui.link.messages import JSON
from deepeyes_tui.link.preview import Part, Preview, Settings

NOTHING = 1e-6
"""A change of the output below which there is none: what rounding alone makes."""


def plan_lines(preview: Preview) -> list[str]:
    """Return what surgery would do: costs, change of the output, tensors, warnings."""
    costs = [("parameters", *preview.parameters), ("multiply-adds", *preview.multiply_adds)]
    return [
        preview.title,
        *_indented(aligned([_cost(*cost) for cost in costs])),
        f"  output         {_change(preview)}",
        *([] if preview.exact else ["  not exact      it is done only with --inexact"]),
        *_copies(preview.copies),
        *_parts(preview.parts),
        *([f"  and {preview.parts_left_out:,} tensors more"] if preview.parts_left_out else []),
        *(f"  warning: {warning}" for warning in preview.warnings),
    ]


def settings_lines(settings: Settings) -> list[str]:
    """Return the hyper-parameters, what is frozen, and what would be undone."""
    rows = [(one.name.replace("_", " "), _values(one.values), one.refusal) for one in settings.settings]
    frozen = [f"{layer} {format_filters(filters)}".strip() for layer, filters in settings.frozen.items()]
    more = [("frozen", "; ".join(frozen) or "nothing", ""), ("undo", settings.undo or "nothing to undo", "")]
    return aligned([*rows, *more])


def journal_lines(entries: Sequence[Entry], missing: int = 0) -> list[str]:
    """Return a line an act, in their order, and how many are missing as they could not be written."""
    head = ("number", "time", "step", "who", "what", "before", "after")
    lines = aligned([head, *map(_entry, entries)]) if entries else []
    if missing:
        told = "1 act" if missing == 1 else f"{missing:,} acts"
        lines.append(f"{told} could not be written here (was the disk full?): what was changed is not told in full")
    return lines or ["nothing was changed yet"]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows with their cells one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _cost(name: str, before: int, after: int) -> tuple[str, ...]:
    share = f"{(after - before) / before:+.1%}" if before else ""
    share = f"{after - before:+,}" if share[1:] == "0.0%" and after != before else share
    return name, f"{before:,}", "->", f"{after:,}", share


def _change(preview: Preview) -> str:
    if preview.change is None or not math.isfinite(preview.change):
        return "how much it changes is not known"
    if preview.change < NOTHING:
        return "no change"
    percent = 100 * preview.change
    share = f"{percent:,.0f}%" if percent >= 100 else f"{percent:.3g}%"
    return f"changes by at most {share} of its largest value"


def _copies(copies: int) -> list[str]:
    if not copies:
        return []
    return [f"  copies         {copies} of the model, changed alike"]


def _parts(parts: Sequence[Part]) -> list[str]:
    if not parts:
        return ["  tensors        none that there is changes its size"]
    return _indented(aligned([("tensor", "axis", "before", "after", "role"), *map(_part, parts)]))


def _part(part: Part) -> tuple[str, ...]:
    return part.tensor, str(part.axis), str(part.before), str(part.after), part.role


def _values(values: Sequence[JSON]) -> str:
    joint = "; " if any(isinstance(value, list) for value in values) else ", "
    return joint.join(map(_value, values)) or "-"


def _value(value: JSON) -> str:
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _entry(entry: Entry) -> tuple[str, ...]:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    return str(entry.number), at, str(entry.step), entry.sender, entry.sentence, entry.before, entry.after
