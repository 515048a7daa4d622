"""How to show things: command line, then environment, then file, then default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from deepeyes_tui.link.errors import SettingsError

CHOICES: Mapping[str, tuple[str, ...]] = {
    "color": ("auto", "truecolor", "256", "16", "none"),
    "theme": ("dark", "light", "ansi"),
    "glyphs": ("auto", "braille", "block", "ascii"),
}
SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """What a viewer can be told. `size` is columns and rows for one frame, `max_kbps` thousands of bytes a second,
    `pane` and `layer` what to show first, `text` asks for the pane as text instead of a frame, `step` is where a replay
    begins, `beside` the name of a run to be seen beside the one that is shown.
    """

    color: str = "auto"
    theme: str = "dark"
    glyphs: str = "auto"
    max_kbps: int = 0
    readonly: bool = False
    once: bool = False
    size: tuple[int, int] | None = None
    pane: str = ""
    layer: str = ""
    text: bool = False
    step: int | None = None
    beside: str = ""


def load_options(given: Mapping[str, Any]) -> ViewOptions:
    """Return the options, those given on the command line (None: not given) first. Raises SettingsError."""
    options = ViewOptions()
    for origin, values in (*_from_file(), ("the environment", _from_environment())):
        options = _with(options, values, origin)
    return _with(options, {key: value for key, value in given.items() if value is not None}, "the command line")


def parse_size(text: str) -> tuple[int, int]:
    """Read `120x40`. Raises ValueError."""
    columns, _, rows = text.lower().partition("x")
    size = int(columns), int(rows)
    if not (10 <= size[0] <= 1000 and 3 <= size[1] <= 500):
        raise ValueError("a size is columns x rows, from 10x3 to 1000x500")
    return size


def _with(options: ViewOptions, values: Mapping[str, Any], origin: str) -> ViewOptions:
    known = {f.name for f in fields(ViewOptions)}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{origin} has an unknown setting {key!r}; there are {', '.join(sorted(known))}")
        options = replace(options, **{key: _checked(key, value, origin)})
    return options


def _checked(key: str, value: Any, origin: str) -> Any:
    if key in CHOICES:
        if str(value) not in CHOICES[key]:
            raise SettingsError(f"{key} {value!r} in {origin} is none of {', '.join(CHOICES[key])}")
        return str(value)
    if key in ("pane", "layer", "beside"):
        return str(value)
    try:
        if key == "size":
            return value if isinstance(value, tuple) else parse_size(str(value))
        if key == "step":
            return int(value)
        if key == "max_kbps":
            return max(int(value), 0)
        return SWITCH[str(value).lower()]
    except KeyError:
        raise SettingsError(f"{key} {value!r} in {origin} is neither true nor false") from None
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{key} {value!r} in {origin} cannot be used: {error}") from None


def _from_environment() -> dict[str, str]:
    keys = ("color", "theme", "glyphs", "max_kbps", "readonly")
    return {key: os.environ[name] for key in keys if os.environ.get(name := f"DEEPEYES_{key.upper()}")}


def _from_file() -> list[tuple[str, Mapping[str, Any]]]:
    path = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "deepeyes/config.toml"
    try:
        return [(str(path), tomllib.loads(path.read_text()))]
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read ({error})") from None
