"""Classes: a small head on a model that has read a lot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import read_json
from hornbook.model.adapter import HEAD, is_adapter
from hornbook.model.exchange import (
    CONFIG,
    WEIGHTS,
    find_model,
    load_adapted,
    read_config,
    read_weights,
    weights_of,
    write_model_folder,
)
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batch, Order


class Classifier(nn.Module):
    """A transformer whose vectors choose among classes.

    Source: radford2018, section 3.2.
    """

    def __init__(
        self,
        body: Transformer,
        tok: Tokenizer,
        classes: Sequence[str],
        length: int = 128,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        self.body, self.tok = body, tok
        self.classes = tuple(classes)
        self.length = min(length, body.config.context)
        self.pooling = pooling
        body.head = nn.Identity()
        self.head = nn.Linear(body.config.width, len(self.classes))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch classes"]:
        """Score every class for every text."""
        x = self.body.hidden(ids)

        # Make one vector of a text's many
        if self.pooling == "last":
            rows = torch.arange(len(ids), device=ids.device)
            pooled = x[rows, lengths - 1]
        else:
            places = torch.arange(ids.size(1), device=ids.device)
            real = (places < lengths[:, None])[..., None]
            pooled = (x * real).sum(1) / lengths[:, None]

        # Let it choose
        scores: Tensor = self.head(pooled)
        return scores.float()

    @torch.inference_mode()
    def probabilities(
        self, texts: Sequence[str], rows: int = 32
    ) -> Float[np.ndarray, "texts classes"]:
        """Give the chance of every class for every text."""
        self.eval()
        examples = [read(self.tok, text, self.length) for text in texts]
        chances = [np.zeros((0, len(self.classes)), np.float32)]
        for first in range(0, len(examples), rows):
            ids, lengths = table(examples[first : first + rows])
            scores = self(
                torch.from_numpy(ids), torch.from_numpy(lengths)
            )
            chances.append(scores.softmax(-1).numpy())
        return np.concatenate(chances)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Name the likeliest class of every text."""
        best = self.probabilities(texts).argmax(-1)
        return [self.classes[i] for i in best]

    @property
    def told(self) -> dict[str, Any]:
        """What its folder says of it."""
        return {
            "kind": "classifier",
            "model": msgspec.to_builtins(self.body.config),
            "classes": list(self.classes),
            "length": self.length,
            "pooling": self.pooling,
        }

    def save(self, folder: Path) -> None:
        """Write the classifier's folder, whole or not at all."""
        state = weights_of(self)
        write_model_folder(folder, self.told, state, self.tok)

    @staticmethod
    def load(path: str | Path) -> "Classifier":
        """Open a classifier: its folder, or ``RUN:NAME``.

        Raises:
            CorruptFileError: the folder is damaged or something else.
        """
        folder = find_model(path)
        table = read_json(folder / CONFIG)
        kind = table.get("kind") if isinstance(table, dict) else None
        if kind != "classifier":
            raise CorruptFileError(
                f"{folder} is not a classifier; give the folder of one "
                "or RUN:NAME, as in runs/demo:topic"
            )
        adapted = is_adapter(folder)
        body = (
            load_adapted(folder)
            if adapted
            else Transformer(read_config(table, folder))
        )
        tok = Tokenizer.load(folder)
        try:
            model = Classifier(
                body,
                tok,
                table["classes"],
                table["length"],
                table["pooling"],
            )
            if adapted:
                head = read_weights(folder, HEAD)
                model.head.load_state_dict(head)
            else:
                model.load_state_dict(read_weights(folder))
        except (KeyError, RuntimeError) as error:
            raise CorruptFileError(
                f"{folder / (HEAD if adapted else WEIGHTS)} and "
                f"{CONFIG} do not fit; train the classifier again"
            ) from error
        return model.eval()


def read(tok: Tokenizer, text: str, length: int) -> list[int]:
    """Turn the beginning of a text into at most ``length`` ids."""
    return tok.encode(text)[:length] or [tok.end]


def table(
    examples: Sequence[list[int]], length: int = 0
) -> tuple[Int[np.ndarray, "rows time"], Int[np.ndarray, " rows"]]:
    """Lay texts into one table, with their true lengths."""
    lengths = np.array([len(ids) for ids in examples])
    ids = np.zeros((len(examples), length or lengths.max()), np.int64)
    for row, example in enumerate(examples):
        ids[row, : len(example)] = example
    return ids, lengths


def class_loss(
    model: Classifier,
    ids: Int[Tensor, "batch time"],
    lengths: Int[Tensor, " batch"],
    targets: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Give the mean cross-entropy of the right class, in nats."""
    return F.cross_entropy(model(ids, lengths), targets)


class Labelled:
    """Batches of texts with their classes, shuffled every epoch."""

    def __init__(
        self,
        model: Classifier,
        texts: Sequence[str],
        labels: Sequence[str],
        batch: int,
        seed: int,
    ) -> None:
        if len(texts) < batch:
            raise DataError(
                f"there are {len(texts)} labelled texts, fewer than "
                f"one batch of {batch}; add examples or lower batch"
            )
        examples = [
            read(model.tok, text, model.length) for text in texts
        ]
        self.ids, self.lengths = table(examples, model.length)
        numbers = {name: i for i, name in enumerate(model.classes)}
        self.targets = np.array([numbers[label] for label in labels])
        self.batch = batch
        self.rows = len(texts)
        self.order = Order(self.rows, seed)

    def __call__(self, step: int) -> Batch:
        """Give ids, lengths and the right classes."""
        rows = self.order.batch(step, self.batch)
        return {
            "ids": torch.from_numpy(self.ids[rows]),
            "lengths": torch.from_numpy(self.lengths[rows]),
            "targets": torch.from_numpy(self.targets[rows]),
        }
