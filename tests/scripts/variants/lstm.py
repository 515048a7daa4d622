import torch
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 12, batch_first=True)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        hidden, _ = self.lstm(x)
        return self.out(hidden[:, -1])


torch.manual_seed(0)
model = Tagger()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01)
for _ in range(5):
    x, y = torch.randn(8, 7, 5), torch.randint(0, 3, (8,))
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    optimizer.step()
    print("loss", loss.item())
