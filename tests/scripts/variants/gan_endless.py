"""Two models that train by turns until somebody stops them."""

import time

import torch
from torch import nn

torch.manual_seed(0)
maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 8))
judge = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1))
makers = torch.optim.SGD(maker.parameters(), lr=0.01)
judges = torch.optim.SGD(judge.parameters(), lr=0.02)
loss_function = nn.BCEWithLogitsLoss()
while True:
    made = maker(torch.randn(8, 4))
    judges.zero_grad()
    loss_function(judge(made.detach()), torch.zeros(8, 1)).backward()
    judges.step()
    makers.zero_grad()
    loss_function(judge(made), torch.ones(8, 1)).backward()
    makers.step()
    time.sleep(0.01)
