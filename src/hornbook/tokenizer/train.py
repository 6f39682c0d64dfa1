"""Learn a vocabulary from texts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import Merges, learn_merges
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import CHARACTER, learn_words


def train(texts: Iterable[str], config: TokenizerConfig) -> Vocabulary:
    """Learn the vocabulary that ``config`` asks for.

    Raises:
        RecipeError: the configuration cannot be met.
        DataError: the texts are empty, hold half a surrogate pair, or
            spell a special token.
    """
    # Count the distinct pieces: all that learning looks at
    config.check()
    pattern = CHARACTER if config.kind == "char" else config.pattern
    splitter = Splitter(pattern)
    pieces = count_pieces(texts, splitter)

    # Learn from them, leaving room for the special tokens
    room = config.vocab_size - len(config.special_tokens)
    merges: Merges = {}
    if config.kind == "bpe":
        tokens, merges = learn_bpe(pieces, room, config.min_frequency)
    else:
        tokens = learn_words(pieces, room, config.min_frequency)
    if len(tokens) < room:
        console.warn(
            f"the text yields {len(tokens):,} tokens where {room:,} "
            "were asked for; more text would yield more"
        )

    # Put the special tokens at the end
    learned = Vocabulary(
        config.kind, splitter.pattern, tokens, {}, merges
    )
    return learned.with_specials(config.special_tokens).check()


def count_pieces(
    texts: Iterable[str], splitter: Splitter
) -> dict[bytes, int]:
    """Count how often each piece occurs in all texts together.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    if isinstance(texts, str):
        raise DataError(
            "the texts are one string; give a list of strings"
        )
    counts: Counter[str] = Counter()
    with console.progress("cutting text", unit="documents") as bar:
        for text in texts:
            utf8(text)
            counts.update(splitter(text))
            bar.advance()
    if not counts:
        raise DataError(
            "there is no text to learn tokens from; give at least one "
            "document that is not empty"
        )
    return {piece.encode(): count for piece, count in counts.items()}


def learn_bpe(
    pieces: Mapping[bytes, int], size: int, min_frequency: int
) -> tuple[dict[bytes, int], Merges]:
    """Learn merges until there are ``size`` tokens or no pair is left.

    No two merges spell the same token: as long as a token's parts join
    with nothing outside it, they join in one order only. So each merge
    adds a token, and its rank is its id less 256.
    """
    alphabet = byte_alphabet()
    tokens = {byte: id_ for id_, byte in enumerate(alphabet)}
    merges: Merges = {}
    wanted = size - len(alphabet)
    with console.progress("learning tokens", wanted, "tokens") as bar:
        learned = learn_merges(pieces, alphabet)
        for rank, merge in enumerate(islice(learned, wanted)):
            if merge.frequency < min_frequency:
                break
            tokens[merge.spelling] = merge.token
            merges[merge.pair] = rank, merge.token
            shown = merge.spelling.decode("utf-8", "replace")
            bar.advance(note=repr(shown))
    return tokens, merges
