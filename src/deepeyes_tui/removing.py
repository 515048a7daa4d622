"""`deepeyes rm`: runs that are over are removed, once that was agreed to."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence

from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.removal import remove_run, size_of
from deepeyes_tui.link.runs import Run, find_run, is_live, list_runs, sweep

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def add_remove_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("runs", nargs="*", metavar="RUN", help="as `deepeyes ls` names them")
    parser.add_argument("--older", type=_age, metavar="AGE", help="all that began so long ago, as in 30d, 12h, 2w")
    parser.add_argument("--keep", type=_count, metavar="N", help="all but the N newest")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--dry-run", action="store_true", help="say what would be removed, and remove nothing")


def remove(options: argparse.Namespace) -> int:
    """Remove what is named or chosen. Runs that are under way are refused by name, and passed over otherwise.

    Raises RunError.
    """
    sweep()
    chosen = _chosen(options)
    if not chosen:
        print("there is nothing to remove")
        return 0
    for run in chosen:
        print(f"{run.name}  {bytes_in_words(size_of(run))}")
    if options.dry_run:
        print(f"{_counted(chosen)} would be removed: nothing was")
        return 0
    if not options.yes and not _agreed(chosen):
        print("nothing was removed")
        return 1
    return _remove(chosen)


def bytes_in_words(count: int) -> str:
    """Return a number of bytes as people read it."""
    for size, unit in SIZES:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"


def _chosen(options: argparse.Namespace) -> list[Run]:
    if options.runs and (options.older is not None or options.keep is not None):
        raise RunError("name runs, or choose them with --older and --keep: not both")
    if options.runs:
        named = {run.name: run for run in map(_exactly, options.runs)}
        for run in named.values():
            if is_live(run):
                raise RunError(f"{run.name} is under way: stop it first, with `deepeyes ctl {run.name} stop`")
        return list(named.values())
    if options.older is None and options.keep is None:
        raise RunError("name the runs to remove, or choose them with --older 30d or --keep 10")
    known = list_runs()[options.keep or 0 :]
    latest = time.time() - (options.older or 0)
    return [run for run in known if run.record().created <= latest and not is_live(run)]


def _exactly(name: str) -> Run:
    """Return the run of this very name: what is removed is not guessed."""
    run = find_run(name)
    if run.name != name:
        raise RunError(f"there is no run {name!r}; did you mean {run.name}?")
    return run


def _agreed(chosen: Sequence[Run]) -> bool:
    if not sys.stdin.isatty():
        raise RunError("rm asks before it removes, and the input is no terminal here: give --yes")
    answer = input(f"remove {_counted(chosen)}, with journal, checkpoints and history? [y/N] ")
    return answer.strip().lower() in ("y", "yes")


def _remove(chosen: Sequence[Run]) -> int:
    freed, failed = 0, 0
    for run in chosen:
        try:
            freed += remove_run(run)
        except RunError as error:
            failed += 1
            print(f"deepeyes: {error}", file=sys.stderr)
    print(f"{bytes_in_words(freed)} freed")
    return 1 if failed else 0


def _counted(chosen: Sequence[Run]) -> str:
    return "1 run" if len(chosen) == 1 else f"{len(chosen)} runs"


def _age(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no age: 30d, 12h, 2w")
    return int(found[1]) * UNITS[found[2]]


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number of runs is needed, not {text!r}")
    return int(text)
