"""What a vocabulary does to a text: by script, beside others."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import regex
from jaxtyping import Int64

from hornbook.tokenizer.alphabet import visible
from hornbook.tokenizer.measure import Fit, fit, longest_tokens
from hornbook.tokenizer.shards import TokenShard
from hornbook.tokenizer.tokenizer import Tokenizer

LISTED = 8
"""How many tokens a report names of each sort."""
LOOKED_AT_BYTES = 4_000_000
"""How much text a report reads."""
WORD = regex.compile(r"\S+")
SCRIPTS = {
    "CJK": "Han",
    "HANGUL": "Hangul",
    "HIRAGANA": "Kana",
    "KATAKANA": "Kana",
}
"""Scripts that are not called as their characters are."""


class ScriptFit(msgspec.Struct, frozen=True):
    """How well a vocabulary fits the words of one script."""

    script: str
    words: int
    characters: int
    bytes: int
    tokens: int

    @property
    def fertility(self) -> float:
        """How many tokens a word is cut into on average."""
        return self.tokens / max(self.words, 1)

    @property
    def tokens_per_character(self) -> float:
        """The same for a character: some scripts part no words."""
        return self.tokens / max(self.characters, 1)


class Report(msgspec.Struct, frozen=True):
    """A vocabulary on a text, in numbers."""

    name: str
    kind: str
    vocab_size: int
    fit: Fit
    scripts: tuple[ScriptFit, ...]
    """The most frequent script comes first."""
    longest: tuple[str, ...]
    """The longest tokens, spaces made visible."""
    idle: int
    """Ordinary tokens that no text of the training holds."""
    idle_tokens: tuple[str, ...]
    """The longest of these."""


def report_run(
    folder: Path, others: Mapping[str, Tokenizer] | None = None
) -> list[Report]:
    """Measure a run's vocabulary, and others, on its held-out text.

    Which tokens are idle is told by what the run trains on; of other
    vocabularies it is told by the held-out text.

    Raises:
        CorruptFileError: tokens or text of the run are damaged.
    """
    from hornbook.corpus.pipeline import read_documents

    # Take so much of the held-out text as is soon read
    texts: list[str] = []
    size = 0
    for document in read_documents(folder / "corpus/heldout.parquet"):
        if size < LOOKED_AT_BYTES:
            texts.append(document.full_text)
            size += len(document.full_text.encode())

    # Measure the run's own vocabulary, then the others
    tok = Tokenizer.load(folder / "tokenizer")
    train = TokenShard.open(folder / "tokens" / "train.bin", tok)
    uses = np.bincount(train.tokens, minlength=tok.vocab_size)
    return [
        report("this run's", tok, texts, uses),
        *(
            report(name, other, texts)
            for name, other in (others or {}).items()
        ),
    ]


def report(
    name: str,
    tok: Tokenizer,
    texts: Sequence[str],
    uses: Int64[np.ndarray, "vocab"] | None = None,
) -> Report:
    """Measure a vocabulary on texts.

    ``uses`` says how often each token occurs in another text, by which
    the idle ones are told.

    Raises:
        DataError: a text cannot be encoded.
    """
    texts = [tok.vocabulary.composed(text) for text in texts]
    if uses is None:
        uses = count_uses(tok, texts)
    idle = [
        token
        for token, id_ in tok.vocabulary.tokens.items()
        if not uses[id_]
    ]
    idle.sort(key=lambda token: (-len(token), token))
    return Report(
        name,
        tok.vocabulary.kind,
        tok.vocab_size,
        fit(tok, texts),
        fit_scripts(tok, texts),
        tuple(
            visible(tok.token_bytes(id_))
            for id_, _ in longest_tokens(tok, LISTED)
        ),
        len(idle),
        tuple(visible(token) for token in idle[:LISTED]),
    )


def count_uses(
    tok: Tokenizer, texts: Iterable[str]
) -> Int64[np.ndarray, "vocab"]:
    """Count how often each token occurs in texts."""
    uses = np.zeros(tok.vocab_size, np.int64)
    for text in texts:
        uses += np.bincount(
            tok.encode_array(text), minlength=tok.vocab_size
        )
    return uses


def fit_scripts(
    tok: Tokenizer, texts: Iterable[str]
) -> tuple[ScriptFit, ...]:
    """Measure how well ``tok`` fits the words of each script.

    A word is a stretch without white space, and of the script of its
    first letter. A token counts for the word in which it ends, and
    one of white space for the word that follows.
    """
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        # Find the words, and for which of them each token counts
        words = list(WORD.finditer(text))
        stops = np.array([word.end() for word in words], np.int64)
        last = tok.offsets(text)[:, 1] - 1
        begun = np.searchsorted(stops, last, side="right")
        tokens = np.bincount(begun, minlength=len(words) + 1)

        # Count them for their scripts
        for word, count in zip(words, tokens.tolist(), strict=False):
            found = sums[script_of(word[0])]
            found["words"] += 1
            found["characters"] += len(word[0])
            found["bytes"] += len(word[0].encode())
            found["tokens"] += count
    fits = [
        ScriptFit(
            script,
            found["words"],
            found["characters"],
            found["bytes"],
            found["tokens"],
        )
        for script, found in sums.items()
    ]
    return tuple(sorted(fits, key=lambda each: -each.characters))


def script_of(word: str) -> str:
    """Name the script of a word's first letter; signs have none.

    >>> script_of("(Straße"), script_of("帽子"), script_of("1849")
    ('Latin', 'Han', 'no letters')
    """
    letter = next(filter(str.isalpha, word), "")
    return script_of_letter(letter) if letter else "no letters"


@cache
def script_of_letter(letter: str) -> str:
    """Name the script of a letter, by the first word of its name."""
    first = unicodedata.name(letter, "UNKNOWN").split()[0]
    first = first.partition("-")[0]
    return SCRIPTS.get(first, first.capitalize())
