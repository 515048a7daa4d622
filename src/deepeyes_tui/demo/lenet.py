"""LeNet as Caffe's examples define it: the network of the DeepEyes text."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class LeNet(nn.Module):
    """Filters 20-50-500-10. No nonlinearity behind the convolutions, ReLU behind the first linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(800, 500)
        self.fc2 = nn.Linear(500, 10)
        for layer in (self.conv1, self.conv2, self.fc1, self.fc2):
            caffe_xavier_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels `(N, 1, 28, 28)` in [0, 1) to logits `(N, 10)`."""
        x = functional.max_pool2d(self.conv1(pixels), 2)
        x = functional.max_pool2d(self.conv2(x), 2)
        x = functional.relu(self.fc1(x.flatten(1)))
        return self.fc2(x)  # type: ignore[no-any-return]


def caffe_xavier_(weight: Tensor) -> None:
    """Fill uniformly within `sqrt(3 / fan_in)`, Caffe's default for its filler `xavier`."""
    fan_in = weight[0].numel()
    nn.init.uniform_(weight, -((3 / fan_in) ** 0.5), (3 / fan_in) ** 0.5)


def parameter_groups(model: nn.Module, rate: float, decay: float) -> list[dict[str, object]]:
    """Return Caffe's `lr_mult`: biases learn at twice the rate of the weights."""
    weights = [p for name, p in model.named_parameters() if not name.endswith("bias")]
    biases = [p for name, p in model.named_parameters() if name.endswith("bias")]
    return [
        {"params": weights, "lr": rate, "weight_decay": decay},
        {"params": biases, "lr": 2 * rate, "weight_decay": decay},
    ]


def inverse_decay(gamma: float = 1e-4, power: float = 0.75) -> Callable[[int], float]:
    """Return Caffe's policy `inv`: the factor `(1 + gamma i)^-power` at step `i`."""
    return lambda step: (1 + gamma * step) ** -power


def accuracy_and_loss(model: nn.Module, pixels: Tensor, digits: Tensor, batch: int = 500) -> tuple[float, float]:
    """Return the share of digits recognised and the mean loss on a test set, in evaluation mode."""
    was_training = model.training
    model.eval()
    right = loss = 0.0
    with torch.no_grad():
        for x, y in zip(pixels.split(batch), digits.split(batch), strict=True):
            logits = model(x)
            right += float((logits.argmax(1) == y).sum())
            loss += float(functional.cross_entropy(logits, y, reduction="sum"))
    model.train(was_training)
    return right / len(digits), loss / len(digits)
