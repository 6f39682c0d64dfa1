"""Raw text to a language model, and the typeset book of that run.

The names below are the stable contract. They are loaded on first use,
so that importing the package costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

EXPORTS = {
    "ATTENTION": "hornbook.model.attention",
    "Classifier": "hornbook.tuning.classify",
    "Dialogue": "hornbook.base.dialogue",
    "Document": "hornbook.base.document",
    "HornbookError": "hornbook.base.errors",
    "Message": "hornbook.base.dialogue",
    "ModelConfig": "hornbook.model.config",
    "Plan": "hornbook.planning.plan",
    "Recipe": "hornbook.recipe",
    "RunRecord": "hornbook.base.record",
    "TokenShard": "hornbook.tokenizer.shards",
    "Tokenizer": "hornbook.tokenizer.tokenizer",
    "Transformer": "hornbook.model.transformer",
    "ablate": "hornbook.laboratory",
    "chat": "hornbook.inference.generate",
    "evaluate": "hornbook.road",
    "extend_model": "hornbook.model.extend",
    "extend_tokenizer": "hornbook.tokenizer.extend",
    "find_rate": "hornbook.laboratory",
    "fit_scaling_law": "hornbook.scaling.fit",
    "generate": "hornbook.inference.generate",
    "open_run": "hornbook.press.figure",
    "plan": "hornbook.road",
    "run": "hornbook.road",
    "stream": "hornbook.inference.generate",
    "trials": "hornbook.laboratory",
    "try_tokenizers": "hornbook.laboratory",
}

__all__ = ["__version__", *EXPORTS]


def __getattr__(name: str) -> Any:
    """Load an exported name from its room on first use."""
    if name not in EXPORTS:
        raise AttributeError(f"hornbook has no attribute {name!r}")
    value = getattr(import_module(EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
