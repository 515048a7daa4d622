"""What has to stay alike in the groups of grouped convolutions and normalisations."""

from __future__ import annotations

from collections.abc import Sequence

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.atoms import Space


def check_groups(space: Space, units: Sequence[int]) -> None:
    """Raise SurgeryError where removing `units` leaves the groups of a space unequal."""
    if space.groups < 2 or space.fixed:
        return
    width = space.size // space.groups
    places = [{unit % width for unit in units if unit // width == group} for group in range(space.groups)]
    if space.spans and whole_groups(space, units):
        return
    if len({len(one) for one in places}) > 1:
        raise SurgeryError(_unequal(space, width, len(units)))
    if any(slot.length < space.size for slot in space.slots) and any(one != places[0] for one in places):
        raise SurgeryError(_elsewhere(space, width, min(units)))


def whole_groups(space: Space, units: Sequence[int]) -> int:
    """Return how many groups go, if the units are whole groups; else 0."""
    width = space.size // space.groups
    groups = {unit // width for unit in units}
    return len(groups) if len(groups) * width == len(units) else 0


def _unequal(space: Space, width: int, count: int) -> str:
    whole = f", or whole groups of {width}" if space.spans else ""
    return (
        f"{space.path} has {space.groups} groups of {width} channels and would lose {count}: "
        f"as many must go from each group, {space.groups}, {2 * space.groups} and so on{whole}"
    )


def _elsewhere(space: Space, width: int, first: int) -> str:
    alike = ", ".join(str(first % width + group * width) for group in range(space.groups))
    return (
        f"{space.path} reads {space.groups} groups of {width} channels with one filter each: "
        f"channels must go from the same place of each group, such as {alike}"
    )
