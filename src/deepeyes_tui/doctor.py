"""`deepeyes doctor`: what this machine, this terminal and this torch can do, and what to do about the rest."""

from __future__ import annotations

import locale
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from deepeyes_tui._version import __version__
from deepeyes_tui.app.terminal import color_depth, detect, glyph_set, is_remote, tmux_features
from deepeyes_tui.link.control import ControlServer
from deepeyes_tui.link.errors import ControlError, RunError
from deepeyes_tui.link.folders import live_root, runs_folder

LEAST_ROOM = 64 << 20
OLDEST_TORCH = (2, 4)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is as it should be, and how it is or what to do."""

    subject: str
    fine: bool
    words: str


def examine() -> int:
    """Print a line a finding; 0 where training can be watched on this machine."""
    findings = [*_software(), *_places(), *_terminal()]
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        print(f"{'ok  ' if finding.fine else 'look'}  {finding.subject.ljust(width)}  {finding.words}")
    needed = {"torch", "run folder", "shared memory", "control socket"}
    return 0 if all(finding.fine for finding in findings if finding.subject in needed) else 1


def _software() -> Iterator[Finding]:
    yield Finding("deepeyes_tui", True, __version__)
    yield Finding("python", True, sys.version.split()[0])
    try:
        version = metadata.version("torch")
    except metadata.PackageNotFoundError:
        yield Finding("torch", False, "not installed here: `pip install torch` where the training runs")
        return
    known = tuple(int(part) for part in version.split("+")[0].split(".")[:2] if part.isdigit())
    yield Finding("torch", known >= OLDEST_TORCH, version if known >= OLDEST_TORCH else f"{version}: 2.4 is needed")
    yield Finding("GPU", True, _gpu())


def _gpu() -> str:
    try:
        import pynvml

        pynvml.nvmlInit()
        names = [
            pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(number))
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
    except Exception:  # NVMLError derives from Exception directly, and is not there where the import fails
        return "none that NVML knows of; training runs on the CPU"
    return ", ".join(name if isinstance(name, str) else name.decode() for name in names)


def _places() -> Iterator[Finding]:
    yield _writable("run folder", runs_folder())
    try:
        live = live_root()
    except RunError as error:
        yield Finding("shared memory", False, f"{error}; set DEEPEYES_LIVE to a folder that can be written")
        return
    yield _writable("shared memory", live)
    room = shutil.disk_usage(_existing(live)).free
    enough = room >= LEAST_ROOM
    yield Finding("room there", enough, f"{room >> 20} MB free" + ("" if enough else ": set DEEPEYES_LIVE elsewhere"))
    yield _socket(live)


def _writable(subject: str, folder: Path) -> Finding:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return Finding(subject, True, str(folder))
    except OSError as error:
        variable = "DEEPEYES_HOME" if subject == "run folder" else "DEEPEYES_LIVE"
        return Finding(subject, False, f"{folder}: {error.strerror}; set {variable} to a folder that can be written")


def _socket(live: Path) -> Finding:
    try:
        with tempfile.TemporaryDirectory(dir=live) as folder:
            ControlServer(Path(folder, "control")).close()
    except (OSError, ControlError) as error:
        return Finding("control socket", False, f"none can be made ({error}): viewers will not be able to pause")
    return Finding("control socket", True, "works")


def _terminal() -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    usable = term not in ("", "dumb")
    yield Finding("terminal", usable, term if usable else f"TERM is {term!r}: start a real terminal, or use --once")
    encoding = locale.getencoding()
    utf8 = glyph_set("auto", encoding) != "ascii"
    yield Finding("locale", utf8, encoding if utf8 else f"{encoding}: drawn in ASCII; set LANG=C.UTF-8 for more")
    yield _colors()
    yield Finding("drawing", True, detect())
    if "TMUX" in os.environ:
        yield _tmux()
    if is_remote(os.environ):
        yield Finding("link", True, "remote or in tmux: half the pictures a second; `ssh -C` makes them smaller still")


def _colors() -> Finding:
    depth = color_depth("auto", os.environ)
    origin = ", ".join(f"{name}={os.environ[name]}" for name in ("COLORTERM", "NO_COLOR") if name in os.environ)
    advice = "" if depth == "truecolor" else ": if the terminal knows more, export COLORTERM=truecolor or use --color"
    if os.environ.get("NO_COLOR"):
        advice = ": unset NO_COLOR or use --color"
    return Finding("colours", depth in ("truecolor", "256"), f"{depth} ({origin or 'COLORTERM is not set'}){advice}")


def _tmux() -> Finding:
    known = tmux_features()
    fine = "RGB" in known
    advice = "" if fine else ": for 24-bit colour put `set -as terminal-features ',*:RGB'` into ~/.tmux.conf"
    return Finding("tmux", fine, f"{_tmux_version()}, {known or 'no features'}{advice}")


def _tmux_version() -> str:
    try:
        done = subprocess.run(["tmux", "-V"], capture_output=True, text=True, timeout=1, check=False)
    except (OSError, subprocess.SubprocessError):
        return "tmux that does not answer"
    return done.stdout.strip()


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path
