"""A network is asked which units belong together: nothing of its code is read, it is only run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from deepeyes_tui.surgery.errors import SurgeryError
from deepeyes_tui.surgery.planning.atoms import Atom, Names, Space
from deepeyes_tui.surgery.planning.gradients import Graph, Sources
from deepeyes_tui.surgery.planning.kinds import atoms_of
from deepeyes_tui.surgery.planning.own_tensors import OwnTensors
from deepeyes_tui.surgery.planning.passes import CleanPass, FirstPass, MarkedPass, Memory, Pass, Units, join
from deepeyes_tui.surgery.planning.reading import differs, floats, outputs
from deepeyes_tui.surgery.running.hushed import hushed, same_chances
from deepeyes_tui.surgery.running.wrappers import unwrapped
from deepeyes_tui.surgery.sample import Sample

_SEED = 94
_ROWS = 4

Slab = tuple[int, Tensor]
"""An axis of an own tensor, and which places along it: booleans."""


@dataclass(slots=True)
class Reached:
    """What notices marks: units of layers, and whether the network's output does."""

    units: Units = field(default_factory=dict)
    output: bool = False

    def merge(self, other: Reached) -> None:
        """Take up what another pass has found."""
        join(self.units, other.units)
        self.output = self.output or other.output


class Asker:
    """Asks one network. Made by `asking`, which hushes it and puts everything back."""

    def __init__(self, model: nn.Module) -> None:
        self._trained = [module.training for module in model.modules()]
        self._model = model
        self._chances = torch.Generator().manual_seed(_SEED)
        self._memory = Memory(self._chances)
        self.sample = Sample()
        self.needs_all_rows = False
        self.trains_differently = False
        self._current: Pass = FirstPass(self._memory, False)
        self._graphs: list[Graph] = []
        self._outputs: dict[bool, list[Tensor]] = {}
        self.atoms = atoms_of(model, Names(model))
        self.spaces: dict[str, Space] = {space.key: space for atom in self.atoms for space in atom.spaces()}
        self.own = OwnTensors()

    def meet(self, sample: Sample) -> None:
        """Run the network for the first time, in training too where that calls other layers."""
        _check_sample(sample)
        for atom in self.atoms:
            self._memory.forwards[atom.path] = atom.module.forward
            atom.module.__dict__["forward"] = _stand_in(self, atom)
        self.own.take(self._model, self.atoms, self._chances)
        try:
            self._first(sample.few().few(_ROWS), sample)
        except Exception as error:  # the user's code may raise anything
            raise SurgeryError(f"the network does not run on the sample: {first_line(error)}") from error
        try:
            self._meet_again()
        except Exception as error:
            raise SurgeryError(f"the network's code does not run with other values: {first_line(error)}") from error

    def _meet_again(self) -> None:
        self.trains_differently = self._trains_differently()
        self.own.give_back()
        self.own.take(self._model, [atom for atom in self.atoms if atom.path in self.called], self._chances)
        for mode in [False, True] if self.trains_differently else [False]:
            self._ask_clean(mode)

    def _first(self, few: Sample, whole: Sample) -> None:
        """Not every network runs on the first rows of what it is called with."""
        self.sample = few
        try:
            self._run_first(False)
            silent = self.silent
        except Exception:
            silent = []
            self._run_whole(whole)
        if silent:
            self._run_whole(whole)  # other rows may take other ways
            if silent == self.silent:
                self.sample, self.needs_all_rows = few, False
                self._memory.answers.clear()
                self._run_first(False)

    def _run_whole(self, whole: Sample) -> None:
        self.sample, self.needs_all_rows = whole, True
        self._memory.answers.clear()
        self._run_first(False)

    @property
    def called(self) -> set[str]:
        """Paths of the layers that run."""
        return {path for _, path, _ in self._memory.answers}

    @property
    def silent(self) -> list[str]:
        """Paths of the layers that do not run."""
        return [atom.path for atom in self.atoms if atom.path not in self.called]

    def reached(self, marks: Units, own: Mapping[str, Slab] | None = None, changed: bool = False) -> Reached:
        """Return what notices when `marks` are NaN or, with `changed`, have other values."""
        found = Reached()
        for clean in (graph.clean for graph in self._graphs):
            asked = MarkedPass(self._memory, clean.mode, marks, clean if changed else None)
            self.own.lend(lambda path, value: _marked(value, (own or {}).get(path), changed))
            try:
                output = self._run(asked, self.sample)
            except SurgeryError:
                raise
            except Exception as error:  # NaN may break code that looks at values
                if changed:
                    why = f"the network's code does not run with other values: {first_line(error)}"
                    raise SurgeryError(why) from error
                output = None
            found.merge(Reached(asked.reached, self._noticed(output, clean.mode, changed)))
        return found

    def _noticed(self, output: Any, mode: bool, changed: bool) -> bool:
        values = list(outputs(output))
        if not changed:
            return any(bool(value.isnan().any()) for value in values)
        return any(bool(differs(new, old).any()) for new, old in zip(values, self._outputs[mode], strict=False))

    def sources(self, units: Units) -> Sources:
        """Return where `units` that layers read come from, as far as gradients tell."""
        found = Sources()
        for graph in self._graphs:
            graph.trace(units, self._chances, found)
        return found

    def _run_first(self, mode: bool) -> int:
        first = FirstPass(self._memory, mode)
        self.own.lend()
        self._run(first, self.sample)
        for path, number in first.calls.items():
            self._memory.calls[mode, path] = number
        return first.unknown_calls

    def _trains_differently(self) -> bool:
        """Whether training calls layers that evaluation does not, such as auxiliary classifiers."""
        try:
            return self._run_first(True) > 0
        except Exception:
            return False  # it may want targets, or larger batches: then it is asked in evaluation alone

    def _ask_clean(self, mode: bool) -> None:
        try:
            graph, output = self._cleanly(mode, buffers=True)
        except RuntimeError:  # what is only for buffers, such as running statistics, takes none with gradients
            graph, output = self._cleanly(mode, buffers=False)
        self._graphs.append(graph)
        self._outputs[mode] = [value.detach().clone() for value in outputs(output)]

    def _cleanly(self, mode: bool, *, buffers: bool) -> tuple[Graph, Any]:
        clean, sample = CleanPass(self._memory, mode), _leading(self.sample)
        own = self.own.lend_leaves(buffers)
        output = self._run(clean, sample)
        inputs = [one for one in floats(sample.args, dict(sample.kwargs)) if one.requires_grad]
        return Graph(clean, own, inputs), output

    def _run(self, asked: Pass, sample: Sample) -> Any:
        self._current = asked
        all_train = not any(self._trained)
        for module, training in zip(self._model.modules(), self._trained, strict=True):
            module.__dict__["training"] = asked.mode and (training or all_train)
        same_chances()
        arguments = tree_map_only(Tensor, lambda tensor: tensor.clone(), (sample.args, dict(sample.kwargs)))
        with torch.set_grad_enabled(isinstance(asked, CleanPass)):
            return self._model(*arguments[0], **arguments[1])

    def answer(self, atom: Atom, args: Any, kwargs: Any) -> Any:
        """Stand in for a layer."""
        return self._current.call(atom, args, kwargs)


