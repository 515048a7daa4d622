"""Whether `python -m NAME` would find a module: without importing anything of it, as `find_spec` does with parents."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


def module_exists(name: str) -> bool:
    """Return whether `python -m name`, started in this folder, finds something to run."""
    spec = _find(name)
    if spec is None:
        return False
    if spec.submodule_search_locations is None:
        return True
    return _find_in("__main__", name, list(spec.submodule_search_locations)) is not None


def _find(name: str) -> ModuleSpec | None:
    places: list[str] | None = None
    parent, spec = "", None
    for part in name.split("."):
        if not part or (parent and places is None):
            return None
        spec = _find_in(part, parent, places)
        if spec is None:
            return None
        locations = spec.submodule_search_locations
        places = list(locations) if locations is not None else None
        parent = f"{parent}.{part}" if parent else part
    return spec


def _find_in(part: str, parent: str, places: Sequence[str] | None) -> ModuleSpec | None:
    """Ask the import system's finders for `part` within the package `parent`, or this folder and the path first."""
    name = f"{parent}.{part}" if parent else part
    if places is None:
        here = PathFinder.find_spec(name, [str(Path.cwd())])
        if here is not None:
            return here
    for finder in sys.meta_path:
        spec = finder.find_spec(name, places)
        if spec is not None:
            return spec
    return None
