import torch
from torch import nn


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3)
        self.fc = nn.Linear(8, 100)

    def forward(self, x):
        return self.fc(torch.relu(self.conv1(x)).mean((2, 3)))


torch.manual_seed(0)
model = Backbone()
for parameter in model.parameters():
    parameter.requires_grad = False
model.fc = nn.Linear(8, 2)
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1)
for _ in range(4):
    x, y = torch.randn(6, 3, 8, 8), torch.randint(0, 2, (6,))
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
