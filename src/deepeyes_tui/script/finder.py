"""Finds out what a script trains, and tells a monitor of it as the script itself could with `watch` and `step`."""

from __future__ import annotations

import functools
import os
import threading
import weakref
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim import optimizer as optimizing
from torch.utils.hooks import RemovableHandle

from deepeyes_tui.link.runs import Run
from deepeyes_tui.link.script_options import ScriptOptions
from deepeyes_tui.link.snapshot import RunState
from deepeyes_tui.probe.border import Border, say
from deepeyes_tui.probe.holding import lightly
from deepeyes_tui.probe.monitor import Monitor, guess_until_told, watch_found
from deepeyes_tui.probe.ranks.place import find_place
from deepeyes_tui.probe.scalars import of_another
from deepeyes_tui.probe.settings import Found, ProbeSettings
from deepeyes_tui.script.evaluation import Evaluation
from deepeyes_tui.script.loaders import Loaders
from deepeyes_tui.script.losses import Judgement, Losses, StepLosses
from deepeyes_tui.script.patching import Patches
from deepeyes_tui.script.roots import Root, RootFinder
from deepeyes_tui.script.rounds import Rounds
from deepeyes_tui.script.telling import NEVER_STEPPED, NO_MODULE, NO_OPTIMIZER, NOTHING, Sources, tell

IN_TURN = 5
"""Steps of a new model, without one of the watched, after which the new one is watched: trained one after another."""
FREE_TURNING = 1.0
"""Seconds for turning to other models, beyond the share of time that the monitor may cost."""
MOST_LOSSES = 3
"""Models whose losses are all shown; of more, that of the watched one alone."""


