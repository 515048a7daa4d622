"""Look inside a PyTorch network while it trains, from the terminal, and act on it at once.

In a training script::

    import deepeyes_tui as deepeyes

    monitor = deepeyes.watch(model, optimizer=optimizer, labels=class_names)
    for x, y in loader:
        ...
        optimizer.step()
        monitor.step(loss=loss, targets=y)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deepeyes_tui._version import __version__

if TYPE_CHECKING:
    from deepeyes_tui.probe.monitor import Monitor, watch
    from deepeyes_tui.surgery.replay import replay

__all__ = ["Monitor", "__version__", "replay", "watch"]


def __getattr__(name: str) -> Any:
    """Import the training side only where it is asked for: the viewer shares this package and never loads torch."""
    if name in {"Monitor", "watch"}:
        from deepeyes_tui.probe import monitor

        return getattr(monitor, name)
    if name == "replay":
        from deepeyes_tui.surgery.replay import replay

        return replay
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
