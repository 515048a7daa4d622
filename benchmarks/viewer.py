"""What the viewer costs: start, memory, CPU and bytes a frame, and how soon a key shows, beside a demo at full speed.

python benchmarks/viewer.py [--seconds 20] [--keys 60]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from statistics import median, quantiles

import psutil
from terminal import PtyTerminal

DEEPEYES = [sys.executable, "-m", "deepeyes_tui"]
LAYERS = ("conv1", "conv2", "fc1", "fc2")
SLOW_LINK = 250_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="0: keys alone")
    parser.add_argument("--keys", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environment = plain_environment(folder)
        training = subprocess.Popen(
            [*DEEPEYES, "demo", "--headless", "--steps", "1000000"], env=environment, stdout=subprocess.DEVNULL
        )
        try:
            wait_for_training(environment)
            print("The demo trains at full speed on all cores beside it, unless it says paused.\n")
            if options.seconds:
                print_sizes(environment, options.seconds)
            measure_keys(environment, options.keys)
        finally:
            ctl(environment, "stop")
            training.wait(30)


def print_sizes(environment: dict[str, str], seconds: float) -> None:
    print("| what | 80x24 | 120x40 | 200x60 |")
    print("| --- | --- | --- | --- |")
    for name, values in measure_sizes(environment, seconds):
        print(f"| {name} | " + " | ".join(values) + " |")
    print()


def plain_environment(folder: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("TMUX", "STY", "NO_COLOR", "COLORTERM")}
    return kept | {"DEEPEYES_HOME": folder, "TERM": "xterm-256color", "SSH_CONNECTION": "benchmark", "LANG": "C.UTF-8"}


def ctl(environment: dict[str, str], action: str) -> None:
    subprocess.run([*DEEPEYES, "ctl", "demo", action], env=environment, capture_output=True, check=False)


def wait_for_training(environment: dict[str, str]) -> None:
    for _ in range(200):
        done = subprocess.run([*DEEPEYES, "ctl", "demo", "status"], env=environment, capture_output=True, text=True)
        if "training" in done.stdout:
            time.sleep(5)
            return
        time.sleep(0.2)
    sys.exit("the demo does not train")


def attach(environment: dict[str, str], columns: int, rows: int, **options) -> PtyTerminal:
    return PtyTerminal([*DEEPEYES, "attach", "demo"], columns, rows, environment=environment, **options)


def complete(terminal: PtyTerminal) -> bool:
    """Header, a pane with numbers, and the last row have come."""
    return all(words in terminal.raw for words in (b"training", b"steps/s", b"conv1", b"leave"))


def complete_paused(terminal: PtyTerminal) -> bool:
    return all(words in terminal.raw for words in (b"paused", b"conv1", b"leave"))


def measure_sizes(environment: dict[str, str], seconds: float) -> list[tuple[str, list[str]]]:
    rows: dict[str, list[str]] = {}
    for columns, lines in ((80, 24), (120, 40), (200, 60)):
        for name, value in measure_one(environment, columns, lines, seconds).items():
            rows.setdefault(name, []).append(value)
    return list(rows.items())


def measure_one(environment: dict[str, str], columns: int, lines: int, seconds: float) -> dict[str, str]:
    starts = [start_once(environment, columns, lines, complete) for _ in range(5)]
    ctl(environment, "pause")
    quiet_starts = [start_once(environment, columns, lines, complete_paused) for _ in range(5)]
    terminal = attach(environment, columns, lines)
    terminal.until(complete_paused, 20)
    terminal.idle(4)
    still = terminal.idle(5)
    ctl(environment, "resume")
    terminal.raw.clear()
    terminal.until(lambda t: b"training" in t.raw, 20)
    terminal.idle(3)
    process = psutil.Process(terminal.process.pid)
    cpu = sum(process.cpu_times()[:2])
    received = terminal.idle(seconds)
    cpu = sum(process.cpu_times()[:2]) - cpu
    memory = process.memory_full_info()
    torch = any("torch" in region.path for region in process.memory_maps())
    terminal.close()
    return {
        "attach to first full picture, training, median of 5": f"{median(starts):.2f} s",
        "attach to first full picture, paused, median of 5": f"{median(quiet_starts):.2f} s",
        "CPU a frame at 2 Hz": f"{cpu / (seconds * 2) * 1e3:.1f} ms",
        "bytes a second at 2 Hz, 256 colours": f"{received / seconds / 1024:.1f} KiB",
        "bytes in 5 s, paused": f"{still}",
        "memory (unique / resident)": f"{memory.uss >> 20} / {memory.rss >> 20} MB",
        "torch in its memory": "yes" if torch else "no",
    }


def start_once(environment: dict[str, str], columns: int, lines: int, done) -> float:
    terminal = attach(environment, columns, lines)
    try:
        return terminal.until(done, 30)
    finally:
        terminal.close()


def measure_keys(environment: dict[str, str], keys: int) -> None:
    print("| key to changed screen, 120x40 | median | 95th percentile |")
    print("| --- | --- | --- |")
    links = (("local", None, True), ("SSH settings", None, False), ("link of 250 kB/s", SLOW_LINK, True))
    for name, speed, local in links:
        surroundings = {k: v for k, v in environment.items() if not (local and k == "SSH_CONNECTION")}
        terminal = attach(surroundings, 120, 40, bytes_per_second=speed)
        try:
            terminal.until(complete, 30)
            terminal.idle(2)
            times = [time_key(terminal, number) for number in range(keys)]
        finally:
            terminal.close()
        print(f"| {name} | {median(times) * 1e3:.0f} ms | {quantiles(times, n=20)[-1] * 1e3:.0f} ms |")


def time_key(terminal: PtyTerminal, number: int) -> float:
    """Go to the next layer or back, and time until its name stands in the status row."""
    onwards = number // 3 % 2 == 0
    place = number % 3 + 1
    expected = LAYERS[place] if onwards else LAYERS[3 - place]
    terminal.idle(0.13 + 0.07 * (number % 5))
    terminal.raw.clear()
    terminal.type("]" if onwards else "[")
    return terminal.until(lambda t: f"\n {expected}: " in t.text(), 10)


if __name__ == "__main__":
    main()
