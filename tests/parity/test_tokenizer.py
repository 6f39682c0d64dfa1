"""Our tokenizer beside tokenizers, transformers and tiktoken."""

import json
import random
import string
import unicodedata
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.dialogue import Dialogue, Message, ask
from hornbook.tokenizer.alphabet import spell
from hornbook.tokenizer.chat import render
from hornbook.tokenizer.forms import FORMS, form_of
from hornbook.tokenizer.split import PATTERNS
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer

tokenizers = pytest.importorskip("tokenizers", reason="a peer")
pytestmark = pytest.mark.parity


def assigned(text: str) -> bool:
    """Tell whether Python's Unicode tables know every character.

    A peer with newer tables takes other characters for letters.
    """
    return all(unicodedata.category(char) != "Cn" for char in text)


TEXTS = st.text(max_size=60).filter(assigned) | st.text(
    alphabet="aAbsStTLl '’\r\n\t \u00a0\u1680\u0085\x1cſé1²Ⅷ!?-🎩你"
)


def read(shared_data: Path, name: str, size: int = 400_000) -> str:
    """Read the beginning of one of the example corpora."""
    path = shared_data / "corpora" / name
    return path.read_text(encoding="utf-8")[:size]


def train_theirs(
    texts: list[str], pattern: str, vocab_size: int, least: int = 0
) -> Any:
    """Train byte-level BPE with the package tokenizers."""
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Split(
                tokenizers.Regex(PATTERNS[pattern]), "isolated"
            ),
            tokenizers.pre_tokenizers.ByteLevel(
                add_prefix_space=False, use_regex=False
            ),
        ]
    )
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=least,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(texts, trainer)
    return theirs


def assert_same_vocabulary(ours: Tokenizer, theirs: Any) -> None:
    """Compare ids, and merges in their order."""
    model = json.loads(theirs.to_str())["model"]
    tokens = ours.vocabulary.tokens
    assert {spell(token): tokens[token] for token in tokens} == (
        model["vocab"]
    )
    spelled = {id_: spell(token) for token, id_ in tokens.items()}
    assert [
        [spelled[left], spelled[right]]
        for left, right in ours.vocabulary.merges
    ] == [list(merge) for merge in model["merges"]]


@pytest.mark.parametrize(
    ("name", "pattern", "vocab_size", "least"),
    [
        ("tinyshakespeare/input.txt", "gpt2", 4096, 0),
        ("children/Kim.md", "cl100k", 4096, 0),
        ("children/Peter Pan.md", "o200k", 99_999, 3),
    ],
)
def test_we_learn_the_same_merges(
    name: str,
    pattern: str,
    vocab_size: int,
    least: int,
    shared_data: Path,
) -> None:
    texts = read(shared_data, name).split("\n\n")
    ours = Tokenizer.train(
        texts, vocab_size, pattern, (), min_frequency=least
    )
    theirs = train_theirs(texts, pattern, vocab_size, least)
    assert_same_vocabulary(ours, theirs)


@given(
    text=st.text(alphabet="ab c", max_size=80), more=st.integers(0, 30)
)
def test_ties_are_broken_alike(text: str, more: int) -> None:
    ours = Tokenizer.train(["b", text], 256 + more, "gpt2", ())
    theirs = train_theirs(["b", text], "gpt2", 256 + more)
    assert_same_vocabulary(ours, theirs)


@pytest.fixture(scope="module", params=[*PATTERNS, r"\w+|\s"])
def pair(
    request: pytest.FixtureRequest,
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tokenizer, Any]:
    """One tokenizer twice: as ours, and as theirs from our file."""
    text = read(shared_data, "children/Kim.md", 60_000)
    ours = Tokenizer.train([text], 1000, request.param, SPECIALS)
    folder = tmp_path_factory.mktemp("tokenizer")
    ours.save(folder)
    file = str(folder / "tokenizer.json")
    return ours, tokenizers.Tokenizer.from_file(file)


