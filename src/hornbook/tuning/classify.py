"""Classes: a small head on a model that has read a lot."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import expit, softmax
from torch import Tensor, nn
from torch.nn import functional as F

from hornbook.base.errors import CorruptFileError, DataError
from hornbook.base.store import read_json
from hornbook.model.adapter import HEAD, is_adapter
from hornbook.model.exchange import (
    load_adapted,
    read_config,
    read_weights,
    weights_of,
    write_model_folder,
)
from hornbook.model.find import CONFIG, WEIGHTS, find_model
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.training.batches import Batch, Order
from hornbook.tuning.labels import MARK, split_labels


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
        several: bool = False,
    ) -> None:
        super().__init__()
        self.body, self.tok = body, tok
        self.several, self.temperature = several, 1.0
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
        # Leave out what is filling in every row; a compiler wants
        # tables of one size
        if not torch.compiler.is_compiling():
            ids = ids[:, : int(lengths.max())]
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
    def scores(
        self, texts: Sequence[str], rows: int = 32
    ) -> Float[np.ndarray, "texts classes"]:
        """Score every class for every text."""
        self.eval()
        examples = [read(self.tok, text, self.length) for text in texts]
        found = [np.zeros((0, len(self.classes)), np.float32)]
        for first in range(0, len(examples), rows):
            ids, lengths = table(examples[first : first + rows])
            scores = self(
                torch.from_numpy(ids), torch.from_numpy(lengths)
            )
            found.append(scores.numpy())
        return np.concatenate(found)

    def probabilities(
        self, texts: Sequence[str], rows: int = 32
    ) -> Float[np.ndarray, "texts classes"]:
        """Give the chance of every class for every text.

        They add up to one, unless a text may bear several labels.
        """
        scores = self.scores(texts, rows)
        return chances_of(scores, self.temperature, self.several)

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Name the likeliest class of every text.

        Where it may bear several, all that are likelier than not.
        """
        chances = self.probabilities(texts)
        if self.several:
            return [
                f"{MARK} ".join(
                    self.classes[i] for i in np.nonzero(row > 0.5)[0]
                )
                for row in chances
            ]
        return [self.classes[i] for i in chances.argmax(-1)]

    @property
    def told(self) -> dict[str, Any]:
        """What its folder says of it."""
        return {
            "kind": "classifier",
            "model": msgspec.to_builtins(self.body.config),
            "classes": list(self.classes),
            "length": self.length,
            "pooling": self.pooling,
            "several": self.several,
            "temperature": self.temperature,
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
        table = read_json(folder / CONFIG) if folder.is_dir() else {}
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
                table.get("several", False),
            )
            model.temperature = table.get("temperature", 1.0)
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
    targets: Tensor,
    weights: Float[Tensor, " classes"] | None = None,
) -> Float[Tensor, ""]:
    """Give the mean cross-entropy of the right classes, in nats.

    ``targets`` has a text's class, or says of each whether it is one
    of the text's own. The mean is over texts, whatever they weigh, so
    that pieces of a batch add up to the whole.
    """
    scores = model(ids, lengths)
    if weights is not None:
        weights = weights.to(scores.device)
    if targets.dim() == 1:
        lost = F.cross_entropy(
            scores, targets, weights, reduction="sum"
        )
        return lost / len(targets)
    wanted = targets.float()
    return F.binary_cross_entropy_with_logits(scores, wanted, weights)


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
        self.targets = targets_of(labels, model)
        self.batch = batch
        self.rows = len(texts)
        self.order = Order(self.rows, seed)

    def __call__(self, step: int) -> Batch:
        """Give ids, lengths and the right classes.

        The long texts stand together, so that pieces of a batch have
        little filling.
        """
        rows = self.order.batch(step, self.batch)
        rows = rows[np.argsort(self.lengths[rows], kind="stable")]
        return {
            "ids": torch.from_numpy(self.ids[rows]),
            "lengths": torch.from_numpy(self.lengths[rows]),
            "targets": torch.from_numpy(self.targets[rows]),
        }


def targets_of(
    labels: Sequence[str], model: Classifier
) -> Int[np.ndarray, "rows *classes"]:
    """Give each label's number, or which of all a text bears."""
    several = model.several
    parted = [split_labels(label, several) for label in labels]
    marks = truth_of(parted, model.classes).astype(np.int64)
    return marks if several else marks.argmax(-1)


def truth_of(
    labels: Sequence[Sequence[str]], classes: Sequence[str]
) -> Bool[np.ndarray, "texts classes"]:
    """Say of every text which classes are its own."""
    number = {name: i for i, name in enumerate(classes)}
    truth = np.zeros((len(labels), len(classes)), bool)
    for row, names in enumerate(labels):
        for name in names:
            if name in number:
                truth[row, number[name]] = True
    return truth


def chances_of(
    scores: Float[np.ndarray, "texts classes"],
    temperature: float,
    several: bool,
) -> Float[np.ndarray, "texts classes"]:
    """Make chances of scores: one class of all, or each for itself."""
    make = expit if several else partial(softmax, axis=-1)
    chances: np.ndarray = make(scores / temperature)
    return chances
