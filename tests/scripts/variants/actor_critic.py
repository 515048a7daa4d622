import torch
from torch import nn

torch.manual_seed(0)
actor = nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 2))
critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
actor_opt = torch.optim.Adam(actor.parameters(), lr=1e-3)
critic_opt = torch.optim.Adam(critic.parameters(), lr=1e-2)
for epoch in range(3):
    states, returns = torch.randn(32, 3), torch.randn(32)
    advantage = (returns - critic(states).squeeze(1)).detach()
    for _ in range(8):
        logp = torch.distributions.Normal(actor(states)[:, 0], 1.0).log_prob(torch.zeros(32))
        loss = -(logp * advantage).mean()
        actor_opt.zero_grad()
        loss.backward()
        actor_opt.step()
    for _ in range(8):
        value_loss = ((critic(states).squeeze(1) - returns) ** 2).mean()
        critic_opt.zero_grad()
        value_loss.backward()
        critic_opt.step()
    print(epoch, value_loss.item(), "loss", loss.item())
