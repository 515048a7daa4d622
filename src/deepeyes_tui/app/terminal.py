"""What must be known of the terminal before textual is imported: colours, glyphs, how often to draw."""

from __future__ import annotations

import locale
import os
import subprocess
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass

DEPTHS = ("truecolor", "256", "16", "none")
COLOR_SYSTEMS = {"truecolor": "truecolor", "256": "256", "16": "standard", "none": "truecolor"}
TRUECOLOR_TERMS = ("alacritty", "foot", "ghostty", "kitty", "wezterm", "contour", "direct")
LOCAL_RATE, REMOTE_RATE = 4.0, 2.0
REMOTE_KBPS = 150.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """How to draw: `depth` one of `DEPTHS`, `rate` pictures a second, `kbps` a limit in kB/s (0: none), and whether
    the terminal itself may be asked if it has drawn the last picture (inside tmux it is tmux that answers).
    """

    depth: str
    glyphs: str
    rate: float
    kbps: float
    asks: bool


def prepare(
    color: str,
    glyphs: str,
    max_kbps: float,
    environ: MutableMapping[str, str],
) -> Terminal:
    """Decide how to draw, and leave in `environ` what textual reads on import. `max_kbps` 0: as it sees fit."""
    remote = is_remote(environ)
    terminal = Terminal(
        depth=color_depth(color, environ),
        glyphs=glyph_set(glyphs, locale.getencoding(), environ.get("TERM", "")),
        rate=REMOTE_RATE if remote else LOCAL_RATE,
        kbps=max_kbps or (REMOTE_KBPS if remote else 0.0),
        asks="TMUX" not in environ and "STY" not in environ,
    )
    environ["TEXTUAL_COLOR_SYSTEM"] = COLOR_SYSTEMS[terminal.depth]
    environ.setdefault("TEXTUAL_FPS", "30" if remote else "60")
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.pop("TEXTUAL_THEME", None)
    environ.pop("NO_COLOR", None)
    return terminal


def color_depth(wanted: str, environ: Mapping[str, str]) -> str:
    """Return the depth of colour: what was asked for, else none under NO_COLOR, else what the terminal says."""
    if wanted in DEPTHS:
        return wanted
    term = environ.get("TERM", "")
    if environ.get("NO_COLOR") or term in ("dumb", ""):
        return "none"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    if "TMUX" in environ and "RGB" in tmux_features():
        return "truecolor"
    if any(name in term for name in TRUECOLOR_TERMS):
        return "truecolor"
    return "16" if term in ("linux", "vt100", "vt220", "ansi", "xterm-16color") else "256"


def tmux_features() -> str:
    """Return what tmux says of the terminal that it is shown in, or nothing."""
    command = ["tmux", "display", "-p", "#{client_termfeatures}"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=0.5, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def glyph_set(wanted: str, encoding: str, term: str = "") -> str:
    """Return the glyphs to draw with: what was asked for, else ASCII where the locale knows no more, and blocks on a
    console, whose font has no braille.
    """
    if wanted in ("braille", "block", "ascii"):
        return wanted
    if encoding.lower().replace("-", "").replace("_", "") != "utf8":
        return "ascii"
    return "block" if term == "linux" or term.startswith("vt") else "braille"


def is_remote(environ: Mapping[str, str]) -> bool:
    """Return whether bytes are dear: over SSH, or in tmux or screen, which may be shown over it."""
    return any(name in environ for name in ("SSH_CONNECTION", "SSH_TTY", "TMUX", "STY"))


def detect() -> str:
    """Return what was found out, in one line, for `deepeyes doctor`."""
    found = prepare("auto", "auto", 0, dict(os.environ))
    limit = f"{found.kbps:g} kB/s" if found.kbps else "no limit"
    return f"colours {found.depth}, glyphs {found.glyphs}, {found.rate:g} pictures a second, {limit}"