@given(text=TEXTS)
def test_our_file_gives_them_the_same_ids(
    pair: tuple[Tokenizer, Any], text: str
) -> None:
    ours, theirs = pair
    assert theirs.decode(ours.encode(text)) == text
    marked = f"{text}<|end|>{text}<|user|>"
    assert theirs.encode(marked).ids == ours.encode(marked, SPECIALS)
    theirs.encode_special_tokens = True
    assert theirs.encode(marked).ids == ours.encode(marked)
    places = [tuple(row) for row in ours.offsets(marked).tolist()]
    assert theirs.encode(marked).offsets == places
    theirs.encode_special_tokens = False
    assert theirs.get_vocab_size() == ours.vocab_size


def test_their_file_gives_us_the_same_ids(
    shared_data: Path, tmp_path: Path
) -> None:
    text = read(shared_data, "tinyshakespeare/input.txt")
    theirs = train_theirs([text], "cl100k", 2000)
    theirs.add_special_tokens(["<|end|>"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path)
    assert ours.encode(text) == theirs.encode(text).ids
    assert ours.vocab_size == 2001
    assert ours.end == theirs.token_to_id("<|end|>") == 2000


@pytest.mark.parametrize("kind", ["word", "char"])
@given(text=TEXTS)
def test_words_and_characters_are_theirs_too(
    kind: Any, text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    sample = "It's a hat, it's 12 hats!\n"
    ours = Tokenizer.train([sample], 30, "gpt2", SPECIALS, kind)
    folder = tmp_path_factory.getbasetemp() / kind
    ours.save(folder)
    theirs = tokenizers.Tokenizer.from_file(
        str(folder / "tokenizer.json")
    )
    theirs.encode_special_tokens = True
    assert theirs.encode(text).ids == ours.encode(text)
    ids = ours.encode(sample)
    assert theirs.decode(ids) == ours.decode(ids) == sample


@pytest.fixture(scope="module", params=FORMS)
def in_transformers(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tokenizer, Any]:
    """One tokenizer twice: as ours, and as AutoTokenizer opens it."""
    transformers = pytest.importorskip("transformers", reason="a peer")
    form, own = FORMS[request.param], request.param == "hornbook"
    ours = Tokenizer.train(
        ["What is a hat?\n\nassistant\n\n A head covering."] * 2,
        300,
        "gpt2" if own else "cl100k",
        SPECIALS if own else ("<|end|>", *form.controls),
    )
    folder = tmp_path_factory.mktemp("transformers")
    ours.save(folder)
    return ours, transformers.AutoTokenizer.from_pretrained(str(folder))


def test_transformers_opens_our_folder(
    in_transformers: tuple[Tokenizer, Any],
) -> None:
    ours, theirs = in_transformers
    text = "What is a hat?  A 'head' covering , déjà vu 🎩."
    ids = ours.encode(text)
    assert theirs(text).input_ids == ids
    assert theirs.decode(ids) == text
    assert len(theirs) == ours.vocab_size
    stop = form_of(ours.specials).end
    assert theirs.eos_token_id == ours.special(stop)
    assert theirs.pad_token_id == ours.pad


@pytest.mark.parametrize("system", ["", " Be brief.\n"])
@given(
    turns=st.lists(
        TEXTS.filter(str.strip).filter(lambda text: "<|" not in text),
        min_size=1,
        max_size=4,
    )
)
def test_the_chat_template_gives_the_same_ids(
    in_transformers: tuple[Tokenizer, Any],
    system: str,
    turns: list[str],
) -> None:
    ours, theirs = in_transformers
    messages = ask(*turns).messages
    if system:
        messages = (Message("system", system), *messages)
    prompt = len(turns) % 2 == 1
    ids = theirs.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        add_generation_prompt=prompt,
        return_dict=False,
    )
    assert ids == render(ours, Dialogue(messages), prompt)[0]


@given(text=TEXTS)
def test_our_ranks_give_tiktoken_the_same_ids(
    text: str, shared_data: Path, tmp_path_factory: Any
) -> None:
    tiktoken = pytest.importorskip("tiktoken", reason="a peer")
    folder = tmp_path_factory.getbasetemp() / "tiktoken"
    if not folder.exists():
        book = read(shared_data, "children/Kim.md", 60_000)
        ours = Tokenizer.train([book], 1000, "cl100k")
        ours.save(folder, "tiktoken")
    ours = Tokenizer.load(folder, "cl100k", ["<|end|>"])
    lines = (folder / "tokenizer.tiktoken").read_text(encoding="ascii")
    rows = map(str.split, lines.splitlines())
    theirs = tiktoken.Encoding(
        "ours",
        pat_str=ours.vocabulary.pattern,
        mergeable_ranks={b64decode(t): int(rank) for t, rank in rows},
        special_tokens=ours.specials,
    )
    assert ours.encode(text) == theirs.encode_ordinary(text)


@given(text=TEXTS)
def test_our_pair_of_files_gives_them_the_same_ids(
    text: str, shared_data: Path, tmp_path_factory: Any
) -> None:
    folder = tmp_path_factory.getbasetemp() / "gpt2"
    if not folder.exists():
        book = read(shared_data, "children/Kim.md", 60_000)
        Tokenizer.train([book], 1000, "gpt2").save(folder, "gpt2")
    theirs = tokenizers.ByteLevelBPETokenizer(
        str(folder / "encoder.json"), str(folder / "vocab.bpe")
    )
    ours = Tokenizer.load(folder)
    assert ours.encode(text) == theirs.encode(text).ids


@pytest.fixture(scope="module", params=[True, False])
def sentence_pieces(
    request: pytest.FixtureRequest,
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Tokenizer, Any, Any]:
    """A model of SentencePiece thrice: ours, theirs, in tokenizers."""
    peer = pytest.importorskip("sentencepiece", reason="a peer")
    folder = tmp_path_factory.mktemp("sentencepiece")
    peer.SentencePieceTrainer.train(
        sentence_iterator=iter(
            read(shared_data, "children/Kim.md", 60_000).splitlines()
        ),
        model_prefix=str(folder / "kim"),
        model_type="bpe",
        vocab_size=1000,
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=request.param,
        minloglevel=2,
    )
    model = folder / "kim.model"
    ours = Tokenizer.load(model)
    ours.save(folder)
    return (
        ours,
        peer.SentencePieceProcessor(model_file=str(model)),
        tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json")),
    )


@given(text=TEXTS)
def test_sentence_pieces_are_theirs(
    sentence_pieces: tuple[Tokenizer, Any, Any], text: str
) -> None:
    ours, theirs, reopened = sentence_pieces
    ids = ours.encode(text)
    assert theirs.encode(text) == ids
    assert ours.decode(ids) == text == reopened.decode(ids)
    reopened.encode_special_tokens = True
    assert reopened.encode(text).ids == ids


@given(text=TEXTS)
def test_a_gguf_file_of_theirs_is_read(
    text: str, shared_data: Path, tmp_path_factory: Any
) -> None:
    gguf = pytest.importorskip("gguf", reason="a peer")
    folder = tmp_path_factory.getbasetemp() / "gguf"
    book = read(shared_data, "children/Kim.md", 60_000)
    ours = Tokenizer.train([book], 600, "gpt2", SPECIALS)
    if not folder.exists():
        folder.mkdir()
        known = ours.vocabulary
        names = [spell(token) for token in known.tokens]
        writer = gguf.GGUFWriter(folder / "x.gguf", "llama")
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list([*names, *known.specials])
        normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
        writer.add_token_types(
            [normal] * len(names) + [control] * len(SPECIALS)
        )
        writer.add_token_merges(
            [f"{names[a]} {names[b]}" for a, b in known.merges]
        )
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
    assert Tokenizer.load(folder).encode(text) == ours.encode(text)


@pytest.fixture(scope="module", params=["gpt2", "cl100k"])
def published(
    request: pytest.FixtureRequest, shared_data: Path
) -> tuple[Tokenizer, Any]:
    """A published vocabulary twice: as ours, and in tiktoken."""
    tiktoken = pytest.importorskip("tiktoken", reason="a peer")
    name = request.param
    ours = Tokenizer.load(shared_data / "tokenizers" / name)
    # The patterns as tiktoken states them today
    contraction = {
        "gpt2": r"'(?:[sdmt]|ll|ve|re)",
        "cl100k": r"'(?i:[sdmt]|ll|ve|re)",
    }[name]
    rest = {
        "gpt2": r"| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++",
        "cl100k": r"|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+"
        r"| ?[^\s\p{L}\p{N}]++[\r\n]*+",
    }[name]
    spaces = {
        "gpt2": r"|\s++$|\s+(?!\S)|\s",
        "cl100k": r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    }[name]
    theirs = tiktoken.Encoding(
        name,
        pat_str=contraction + rest + spaces,
        mergeable_ranks=ours.vocabulary.tokens,
        special_tokens=ours.specials,
    )
    return ours, theirs


@given(text=TEXTS)
def test_published_vocabularies_give_their_ids(
    published: tuple[Tokenizer, Any], text: str
) -> None:
    ours, theirs = published
    ids = theirs.encode(text, disallowed_special=())
    assert ours.encode(text) == ids
    assert ours.encode_batch([text])[0].tolist() == ids
    marked = f"{text}<|endoftext|>{text}"
    assert ours.encode(marked, ["<|endoftext|>"]) == theirs.encode(
        marked, allowed_special={"<|endoftext|>"}
    )


@pytest.mark.parametrize(
    "name", ["children/Kim.md", "tinyshakespeare/input.txt"]
)
def test_published_vocabularies_read_books_alike(
    published: tuple[Tokenizer, Any], name: str, shared_data: Path
) -> None:
    ours, theirs = published
    text = read(shared_data, name)
    assert ours.encode(text) == theirs.encode_ordinary(text)


def random_text(
    draw: random.Random, kinds: list[Sequence[str]], size: int
) -> str:
    """Make a string of characters of one kind."""
    kind = draw.choice(kinds)
    return "".join(draw.choices(kind, k=draw.randrange(size)))


@pytest.mark.endurance
def test_a_million_random_strings_are_read_alike(
    published: tuple[Tokenizer, Any],
) -> None:
    ours, theirs = published
    draw = random.Random(0)
    every = [
        char
        for char in map(chr, range(0x110000))
        if unicodedata.category(char) not in {"Cn", "Cs"}
    ]
    kinds = [
        string.printable,
        string.ascii_letters + "    '",
        " \t\n\r\u00a0\u3000",
        "'stmdlvreSTMDLVREſ ",
        "0123456789١२½ .,",
        "的一是不了人我在有他 éü中",
        every,
    ]
    for _ in range(100):
        texts = [
            random_text(draw, kinds, 40) + random_text(draw, kinds, 9)
            for _ in range(10_000)
        ]
        rows = [row.tolist() for row in ours.encode_batch(texts)]
        assert rows == theirs.encode_ordinary_batch(texts)


@pytest.mark.endurance
def test_every_text_at_hand_is_read_alike(
    published: tuple[Tokenizer, Any], shared_data: Path
) -> None:
    ours, theirs = published
    read_ = 0
    for file in sorted(shared_data.rglob("*")):
        if not file.is_file():
            continue
        try:
            text = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            continue
        ids = theirs.encode_ordinary(text)
        assert ours.encode_array(text).tolist() == ids, file.name
        assert ours.decode_bytes(ids) == text.encode()
        read_ += 1
    assert read_ > 100
