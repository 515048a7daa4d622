"""Facts that are told of every layer alike, said once for all of them: a list would read like a list of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from deepeyes_tui.findings.finding import Finding, Kind
from deepeyes_tui.findings.limits import OVERSIZED
from deepeyes_tui.findings.stability import STABLE_BELOW_IN_ALL, distance
from deepeyes_tui.findings.words import named, rounded, share, with_error
from deepeyes_tui.link.snapshot import STABLE_WINDOWS

FEW = 2
"""Layers of which each has a sentence of its own."""


def gathered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings with facts of one kind in one sentence, in the place of the first; faults stand alone."""
    every = tuple(findings)
    groups: dict[str, list[Finding]] = {}
    for found in every:
        groups.setdefault(_group(found), []).append(found)
    out: list[Finding] = []
    for found in every:
        name = _group(found)
        alike = groups[name]
        if not name or len(alike) <= FEW:
            out.append(found)
        elif found is alike[0]:
            numbers = {"layers": float(len(alike))}
            out.append(Finding(found.task, found.kind, "", SENTENCES[name](alike), numbers=numbers))
    return tuple(out)


def _group(found: Finding) -> str:
    """Return what a finding is told together with; empty for one that is told alone."""
    numbers = found.numbers
    if not found.layer or found.act is not None:
        return ""
    if found.kind is Kind.EFFECTIVE:
        return "effective" if numbers["effective"] >= OVERSIZED * numbers["filters"] else ""
    if found.kind is Kind.PURITY:
        rise, sure = numbers["rise"], 2 * numbers["rise_error"]
        return "better" if rise > sure else "less" if rise < -sure else "same"
    if found.kind is Kind.UNDETECTED and "tokens" in found.numbers:
        return ""
    return {Kind.MOVING: "moving", Kind.UNDETECTED: "undetected"}.get(found.kind, "")


def _effective(alike: Sequence[Finding]) -> str:
    each = named([f"{f.layer} {f.numbers['effective']:.4g} of {f.numbers['filters']:,.0f}" for f in alike])
    return f"In {len(alike)} layers no two filters are surely alike. Effective numbers of filters: {each}."


def _moving(alike: Sequence[Finding]) -> str:
    each = named([f"{f.layer} by {distance(f.numbers['distance'])}{_calm(f)}" for f in alike])
    before = [f.layer for f in alike if "stable_windows_ago" in f.numbers]
    were = f" {named(before)} {'was' if len(before) == 1 else 'were'} stable before." if before else ""
    text = f"{len(alike)} layers are not stable: in a window they move, {each}. Stable is {STABLE_BELOW_IN_ALL}"
    return f"{text}{' (so many of them so far)' if any(map(_calm, alike)) else ''}.{were}"


def _calm(found: Finding) -> str:
    calm = found.numbers["calm_windows"]
    return f" ({calm:.0f} of {STABLE_WINDOWS})" if calm else ""


def _undetected(alike: Sequence[Finding]) -> str:
    each = named([f"{f.layer} {share(f.numbers['undetected'])}" for f in alike])
    inputs = rounded(min(f.numbers["inputs"] for f in alike))
    where = f"some {inputs:,} inputs of the last observed steps"
    return f"In {len(alike)} layers some instances, from {where}, are detected by no filter: {each}."


def _purity(change: str, but: str = "") -> Callable[[Sequence[Finding]], str]:
    def said(alike: Sequence[Finding]) -> str:
        each = named([f"{f.layer} {_from_to(f)}" for f in alike])
        return f"{len(alike)} layers keep the labels {change} (purity before and behind): {each}.{but}"

    return said


def _from_to(found: Finding) -> str:
    before, after = found.numbers["before"], found.numbers["after"]
    return f"{with_error(before, float('nan'))} to {with_error(after, float('nan'))}"


SENTENCES: Mapping[str, Callable[[Sequence[Finding]], str]] = {
    "effective": _effective,
    "moving": _moving,
    "undetected": _undetected,
    "better": _purity("better apart"),
    "same": _purity("as far apart as they were", " A layer that sees small pieces of an input can hardly do better."),
    "less": _purity("less apart"),
}
