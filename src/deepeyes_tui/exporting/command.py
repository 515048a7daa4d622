"""The command: which run, which tables or which view, into which files."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from deepeyes_tui.exporting.formats import FORMATS
from deepeyes_tui.exporting.options import PICTURES, TENSORBOARD
from deepeyes_tui.exporting.sources import Source, open_source
from deepeyes_tui.exporting.tables import TABLES, Chosen
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.runs import Run, find_run, sweep
from deepeyes_tui.link.settings import load_options

SIZE = (120, 40)
MAPS = "maps"
"""The table of what was kept by hand: most runs have none."""


def export(options: argparse.Namespace) -> int:
    """Write the files, and print the path of each. Raises RunError."""
    _check(options)
    sweep()
    run = find_run(options.run)
    with closing(open_source(run)) as source:
        try:
            folder = options.output or Path(f"{run.name}-export")
            folder.mkdir(parents=True, exist_ok=True)
            for path in _write(options, source, run, folder):
                print(path)
        except OSError as error:
            raise RunError(f"cannot write {error.filename or folder}: {error.strerror or error}") from error
        if source.damage:
            print(f"deepeyes: {run.name}: {source.damage}", file=sys.stderr)
    return 0


def _check(options: argparse.Namespace) -> None:
    picture = options.format in PICTURES
    if picture and not options.view:
        raise RunError(f"a picture is of a view: deepeyes export --format {options.format} --view Layers")
    if options.view and options.format and not picture:
        raise RunError(f"a view is a picture: --format svg or --format png, not {options.format}")
    if options.what and (options.view or options.format == TENSORBOARD):
        raise RunError("--what goes with the formats csv, json and parquet")


def _write(options: argparse.Namespace, source: Source, run: Run, folder: Path) -> list[Path]:
    chosen = Chosen(options.step, options.layer)
    if options.view:
        return [_write_view(options, source, run, chosen, folder)]
    if options.format == TENSORBOARD:
        from deepeyes_tui.exporting.tensorboard import write_events

        return [write_events(source, chosen, folder)]
    write = FORMATS[options.format or "csv"]
    wanted = options.what or [what for what in TABLES if what != MAPS or source.kept]
    return [write(TABLES[what](source, chosen), folder / f"{run.name}-{what}") for what in wanted]


def _write_view(options: argparse.Namespace, source: Source, run: Run, chosen: Chosen, folder: Path) -> Path:
    from deepeyes_tui.exporting.views import write_view

    theme = load_options({"theme": options.theme}).theme
    name = "-".join(options.view.lower().split())
    kind = options.format or PICTURES[0]
    path = folder / f"{run.name}-{name.replace('/', '-')}.{kind}"
    return write_view(source, run, chosen, options.view, options.size or SIZE, theme, path)
