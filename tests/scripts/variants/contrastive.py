import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
loader = DataLoader(TensorDataset(torch.randn(32, 3, 8, 8), torch.randint(0, 4, (32,))), batch_size=8)
encoder = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 16))
optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
for x, _ in loader:
    views = torch.cat([x + 0.1 * torch.randn_like(x), x.flip(3)])
    z = F.normalize(encoder(views), dim=1)
    similarity = z @ z.T / 0.5
    similarity.fill_diagonal_(-1e9)
    loss = -F.log_softmax(similarity, 1)[torch.arange(16), torch.arange(16).roll(8)].mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print("loss", loss.item())
