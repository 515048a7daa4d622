"""`python -m deepeyes_tui.script [options] [-m] TARGET ARGS`: run a training script, and watch what it trains.

Nothing here imports torch or numpy: the script may have something to set first.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> None:
    """Run the target in this process, to its own end."""
    _leave_the_path()
    from deepeyes_tui.link.script_options import read_options
    from deepeyes_tui.script.session import Session

    given = _parser().parse_args()
    Session(read_options(given)).run(given.target, given.arguments, module=given.module)


def _leave_the_path() -> None:
    """Take away the entry that python has made for us: the script gets its own."""
    if not getattr(sys.flags, "safe_path", False):
        del sys.path[0]
    try:
        import deepeyes_tui  # noqa: F401
    except ImportError:
        sys.path.append(str(Path(__file__).resolve().parents[2]))


def _parser() -> argparse.ArgumentParser:
    from deepeyes_tui.link.script_options import add_script_options

    parser = argparse.ArgumentParser(
        prog="python -m deepeyes_tui.script", description="Run a training script, watched."
    )
    parser.add_argument("--name", help="of the run")
    add_script_options(parser)
    parser.add_argument("-m", dest="module", action="store_true", help="TARGET is a module")
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("arguments", metavar="ARGS", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    main()
