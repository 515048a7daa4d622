"""What the maps cost their user: from a layer to its map, keys meanwhile, a brush over half of all points.

The demo trains at full speed on all cores beside it. python benchmarks/maps.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

import psutil
from terminal import PtyTerminal
from viewer import DEEPEYES, LAYERS, complete, plain_environment, wait_for_training

FULL = 8192
FILLING = 120.0
"""Seconds after which the rings are taken as they are."""
KEYS = (("o", b"rep"), ("o", b"int"), ("o", b"rem"), ("o", b"add"))
"""What a press of `o` on a map writes into the status row, in turn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = plain_environment(folder) | {"DEEPEYES_LIVE": f"/dev/shm/benchmark-{os.getpid()}"}
        environment.pop("SSH_CONNECTION")
        command = [*DEEPEYES, "demo", "--headless", "--steps", "1000000"]
        training = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for_training(environment)
            fill_rings(environment)
            measure(environment, options.rounds)
        finally:
            subprocess.run([*DEEPEYES, "ctl", "demo", "stop"], env=environment, capture_output=True, check=False)
            training.wait(30)


def fill_rings(environment: dict[str, str]) -> None:
    """Look at every layer until its ring is full."""
    from deepeyes_tui.link.ring import RingReader, ring_path

    rings = Path(environment["DEEPEYES_LIVE"], "demo", "instances")
    for number, layer in enumerate(LAYERS):
        subprocess.run([*DEEPEYES, "ctl", "demo", "focus", layer], env=environment, capture_output=True, check=True)
        end = time.monotonic() + FILLING / len(LAYERS)
        written = 0
        while written < FULL and time.monotonic() < end:
            time.sleep(0.5)
            reader = RingReader(ring_path(rings, number))
            written = reader.written
            reader.close()
        print(f"{layer}: {min(written, FULL):,} instances", file=sys.stderr)


def measure(environment: dict[str, str], rounds: int) -> None:
    """Go through the layers in a viewer of its own each round: to every layer for the first time, then again."""
    firsts: dict[str, list[float]] = {layer: [] for layer in LAYERS[1:]}
    keys: list[float] = []
    brushes: list[float] = []
    again: list[float] = []
    memory: list[str] = []
    for _ in range(rounds):
        terminal = PtyTerminal([*DEEPEYES, "attach", "demo"], 120, 40, environment=environment)
        try:
            terminal.until(complete, 30)
            terminal.type("6")
            terminal.until(lambda t: "labels," in t.text(), 120)
            terminal.idle(5)
            for layer in LAYERS[1:]:
                seconds, pressed = first_frame(terminal, "]", layer)
                firsts[layer].append(seconds)
                keys += pressed
                terminal.idle(4)
                brushes.append(brush_half(terminal))
            again.append(first_frame(terminal, "[", LAYERS[2])[0])
            memory = memories(terminal)
        finally:
            terminal.close()
    report(firsts, again, keys, brushes, memory)


def first_frame(terminal: PtyTerminal, onwards: str, layer: str) -> tuple[float, list[float]]:
    """Go to a layer; return the seconds until its map is seen, and how long keys took meanwhile."""
    begun, keys = time.perf_counter(), []
    terminal.type(onwards)
    turn = 0
    while f" {layer}, labels" not in map_title(terminal) or " of " not in map_title(terminal):
        key, written = KEYS[turn % len(KEYS)]
        turn += 1
        terminal.raw.clear()
        terminal.type(key)
        keys.append(terminal.until(lambda t, written=written: written in t.raw, 10))
        terminal.idle(0.05)
    seconds = time.perf_counter() - begun
    while turn % len(KEYS):
        terminal.type("o")
        turn += 1
    return seconds, keys


def map_title(terminal: PtyTerminal) -> str:
    return next((line for line in terminal.text().splitlines() if "6 Input Map" in line), "")


def brush_half(terminal: PtyTerminal) -> float:
    """Draw a rectangle over the left half of the map, and time its end until the linked views have changed."""
    terminal.type("gv" + "h" * 3 + "k" * 9)
    terminal.idle(0.3)
    terminal.type("o" + "l" * 38 + "j" * 19)
    terminal.idle(0.7)
    terminal.raw.clear()
    begun = time.perf_counter()
    terminal.type("\r")
    terminal.until(lambda t: len(t.raw) > 0, 10)
    last = time.perf_counter()
    while time.perf_counter() - last < 0.08:
        if terminal.read(0.01):
            last = time.perf_counter()
    title = map_title(terminal)
    if "marked" not in title:
        raise RuntimeError(f"nothing was marked: {title}")
    terminal.type("\x1b")
    terminal.idle(0.3)
    return last - begun


def memories(terminal: PtyTerminal) -> list[str]:
    """Return rows on the memory of the viewer and of its analysis process."""
    viewer = psutil.Process(terminal.process.pid)
    rows = []
    for name, process in (("viewer", viewer), *(("analysis process", child) for child in viewer.children())):
        own = process.memory_full_info()
        rows.append(f"| memory of the {name}, unique / resident | {own.uss >> 20} / {own.rss >> 20} MB | |")
    return rows


def report(
    firsts: dict[str, list[float]], again: list[float], keys: list[float], brushes: list[float], memory: list[str]
) -> None:
    print("| what | median | most |")
    print("| --- | --- | --- |")
    for layer, seconds in firsts.items():
        print(f"| {layer}: from choosing it to the first frame of its Input Map | {spread(seconds)} |")
    print(f"| going back to a layer | {spread(again)} |")
    print(f"| half of the points brushed: key to last byte, four views | {spread(brushes)} |")
    print(f"| keys while a map is computed | {spread(keys)}; 95th percentile {quantiles(keys, n=20)[-1]:.3f} s |")
    print("\n".join(memory))


def spread(values: list[float]) -> str:
    return f"{median(values):.3f} s | {max(values):.3f} s"


if __name__ == "__main__":
    main()
