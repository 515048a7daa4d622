"""LayerNorms of classes of their own, which norm channels that stand before the pixels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deepeyes_tui.surgery import apply, plan_growth, plan_removal
from deepeyes_tui.surgery.planning.layer_norms import channel_axis


class ChannelsFirst(nn.LayerNorm):
    """As in torchvision's ConvNeXt: permutes there and back."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ByHand(nn.LayerNorm):
    """As in timm: norms over the second axis, whatever stands behind."""

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
        shape = (-1, *[1] * (x.dim() - 2))
        return (x - mean) / (variance + self.eps).sqrt() * self.weight.view(shape) + self.bias.view(shape)


class Wide(nn.LayerNorm):
    """As torch's own, in higher precision."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.float()).to(x.dtype)


class Residual(nn.Module):
    """A ConvNeXt in small: a norm in front of two linear layers, and one over what the stem gives."""

    def __init__(self, kind: type[nn.LayerNorm], width: int = 6) -> None:
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, width, 2, 2), kind(width)
        self.depthwise, self.norm = nn.Conv2d(width, width, 3, padding=1, groups=width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.out = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.stem(x))
        y = self.down(F.gelu(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))))
        return self.out((x + y.permute(0, 3, 1, 2)).mean((2, 3)))


@pytest.mark.parametrize(("kind", "axis"), [(ChannelsFirst, -3), (ByHand, -3), (Wide, -1), (nn.LayerNorm, -1)])
@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_axis_is_found(kind: type[nn.LayerNorm], axis: int, size: int) -> None:
    layer = kind(size)
    weight = layer.weight
    assert channel_axis(layer) == axis
    assert layer.weight is weight
    assert channel_axis(nn.LayerNorm((3, 4))) == -2


@pytest.mark.parametrize("kind", [ChannelsFirst, ByHand])
def test_networks_with_such_norms_are_cut(kind: type[nn.LayerNorm]) -> None:
    torch.manual_seed(0)
    model, batch = Residual(kind), torch.randn(4, 3, 8, 8)
    units = plan_removal(model, "up", [1, 5], batch)
    assert units.exact
    assert {(cut.tensor, cut.size_after) for cut in units.cuts if cut.axis == 0} == {("up.weight", 22), ("up.bias", 22)}
    width = plan_removal(model, "stem", [2], batch)
    assert not width.exact
    assert {"first.weight", "norm.weight", "down.weight", "out.weight"} <= {cut.tensor for cut in width.cuts}
    apply(width, model, inexact=True)
    assert model.stem.out_channels == model.first.normalized_shape[0] == 5
    assert apply(plan_growth(model, "up", 3, batch), model).plan.exact
    assert model(batch).shape == (4, 3)
