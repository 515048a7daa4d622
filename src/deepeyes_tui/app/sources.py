"""What a viewer reads: a run as it is, or the record of one; and the run beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deepeyes_tui.app.acts import JournalFollower
from deepeyes_tui.app.choosing import source_of
from deepeyes_tui.app.feed import Feed, open_feed
from deepeyes_tui.app.replay_feed import ReplayFeed
from deepeyes_tui.history import History, HistoryError, history_path
from deepeyes_tui.link.errors import RunError
from deepeyes_tui.link.journal import JOURNAL
from deepeyes_tui.link.log import LogFollower
from deepeyes_tui.link.runs import find_run

if TYPE_CHECKING:
    from deepeyes_tui.link.launch import Launched
    from deepeyes_tui.link.runs import Run
    from deepeyes_tui.link.settings import ViewOptions


def feed_of(run: Run, options: ViewOptions, rate: float, launched: Launched | None = None, *, recorded: bool) -> Feed:
    """Return the feed of a run, not started yet, with the run beside it that was asked for. Raises RunError."""
    feed = _of_record(run, options) if recorded else open_feed(run, launched, rate)
    if options.beside:
        other = find_run(options.beside)
        if other.name == run.name:
            raise RunError(f"{run.name} cannot be seen beside itself: name another run")
        feed.beside = source_of(other, recorded)
    return feed


def _of_record(run: Run, options: ViewOptions) -> ReplayFeed:
    path = history_path(run)
    try:
        with History(path) as history:
            empty, last = not len(history.steps), history.last
            if empty and history.damage:
                history.at(0)  # which raises, and says why
    except HistoryError as error:
        raise RunError(f"{run.name} cannot be replayed: {error}") from None
    if empty:
        raise RunError(f"{run.name} cannot be replayed: no state of it was recorded yet")
    wanted = None if options.step is None or options.step >= last else options.step
    journal = JournalFollower(run.folder / JOURNAL)
    return ReplayFeed(lambda: History(path), LogFollower(run.log).read_new, journal.read_new, wanted)
