"""Learn a vocabulary from texts."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from hornbook.base.console import console
from hornbook.base.errors import DataError
from hornbook.base.machine import cores
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import TokenizerConfig
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import CHARACTER, learn_words

if TYPE_CHECKING:
    from hornbook.tokenizer.trainer import Pieces

AT_A_TIME = 512
"""How many tokens are learned between two looks at the screen."""

NO_TEXT = (
    "there is no text to learn tokens from; give at least one "
    "document that is not empty"
)


def train(
    texts: Iterable[str],
    config: TokenizerConfig,
    threads: int | None = None,
) -> Vocabulary:
    """Learn the vocabulary that ``config`` asks for.

    ``threads`` count pieces; by default, as many as there are cores.

    Raises:
        RecipeError: the configuration cannot be met.
        DataError: the texts are empty, hold half a surrogate pair, or
            spell a special token.
    """
    # Count the distinct pieces: all that learning looks at
    config.check()
    pattern = CHARACTER if config.kind == "char" else config.pattern
    splitter = Splitter(pattern)
    room = config.vocab_size - len(config.special_tokens)

    # Learn from them, leaving room for the special tokens
    merges: Merges = {}
    least = config.min_frequency
    if config.kind == "bpe":
        pieces = count_bytes(texts, splitter, threads or cores())
        tokens, merges = learn_bpe(pieces, room, least)
    else:
        counts = count_pieces(texts, splitter)
        tokens = learn_words(counts, room, least)
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


def count_bytes(
    texts: Iterable[str], splitter: Splitter, threads: int
) -> "Pieces":
    """Count the pieces as byte pairs are learned from them.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    from hornbook.tokenizer import trainer
    from hornbook.tokenizer.scan import rules_of

    rules = rules_of(splitter.pattern)
    if rules is None:
        return trainer.pieces_of(count_pieces(texts, splitter))
    with console.progress("cutting text", unit="documents") as bar:
        pieces = trainer.count_fast(checked(texts), rules, threads, bar)
    if not len(pieces.counts):
        raise DataError(NO_TEXT)
    return pieces


def count_pieces(
    texts: Iterable[str], splitter: Splitter
) -> dict[bytes, int]:
    """Count how often each piece occurs in all texts together.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    counts: Counter[str] = Counter()
    with console.progress("cutting text", unit="documents") as bar:
        for text in checked(texts):
            utf8(text)
            counts.update(splitter(text))
            bar.advance()
    if not counts:
        raise DataError(NO_TEXT)
    return {piece.encode(): count for piece, count in counts.items()}


def checked(texts: Iterable[str]) -> Iterable[str]:
    """Return the texts, unless they are a single one.

    Raises:
        DataError: they are one string.
    """
    if isinstance(texts, str):
        raise DataError(
            "the texts are one string; give a list of strings"
        )
    return texts


def learn_bpe(
    pieces: "Pieces", size: int, min_frequency: int
) -> tuple[dict[bytes, int], Merges]:
    """Learn merges until there are ``size`` tokens or no pair is left.

    No two merges spell the same token: as long as a token's parts join
    with nothing outside it, they join in one order only. So each merge
    adds a token, and its rank is its id less 256.
    """
    from hornbook.tokenizer.trainer import Learner

    # Prepare to learn
    spelled = byte_alphabet()
    merges: Merges = {}
    wanted = size - len(spelled)
    learner = Learner(pieces, spelled, wanted)
    with console.progress("learning tokens", wanted, "tokens") as bar:
        # Learn some, and spell them
        while some := learner.learn(AT_A_TIME, min_frequency).tolist():
            for left, right, _ in some:
                merges[left, right] = len(merges), len(spelled)
                spelled.append(spelled[left] + spelled[right])
            shown = spelled[-1].decode("utf-8", "replace")
            bar.advance(len(some), note=repr(shown))
    return {token: id_ for id_, token in enumerate(spelled)}, merges