class Finder:
    """Looks on from torch's import to the end of the script, in its own process alone; works through the border."""

    def __init__(self, options: ScriptOptions, border: Border) -> None:
        self._options, self._border = options, border
        self._roots = RootFinder(self._watch, border)
        self._losses = Losses(border, self._learning, self._tells_labels, self._evaluated)
        self._loaders, self._evaluation, self._rounds = Loaders(border), Evaluation(), Rounds()
        self._training_loader: weakref.ref[Any] | None = None
        self._monitor: Monitor | None = None
        self._patches = Patches()
        self._hooks: list[RemovableHandle] = []
        self._watched: Root | None = None
        self._told: tuple[Root, int, int] | None = None
        self._left: set[Root] = set()
        self._by_turns: set[Root] = set()
        self._optimizers = self._steps = self._others_steps = 0
        self._chosen_by_hand = self._calls_hidden = False
        self._began = perf_counter()
        self._one_at_a_time = threading.RLock()  # models may be trained in threads of their own

    def install(self) -> None:
        """Begin to look on."""
        self._patches.replace(Optimizer, "__init__", self._around_optimizer)
        self._patches.replace(torch, "compile", self._around_compile)
        self._losses.install(self._patches)
        self._loaders.install(self._patches)
        before = optimizing.register_optimizer_step_pre_hook(self._begin_step)
        after = optimizing.register_optimizer_step_post_hook(self._end_step)
        self._hooks += [before, after]
        os.register_at_fork(after_in_child=self._leave_child)
        guess_until_told(self._step_aside)

    def ended(self, error: BaseException | None) -> None:
        """Note how the script has ended, and say so where it trained nothing that can be seen."""
        if self._monitor is None:
            if self._hooks and find_place().leads and (error is None or isinstance(error, SystemExit)):
                say(NOTHING + self._why_nothing())
            return
        self._log_evaluation()
        failed = error is not None and _status(error) != 0
        if failed:
            self._monitor.note("end", f"the script ended with {_in_words(error)}")
        self._monitor.close(_state(error))

    def left(self, status: int) -> None:
        """Note that the script leaves by `os._exit`."""
        if self._monitor is not None:
            if status:
                self._monitor.note("end", f"the script left by os._exit({status})")
            self._monitor.close(RunState.FAILED if status else RunState.FINISHED)

    def _why_nothing(self) -> str:
        if not self._optimizers:
            return NO_OPTIMIZER
        return NO_MODULE if self._steps else NEVER_STEPPED

    def _stop_looking(self) -> None:
        self._roots.close()
        self._losses.close()
        self._patches.undo()
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _leave_child(self) -> None:
        self._border.call(self._stop_looking)

    def _step_aside(self) -> Run | None:
        """Let the script's own `watch` go on with our run, if there is one."""
        self._stop_looking()
        monitor, self._monitor = self._monitor, None
        return monitor.hand_over() if monitor is not None else None

    def _around_optimizer(self, init: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(init)
        def __init__(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            init(optimizer, *args, **kwargs)
            self._border.call(self._made, optimizer)

        return __init__

    def _around_compile(self, make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(make)
        def compiled(*args: Any, **kwargs: Any) -> Any:
            result = make(*args, **kwargs)
            self._border.call(self._compiled, args[0] if args else kwargs.get("model"))
            return result

        return compiled

    def _made(self, optimizer: Optimizer) -> None:
        self._optimizers += 1
        self._roots.know(optimizer)
        if self._calls_hidden:
            self._roots.look_everywhere()

    def _compiled(self, target: Any) -> None:
        """Within a compiled function nobody sees which models it calls: look for them before it runs."""
        if not isinstance(target, nn.Module) and not isinstance(getattr(target, "__self__", None), nn.Module):
            self._calls_hidden = True
            self._roots.look_everywhere()

    def _begin_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not torch.compiler.is_compiling():
            self._losses.begin_step()

    def _end_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not torch.compiler.is_compiling():
            self._border.call(self._stepped, optimizer)

    def _stepped(self, optimizer: Optimizer) -> None:
        with self._one_at_a_time:
            self._take_step(optimizer)

    def _take_step(self, optimizer: Optimizer) -> None:
        self._steps += 1
        root, losses = self._roots.stepped(optimizer), self._losses.take()
        chosen = self._roots.chosen
        if chosen is None or self._monitor is None:
            return
        if root is not chosen and not self._roots.steps_on(optimizer, chosen):
            self._another_stepped(root, losses)
            return
        self._others_steps = 0
        if self._watched is not chosen:
            self._watch(chosen)
        if self._rounds.begins(optimizer):
            self._step(optimizer, chosen, losses)

    def _step(self, optimizer: Optimizer, root: Root, losses: StepLosses) -> None:
        self._log_evaluation()
        loader = self._loaders.loader
        self._training_loader, self._loaders.fresh = weakref.ref(loader) if loader is not None else None, False
        labels = losses.targets
        if labels is None and not self._roots.are_apart:
            labels = self._loaders.labels
        self._tell(optimizer, root, losses, labels)
        monitor = self._monitor
        if monitor is not None:
            monitor.step(losses.loss, targets=labels, accuracy=losses.accuracy, epoch=self._loaders.epoch)

    def _another_stepped(self, root: Root | None, losses: StepLosses) -> None:
        """Keep its loss, too. Turn to a model that came later once the watched one is trained no more, and back to one
        that was left too early: the two are trained by turns.
        """
        self._others_steps += 1
        if root is None or self._monitor is None:
            return
        if losses.loss is not None and len(self._roots.roots) <= MOST_LOSSES:
            self._monitor.log({of_another("loss", root.name): losses.loss})
        chosen = self._roots.chosen
        if self._chosen_by_hand or chosen is None:
            return
        if root in self._left:
            self._by_turns.add(chosen)
            self._left.clear()
            self._roots.choose(root)
        elif root is self._roots.roots[-1] and root not in self._by_turns and self._others_steps >= IN_TURN:
            self._left.add(chosen)
            self._roots.choose(root)

    def _watch(self, root: Root) -> None:
        """Watch this one; where models come and go so fast that looking at each were dear, later."""
        with self._one_at_a_time:
            self._turn_to(root)

    def _turn_to(self, root: Root) -> None:
        module = root.module
        if module is None or not self._affords_turning():
            return
        self._watched = root
        optimizer = self._roots.optimizer_of(root)
        if self._monitor is None:
            self._monitor = watch_found(module, optimizer, self._options.name or None, self._border, self._settings())
            self._monitor.on_choice(self._choose)
        else:
            self._monitor.turn_to(module, optimizer, root.name)
            self._rounds, self._others_steps = Rounds(), 0
        self._told = None

    def _affords_turning(self) -> bool:
        spent = self._monitor.turning_seconds if self._monitor is not None else 0.0
        return spent <= FREE_TURNING + self._options.budget * (perf_counter() - self._began)

    def _choose(self, name: str) -> None:
        self._roots.choose_named(name)
        self._chosen_by_hand = True

    def _settings(self) -> ProbeSettings:
        options = self._options
        return ProbeSettings(
            labels=options.labels,
            layers=options.layers or None,
            budget=options.budget,
            control=options.control == "on",
            loader=lightly(self._loaders.loader),
            mean=options.mean,
            std=options.std,
        )

    def _tell(self, optimizer: Optimizer, root: Root, losses: StepLosses, labels: Any) -> None:
        """Say what was found, at the first step of a model and when others, or more layers, are found."""
        roots, monitor = self._roots.roots, self._monitor
        if monitor is None or root is not self._watched or self._told == (root, len(roots), monitor.layers):
            return
        first, self._told = self._told is None, (root, len(roots), monitor.layers)
        by = "the batch" if losses.targets is None and labels is not None else "the loss function's targets"
        sources = Sources(
            type(optimizer).__name__, losses.source, by if labels is not None else "", self._loaders.epoch is not None
        )
        sentence = tell(root, roots, sources, monitor.layers)
        monitor.tell(Found(tuple(one.name for one in roots), root.name, sentence))
        if first and find_place().leads:
            say(sentence)

    def _learning(self) -> bool:
        chosen = self._roots.chosen
        module = chosen.module if chosen is not None else None
        return module is None or module.training

    def _tells_labels(self, kind: str, output: torch.Tensor) -> bool:
        """Where models are trained against each other, two classes are those of real and made, and of neither model."""
        return self._roots.made(output) and not (kind.startswith("binary") and self._roots.are_apart)

    def _evaluated(self, judgement: Judgement) -> None:
        if self._monitor is not None and not self._learning():
            training = self._training_loader() if self._training_loader is not None else None
            self._evaluation.add(judgement, self._loaders.loader if self._loaders.fresh else None, training)

    def _log_evaluation(self) -> None:
        found = self._evaluation.take()
        if found and self._monitor is not None:
            self._monitor.log(found)


def _status(error: BaseException) -> Any:
    return error.code or 0 if isinstance(error, SystemExit) else 1


def _in_words(error: BaseException | None) -> str:
    if isinstance(error, SystemExit):
        return f"exit status {error.code}" if isinstance(error.code, int) else f"the words {str(error.code)[:200]!r}"
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"


def _state(error: BaseException | None) -> RunState:
    if error is None or _status(error) == 0:
        return RunState.FINISHED
    return RunState.STOPPED if isinstance(error, KeyboardInterrupt) else RunState.FAILED
