"""Modules of Lightning whose training_step calls their parts in the usual ways."""

import lightning.pytorch as lightning
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from deepeyes_tui.integrations.lightning import WatchCallback

__all__ = ["Autoencoder", "Classifier", "Gan", "Raises", "WatchCallback", "fit"]


class Classifier(lightning.LightningModule):
    """Calls its network, never itself."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))

    def training_step(self, batch, batch_idx):
        x, y = batch
        return functional.cross_entropy(self.net(x), y)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", functional.cross_entropy(self.net(x), y))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


class Autoencoder(Classifier):
    """Calls two parts, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Identity()
        self.encoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU())
        self.decoder = nn.Linear(16, 4)

    def training_step(self, batch, batch_idx):
        x, _ = batch
        return {"loss": functional.mse_loss(self.decoder(self.encoder(x)), x)}

    def validation_step(self, batch, batch_idx):
        pass


class Gan(Classifier):
    """Steps on two models by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = nn.Identity()
        self.generator = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 4))
        self.discriminator = nn.Linear(4, 1)

    def training_step(self, batch, batch_idx):
        x, _ = batch
        made = self.generator(torch.ones(len(x), 2))
        scores = (
            lambda: self.discriminator(made).mean(),
            lambda: (self.discriminator(x) - self.discriminator(made)).mean(),
        )
        for optimizer, score in zip(self.optimizers(), scores, strict=True):
            optimizer.zero_grad()
            self.manual_backward(score())
            optimizer.step()
            made = made.detach()

    def validation_step(self, batch, batch_idx):
        pass

    def configure_optimizers(self):
        return [torch.optim.SGD(part.parameters(), 0.01) for part in (self.generator, self.discriminator)]


def fit(module, callbacks, folder, **options):
    lightning.seed_everything(0, verbose=False)
    model = module()
    data = TensorDataset(torch.rand(40, 4), torch.arange(40) % 3)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=callbacks,
        **options,
    )
    trainer.fit(model, DataLoader(data, 5, shuffle=True), DataLoader(data, 20))
    return trainer, model


class Raises(lightning.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 3:
            raise RuntimeError("the disk of the data is gone")
