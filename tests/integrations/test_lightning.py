"""The Trainer of Lightning, with modules whose training_step calls their parts in the usual ways."""

import lightning.pytorch as lightning
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from deepeyes_tui.integrations.lightning import WatchCallback
from deepeyes_tui.link.snapshot import RunState

from .runs import last_snapshot


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


@pytest.mark.parametrize("module", [Classifier, Autoencoder, Gan])
def test_the_result_is_the_same(module, tmp_path):
    _, untouched = fit(module, [], tmp_path)
    _, watched = fit(module, [WatchCallback(name="same")], tmp_path)
    for (name, one), other in zip(untouched.state_dict().items(), watched.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert last_snapshot("same").status.state is RunState.FINISHED


def test_the_network_is_seen_from_its_first_step(tmp_path):
    fit(Classifier, [WatchCallback(name="net", labels="abc")], tmp_path, accumulate_grad_batches=2)
    snapshot = last_snapshot("net")
    assert snapshot.status.step == 8  # of the optimizer, in 16 batches
    assert [info.name for info in snapshot.layers] == ["0", "2"]
    assert snapshot.layer(0).has_run
    assert snapshot.series["loss"].step[0] == 1
    assert snapshot.series["loss"].value[0] == pytest.approx(1.1, abs=0.4)
    assert snapshot.series["val_loss"].step.tolist() == [4, 8]
    assert snapshot.status.epoch == 2
    assert snapshot.status.observed_steps > 0


def test_the_larger_of_two_parts_is_watched(tmp_path):
    fit(Autoencoder, [WatchCallback(name="parts")], tmp_path)
    snapshot = last_snapshot("parts")
    assert snapshot.status.root == "encoder"
    assert set(snapshot.status.roots) == {"encoder", "decoder"}
    assert [info.filters for info in snapshot.layers] == [16]


def test_of_a_gan_both_models_are_offered(tmp_path):
    fit(Gan, [WatchCallback(name="gan")], tmp_path)
    snapshot = last_snapshot("gan")
    assert set(snapshot.status.roots) == {"generator", "discriminator"}
    assert snapshot.status.step == 16


class Raises(lightning.Callback):
    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == 3:
            raise RuntimeError("the disk of the data is gone")


def test_a_failed_training_says_so(tmp_path):
    with pytest.raises(RuntimeError, match="the disk of the data is gone"):
        fit(Classifier, [WatchCallback(name="failed"), Raises()], tmp_path)
    assert last_snapshot("failed").status.state is RunState.FAILED
