"""What the taps of a model's layers give, all positions of all inputs."""

from dataclasses import dataclass

import torch

from deepeyes_tui.probe.discovery import Discovery, discover
from deepeyes_tui.probe.instances import Instances, Sampler
from deepeyes_tui.probe.layers import find_layers
from deepeyes_tui.probe.patches import gather_patches
from deepeyes_tui.probe.tapping import entering_rows, tap_layer

EVERYTHING = 1 << 20


@dataclass
class Seen:
    """By layer name: instances, activations `(N, *grid, F)`, and patches `(S, D)`."""

    found: Discovery
    instances: dict[str, Instances]
    patches: dict[str, torch.Tensor]

    def __getitem__(self, name):
        seen = self.instances[name]
        return seen.activations.reshape(seen.batch, *seen.grid, -1)

    def layer(self, name):
        return next(layer for layer in self.found.layers if layer.name == name)


def see(model, *args, **kwargs):
    """Return what is seen in one pass of a model, in evaluation mode."""
    model.eval()
    found = discover(model, find_layers(model), args, kwargs)
    entering, seen, patches, handles = {}, {}, {}, []

    def receive(number, output):
        layer = found.layers[number]
        values = layer.leaving(output)
        if layer.name not in seen:
            drawn = Sampler().draw(layer, values, EVERYTHING, found.points[layer.name].nonlinearity)
            seen[layer.name] = drawn
            patches[layer.name] = gather_patches(layer, entering_rows(entering[number]), drawn)

    modules = dict(model.named_modules())
    for number, layer in enumerate(found.layers):
        if layer.name in found.points:
            handles += tap_layer(number, layer, found.points[layer.name], modules, receive, entering.__setitem__)
    with torch.no_grad():
        model(*args, **kwargs)
    for handle in handles:
        handle.remove()
    return Seen(found, seen, patches)
