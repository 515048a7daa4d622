"""What a run that has ended left on its board."""

from deepeyes_tui.link.board import BoardReader
from deepeyes_tui.link.runs import find_run
from deepeyes_tui.link.snapshot import Snapshot


def last_snapshot(name: str) -> Snapshot:
    reader = BoardReader(find_run(name).board)
    try:
        snapshot = reader.read()
        assert snapshot is not None
        return snapshot
    finally:
        reader.close()
