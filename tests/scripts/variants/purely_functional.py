import torch
import torch.nn.functional as F

torch.manual_seed(0)
params = {"w": torch.randn(4, 2, requires_grad=True), "b": torch.zeros(2, requires_grad=True)}
optimizer = torch.optim.SGD(params.values(), lr=0.1)


def predict(params, x):
    return x @ params["w"] + params["b"]


for _ in range(5):
    x, y = torch.randn(16, 4), torch.randint(0, 2, (16,))
    loss = F.cross_entropy(predict(params, x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
