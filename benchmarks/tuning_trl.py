"""Learn instructions with trl's trainer and peft's LoRA.

Runs in the peer's environment: torch, trl and peft are needed.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
import trl
from datasets import Dataset
from turns import Pauses


def rows_of(folder: Path) -> Dataset:
    """Read the rows, under the names that trl gives them."""
    text = (folder / "rows.json").read_text(encoding="utf-8")
    rows = json.loads(text)
    return Dataset.from_dict(
        {
            "input_ids": rows["ids"],
            "labels": rows["labels"],
            "position_ids": rows["places"],
        }
    )


def collate(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Lay rows of equal length into tables."""
    names = ("input_ids", "labels", "position_ids")
    return {
        name: torch.tensor([row[name] for row in rows])
        for name in names
    }


class Turns(transformers.TrainerCallback):
    """Makes the trainer wait between its steps until it is told."""

    def __init__(self, pauses: Pauses) -> None:
        self.pauses = pauses

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.pauses.begin()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.pauses.end()


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--folder", type=Path)
    words.add_argument("--batch", type=int)
    words.add_argument("--rank", type=int)
    words.add_argument("--threads", type=int)
    given = words.parse_args()
    torch.set_num_threads(given.threads)
    data = rows_of(given.folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        given.folder / "model", dtype=torch.float32
    )
    config = trl.SFTConfig(
        output_dir=tempfile.mkdtemp(),
        per_device_train_batch_size=given.batch,
        gradient_checkpointing=False,
        learning_rate=1e-4,
        bf16=True,
        use_cpu=True,
        max_length=None,
        max_steps=10**6,
        lr_scheduler_type="constant",
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    tokens = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(given.folder / "model" / "tokenizer.json"),
        pad_token="<|im_end|>",
        eos_token="<|im_end|>",
    )
    trainer = trl.SFTTrainer(
        model=model,
        args=config,
        train_dataset=data,
        data_collator=collate,
        processing_class=tokens,
        peft_config=peft.LoraConfig(
            r=given.rank,
            lora_alpha=16,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    first = collate([data[row] for row in range(given.batch)])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        loss = trainer.compute_loss(trainer.model, first)
    packages = (torch, transformers, trl, peft)
    versions = [f"{p.__name__} {p.__version__}" for p in packages]
    about = {
        "first_loss": round(float(loss), 5),
        "versions": ", ".join(versions),
    }
    trainer.add_callback(Turns(Pauses(about, uncounted=2)))
    trainer.train()


main()
