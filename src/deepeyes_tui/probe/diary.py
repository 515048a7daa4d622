"""The run's journal, written by the training process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deepeyes_tui.link.journal import Entry, append
from deepeyes_tui.probe.border import say
from deepeyes_tui.surgery.plan import Plan


@dataclass(frozen=True, slots=True)
class Deed:
    """What is about to be done, for the journal; `link.journal.Entry` says what is what."""

    action: str
    step: int
    sender: str
    sentence: str
    layer: str = ""
    before: str = ""
    after: str = ""
    plans: tuple[Plan, ...] = ()
    undoes: int | None = None


class Diary:
    """Numbers the entries from 1 on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next = 1

    @contextmanager
    def writing(self, deed: Deed) -> Iterator[int]:
        """Enter a deed, and give its number; strike the entry out again where what is done within it fails.

        Raises OSError where the disk does not take the entry.
        """
        end = self._path.stat().st_size if self._path.exists() else 0
        self._append(deed)
        try:
            yield self._next
        except BaseException:
            with suppress(OSError):
                os.truncate(self._path, end)
            raise
        self._next += 1

    def say(self, sentence: str) -> None:
        """Say what was done in the training's own log."""
        say(sentence)

    def _append(self, deed: Deed) -> None:
        entry = Entry(
            number=self._next,
            action=deed.action,
            step=deed.step,
            at=time.time(),
            sender=deed.sender,
            sentence=deed.sentence,
            layer=deed.layer,
            before=deed.before,
            after=deed.after,
            plans=tuple(plan.to_json() for plan in deed.plans),
            undoes=deed.undoes,
        )
        append(self._path, entry)
