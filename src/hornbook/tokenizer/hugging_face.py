"""The tokenizer.json of Hugging Face: its structure, read and written.

The structs below are the part of the format that means a byte-level
BPE or a list of words. A file with anything else in it is refused,
since ids that differ in silence would be worse.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import unspell
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import ENDS, PAD, SPECIALS, Kind
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import CHARACTER, UNKNOWN

CHAT_TEMPLATE = """\
{%- for message in messages -%}
    {%- if message['role'] not in ['system', 'user', 'assistant'] -%}
        {{- raise_exception('unknown role: ' + message['role']) -}}
    {%- endif -%}
    {{- '<|' + message['role'] + '|>' -}}
    {{- ' ' + message['content'] + '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>' -}}
{%- endif -%}
"""
"""The form of a dialogue, for programs that read it as Jinja."""


class AddedToken(msgspec.Struct):
    """A special token: found in text before anything else is."""

    id: int
    content: str
    single_word: Literal[False] = False
    lstrip: Literal[False] = False
    rstrip: Literal[False] = False
    normalized: bool = False
    special: bool = True


class ByteLevel(msgspec.Struct, tag=True):
    """Spells bytes; with ``use_regex``, it first cuts as GPT-2 did."""

    add_prefix_space: Literal[False] = False
    trim_offsets: bool = True
    use_regex: bool = True


class Regex(msgspec.Struct):
    """A pattern, as the format wraps it."""

    Regex: str


class Split(msgspec.Struct, tag=True):
    """Cuts at every match and keeps matches and gaps as pieces."""

    pattern: Regex
    behavior: Literal["Isolated"] = "Isolated"
    invert: Literal[False] = False


class Sequence(msgspec.Struct, tag=True):
    """One step after the other."""

    pretokenizers: list[Split | ByteLevel]


class Bpe(msgspec.Struct, tag="BPE"):
    """Byte-pair encoding: tokens, and merges in their order."""

    vocab: dict[str, int]
    merges: list[tuple[str, str] | str]
    dropout: None = None
    unk_token: str | None = None
    continuing_subword_prefix: Literal[""] | None = None
    end_of_word_suffix: Literal[""] | None = None
    fuse_unk: bool = False
    byte_fallback: Literal[False] = False
    ignore_merges: bool = False


class WordLevel(msgspec.Struct, tag=True):
    """One id for each piece."""

    vocab: dict[str, int]
    unk_token: str


class TokenizerFile(msgspec.Struct):
    """A tokenizer.json."""

    version: str
    truncation: Any
    padding: Any
    added_tokens: list[AddedToken]
    normalizer: None
    pre_tokenizer: Split | ByteLevel | Sequence
    post_processor: Any
    decoder: Any
    model: Bpe | WordLevel


def parse_tokenizer_json(data: bytes) -> Vocabulary:
    """Read a vocabulary from a tokenizer.json.

    Raises:
        DataError: says which part is broken or not understood.
    """
    try:
        file = msgspec.json.decode(data, type=TokenizerFile)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise DataError(
            f"{error}; it must be the tokenizer.json of a byte-level "
            "BPE or of whole words, with no normalizer"
        ) from error
    model, specials = file.model, special_ids(file)
    ordinary = {
        name: id_
        for name, id_ in model.vocab.items()
        if name not in specials
    }
    pattern = split_pattern(file.pre_tokenizer)
    if isinstance(model, WordLevel):
        if model.unk_token.encode() != UNKNOWN:
            raise DataError(
                f"unknown words become {model.unk_token!r}; only "
                f"{UNKNOWN.decode()} is understood"
            )
        words = {name.encode(): id_ for name, id_ in ordinary.items()}
        kind: Kind = "char" if pattern == CHARACTER else "word"
        return Vocabulary(kind, pattern, words, specials)
    return Vocabulary(
        "bpe",
        pattern,
        {unspell(name): id_ for name, id_ in ordinary.items()},
        specials,
        number_merges(map(split_merge, model.merges), ordinary),
        model.ignore_merges,
    )


def special_ids(file: TokenizerFile) -> dict[str, int]:
    """Give the special tokens' ids, equal in both of their lists.

    Raises:
        DataError: the model gives one of them another id.
    """
    specials: dict[str, int] = {}
    for added in file.added_tokens:
        other = file.model.vocab.get(added.content, added.id)
        if specials.setdefault(added.content, other) != added.id:
            raise DataError(
                f"the special token {added.content!r} has two ids"
            )
    return specials


def split_pattern(step: Split | ByteLevel | Sequence) -> str:
    """Give the regular expression that cuts text into pieces.

    Raises:
        DataError: the file cuts text in several ways, or in none.
    """
    steps = step.pretokenizers if isinstance(step, Sequence) else [step]
    patterns = []
    for one in steps:
        if isinstance(one, Split):
            patterns.append(one.pattern.Regex)
        elif one.use_regex:
            patterns.append(PATTERNS["gpt2"])
    if len(patterns) != 1:
        raise DataError(
            f"its pre_tokenizer cuts text {len(patterns)} times; only "
            "one pattern is understood"
        )
    return patterns[0]


def split_merge(merge: tuple[str, str] | str) -> tuple[str, str]:
    """Give the two halves of a merge, from the old form or the new.

    Raises:
        DataError: the old form does not hold two halves.
    """
    if isinstance(merge, tuple):
        return merge
    halves = merge.split(" ")
    if len(halves) != 2:
        raise DataError(f"the merge {merge!r} is not of two tokens")
    return halves[0], halves[1]


def number_merges(
    merges: Iterable[tuple[str, str]], ids: Mapping[str, int]
) -> Merges:
    """Turn merges of spelled tokens into ranks and ids.

    Raises:
        DataError: a merge needs or makes a token that is not there.
    """
    ranked: Merges = {}
    for rank, (left, right) in enumerate(merges):
        try:
            pair = ids[left], ids[right]
            ranked[pair] = rank, ids[left + right]
        except KeyError as error:
            raise DataError(
                f"merge {rank} of {left!r} and {right!r} needs the "
                f"token {error}, which is missing"
            ) from error
    return ranked


def format_tokenizer_json(vocabulary: Vocabulary) -> bytes:
    """Write a vocabulary as a tokenizer.json.

    Special tokens stand in the model's list too: there their ids hold
    even where a vocabulary has gaps.
    """
    written = {
        id_: vocabulary.written(token)
        for token, id_ in vocabulary.tokens.items()
    }
    names = written | {i: n for n, i in vocabulary.specials.items()}
    vocab = {names[id_]: id_ for id_ in sorted(names)}
    split = Split(Regex(vocabulary.pattern))
    model: Bpe | WordLevel
    if vocabulary.kind == "bpe":
        merges = vocabulary.merges
        ranked = sorted(merges, key=lambda pair: merges[pair])
        model = Bpe(
            vocab,
            [(written[left], written[right]) for left, right in ranked],
            ignore_merges=vocabulary.whole_first,
        )
        steps: Split | Sequence = Sequence(
            [split, ByteLevel(use_regex=False)]
        )
        decoder: dict[str, object] | ByteLevel = ByteLevel()
    else:
        model = WordLevel(vocab, UNKNOWN.decode())
        steps, decoder = split, {"type": "Fuse"}
    added = [
        AddedToken(id_, name)
        for name, id_ in sorted(
            vocabulary.specials.items(), key=lambda item: item[1]
        )
    ]
    file = TokenizerFile(
        "1.0", None, None, added, None, steps, None, decoder, model
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2)


def transformers_settings(vocabulary: Vocabulary) -> dict[str, object]:
    """Give what tokenizer_config.json tells transformers."""
    specials = vocabulary.specials
    settings: dict[str, object] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }
    for name in ENDS:
        if name in specials:
            settings["eos_token"] = name
            settings["pad_token"] = PAD if PAD in specials else name
            break
    if vocabulary.kind != "bpe":
        settings["unk_token"] = UNKNOWN.decode()
    if all(name in specials for name in SPECIALS):
        settings["chat_template"] = CHAT_TEMPLATE
    return settings
