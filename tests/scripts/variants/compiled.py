import sys

import torch
from torch import nn
from torch._dynamo.utils import counters
from torch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    def forward(self, x):
        return self.body(x)


torch.manual_seed(0)
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
how = sys.argv[1]
run = model
if how == "module":
    run = torch.compile(model, backend="eager")
elif how == "in_place":
    model.compile(backend="aot_eager")
elif how == "loss":
    criterion = torch.compile(criterion, backend="eager")


@torch.compile(backend="eager", disable=how != "function")
def forward(x, y):
    return criterion(run(x), y)


data = TensorDataset(torch.randn(32, 4), torch.randint(0, 2, (32,)))
batches = DataLoader(data, batch_size=8)
for x, y in batches:
    loss = forward(x, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
print(dict(counters["graph_break"]), counters["stats"]["unique_graphs"], dict(counters["recompile_limit"]))
