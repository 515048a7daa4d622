import torch
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 8))
critic = nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 1))
generators = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
critics = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
for epoch in range(3):
    for _ in range(8):
        fake = generator(torch.randn(8, 4)).detach()
        critic_loss = critic(fake).mean() - critic(torch.randn(8, 8)).mean()
        critics.zero_grad()
        critic_loss.backward()
        critics.step()
    loss = -critic(generator(torch.randn(8, 4))).mean()
    generators.zero_grad()
    loss.backward()
    generators.step()
    print(epoch, critic_loss.item(), "loss", loss.item())
