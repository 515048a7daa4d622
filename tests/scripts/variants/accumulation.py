import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))
optimizer = torch.optim.Adam(model.parameters())
criterion = nn.CrossEntropyLoss()
accumulate = 4
total = 0.0
for i in range(20):
    x, y = torch.randn(8, 6), torch.randint(0, 3, (8,))
    loss = criterion(model(x), y) / accumulate
    loss.backward()
    total += loss.item()
    if (i + 1) % accumulate == 0:
        optimizer.step()
        optimizer.zero_grad()
        print("loss", total)
        total = 0.0
