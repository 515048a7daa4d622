import multiprocessing
import pickle
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Point:
    x: int


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(2, 2)

    def forward(self, x):
        return self.fc(x)


def double(point):
    return Point(point.x * 2)


if __name__ == "__main__":
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(3):
        loss = net(torch.randn(4, 2)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("loss", loss.item())
    print(pickle.loads(pickle.dumps(Point(3))), type(pickle.loads(pickle.dumps(net))) is Net)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [Point(1), Point(2)]))
