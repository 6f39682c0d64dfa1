"""More tokens for a vocabulary, learned from text of another field.

The old tokens keep their ids and their merges, and the new merges come
after all of these: a text is first cut as before, and then new tokens
join what is left. So each new token is made of old ones, from which a
model can take its first vectors.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from hornbook.base.console import console
from hornbook.base.errors import DataError, RecipeError
from hornbook.tokenizer.bpe import Merges, learn_joins, merge_piece
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.tokenizer import Tokenizer
from hornbook.tokenizer.train import checked, lines_of, warn_of_few
from hornbook.tokenizer.vocabulary import Vocabulary


class Extension(NamedTuple):
    """A longer vocabulary, and what its new tokens are made of."""

    tok: Tokenizer
    parts: dict[int, list[int]]
    """For each new id the old ids of the same text."""


def extend_tokenizer(
    tok: Tokenizer,
    texts: Iterable[str],
    more: int,
    special_tokens: Iterable[str] = (),
    min_frequency: int = 2,
) -> Extension:
    """Learn up to ``more`` tokens that texts need most.

    ``special_tokens`` come last, made of what spells their names.

    Raises:
        RecipeError: the tokenizer or a number is not possible.
        DataError: the texts are empty or not Unicode, or a special
            token is an ordinary one as well.
    """
    # Cut the texts as before
    names, old = tuple(special_tokens), tok.vocabulary
    check(tok, more, min_frequency, names)
    pieces = count_texts(tok, texts)
    words = [encode_piece(old, piece) for piece in pieces]

    # Go on joining, and note what each new token is made of
    tokens, merges = dict(old.tokens), dict(old.merges)
    rank = max((rank for rank, _ in merges.values()), default=-1) + 1
    parts: dict[int, list[int]] = {}
    joins = learn_joins(words, [*pieces.values()], spellings(old))
    with console.progress("learning tokens", more, "tokens") as bar:
        for pair, token, spelling, count in islice(joins, more):
            if count < min_frequency:
                break
            tokens[spelling] = token
            merges[pair] = rank + len(parts), token
            left, right = (parts.get(id_, [id_]) for id_ in pair)
            parts[token] = left + right
            bar.advance()
    warn_of_few(len(parts), more, min_frequency > 1)

    # Put the special tokens at the end
    whole = replace(old, tokens=tokens, merges=merges)
    whole = whole.with_specials(names).check()
    for name in whole.specials.keys() - old.specials.keys():
        parts[whole.specials[name]] = tok.encode(name)
    return Extension(Tokenizer(whole), parts)


def spellings(vocabulary: Vocabulary) -> dict[int, bytes]:
    """Give the bytes of each token, special ones included."""
    names = vocabulary.specials
    spelled = {id_: token for token, id_ in vocabulary.tokens.items()}
    return spelled | {names[name]: name.encode() for name in names}


def check(
    tok: Tokenizer,
    more: int,
    min_frequency: int,
    special_tokens: tuple[str, ...],
) -> None:
    """Refuse what cannot be extended, and numbers that cannot be.

    Raises:
        RecipeError: says what can.
    """
    if tok.vocabulary.kind != "bpe" or tok.vocabulary.fallback:
        raise RecipeError(
            "only a vocabulary of byte pairs can be extended; learn a "
            "new one with 'hornbook tokenize'"
        )
    if more < 0 or min_frequency < 1:
        raise RecipeError(
            f"{more} more tokens of frequency {min_frequency} cannot "
            "be learned; give 0 or more, and 1 or more"
        )
    TokenizerConfig(special_tokens=special_tokens).check()


def count_texts(tok: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """Count how often each piece occurs in all texts together.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    split = Splitter(tok.vocabulary.pattern)
    pieces: Counter[str] = Counter()
    checked(texts)
    for text in lines_of(texts):
        utf8(text)
        pieces.update(split(tok.vocabulary.prepared(text)))
    if not pieces:
        raise DataError("there is no text to learn more tokens from")
    return pieces


def encode_piece(vocabulary: Vocabulary, piece: str) -> list[int]:
    """Give the ids of one piece."""
    whole = vocabulary.tokens.get(piece.encode())
    if vocabulary.whole_first and whole is not None:
        return [whole]
    merges: Merges = vocabulary.merges
    return merge_piece(vocabulary.letters(piece), merges)
