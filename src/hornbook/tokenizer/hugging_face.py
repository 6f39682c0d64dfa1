"""The files of Hugging Face's packages, read and written."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, Literal

import msgspec

from hornbook.base.errors import DataError
from hornbook.tokenizer.alphabet import SPACE, unspell
from hornbook.tokenizer.bpe import Merges
from hornbook.tokenizer.config import ENDS, PAD, Kind
from hornbook.tokenizer.forms import form_of
from hornbook.tokenizer.sentence_piece import (
    UNKNOWN_PIECE,
    cutting,
    part_bytes,
)
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.tokenizer_json import (
    SPACED,
    AddedToken,
    Bpe,
    ByteLevel,
    Digits,
    Nfc,
    Normalizers,
    Regex,
    Replace,
    Sequence,
    Split,
    Text,
    TokenizerFile,
    WordLevel,
)
from hornbook.tokenizer.vocabulary import Vocabulary
from hornbook.tokenizer.words import CHARACTER, UNKNOWN


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
            "BPE, of whole words, or of a SentencePiece BPE"
        ) from error
    return vocabulary_of(file)


def vocabulary_of(file: TokenizerFile) -> Vocabulary:
    """Turn the parts of a tokenizer.json into a vocabulary.

    Raises:
        DataError: the parts are not known together.
    """
    # Tell ordinary tokens from special ones
    model, specials = file.model, special_ids(file)
    ordinary = {
        name: id_
        for name, id_ in model.vocab.items()
        if name not in specials
    }
    if isinstance(model, Bpe) and model.byte_fallback:
        return with_fallback(file, model, ordinary, specials)
    if isinstance(file.normalizer, Normalizers):
        raise DataError("its normalizer belongs to a byte_fallback")

    # Take whole words, or byte pairs
    pattern = split_pattern(file.pre_tokenizer)
    normal: Literal["", "NFC"] = "NFC" if file.normalizer else ""
    if isinstance(model, WordLevel):
        if model.unk_token.encode() != UNKNOWN:
            raise DataError(
                f"unknown words become {model.unk_token!r}; only "
                f"{UNKNOWN.decode()} is understood"
            )
        words = {name.encode(): id_ for name, id_ in ordinary.items()}
        kind: Kind = "char" if pattern == CHARACTER else "word"
        return Vocabulary(kind, pattern, words, specials, normal=normal)
    return Vocabulary(
        "bpe",
        pattern,
        {unspell(name): id_ for name, id_ in ordinary.items()},
        specials,
        number_merges(map(split_merge, model.merges), ordinary),
        model.ignore_merges,
        normal,
    )


def with_fallback(
    file: TokenizerFile,
    model: Bpe,
    ordinary: dict[str, int],
    specials: dict[str, int],
) -> Vocabulary:
    """Read what a SentencePiece model became in this format.

    Raises:
        DataError: spaces are not written as such a model does, or a
            byte has no token.
    """
    steps = file.normalizer
    known = (SPACED, SPACED[1:])
    if (
        not isinstance(steps, Normalizers)
        or steps.normalizers not in known
        or file.pre_tokenizer
    ):
        raise DataError(
            "its byte_fallback comes with another normalizer or "
            "pre_tokenizer than those of a SentencePiece model"
        )
    fallback, tokens = part_bytes(ordinary)
    return Vocabulary(
        "bpe",
        cutting(tokens),
        tokens,
        specials,
        number_merges(map(split_merge, model.merges), ordinary),
        fallback=fallback,
        opening=" " if steps.normalizers == SPACED else "",
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


def split_pattern(
    step: Split | ByteLevel | Sequence | None,
) -> str:
    """Give the regular expression that cuts text into pieces.

    Raises:
        DataError: the file cuts text in several ways, or in none.
    """
    steps = step.pretokenizers if isinstance(step, Sequence) else [step]
    patterns = []
    for one in steps:
        if isinstance(one, Split):
            patterns.append(one.pattern.Regex)
        elif isinstance(one, Digits):
            patterns.append("digits")
        elif one and one.use_regex:
            patterns.append(PATTERNS["gpt2"])
    if patterns == ["digits", PATTERNS["gpt2"]]:
        return PATTERNS["smollm"]
    if len(patterns) != 1 or patterns == ["digits"]:
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
    # List the tokens, and the steps around the model
    written = {
        id_: vocabulary.written(token)
        for token, id_ in vocabulary.tokens.items()
    }
    names = written | {
        id_: f"<0x{byte:02X}>"
        for byte, id_ in enumerate(vocabulary.fallback)
    }
    names |= {i: n for n, i in vocabulary.specials.items()}
    vocab = {names[id_]: id_ for id_ in sorted(names)}
    normalizer, steps, decoder = steps_around(vocabulary)
    model: Bpe | WordLevel = WordLevel(vocab, UNKNOWN.decode())
    if vocabulary.kind == "bpe":
        model = bpe_model(vocabulary, vocab, written)

    # Put the model between them
    added = [
        AddedToken(id_, name)
        for name, id_ in sorted(
            vocabulary.specials.items(), key=lambda item: item[1]
        )
    ]
    file = TokenizerFile(
        version="1.0",
        truncation=None,
        padding=None,
        added_tokens=added,
        normalizer=normalizer,
        pre_tokenizer=steps,
        post_processor=None,
        decoder=decoder,
        model=model,
    )
    return msgspec.json.format(msgspec.json.encode(file), indent=2)


def bpe_model(
    vocabulary: Vocabulary,
    vocab: dict[str, int],
    written: Mapping[int, str],
) -> Bpe:
    """Write the merges in their order, and how bytes are found."""
    merges, fallback = vocabulary.merges, bool(vocabulary.fallback)
    ranked = sorted(merges, key=lambda pair: merges[pair])
    unknown = fallback and UNKNOWN_PIECE in vocabulary.specials
    return Bpe(
        vocab,
        [(written[left], written[right]) for left, right in ranked],
        unk_token=UNKNOWN_PIECE if unknown else None,
        fuse_unk=fallback,
        byte_fallback=fallback,
        ignore_merges=vocabulary.whole_first,
    )


def steps_around(
    vocabulary: Vocabulary,
) -> tuple[
    Nfc | Normalizers | None, Split | Sequence | None, object
]:
    """Give what is done to a text before the model, and to tokens."""
    normalizer = Nfc() if vocabulary.normal else None
    split = Split(Regex(vocabulary.pattern))
    if vocabulary.fallback:
        spaced = SPACED if vocabulary.opening else SPACED[1:]
        return Normalizers(spaced), None, {
            "type": "Sequence",
            "decoders": [
                Replace(Text(SPACE), " "),
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {
                    "type": "Strip",
                    "content": " ",
                    "start": len(vocabulary.opening),
                    "stop": 0,
                },
            ],
        }
    if vocabulary.kind != "bpe":
        return normalizer, split, {"type": "Fuse"}
    steps: list[Split | ByteLevel | Digits]
    steps = [split, ByteLevel(use_regex=False)]
    if vocabulary.pattern == PATTERNS["smollm"]:
        steps = [Digits(True), ByteLevel()]
    return normalizer, Sequence(steps), ByteLevel()


def transformers_settings(vocabulary: Vocabulary) -> dict[str, Any]:
    """Give what tokenizer_config.json tells transformers."""
    specials = vocabulary.specials
    settings: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }
    ends = [name for name in ENDS if name in specials]
    fills = [PAD] * (PAD in specials) + ends
    with suppress(DataError):
        form = form_of(specials, vocabulary.system)
        settings["chat_template"] = form.template
        ends = [form.end]
    if ends:
        settings["eos_token"] = ends[0]
        settings["pad_token"] = [*fills, *ends][0]
    if vocabulary.kind != "bpe":
        settings["unk_token"] = UNKNOWN.decode()
    return settings
