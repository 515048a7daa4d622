"""Take pictures of the screen while the demo trains, to look at: SVG, and PNG where rsvg-convert is installed.

python scripts/take_pictures.py [--steps 1200] [--to pictures]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

DEEPEYES = [sys.executable, "-m", "deepeyes_tui"]
FOCUS = "fc1"
PANES = ("training", "input-map", "filter-map")
SIZES = ("80x24", "120x40", "200x60")
LOOKS = (("dark", "truecolor"), ("light", "truecolor"), ("dark", "256"), ("ansi", "16"), ("dark", "none"))
ANSI = [(0, 0, 0), (205, 60, 60), (60, 170, 90), (200, 170, 60), (80, 130, 220), (190, 90, 200), (60, 180, 190)]
THEMES = {
    "dark": TerminalTheme((14, 17, 22), (205, 210, 218), [*ANSI, (205, 210, 218)]),
    "light": TerminalTheme((250, 250, 250), (30, 34, 40), [*ANSI, (90, 95, 105)]),
}


@contextmanager
def demo_at(step: int) -> Iterator[dict[str, str]]:
    """Train the demo up to a step and hold it there; gives the environment in which it is found."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"DEEPEYES_HOME": folder}
        command = [*DEEPEYES, "demo", "--headless", "--steps", str(step * 10)]
        training = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        focused = False
        try:
            while (now := reached(environment)) < step:
                focused = focused or (now > 0 and ctl(environment, "focus", FOCUS))
                time.sleep(0.2)
            yield environment
        finally:
            ctl(environment, "stop")
            training.wait(30)


def ctl(environment: dict[str, str], *action: str) -> bool:
    """Tell the demo something; return whether it has heard."""
    done = subprocess.run([*DEEPEYES, "ctl", "demo", *action], env=environment, capture_output=True)
    return done.returncode == 0


def reached(environment: dict[str, str]) -> int:
    """Return the step that the demo has come to."""
    done = subprocess.run([*DEEPEYES, "ctl", "demo", "status", "--json"], env=environment, capture_output=True)
    return int(json.loads(done.stdout)["step"]) if done.returncode == 0 else 0


def take(environment: dict[str, str], size: str, theme: str, color: str, target: Path, pane: str = "training") -> None:
    """Write one picture of the run as SVG, of the maps that of layer `FOCUS`."""
    shown = ["--once", "--size", size, "--theme", theme, "--color", color, "--glyphs", "braille", "--pane", pane]
    shown += ["--layer", FOCUS] if pane != "training" else []
    done = subprocess.run([*DEEPEYES, "attach", "demo", *shown], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    target.write_text(as_svg(done.stdout, size, theme), encoding="utf-8")


def as_svg(screen: str, size: str, theme: str) -> str:
    """Return a screen with its escape sequences as a picture."""
    columns = int(size.partition("x")[0])
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=columns, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(Text.from_ansi(screen.rstrip("\n")), no_wrap=True, soft_wrap=True, end="")
        svg = console.export_svg(title="deepeyes demo", theme=THEMES["light" if theme == "light" else "dark"])
    return svg.replace("<text ", '<text xml:space="preserve" ')


def take_preview(environment: dict[str, str], size: str, keys: Sequence[str], shows: str, target: Path) -> None:
    """Write a picture of what a viewer in tmux shows after some keys, once a text is on its screen."""
    width, height = size.split("x")
    tmux = ["tmux", "-L", f"deepeyes-pictures-{os.getpid()}", "-f", os.devnull]
    variables = [f"DEEPEYES_HOME={environment['DEEPEYES_HOME']}", "COLORTERM=truecolor", "LC_ALL=C.UTF-8"]
    viewer = ["env", *variables, *DEEPEYES, "attach", "demo", "--theme", "dark", "--color", "truecolor"]
    try:
        subprocess.run([*tmux, "new-session", "-d", "-x", width, "-y", height, *viewer], check=True)
        _await(tmux, "conv1")
        for key in keys:
            subprocess.run([*tmux, "send-keys", key], check=True)
            time.sleep(0.5)
        _await(tmux, shows)
        screen = subprocess.run([*tmux, "capture-pane", "-e", "-p"], capture_output=True, text=True).stdout
    finally:
        subprocess.run([*tmux, "kill-server"])
    target.write_text(as_svg(screen, size, "dark"), encoding="utf-8")


def _await(tmux: Sequence[str], text: str) -> None:
    for _ in range(300):
        if text in subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout:
            return
        time.sleep(0.1)
    sys.exit(f"the viewer never showed {text!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--to", type=Path, default=Path("pictures"))
    options = parser.parse_args()
    options.to.mkdir(exist_ok=True)
    with demo_at(options.steps) as environment:
        for pane, size, (theme, color) in product(PANES, SIZES, LOOKS):
            target = options.to / f"{pane}-{size}-{theme}-{color}.svg"
            take(environment, size, theme, color, target, pane)
            if shutil.which("rsvg-convert"):
                subprocess.run(["rsvg-convert", target, "-o", target.with_suffix(".png")], check=True)
            print(target)


if __name__ == "__main__":
    main()