def _check_sample(sample: Sample) -> None:
    """Raise SurgeryError where nothing can be told by a sample: without rows, or with NaN, which marks are."""
    tensors = floats(sample.args, dict(sample.kwargs))
    if any(not tensor.numel() for tensor in tensors[:1]):
        raise SurgeryError("the sample has no rows")
    if any(bool(tensor.isnan().any()) for tensor in tensors):
        raise SurgeryError("the sample holds NaN, with which nothing can be told")


def _stand_in(asker: Asker, atom: Atom) -> Any:
    return lambda *args, **kwargs: asker.answer(atom, args, kwargs)


@contextmanager
def asking(model: nn.Module, sample: Any) -> Iterator[Asker]:
    """Yield an Asker of `model`, which is afterwards as before. Raises SurgeryError where the network does not run."""
    core = unwrapped(model)
    asker = Asker(core)
    with torch.inference_mode(False), hushed(core):
        try:
            asker.meet(Sample.of(sample))
            yield asker
        finally:
            asker.own.give_back()


def first_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _marked(value: Tensor, slab: Slab | None, changed: bool) -> Tensor:
    if slab is None:
        return value
    axis, places = slab
    mask = places.to(value.device).reshape(-1, *[1] * (value.dim() - 1 - axis))
    return torch.where(mask, value + 0.4, value) if changed else value.masked_fill(mask, float("nan"))


def _leading(sample: Sample) -> Sample:
    """Return a sample whose float tensors gather gradients."""

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.clone().requires_grad_() if tensor.is_floating_point() else tensor

    return Sample(tree_map_only(Tensor, leaf, sample.args), tree_map_only(Tensor, leaf, dict(sample.kwargs)))
