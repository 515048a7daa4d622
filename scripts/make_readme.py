"""Draw README's picture again and fill its tables of keys and commands from the code.

python scripts/make_readme.py [--text-only]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from take_pictures import DEEPEYES, demo_at, take, take_preview

ROOT = Path(__file__).parents[1]
PREVIEW_KEYS = ("5", "Space", "l", "Space", "l", "l", "Space", "X")
COMMANDS = ("demo", "run", "attach", "replay", "report", "export", "ls", "rm", "ctl", "doctor")


def filled(text: str, name: str, content: str) -> str:
    """Put content between a pair of markers."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, _, after = rest.partition(end)
    return f"{before}{start}\n{content.strip()}\n{end}{after}"


def keys() -> str:
    command = [sys.executable, "-m", "deepeyes_tui.app.key_table"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def commands() -> str:
    helps = [subprocess.run([*DEEPEYES, name, "--help"], capture_output=True, text=True).stdout for name in COMMANDS]
    examples = [text.partition("example: ")[2].strip() for text in helps]
    summaries = [next(part for part in text.split("\n\n") if not part.startswith("usage")) for text in helps]
    rows = [
        f"| `deepeyes {name}` | {' '.join(summary.split())} | `{example}` |"
        for name, summary, example in zip(COMMANDS, summaries, examples, strict=True)
    ]
    return "\n".join(["| command | does | example |", "| --- | --- | --- |", *rows])


def main() -> None:
    if "--text-only" not in sys.argv:
        with demo_at(1200) as environment:
            take(environment, "120x40", "dark", "truecolor", ROOT / "docs/screen.svg")
            take(environment, "120x40", "dark", "truecolor", ROOT / "docs/maps.svg", "input-map")
            take_preview(environment, "100x30", PREVIEW_KEYS, "Enter y prune", ROOT / "docs/preview.svg")
    path = ROOT / "README.md"
    text = filled(path.read_text(encoding="utf-8"), "keys", keys())
    path.write_text(filled(text, "commands", commands()), encoding="utf-8")


if __name__ == "__main__":
    main()
