"""From plans to what viewers show of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from deepeyes_tui.link.preview import MOST_PARTS, Part, Preview
from deepeyes_tui.surgery.plan import Plan


def preview(
    title: str, plans: Sequence[Plan], change: float, copies: int, structure: int, warnings: Sequence[str]
) -> Preview:
    """Return plans that follow one another as one; `change` is what all of them do to the output."""
    parts = _parts(plans)
    first, last = plans[0].before, plans[-1].after
    return Preview(
        title=title,
        parts=tuple(parts[:MOST_PARTS]),
        parts_left_out=max(len(parts) - MOST_PARTS, 0),
        parameters=(first.parameters, last.parameters),
        multiply_adds=(first.multiply_adds, last.multiply_adds),
        change=change if math.isfinite(change) else None,
        exact=all(plan.exact for plan in plans),
        warnings=tuple(dict.fromkeys([*(warning for plan in plans for warning in plan.warnings), *warnings])),
        copies=copies,
        structure=structure,
    )


def _parts(plans: Sequence[Plan]) -> list[Part]:
    """Return every tensor and axis once, from its first size to its last."""
    parts: dict[tuple[str, int], Part] = {}
    for plan in plans:
        for edit in plan.edits:
            before = parts.get((edit.tensor, edit.axis))
            size = before.before if before is not None else edit.size
            parts[edit.tensor, edit.axis] = Part(edit.tensor, edit.axis, size, edit.size_after, edit.role)
    return list(parts.values())


def sizes(plans: Sequence[Plan]) -> tuple[str, str]:
    """Return the number of the model's parameters before and after."""
    return f"{plans[0].before.parameters:,}", f"{plans[-1].after.parameters:,}"
