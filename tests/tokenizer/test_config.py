from typing import Any

import msgspec
import pytest

from hornbook.base.errors import RecipeError
from hornbook.tokenizer.config import SPECIALS, TokenizerConfig


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"vocab_size": 260}, "give 261 or more"),
        ({"vocab_size": 5, "kind": "word"}, "give 6 or more"),
        ({"kind": "sentencepiece"}, "bpe, word, char"),
        ({"min_frequency": -1}, "between 0 and"),
        ({"special_tokens": ("<|a|>", "<|a|>")}, "twice"),
        ({"special_tokens": ("",)}, "empty"),
    ],
)
def test_the_impossible_is_refused(
    fields: dict[str, Any], says: str
) -> None:
    config = msgspec.structs.replace(TokenizerConfig(), **fields)
    with pytest.raises(RecipeError, match=says):
        config.check()


def test_the_smallest_sizes_are_allowed() -> None:
    assert (
        TokenizerConfig(vocab_size=261).check().special_tokens
        == SPECIALS
    )
    small = TokenizerConfig(
        vocab_size=1, kind="char", special_tokens=()
    )
    assert small.check() is small
