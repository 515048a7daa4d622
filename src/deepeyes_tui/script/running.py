"""Running a script, a module or a folder in this process as python would."""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import runpy
import sys
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from pathlib import Path
from types import CodeType, ModuleType

_former: list[ModuleType] = []
"""What was `__main__` before: it has to live on, our own code is running in it."""


def run_as_python(target: str, arguments: list[str], *, module: bool) -> None:
    """Do what `python TARGET ARGUMENTS`, or with `-m`, would do. Raises whatever the target raises."""
    if module:
        _put_first(str(Path.cwd()))
        sys.argv[:] = ["-m", *arguments]
        _new_main()
        runpy._run_module_as_main(target)  # type: ignore[attr-defined]
    elif _is_script(target):
        sys.argv[:] = [target, *arguments]
        _put_first(os.path.dirname(os.path.realpath(target)))  # noqa: PTH120
        _run_script(os.path.abspath(target))  # noqa: PTH100
    else:
        sys.argv[:] = [target, *arguments]
        _put_first(target, always=True)
        _new_main()
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]


def _is_script(target: str) -> bool:
    """Return whether this is a file of code, no folder or archive with a `__main__` in it."""
    return pkgutil.get_importer(target) is None or not hasattr(pkgutil.get_importer(target), "find_spec")


def _put_first(folder: str, *, always: bool = False) -> None:
    """Put a folder where python has put ours: at the head of the path, unless it was told not to."""
    if always or not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, folder)


def _new_main() -> ModuleType:
    """Put a fresh module in the place of `__main__`, with what python's own has, in its order."""
    _former.append(sys.modules["__main__"])
    main = ModuleType("__main__")
    main.__dict__.update(
        __doc__=None, __package__=None, __loader__=None, __spec__=None, __annotations__={}, __builtins__=builtins
    )
    sys.modules["__main__"] = main
    if "__mp_main__" in sys.modules:  # where multiprocessing looks up what children send back
        sys.modules["__mp_main__"] = main
    return main


def _run_script(path: str) -> None:
    main = _new_main()
    loader = SourcelessFileLoader if path.endswith(".pyc") else SourceFileLoader
    main.__dict__.update(__loader__=loader("__main__", path), __file__=path, __cached__=None)
    exec(_compiled(path), main.__dict__)


def _compiled(path: str) -> CodeType:
    with io.open_code(path) as file:
        code = pkgutil.read_code(file) if path.endswith(".pyc") else None
    if isinstance(code, CodeType):
        return code
    with io.open_code(path) as file:
        source = file.read()
    compiled: CodeType = compile(source, path, "exec", dont_inherit=True)
    return compiled
