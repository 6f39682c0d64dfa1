"""What a recipe says about giving the model away."""

from typing import Literal

import msgspec


class ExportConfig(msgspec.Struct, frozen=True):
    """The recipe's ``[export]``."""

    format: Literal["hf", "native", "gguf"] = "hf"
    """Hugging Face's layout, our own, or a file for llama.cpp."""
    model: str = ""
    """A name of ``finetune/`` or ``base``; empty takes the chat model
    where there is one."""
