import sys

import torch
from torch import nn

from .model import Regressor


def main():
    torch.manual_seed(0)
    model = Regressor()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    print(__name__, __spec__.name, sys.argv[1:])
    for _ in range(5):
        x = torch.randn(16, 3)
        loss = nn.functional.smooth_l1_loss(model(x), x.sum(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print("loss", loss.item())


if __name__ == "__main__":
    main()
