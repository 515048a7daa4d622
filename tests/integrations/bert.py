"""A small BERT that learns a rule, by the Trainer of transformers."""

import torch
import transformers

from deepeyes_tui.integrations.transformers import WatchCallback

__all__ = ["StopsAt", "WatchCallback", "small_bert", "train", "transformers"]


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


class StopsAt(transformers.TrainerCallback):
    """Asks the run to stop, as the viewer does."""

    def __init__(self, watching: WatchCallback) -> None:
        self.watching = watching

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == 2:
            self.watching.monitor._probe.steering.stopping = True
