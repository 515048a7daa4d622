import torch
from torch import nn


def double(i, o):
    return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1, self.down2 = double(1, 4), double(4, 8)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.last = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        a = self.down1(x)
        b = self.up(self.down2(nn.functional.max_pool2d(a, 2)))
        return self.last(torch.cat([a, b], 1))


torch.manual_seed(0)
model = UNet()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.2, 1.0, 1.0]))
for _ in range(4):
    x, mask = torch.randn(2, 1, 16, 16), torch.randint(0, 3, (2, 16, 16))
    loss = criterion(model(x), mask)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
