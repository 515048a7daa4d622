"""Loss, labels and accuracy of a training that tells nobody: read off torch's loss functions and `Tensor.backward`."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from deepeyes_tui.probe.border import Border
from deepeyes_tui.script.patching import Patches
from deepeyes_tui.surgery.running.hushed import is_hushed

CRITERIA = ("cross_entropy", "nll_loss", "binary_cross_entropy", "binary_cross_entropy_with_logits", "mse_loss")
CLASSES = ("cross_entropy", "nll_loss")
SCALED_BY = ("DivBackward0", "MulBackward0")
MOST_HOPS = 4
"""Factors that may stand between a loss function and `backward`: accumulation, a loss scale."""
MOST_KEPT = 32
"""Losses of one step that are told apart."""
ACCURACY_EVERY = 0.1
MOST_JUDGED = 1 << 20
"""Values of an output of which the accuracy is worked out; the first rows of a larger one."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """One call of a loss function: its `kind` is the function's name, `accuracy` is there where it was worked out."""

    kind: str
    loss: Tensor
    targets: Tensor | None
    accuracy: Tensor | None = None


@dataclass(slots=True)
class StepLosses:
    """What is known of a step when it ends. `source` says in words where the loss comes from."""

    loss: Tensor | None = None
    targets: Tensor | None = None
    accuracy: Tensor | None = None
    source: str = ""


class Heard(threading.local):
    """What was heard of the step under way, in each thread of its own: trainings may run side by side."""

    def __init__(self) -> None:
        self.judged: dict[int, Judgement] = {}
        self.scaled: dict[int, Tensor] = {}
        self.sum: Tensor | None = None
        self.count = 0
        self.sources: list[str] = []
        self.latest: Judgement | None = None
        self.stepping = False
        self.accurate_at = 0.0

    def begin(self) -> None:
        """Forget it, for the next step."""
        self.judged.clear()
        self.scaled.clear()
        self.sources.clear()
        self.sum, self.count, self.latest, self.stepping = None, 0, None, False


