"""Which models a script trains: those that it calls itself and whose parameters an optimizer steps on."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from collections import deque
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from deepeyes_tui.probe.border import Border
from deepeyes_tui.probe.holding import ModelReference, lightly, still
from deepeyes_tui.probe.layers import unwrap
from deepeyes_tui.probe.taps import is_ordinary_forward
from deepeyes_tui.script.naming import name_of
from deepeyes_tui.script.patching import Patches

SEARCH_STEPS = 300
"""Optimizer steps after which parameters that no called model owns are let be."""
MOST_NODES = 64
"""Of an output's graph that are looked at for the model it comes from."""
SMALL_PART = 0.5
"""Of all that is trained: a model with at least so much of it is the largest, whatever comes later."""


@dataclass(slots=True, eq=False)
class Root:
    """A model that trains. `size` counts those of its parameters that an optimizer steps on."""

    name: str
    reference: ModelReference
    parameters: frozenset[int]
    size: int

    @property
    def module(self) -> nn.Module | None:
        """The model, wrapped as it is called; None where the script has dropped it."""
        return self.reference()


class RootFinder:
    """Looks at which modules are called from outside any other, in training mode, while some are unknown.

    `found` is called with the model to watch before its first training pass begins, and again where another turns out
    to hold more of what is trained; through the border. `within` restricts the search to a module and its parts.
    """

    def __init__(self, found: Callable[[Root], None], border: Border, *, within: nn.Module | None = None) -> None:
        self.roots: list[Root] = []
        self.chosen: Root | None = None
        self._found, self._border, self._within = found, border, lightly(within)
        self._optimizers: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        self._others: weakref.WeakSet[nn.Module] = weakref.WeakSet()
        self._known: dict[int, int] = {}
        self._names: set[str] = set()
        self._family: tuple[Root, frozenset[int]] | None = None
        self._looking = Patches()
        self._active = False
        self._depth = threading.local()
        self._steps = 0

    def know(self, optimizer: Optimizer) -> None:
        """Take note of what an optimizer steps on, and look for models that own it."""
        self._optimizers.add(optimizer)
        self._forget_dropped()
        self._others.clear()
        self._family = None
        self._count()
        self._steps = 0
        if self._uncovered():
            self._open()

    def _forget_dropped(self) -> None:
        """A new parameter may lie where one of a model was that is gone."""
        self.roots = [root for root in self.roots if root.module is not None]
        if self.chosen is not None and self.chosen.module is None:
            self.chosen = None

    def stepped(self, optimizer: Optimizer) -> Root | None:
        """Return the model that an optimizer has stepped on; called after each of its steps."""
        if optimizer not in self._optimizers:
            self.know(optimizer)
        own = self.root_of(optimizer)
        if own is None and self._active:
            self._border.call(self._search_everywhere, optimizer)
            own = self.root_of(optimizer)
        self._steps += 1
        if self.chosen is None and self.roots:
            self.choose(max(self.roots, key=lambda root: root.size))
        if self._active and self._steps >= SEARCH_STEPS:
            self.close()
        return own

    def root_of(self, optimizer: Optimizer) -> Root | None:
        """Return the known model that owns most of an optimizer's parameters."""
        own = {id(parameter) for parameter in _parameters(optimizer)}
        shares = [(len(own & root.parameters), root) for root in self.roots]
        most = max(shares, key=lambda share: share[0], default=(0, None))
        return most[1] if most[0] else None

    def steps_on(self, optimizer: Optimizer, root: Root) -> bool:
        """Return whether an optimizer holds parameters of a model."""
        return any(id(parameter) in root.parameters for parameter in _parameters(optimizer))

    def optimizer_of(self, root: Root) -> Optimizer | None:
        """Return the optimizer that steps on most of a model."""
        shares = {
            optimizer: sum(id(p) in root.parameters for p in _parameters(optimizer)) for optimizer in self._optimizers
        }
        return max(shares, key=lambda optimizer: shares[optimizer], default=None)

    @property
    def are_apart(self) -> bool:
        """Whether an optimizer steps on models other than the chosen one alone, as in adversarial training."""
        return self._own_family() is not None

    def made(self, output: torch.Tensor) -> bool:
        """Return whether an output is that of the chosen model, or of one that is trained along with it: where others
        are trained apart, the parameter nearest to the output tells. Without a graph it counts as its own.
        """
        family = self._own_family()
        if family is None or output.grad_fn is None:
            return True
        return nearest_parameter(output, self._known) in family

    def _own_family(self) -> frozenset[int] | None:
        """Return the parameters of all optimizers that step on the chosen model; None where that is all there are."""
        if self.chosen is None:
            return None
        if self._family is None or self._family[0] is not self.chosen:
            own = [one for one in self._optimizers if self.steps_on(one, self.chosen)]
            self._family = self.chosen, frozenset(id(p) for one in own for p in _parameters(one))
        return None if self._family[1].issuperset(self._known) else self._family[1]

    def choose(self, root: Root) -> None:
        """Have this one watched."""
        self.chosen = root
        self._border.call(self._found, root)

    def choose_named(self, name: str) -> None:
        """Have the model of this name watched. Raises ValueError where the script has dropped it."""
        root = next((root for root in self.roots if root.name == name), None)
        if root is None or root.module is None:
            raise ValueError(f"the script has let go of {name}")
        if root is not self.chosen:
            self.choose(root)

    def look_everywhere(self) -> None:
        """Look among all modules there are: for models that are called where nobody can look on."""
        for optimizer in list(self._optimizers):
            if self.root_of(optimizer) is None:
                self._search_everywhere(optimizer)
        if self.chosen is None and self.roots:
            self.choose(max(self.roots, key=lambda root: root.size))
        if not self._uncovered():
            self.close()

    def close(self) -> None:
        """Look no longer."""
        self._active = False
        self._looking.undo()

    def entered(self, module: nn.Module) -> None:
        """Take note of a module that is called from outside any other."""
        if not (module.training and is_ordinary_forward()) or module in self._others:
            return
        within = still(self._within)
        if within is not None and all(part is not module for part in within.modules()):
            return
        root = self._add(module)
        if root is None:
            self._others.add(module)
        elif self.chosen is None and root.size >= SMALL_PART * sum(self._known.values()):
            self.choose(root)
        if not self._uncovered():
            self.close()

    def _add(self, module: nn.Module) -> Root | None:
        inner = unwrap(module)
        own = [p for p in inner.parameters() if id(p) in self._known] or [
            p for p in module.parameters() if id(p) in self._known
        ]
        if not own:
            return None
        for root in self.roots:
            before = root.module
            if before is not None and unwrap(before) is inner:
                return root
        name = self._path(inner) or name_of((module, inner), self._names)
        size = sum(p.numel() for p in own)
        self._names.add(name)
        root = Root(name, ModelReference(module), frozenset(map(id, own)), size)
        self._take_in(root, inner)
        return root

    def _path(self, module: nn.Module) -> str:
        within = still(self._within)
        parts = within.named_modules() if within is not None else ()
        return next((path for path, part in parts if part is module), "")

    def _take_in(self, root: Root, inner: nn.Module) -> None:
        """Add a model; those that are parts of it are none of their own."""
        parts = {id(part) for part in inner.modules()}
        inside = [one for one in self.roots if (there := one.module) is not None and id(unwrap(there)) in parts]
        self.roots = [one for one in self.roots if one not in inside] + [root]
        if self.chosen in inside:
            self.choose(root)

    def _search_everywhere(self, optimizer: Optimizer) -> None:
        """Find the outermost modules that own what an optimizer steps on, called or not."""
        own = {id(parameter) for parameter in _parameters(optimizer)}
        owners = [thing for thing in gc.get_objects() if _is_module(thing) and _owns(thing, own)]
        inner = {id(part) for owner in owners for part in owner.modules() if part is not owner}
        for module in owners:
            if id(module) not in inner and module.training:
                self._add(module)

    def _count(self) -> None:
        held = [p for optimizer in self._optimizers for p in _parameters(optimizer)]
        self._known = {id(p): p.numel() for p in held if p.requires_grad}

    def _uncovered(self) -> bool:
        covered = frozenset[int]().union(*(root.parameters for root in self.roots))
        return not covered.issuperset(self._known)

    def _open(self) -> None:
        """Look on at every call of a module. A hook on all modules would do, but compiled models warn of those."""
        if not self._active:
            self._active = True
            self._looking.replace(nn.Module, "__call__", self._watched_call)

    def _watched_call(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Look on at the outermost calls alone: within one the original is back, so that models can nest as deeply."""
        depth = self._depth

        @functools.wraps(call)
        def __call__(module: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
            if torch.compiler.is_compiling() or not self._active or getattr(depth, "inside", False):
                return call(module, *args, **kwargs)
            self._border.call(self.entered, module)
            depth.inside = True
            _exchange(__call__, call)
            try:
                return call(module, *args, **kwargs)
            finally:
                depth.inside = False
                if self._active:
                    _exchange(call, __call__)

        return __call__


def _exchange(there: Callable[..., Any], other: Callable[..., Any]) -> None:
    """Have modules called by another function, unless somebody else has put theirs there."""
    if nn.Module.__call__ is there:
        nn.Module.__call__ = other  # type: ignore[method-assign]


def nearest_parameter(output: torch.Tensor, known: Container[int]) -> int | None:
    """Return the identity of the known parameter that fewest operations part from an output; None if none is near."""
    waiting: deque[Any] = deque([output.grad_fn])
    for _ in range(MOST_NODES):
        if not waiting:
            return None
        node = waiting.popleft()
        leaf = getattr(node, "variable", None)
        if id(leaf) in known:
            return id(leaf)
        waiting += [before for before, _ in node.next_functions if before is not None]
    return None


def _parameters(optimizer: Optimizer) -> Iterable[torch.Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])


def _is_module(thing: object) -> bool:
    return issubclass(type(thing), nn.Module) and "_modules" in vars(thing)


def _owns(module: nn.Module, own: set[int]) -> bool:
    return any(id(parameter) in own for parameter in module.parameters())
