import torch
from torch import nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(4, 16)
        self.action_head = nn.Linear(16, 2)

    def forward(self, x):
        return torch.softmax(self.action_head(torch.relu(self.affine(x))), dim=-1)


torch.manual_seed(0)
policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)
for episode in range(4):
    state, saved, rewards = torch.zeros(4), [], []
    for _ in range(6):
        distribution = Categorical(policy(state))
        action = distribution.sample()
        saved.append(distribution.log_prob(action))
        state = state + torch.randn(4) * 0.1
        rewards.append(float(action == (state.sum() > 0)))
    returns = torch.tensor(rewards).flip(0).cumsum(0).flip(0)
    loss = -(torch.stack(saved) * (returns - returns.mean())).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(episode, sum(rewards), "loss", loss.item())
