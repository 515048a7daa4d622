# ruff: noqa
# %%
import torch, torch.nn as nn

torch.manual_seed(0)
X = torch.rand(60, 2)
Y = (X.sum(1) > 1).float()
# %%
hidden = nn.Linear(2, 8)
output = nn.Linear(8, 1)
params = list(hidden.parameters()) + list(output.parameters())
opt = torch.optim.Adam(params, lr=0.05)
# %%
for i in range(6):
    pred = output(torch.relu(hidden(X))).squeeze()
    loss = nn.functional.binary_cross_entropy_with_logits(pred, Y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(i, "loss", float(loss))
