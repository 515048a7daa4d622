"""Small networks as people write them."""

import torch
from torch import nn
from torch.nn import functional


class Residual(nn.Module):
    """One block with batch norm; its ReLU module is used twice."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)) + x)
        return torch.tanh(self.fc(x.mean((2, 3))))


class Dilated(nn.Module):
    def __init__(self):
        super().__init__()
        self.strided = nn.Conv2d(1, 4, 3, stride=2)
        self.dilated = nn.Conv2d(4, 4, 3, dilation=2)

    def forward(self, x):
        return self.dilated(functional.silu(self.strided(x)))


class Signal(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 6, 7)
        self.up = nn.ConvTranspose1d(6, 3, 4, stride=2)

    def forward(self, x):
        return self.up(self.conv(x).relu())


class SharedLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(self.linear(x))


class RandomForward(nn.Module):
    """Draws from every random generator there is, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        import random

        import numpy as np

        noise = torch.randn(()) + random.random() + np.random.random()
        return self.fc((self.conv(x) + 0.01 * float(noise)).mean((2, 3)))


class Uncopyable(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def __deepcopy__(self, memo):
        raise TypeError("not to be copied")

    def forward(self, x):
        return self.fc(x)


class NoLayers(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x):
        return self.scale * x
