"""What a viewer is started with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deepeyes_tui.app.feed import Feed
from deepeyes_tui.app.plots.palette import Theme
from deepeyes_tui.app.terminal import Terminal


@dataclass(frozen=True)
class Setting:
    """What a viewer is started with. `owner`: it has started the training. `rings` says where its instances are by now;
    without it, no maps are made. `step` is where a replay begins, None: at its end.
    """

    run: str
    feed: Feed
    terminal: Terminal
    control: Path
    folder: Path
    theme: Theme = Theme.DARK
    readonly: bool = False
    owner: bool = False
    rings: Callable[[], Path] | None = None
    pane: str = ""
    layer: str = ""
    step: int | None = None
    clock: Callable[[], float] = field(default=time.monotonic)
