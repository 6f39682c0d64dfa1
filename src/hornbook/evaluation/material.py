"""What an evaluation reads of a run's folder, opened when needed."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.base.document import Document
from hornbook.base.errors import DataError, HornbookError
from hornbook.base.record import FILE as RECORD
from hornbook.base.record import RunRecord, load_record
from hornbook.base.store import read_json, read_jsonl
from hornbook.evaluation.config import EvaluationConfig
from hornbook.tuning.config import OWN
from hornbook.tuning.definition import first_sentence
from hornbook.tuning.sentences import tidy

if TYPE_CHECKING:
    from hornbook.model.transformer import Transformer
    from hornbook.tokenizer.shards import TokenShard
    from hornbook.tokenizer.tokenizer import Tokenizer
    from hornbook.tuning.classify import Classifier


class Absent(DataError):
    """A task lacks what it measures; the report goes on without it."""


class Material:
    """The texts, the tokens and the models of one run."""

    def __init__(self, folder: Path, config: EvaluationConfig) -> None:
        self.folder, self.config = folder, config

    @cached_property
    def training(self) -> list[Document]:
        """The documents that the models have learnt from."""
        return self._documents("train")

    @cached_property
    def heldout(self) -> list[Document]:
        """The documents that no model has seen."""
        return self._documents("heldout")

    @cached_property
    def tokenizer(self) -> "Tokenizer":
        """The tokenizer of the run's own models."""
        from hornbook.tokenizer.tokenizer import Tokenizer

        return Tokenizer.load(self._part("tokenizer", "tokenize"))

    @cached_property
    def base(self) -> "Transformer":
        """The pretrained model, before any tuning."""
        return self._model("checkpoints/base", "pretrain")

    @cached_property
    def chat(self) -> "Transformer":
        """The model that was tuned to answer."""
        return self._model(f"finetune/{self.config.chat}", "finetune")

    @cached_property
    def chat_tokenizer(self) -> "Tokenizer":
        """The chat model's own; it may come from elsewhere with it."""
        from hornbook.tokenizer.tokenizer import Tokenizer

        name = f"finetune/{self.config.chat}"
        return Tokenizer.load(self._part(name, "finetune"))

    @cached_property
    def untuned(self) -> "tuple[Transformer, Tokenizer] | None":
        """What the chat model was before it was tuned, and its words.

        None stands for a model from elsewhere that is not there now.
        """
        from hornbook.model.find import find_model
        from hornbook.model.transformer import Transformer
        from hornbook.tokenizer.tokenizer import Tokenizer

        base = self.origin(self.config.chat)
        if base in OWN:
            return self.base, self.tokenizer
        try:
            place = find_model(base)
        except HornbookError:
            return None
        return Transformer.load(place), Tokenizer.load(place)

    def origin(self, name: str) -> str:
        """The model at the beginning of a fine-tuning's line."""
        recipe = self.record.recipe if self.record else {}
        tables = recipe.get("finetune", {})
        base = tables.get(name, {}).get("base", OWN[0])
        while base in tables:
            base = tables[base].get("base", OWN[0])
        return str(base)

    @cached_property
    def classifier(self) -> "Classifier":
        """The model that was tuned to name a text's topic."""
        from hornbook.tuning.classify import Classifier

        name = f"finetune/{self.config.classifier}"
        return Classifier.load(self._part(name, "finetune"))

    def shard(self, name: str) -> "TokenShard":
        """Open the tokens of ``train`` or ``heldout``."""
        from hornbook.tokenizer.shards import TokenShard

        path = self._part(f"tokens/{name}.bin", "tokenize")
        return TokenShard.open(path, self.tokenizer)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines that pretraining wrote; none if it did not."""
        return read_jsonl(self.folder / "metrics.jsonl")

    @property
    def card(self) -> dict[str, Any]:
        """The corpus's card; empty where there is none."""
        path = self.folder / "corpus" / "card.json"
        card = read_json(path) if path.exists() else {}
        return card if isinstance(card, dict) else {}

    @cached_property
    def record(self) -> RunRecord | None:
        """What was done to make the run, if that was written down."""
        return load_record(self.folder) if self.has(RECORD) else None

    def has(self, name: str) -> bool:
        """Tell whether a part of the folder is there."""
        return (self.folder / name).exists()

    def learnt_texts(self) -> Iterator[str]:
        """Give all that the models have read, answers included."""
        for document in self.training:
            yield document.full_text
            yield first_sentence(document)
            yield tidy(document.description)

    def _documents(self, name: str) -> list[Document]:
        """Read one side of the split."""
        from hornbook.corpus.pipeline import read_documents

        path = self._part(f"corpus/{name}.parquet", "curate")
        documents = read_documents(path)
        if not documents:
            raise Absent(f"corpus/{name}.parquet holds no document")
        return documents

    def _model(self, name: str, stage: str) -> "Transformer":
        """Open one of the run's language models."""
        from hornbook.model.transformer import Transformer

        return Transformer.load(self._part(name, stage))

    def _part(self, name: str, stage: str) -> Path:
        """Find a part of the folder, or say which stage makes it."""
        path = self.folder / name
        if not path.exists():
            raise Absent(
                f"there is no {name}; the stage {stage} makes it"
            )
        return path
