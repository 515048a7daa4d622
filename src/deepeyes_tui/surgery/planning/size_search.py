"""Numbers in the user's own modules that have to say a new size, such as a number of heads: found by trying."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import combinations, islice
from typing import Any

from torch import nn

from deepeyes_tui.surgery.plan import Attribute, Cut, Insertion, Plan

_TRIES = 80


def with_sizes(plan: Plan, model: nn.Module, works: Callable[[Plan], bool]) -> Plan | None:
    """Return the plan with the fewest attributes of modules changed in proportion such that it `works`; None if none
    does.

    Looked at are whole numbers, and tuples of them, in modules around what the plan changes and in `nn.Unflatten`.
    """
    known = {(one.module, one.name) for one in plan.attributes}
    found = [one for one in _candidates(plan, model) if (one.module, one.name) not in known]
    for more in islice(_choices(found), _TRIES):
        tried = replace(plan, attributes=(*plan.attributes, *more))
        if works(tried):
            return tried
    return None


def _choices(found: list[Attribute]) -> Iterator[tuple[Attribute, ...]]:
    """One attribute, then those of one name in all modules, then any two or three."""
    yield from ((one,) for one in found)
    named: dict[tuple[str, Any, Any], list[Attribute]] = defaultdict(list)
    for one in found:
        named[one.name, one.before, one.after].append(one)
    groups = [tuple(same) for same in named.values()]
    yield from (group for group in groups if len(group) > 1)
    for many in (2, 3):
        for chosen in combinations(groups, many):
            yield from _unambiguous(one for group in chosen for one in group)
    for many in (2, 3):
        for several in combinations(found, many):
            yield from _unambiguous(several)


def _unambiguous(several: Iterable[Attribute]) -> Iterator[tuple[Attribute, ...]]:
    chosen = tuple(several)
    if len({(one.module, one.name) for one in chosen}) == len(chosen):
        yield chosen


def _candidates(plan: Plan, model: nn.Module) -> list[Attribute]:
    parts: list[Cut | Insertion] = [*plan.cuts, *plan.insertions]
    sizes = dict.fromkeys((part.size, part.size_after) for part in parts)
    tensors = [part.tensor for part in parts]
    found: dict[tuple[str, str, Any], Attribute] = {}
    for path, module in model.named_modules():
        around = any(tensor.startswith(f"{path}." if path else "") for tensor in tensors)
        if isinstance(module, nn.Unflatten) or (around and not type(module).__module__.startswith("torch.nn.")):
            for name, value in vars(module).items():
                for after in _scaled(value, sizes):
                    found.setdefault((path, name, after), Attribute(path, name, value, after))
    return sorted(found.values(), key=lambda one: -one.module.count("."))


def _scaled(value: Any, sizes: Iterable[tuple[int, int]]) -> Iterator[Any]:
    """Values in proportion: a size, a part of it, or a multiple, that stays whole."""
    for old, new in sizes:
        if isinstance(value, int) and not isinstance(value, bool):
            after = _proportional(value, old, new)
            if after is not None:
                yield after
        elif isinstance(value, tuple) and value and all(isinstance(one, int) for one in value):
            for place, one in enumerate(value):
                after = _proportional(one, old, new)
                if after is not None:
                    yield type(value)((*value[:place], after, *value[place + 1 :]))


def _proportional(value: int, old: int, new: int) -> int | None:
    fits = value > 0 and (old % value == 0 or value % old == 0) and value * new % old == 0
    return value * new // old if fits and value * new else None
