"""Learn a vocabulary from texts."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook.base.console import console
from hornbook.base.errors import DataError, RecipeError
from hornbook.base.machine import cores
from hornbook.tokenizer.alphabet import byte_alphabet
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import NO_LIMIT, TokenizerConfig
from hornbook.tokenizer.split import Splitter, utf8
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import CHARACTER, learn_words

if TYPE_CHECKING:
    from hornbook.tokenizer.counter import Pieces

AT_A_TIME = 512
"""How many tokens are learned between two looks at the screen."""

MOST_PIECES = 1 << 23
"""When there are more distinct pieces, the rare are forgotten."""

MOST_THREADS = 1024
"""More threads than any processor runs."""

NO_TEXT = (
    "there is no text to learn tokens from; give at least one "
    "document that is not empty"
)


def train(
    texts: Iterable[str | Path],
    config: TokenizerConfig,
    threads: int | None = None,
) -> Vocabulary:
    """Learn the vocabulary that ``config`` asks for.

    In the place of a text may stand a file: each of its lines is one.
    ``threads`` count pieces; by default, as many as there are cores.

    Raises:
        RecipeError: the configuration cannot be met.
        DataError: the texts are empty, not UTF-8, or spell a special
            token.
    """
    config.check()
    checked(texts)
    pattern = CHARACTER if config.kind == "char" else config.pattern
    splitter = Splitter(pattern)
    room = config.vocab_size - len(config.special_tokens)

    # Count the distinct pieces, which are all that learning looks at
    merges: Merges = {}
    bounds = config.min_frequency, config.max_token_bytes or NO_LIMIT
    if config.kind == "bpe":
        pieces = count_bytes(texts, splitter, thread_count(threads))
        tokens, merges = learn_bpe(pieces, room, *bounds)
    else:
        counts = count_pieces(texts, splitter)
        tokens = learn_words(counts, room, *bounds)
    limited = config.min_frequency > 1 or config.max_token_bytes > 0
    warn_of_few(len(tokens), room, limited)

    # Put the special tokens at the end
    learned = Vocabulary(
        config.kind, splitter.pattern, tokens, {}, merges
    )
    return learned.with_specials(config.special_tokens).check()


def warn_of_few(found: int, wanted: int, limited: bool) -> None:
    """Say so if a text yields fewer tokens than were asked for."""
    if found < wanted:
        other = ", or looser limits," if limited else ""
        console.warn(
            f"the text yields {found:,} tokens where {wanted:,} were "
            f"asked for; more text{other} would yield more"
        )


def count_bytes(
    texts: Iterable[str | Path], splitter: Splitter, threads: int
) -> "Pieces":
    """Count the pieces as byte pairs are learned from them.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    from hornbook.tokenizer.counter import count_fast
    from hornbook.tokenizer.scan import rules_of
    from hornbook.tokenizer.trainer import pieces_of

    rules = rules_of(splitter.pattern)
    if rules is None:
        return pieces_of(count_pieces(texts, splitter))
    with console.progress("cutting text", unit="documents") as bar:
        pieces = count_fast(texts, rules, threads, bar)
    if not len(pieces.counts):
        raise DataError(NO_TEXT)
    return pieces


def count_pieces(
    texts: Iterable[str | Path], splitter: Splitter
) -> dict[bytes, int]:
    """Count how often each piece occurs in all texts together.

    Raises:
        DataError: there is no text, or one that is not Unicode.
    """
    from hornbook.tokenizer.counter import warn_of_loss

    counts: Counter[str] = Counter()
    lost = 0
    with console.progress("cutting text", unit="documents") as bar:
        for text in lines_of(texts):
            utf8(text)
            if len(counts) > MOST_PIECES:
                lost += forget_rare(counts)
            counts.update(splitter(text))
            bar.advance()
    if not counts:
        raise DataError(NO_TEXT)
    warn_of_loss(lost)
    return {piece.encode(): count for piece, count in counts.items()}


def forget_rare(counts: Counter[str]) -> int:
    """Forget the rarer half of all pieces; say up to which count."""
    rare = sorted(counts.values())[len(counts) // 2]
    for piece in [p for p, count in counts.items() if count <= rare]:
        del counts[piece]
    return rare


def lines_of(texts: Iterable[str | Path]) -> Iterator[str]:
    """Give texts, and the lines of files.

    Raises:
        DataError: a file cannot be read, or is not UTF-8.
    """
    from hornbook.tokenizer.counter import file_blocks

    for text in texts:
        if isinstance(text, Path):
            for block in file_blocks(text):
                *lines, rest = block.text().split("\n")
                yield from (f"{line}\n" for line in lines)
                if rest:
                    yield rest
        else:
            yield text


def checked(texts: Iterable[str | Path]) -> None:
    """Refuse a single text or file where several are expected.

    Raises:
        DataError: there is only one.
    """
    if isinstance(texts, str | bytes):
        raise DataError(
            "the texts are one string; give a list of strings"
        )
    if isinstance(texts, Path):
        raise DataError(
            f"the texts are one file, {texts}; give a list of files"
        )


def thread_count(threads: int | None) -> int:
    """Give the number of threads; by default, one for each core.

    Raises:
        RecipeError: so many cannot be.
    """
    if threads is None:
        return cores()
    if not 1 <= threads <= MOST_THREADS:
        raise RecipeError(
            f"threads is {threads}; it must be between 1 and "
            f"{MOST_THREADS}"
        )
    return threads


def learn_bpe(
    pieces: "Pieces", size: int, least: int, longest: int
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
    learner = Learner(pieces, spelled, wanted, least, longest)
    with console.progress("learning tokens", wanted, "tokens") as bar:
        # Learn some, and spell them
        while some := learner.learn(AT_A_TIME).tolist():
            for left, right, _ in some:
                merges[left, right] = len(merges), len(spelled)
                spelled.append(spelled[left] + spelled[right])
            shown = spelled[-1].decode("utf-8", "replace")
            bar.advance(len(some), note=repr(shown))
    return {token: id_ for id_, token in enumerate(spelled)}, merges
