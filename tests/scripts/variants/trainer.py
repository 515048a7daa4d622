from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class Config:
    lr: float = 0.01
    epochs: int = 2
    sizes: list = field(default_factory=lambda: [6, 12, 4])


class Trainer:
    def __init__(self, config):
        self.config = config
        a, b, c = config.sizes
        self.model = nn.Sequential(nn.Linear(a, b), nn.ELU(), nn.Linear(b, c))
        self.optimizer = torch.optim.NAdam(self.model.parameters(), lr=config.lr)
        self.criterion = nn.CrossEntropyLoss()

    def fit(self, batches):
        for epoch in range(self.config.epochs):
            for x, y in batches:
                self.optimizer.zero_grad()
                loss = self.criterion(self.model(x), y)
                loss.backward()
                self.optimizer.step()
                print(epoch, "loss", loss.item())


torch.manual_seed(0)
trainer = Trainer(Config())
trainer.fit([(torch.randn(8, 6), torch.randint(0, 4, (8,))) for _ in range(3)])
