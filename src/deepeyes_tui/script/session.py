"""One script that is run and watched: from before its first line until after its last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

from deepeyes_tui.link.script_options import ScriptOptions
from deepeyes_tui.probe.border import Border
from deepeyes_tui.script.imports import after_import
from deepeyes_tui.script.running import run_as_python
from deepeyes_tui.script.tracebacks import shorten_next

if TYPE_CHECKING:
    from deepeyes_tui.script.finder import Finder


class Session:
    """Runs a script as python would. Once it has imported torch, a `Finder` looks for what it trains."""

    def __init__(self, options: ScriptOptions) -> None:
        self._options = options
        self._border = Border()
        self._finder: Finder | None = None
        self._process = os.getpid()

    def run(self, target: str, arguments: list[str], *, module: bool) -> None:
        """Run it to its end, which is the end that it would have without us. Raises whatever it raises."""
        after_import("torch", self._look)
        self._see_early_exits()
        try:
            run_as_python(target, arguments, module=module)
        except SystemExit as end:
            self._ended(end)
            raise
        except BaseException as error:
            self._ended(error)
            if os.getpid() == self._process:
                shorten_next()
            raise
        self._ended(None)

    def _look(self) -> None:
        self._border.call(self._install)

    def _install(self) -> None:
        from deepeyes_tui.script.finder import Finder

        self._finder = Finder(self._options, self._border)
        self._finder.install()

    def _ended(self, error: BaseException | None) -> None:
        if os.getpid() != self._process:
            return
        if self._finder is not None:
            self._border.call(self._finder.ended, error)

    def _see_early_exits(self) -> None:
        """Leave a last picture where the script ends itself by `os._exit`; its children's ends are their own."""
        leave = os._exit

        def _exit(status: int) -> NoReturn:
            if os.getpid() == self._process and self._finder is not None:
                self._border.call(self._finder.left, status)
            leave(status)

        os._exit = _exit
