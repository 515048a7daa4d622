"""A model whose filters are masked: it has its shape, but nothing reads what the filters give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from deepeyes_tui.surgery.editing.carrying import put, tensors_of
from deepeyes_tui.surgery.editing.rescaling import derive_weights, magnitudes
from deepeyes_tui.surgery.editing.slices import clear_slices
from deepeyes_tui.surgery.plan import Plan, Role


@contextmanager
def masked(plan: Plan, model: nn.Module) -> Iterator[None]:
    """Set the weights that read the plan's filters to nought; on leaving all is put back by reference.

    The magnitudes of weight-normalised layers follow. A tied tensor is masked whatever its role: it may read elsewhere.
    """
    tensors = tensors_of(model)
    uses = Counter(map(id, tensors.values()))
    cleared: dict[int, Tensor] = {}
    for cut in plan.cuts:
        tensor = tensors[cut.tensor]
        if cut.role is Role.READS or uses[id(tensor)] > 1:
            values = cleared.get(id(tensor), tensor.data)
            cleared[id(tensor)] = clear_slices(values, cut.axis, cut.indices)
    named = {id(tensor): tensor for tensor in tensors.values()}
    scaled = magnitudes(plan, tensors, {key: ((), values) for key, values in cleared.items()})
    cleared.update({id(tensors[name]): values for name, values in scaled.items()})
    with ExitStack() as back:
        for key, values in cleared.items():
            back.callback(put, named[key], named[key].data, named[key].grad)
            put(named[key], values, None)
        derive_weights(model, plan, back)
        yield