class Losses:
    """Listens to the loss functions, but not while we ask a network ourselves. `evaluated` gets the judgements that
    nothing is learned from: those without a gradient, and all while `learning` says that the model is not in training
    mode. `tells` says of a function's name and an output whether targets are labels of what the model has seen.
    """

    def __init__(
        self,
        border: Border,
        learning: Callable[[], bool],
        tells: Callable[[str, Tensor], bool],
        evaluated: Callable[[Judgement], None],
    ) -> None:
        self._border, self._learning, self._tells, self._evaluated = border, learning, tells, evaluated
        self._heard, self._closed = Heard(), False

    def install(self, patches: Patches) -> None:
        """Put ourselves around the loss functions, for good, since models that hold one are pickled by its name, and
        around `backward` and the scaling of losses.
        """
        for name in CRITERIA:
            Patches().replace(functional, name, functools.partial(self._around_criterion, name))
        patches.replace(Tensor, "backward", self._around_backward)
        patches.replace(torch.amp.GradScaler, "scale", self._around_scale)

    def close(self) -> None:
        """Listen no longer."""
        self._closed = True

    def begin_step(self) -> None:
        """An optimizer begins: what it evaluates itself, again and again, is its own affair after the first time."""
        self._heard.stepping = True

    def take(self) -> StepLosses:
        """Return what this thread has learned from since its last step, and begin anew. Several passes are averaged."""
        found, heard = StepLosses(), self._heard
        latest = heard.latest
        if heard.sum is not None:
            found.loss = heard.sum / heard.count if heard.count > 1 else heard.sum
            found.source = " and ".join(dict.fromkeys(heard.sources))
        elif latest is not None:
            found.loss, found.source = latest.loss, latest.kind
        if latest is not None:
            found.targets, found.accuracy = latest.targets, latest.accuracy
        heard.begin()
        return found

    def _around_criterion(self, name: str, criterion: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @functools.wraps(criterion)
        def judged(*args: Any, **kwargs: Any) -> Tensor:
            loss = criterion(*args, **kwargs)
            if not (self._closed or torch.compiler.is_compiling() or is_hushed()):
                self._border.call(self._judge, name, loss, args, kwargs)
            return loss

        _mark(judged, criterion)
        return judged

    def _around_backward(self, backward: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(backward)
        def noticed(tensor: Tensor, *args: Any, **kwargs: Any) -> None:
            if not (torch.compiler.is_compiling() or is_hushed()):
                self._border.call(self._learn, tensor)
            return backward(tensor, *args, **kwargs)

        return noticed

    def _around_scale(self, scale: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(scale)
        def noticed(scaler: Any, outputs: Any) -> Any:
            if isinstance(outputs, Tensor) and _is_plain(outputs) and outputs.grad_fn is not None:
                self._heard.scaled[_number(outputs.grad_fn)] = outputs.detach()
            return scale(scaler, outputs)

        return noticed

    def _judge(self, kind: str, loss: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not isinstance(loss, Tensor) or not _is_plain(loss) or loss.is_complex():
            return
        output, targets = _argument(args, kwargs, 0, "input"), _argument(args, kwargs, 1, "target")
        if not isinstance(output, Tensor) or not self._tells(kind, output):
            targets = None
        right = functools.partial(share_right, kind, output, targets)
        targets = targets.detach() if are_labels(kind, targets) else None
        with torch.no_grad():
            value = loss.detach() if loss.numel() == 1 else loss.detach().mean()
        if loss.grad_fn is None or not self._learning():
            self._evaluated(Judgement(kind, value, targets, right()))
            return
        judgement, heard = Judgement(kind, value, targets, self._accuracy_if_due(right)), self._heard
        if len(heard.judged) < MOST_KEPT:
            heard.judged[_number(loss.grad_fn)] = judgement
        if not heard.stepping or heard.latest is None:
            before = heard.latest
            if before is None or judgement.targets is not None or before.targets is None:
                heard.latest = judgement

    def _learn(self, tensor: Tensor) -> None:
        """Take the value that is learned from, before factors that serve accumulation and scaling alone."""
        heard = self._heard
        if tensor.numel() != 1 or tensor.grad_fn is None or not _is_plain(tensor) or (heard.stepping and heard.count):
            return
        value, source = self._unscaled(tensor)
        with torch.no_grad():
            heard.sum = value if heard.sum is None else heard.sum + value
        heard.count += 1
        heard.sources.append(source)

    def _unscaled(self, tensor: Tensor) -> tuple[Tensor, str]:
        node: Any = tensor.grad_fn
        scaled: Tensor | None = None
        for _ in range(MOST_HOPS):
            judgement = self._heard.judged.get(_number(node))
            if judgement is not None:
                return judgement.loss, judgement.kind
            scaled = self._heard.scaled.get(_number(node), scaled)
            following = [after for after, _ in node.next_functions if after is not None]
            if node.name() not in SCALED_BY or len(following) != 1:
                break
            node = following[0]
        return (scaled if scaled is not None else tensor.detach()), "backward"

    def _accuracy_if_due(self, right: Callable[[], Tensor | None]) -> Tensor | None:
        now, heard = perf_counter(), self._heard
        first_within_step = heard.stepping and heard.latest is None  # the model's own latest output is another
        if now - heard.accurate_at < ACCURACY_EVERY and not first_within_step:
            return None
        heard.accurate_at = now
        return right()


def _mark(judged: Callable[..., Any], criterion: Callable[..., Any]) -> None:
    """Set torch's own marks for a function that the compiler and TorchScript are to see through.

    Not within a class, where python would give names with two underscores another meaning.
    """
    judged.__script_if_tracing_wrapper = True  # type: ignore[attr-defined]
    judged.__original_fn = criterion  # type: ignore[attr-defined]


def are_labels(kind: str, targets: Any) -> bool:
    """Return whether a loss function's targets say a class for each input, or each place in it: `(N,)`, shares of
    classes `(N, C)`, or two classes as `(N,)` or `(N, 1)`.
    """
    if not isinstance(targets, Tensor) or kind == "mse_loss" or not targets.dim():
        return False
    if kind in CLASSES:
        return targets.dim() == 1 or (targets.dim() == 2 and targets.is_floating_point())
    return targets.numel() == len(targets)


def share_right(kind: str, output: Any, targets: Any) -> Tensor | None:
    """Return the share of outputs `(N, C, *)` that say the class in `targets (N, *)`, of `(N,)` or `(N, 1)` that are on
    the side of theirs; None where the two are of other shapes. Classes below nought are left out.
    """
    if not isinstance(output, Tensor) or not isinstance(targets, Tensor) or not output.dim() or not targets.numel():
        return None
    rows = max(1, MOST_JUDGED // max(output[0].numel(), 1))
    with torch.no_grad():
        return _share_right(kind, output.detach()[:rows], targets[:rows])


def _share_right(kind: str, output: Tensor, targets: Tensor) -> Tensor | None:
    if kind in CLASSES and output.dim() > 1 and output.shape[:1] + output.shape[2:] == targets.shape:
        counted = targets >= 0
        right = (output.argmax(1) == targets) & counted
        return right.sum() / counted.sum()
    if kind.startswith("binary") and output.shape == targets.shape and output.numel() == len(output):
        return ((output > (0 if kind.endswith("logits") else 0.5)) == (targets > 0.5)).float().mean()
    return None


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _number(node: Any) -> int:
    """Return what tells a node of the graph from all others, without keeping it."""
    return int(node._sequence_nr())


def _is_plain(tensor: Tensor) -> bool:
    """Return whether a tensor has a value of its own: none that is being transformed or traced."""
    return not torch._C._functorch.is_functorch_wrapped_tensor(tensor) and torch._C._get_tracing_state() is None
