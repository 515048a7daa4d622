"""Values of hyper-parameters as the user reads, types and steps through them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from deepeyes_tui.app.plots.numbers import printable, unknown
from deepeyes_tui.link.messages import JSON

NAMES = {
    "lr": "learning rate",
    "momentum": "momentum",
    "betas": "betas",
    "weight_decay": "weight decay",
    "batch_size": "batch size",
}
"""What the user calls them, in the order of the panel."""
RATIOS = ("lr", "weight_decay")
"""Those whose ratios between parameter groups are kept."""
SHARES = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999)
"""Momenta, and betas, that are stepped through."""
MOST_GROUPS = 3
"""Parameter groups whose values are named beside each other."""
EXACT = 12
"""Digits in which values are the same that differ by no more than rounding."""
LEAST_DECAY = 1e-6
"""Weight decays below it are stepped over to none."""
FIRST_DECAY = 1e-5


def value_text(value: JSON, ascii: bool = False, digits: int = 4) -> str:
    """Return a value as it is read, in `digits` significant digits: `5e-5`, `0.9, 0.999`, `1024`."""
    if value is None:
        return unknown(ascii)
    if isinstance(value, bool) or not isinstance(value, int | float | list):
        return printable(str(value), 40, ascii)
    if isinstance(value, list):
        return ", ".join(value_text(one, ascii, digits) for one in value)
    if isinstance(value, int):
        return str(value)
    plain, power = (_tidy(f"{value:.{form}}") for form in (f"{digits}g", f"{digits - 1}e"))
    return power if len(power) < len(plain) and abs(value) < 1 else plain


def _tidy(number: str) -> str:
    """Return a number without the noughts that say nothing: `5.000e-05` as `5e-5`."""
    digits, e, power = number.partition("e")
    if not e:
        return number
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits}e{int(power)}"


def groups_text(values: Sequence[JSON], ascii: bool = False, counted: bool = True, digits: int = 4) -> str:
    """Return the values of the first parameter groups, and with `counted` how many there are; one where all agree."""
    if not values:
        return unknown(ascii)
    if len(values) == 1:
        return value_text(values[0], ascii, digits)
    joint = "; " if any(isinstance(value, list) for value in values) else ", "
    shown = joint.join([value_text(value, ascii, digits) for value in values[:MOST_GROUPS]])
    more = f"{joint}..." if len(values) > MOST_GROUPS else ""
    return f"{shown}{more} ({len(values)} groups)" if counted else f"{shown}{more}"


def after_values(name: str, before: Sequence[JSON], value: JSON) -> tuple[JSON, ...]:
    """Return the values of the parameter groups once `value` is set.

    Learning rates and weight decays keep their ratios to the first that is not 0; all else is alike in all groups.
    """
    numbers = [float(one) for one in before if isinstance(one, int | float)]
    reference = next(filter(None, numbers), 0.0)
    keeps_ratios = name in RATIOS and isinstance(value, int | float) and value and reference
    if not keeps_ratios or len(numbers) != len(before):
        return (value,)
    return tuple(float(value) * (one / reference) for one in numbers)  # type: ignore[arg-type]


def change_text(before: Sequence[JSON], after: Sequence[JSON], ascii: bool = False) -> tuple[str, str]:
    """Return the values of the parameter groups before and after, in as many digits as tell them apart."""
    alike = groups_text(before, counted=False) == groups_text(after, counted=False)
    digits = EXACT if alike else 4
    return groups_text(before, ascii, digits=digits), groups_text(after, ascii, counted=False, digits=digits)


def is_set(name: str, before: Sequence[JSON], value: JSON) -> bool:
    """Return whether setting `value` would leave all parameter groups as they are."""
    after = after_values(name, before, value)
    after = after * len(before) if len(after) == 1 else after
    shown = [[value_text(one, digits=EXACT) for one in values] for values in (before, after)]
    return bool(before) and shown[0] == shown[1]


def read_value(name: str, text: str) -> JSON:
    """Return what was typed for a hyper-parameter. Raises ValueError with a sentence that says what is wanted."""
    return READERS[name](text.strip())


def read_count(text: str, most: int) -> int:
    """Return a number of filters, 1 to `most`. Raises ValueError with a sentence that says what is wanted."""
    return _whole(text.strip(), most, f"new filters are counted from 1 to {most}")


def _number(text: str, wanted: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise ValueError(f"{text!r} will not do: {wanted}")
    return value


def _rate(text: str) -> JSON:
    return _number(text, "a learning rate is a number above 0, as in 1e-4", lambda value: value > 0)


def _momentum(text: str) -> JSON:
    return _number(text, "a momentum is a number from 0 to below 1, as in 0.9", lambda value: 0 <= value < 1)


def _decay(text: str) -> JSON:
    return _number(text, "a weight decay is a number from 0 on, as in 5e-4", lambda value: value >= 0)


def _betas(text: str) -> JSON:
    wanted = "betas are two numbers from 0 to below 1, as in 0.9, 0.999"
    parts = [part for part in re.split(r"[,;\s]+", text.strip("()[] ")) if part]
    if len(parts) != 2:
        raise ValueError(f"{text!r} will not do: {wanted}")
    return [_number(part, wanted, lambda value: 0 <= value < 1) for part in parts]


def _batch(text: str) -> JSON:
    return _whole(text, 1 << 30, "a batch size is a whole number from 1 on, as in 64")


def _whole(text: str, most: int, wanted: str) -> int:
    value = int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0
    if not 1 <= value <= most:
        raise ValueError(f"{text!r} will not do: {wanted}")
    return value


READERS: dict[str, Callable[[str], JSON]] = {
    "lr": _rate,
    "momentum": _momentum,
    "betas": _betas,
    "weight_decay": _decay,
    "batch_size": _batch,
}


def stepped(name: str, value: JSON, sign: int) -> JSON:
    """Return the next value up (`sign` 1) or down (-1): twice or half of it, for momentum and the first beta the next
    of `SHARES`. Raises ValueError where there is none.
    """
    if name == "betas" and isinstance(value, list) and len(value) == 2:
        return [_next_share(value[0], sign), value[1]]
    if name == "momentum":
        return _next_share(value, sign)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or not math.isfinite(value):
        raise ValueError("there is no step from here: type a value")
    if name == "batch_size":
        return max(int(value) * 2 if sign > 0 else int(value) // 2, 1)
    if name == "weight_decay":
        return _next_decay(value, sign)
    if value == 0:
        raise ValueError("there is no step from 0: type a value")
    return float(value * 2 if sign > 0 else value / 2)


def _next_decay(value: float, sign: int) -> float:
    if sign > 0:
        return float(value * 2) or FIRST_DECAY
    return float(value / 2) if value / 2 >= LEAST_DECAY else 0.0


def _next_share(value: JSON, sign: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("there is no step from here: type a value")
    beyond = [share for share in SHARES if (share - value) * sign > 1e-9]
    return (min if sign > 0 else max)(beyond, default=float(value))
