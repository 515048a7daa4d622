"""What was done to the training, as the run's journal tells it: followed as it is written, in letters and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from rich.cells import cell_len

from deepeyes_tui.app.plots.numbers import printable
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.journal import Entry, decode_entry
from deepeyes_tui.link.messages import Action

LETTERS: Final = {
    Action.PRUNE: "p",
    Action.GROW: "g",
    Action.ADD_LAYER: "a",
    Action.DROP_LAYER: "d",
    Action.UNDO: "u",
    Action.FREEZE: "f",
    Action.UNFREEZE: "t",
    Action.SAVE: "s",
}
"""Letters of acts at the curves: `t` thaws what was frozen."""
SETTINGS: Final = (
    ("learning rate", "l"),
    ("lr", "l"),
    ("momentum", "m"),
    ("betas", "m"),
    ("weight", "w"),
    ("batch", "b"),
)
"""Letters of hyper-parameters, by what the sentence says of them."""
OTHER: Final = "o"
MOST_AT_ONCE: Final = 1 << 24
"""Bytes that are read at a time; of more, the end."""


class JournalFollower:
    """Gives the acts that have come to a journal since the last look, without their plans. Lines that are no entries
    are left out, and so is one that is still being written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def read_new(self) -> list[Entry]:
        """Return new acts; none where there is no journal."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                if size == self._place:
                    return []
                start = max(self._place if size > self._place else 0, size - MOST_AT_ONCE)
                file.seek(start)
                data = file.read(size - start)
        except OSError:
            return []
        end = data.rfind(b"\n") + 1
        self._place = start + end
        entries = map(_entry, data[:end].split(b"\n"))
        return [entry for entry in entries if entry is not None]


def _entry(line: bytes) -> Entry | None:
    """Return the act of a line; None where it is none that could be shown."""
    try:
        entry = decode_entry(line)
    except RunError:
        return None
    numbers = entry.number, entry.step, entry.undoes or 0
    words = entry.action, entry.sender, entry.sentence, entry.layer, entry.before, entry.after
    if all(type(number) is int for number in numbers) and all(isinstance(word, str) for word in words):
        return replace(entry, plans=())
    return None


def letter(entry: Entry) -> str:
    """Return the letter that stands for an act at the curves."""
    if entry.action == Action.SET:
        said = entry.sentence.casefold()
        return next((sign for name, sign in SETTINGS if said.startswith(name)), OTHER)
    return next((sign for action, sign in LETTERS.items() if action == entry.action), OTHER)


def act_words(entry: Entry, undone: bool = False, ascii: bool = False, width: int | None = None) -> str:
    """Say what was done, by whom, and whether it was taken back: what was done is what is cut to fit a width."""
    by = f", by {printable(entry.sender, 30, ascii)}" if entry.sender else ""
    end = f"{by}{' (undone)' if undone else ''}"
    room = None if width is None else width - cell_len(end)
    if room is not None and room < cell_len(end):
        return printable(act_words(entry, undone, ascii), width, ascii)
    return printable(entry.sentence or f"{entry.action} {entry.layer}", room, ascii) + end


def undone(acts: Sequence[Entry]) -> frozenset[int]:
    """Return the numbers of the acts that were taken back."""
    return frozenset(entry.undoes for entry in acts if entry.undoes is not None)
