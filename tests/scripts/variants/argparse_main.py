import argparse

import torch
from torch import nn, optim
from torch.nn import functional as F


def train(args, model, optimizer):
    model.train()
    for step in range(args.steps):
        x, y = torch.randn(16, 10), torch.randint(0, 3, (16,))
        optimizer.zero_grad()
        loss = F.nll_loss(F.log_softmax(model(x), dim=1), y)
        loss.backward()
        optimizer.step()
        if step % args.log_interval == 0:
            print(f"Train step {step} loss {loss.item():.6f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1.0)
    parser.add_argument("--log-interval", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    train(args, model, optim.Adadelta(model.parameters(), lr=args.lr))


if __name__ == "__main__":
    main()
