"""How python was started, so that a script is started in the same way."""

from __future__ import annotations

import sys
from collections.abc import Sequence

TAKE_A_VALUE = "WX"
NAME_THE_PROGRAM = "cm"
LONG = "--check-hash-based-pycs"
FOR_THE_FILE = {"-x"}
"""Options that concern the very file that python runs."""
ISOLATING = {"-E", "-I", "-P", "-s"}
"""Options that installers write into the first line of a program, for that program."""


def python_options(words: Sequence[str] | None = None) -> list[str]:
    """Return python's own options among the words of a command, by default the one that has started us.

    In `python -O -W error -m deepeyes_tui run x.py` these are `-O` and `-Werror`.
    """
    rest, options = iter((sys.orig_argv if words is None else words)[1:]), list[str]()
    for word in rest:
        if word == LONG:
            options += [word, next(rest, "")]
        elif word.startswith("-") and word != "-":
            for at, letter in enumerate(word[1:], 2):
                if letter in NAME_THE_PROGRAM:
                    return [option for option in options if option not in FOR_THE_FILE]
                if letter in TAKE_A_VALUE:
                    options.append(f"-{letter}{word[at:] or next(rest, '')}")
                    break
                options.append(f"-{letter}")
        else:
            break
    return [option for option in options if option not in FOR_THE_FILE | ISOLATING]
