import torch
from torch import nn
from torch.func import functional_call, grad_and_value, vmap

torch.manual_seed(0)
model = nn.Linear(3, 2)
params = {name: p.detach() for name, p in model.named_parameters()}


def loss_fn(params, x, y):
    return nn.functional.cross_entropy(functional_call(model, params, (x.unsqueeze(0),)), y.unsqueeze(0))


for _ in range(4):
    x, y = torch.randn(8, 3), torch.randint(0, 2, (8,))
    grads, losses = vmap(grad_and_value(loss_fn), in_dims=(None, 0, 0))(params, x, y)
    params = {name: p - 0.1 * grads[name].mean(0) for name, p in params.items()}
    print("loss", losses.mean().item())
