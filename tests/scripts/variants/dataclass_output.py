from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import nn


@dataclass
class Output:
    logits: torch.Tensor
    loss: torch.Tensor = None


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.classifier = nn.Linear(7, 14), nn.Linear(14, 3)

    def forward(self, inputs, labels=None):
        logits = self.classifier(torch.relu(self.encoder(inputs["x"])))
        return Output(logits, nn.functional.cross_entropy(logits, labels))


torch.manual_seed(0)
model = Classifier()
optimizer = torch.optim.AdamW(model.parameters())
for _ in range(4):
    batch = OrderedDict(inputs={"x": torch.randn(8, 7)}, labels=torch.randint(0, 3, (8,)))
    out = model(**batch)
    optimizer.zero_grad()
    out.loss.backward()
    optimizer.step()
    print("loss", out.loss.item())
