import torch
from torch import nn

torch.manual_seed(0)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.body = nn.Linear(8, 16)
        self.head = nn.Linear(16, 20)

    def forward(self, x):
        return self.head(torch.relu(self.body(self.embed(x).mean(1))))


model = Model()
sparse = torch.optim.SGD(model.embed.parameters(), lr=0.5)
dense = torch.optim.Adam([*model.body.parameters(), *model.head.parameters()])
for _ in range(6):
    x, y = torch.randint(0, 20, (9, 5)), torch.randint(0, 20, (9,))
    loss = nn.functional.cross_entropy(model(x), y)
    model.zero_grad()
    loss.backward()
    sparse.step()
    dense.step()
    print("loss", loss.item())
