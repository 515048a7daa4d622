"""Lists of filters as people write them: 3,7,11-14."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 1 << 20


def parse_filters(text: str) -> list[int]:
    """Return the filters of a list such as `3,7,11-14`, as written. Raises ValueError in a sentence."""
    filters: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ValueError(f"{text!r} is no list of filters: write them as in 3,7,11-14")
        begin, end = int(first), int(last) if dash else int(first)
        if end < begin or end - begin >= MOST:
            raise ValueError(f"{part.strip()!r} is no range of filters: write it as in 11-14")
        filters.extend(range(begin, end + 1))
    return filters


def format_filters(filters: Iterable[int]) -> str:
    """Return filters as a list that `parse_filters` reads, rising, with ranges of three and more."""
    runs: list[list[int]] = []
    for number in sorted(set(filters)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(_range(first, last) for first, last in runs)


def _range(first: int, last: int) -> str:
    if first == last:
        return str(first)
    return f"{first},{last}" if last == first + 1 else f"{first}-{last}"
