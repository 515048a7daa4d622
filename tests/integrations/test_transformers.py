"""The Trainer of transformers, with a small BERT that learns a rule."""

import pytest
import torch
import transformers

from deepeyes_tui.integrations.transformers import WatchCallback
from deepeyes_tui.link.snapshot import RunState

from .runs import last_snapshot


class Parity(torch.utils.data.Dataset):
    """Rows of tokens, labelled by whether the first is odd."""

    def __init__(self, rows: int) -> None:
        self.tokens = torch.randint(2, 40, (rows, 8), generator=torch.Generator().manual_seed(0))

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.tokens[row], "labels": self.tokens[row, 0] % 2}


def small_bert() -> torch.nn.Module:
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=40,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=8,
        attn_implementation="eager",
    )
    return transformers.BertForSequenceClassification(config)


def train(folder, callbacks, **more):
    arguments = transformers.TrainingArguments(
        output_dir=str(folder),
        max_steps=6,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        logging_steps=3,
        eval_strategy="steps",
        eval_steps=3,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=3,
        **more,
    )
    trainer = transformers.Trainer(
        small_bert(), arguments, train_dataset=Parity(64), eval_dataset=Parity(8), callbacks=callbacks
    )
    trainer.train()
    return trainer


def test_the_run_is_seen_and_ends_the_same(tmp_path):
    untouched = train(tmp_path / "one", [])
    trainer = train(tmp_path / "two", [WatchCallback(name="bert", labels=["even", "odd"])])
    for name, value in untouched.model.state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name]), name
    snapshot = last_snapshot("bert")
    assert snapshot.status.step == 6  # of the optimizer, not of the 12 batches
    assert snapshot.status.state is RunState.FINISHED
    assert snapshot.labels == ("even", "odd")
    assert len(snapshot.series["loss"].step) == 6
    assert snapshot.series["val_loss"].step.tolist() == [3, 6]
    assert snapshot.status.epoch == pytest.approx(6 * 8 / 64)
    seen = [info.name for number, info in enumerate(snapshot.layers) if snapshot.layer(number).has_run]
    assert "bert.encoder.layer.1.intermediate.dense" in seen
    assert "classifier" in seen


def test_a_model_can_be_saved_and_loaded_while_it_is_watched(tmp_path):
    trainer = train(tmp_path, [WatchCallback(name="saved")], save_steps=3)
    again = transformers.BertForSequenceClassification.from_pretrained(tmp_path / "checkpoint-6")
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


class StopsAt(transformers.TrainerCallback):
    """Asks the run to stop, as the viewer does."""

    def __init__(self, watching: WatchCallback) -> None:
        self.watching = watching

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 2:
            self.watching.monitor._probe.steering.stopping = True


def test_a_stop_ends_the_training_in_order(tmp_path):
    watching = WatchCallback(name="stopped")
    trainer = train(tmp_path, [StopsAt(watching), watching])
    assert trainer.state.global_step == 3
    assert last_snapshot("stopped").status.state is RunState.STOPPED
