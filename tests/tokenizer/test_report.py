from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.errors import HornbookError
from hornbook.tokenizer.report import (
    count_uses,
    fit_scripts,
    report,
    report_run,
    script_of,
)
from hornbook.tokenizer.tokenizer import Tokenizer

TEXT = "low lower lowest, καπέλο 帽子 1849!\n"
TOK = Tokenizer.train(["low lower lowest lower low"], 264, "gpt2")


def test_words_and_their_tokens_are_counted_by_script() -> None:
    found = {each.script: each for each in fit_scripts(TOK, [TEXT])}
    assert list(found) == ["Latin", "Greek", "no letters", "Han"]
    latin = found["Latin"]
    assert latin.words == 3
    assert latin.characters == len("lowlowerlowest,")
    assert latin.tokens == len(TOK.encode("low lower lowest,"))
    assert found["Greek"].tokens == len(TOK.encode(" καπέλο"))
    assert found["Han"].bytes == len("帽子".encode())
    assert found["Han"].tokens_per_character == 7 / 2
    assert latin.fertility == latin.tokens / 3


@given(text=st.text(alphabet=TEXT))
def test_every_token_of_a_word_is_counted_once(text: str) -> None:
    counted = sum(each.tokens for each in fit_scripts(TOK, [text]))
    last = len(text.rstrip())
    assert counted == (TOK.offsets(text)[:, 1] <= last).sum()


def test_scripts_have_their_names() -> None:
    known = {
        "(Ärger": "Latin",
        "Шляпа": "Cyrillic",
        "ありがとう": "Kana",
        "モモ": "Kana",
        "한국": "Hangul",
        "पगड़ी": "Devanagari",
        "...": "no letters",
    }
    assert {word: script_of(word) for word in known} == known


def test_idle_tokens_are_those_without_use() -> None:
    uses = count_uses(TOK, ["low", "low low"])
    assert uses.sum() == 3
    told = report("a", TOK, ["low", "low low"])
    spelled = {TOK.decode([id_]) for id_ in np.flatnonzero(uses)}
    assert spelled == {"low", " low"}
    assert told.idle == TOK.vocab_size - 1 - 2
    assert told.idle_tokens[:3] == ("▁lowest", "▁lower", "▁lowe")
    assert told.longest[0] == "▁lowest"
    assert report("b", TOK, [], np.ones(264, np.int64)).idle == 0


def test_a_run_is_measured_beside_others(walked_run: Path) -> None:
    own, other = report_run(walked_run, {"low": TOK})
    assert (own.vocab_size, other.vocab_size) == (300, 264)
    assert own.fit.bytes == other.fit.bytes
    assert own.fit.bytes_per_token > other.fit.bytes_per_token
    assert other.name == "low"
    with pytest.raises(HornbookError, match="heldout.parquet"):
        report_run(walked_run / "corpus")
