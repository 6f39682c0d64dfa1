from pathlib import Path

import pytest

from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.corpus.card import DROPPED, card_text, make_card
from hornbook.corpus.config import CorpusConfig, SourceConfig
from hornbook.corpus.outcome import Outcome
from hornbook.corpus.rules import RULES

CONFIG = CorpusConfig(
    source=(
        SourceConfig(
            kind="folder", path="texts", licence="CC0", credit="Ann"
        ),
    )
)


def outcome() -> Outcome:
    documents = {
        row: Document(
            f"{row:016}", f"Text {row} ü", f"T{row}", source="texts"
        )
        for row in range(5)
    }
    made = Outcome(documents, [("texts", "a.pdf", "odd")], ["texts"])
    made.drop(3, "too_short", "8 characters")
    made.drop(3, "near_duplicate", "second thoughts")
    made.heldout = {1, 3}
    made.foreign.update([".png", ".gz", ".png"])
    return made


def test_the_card_counts_each_document_once() -> None:
    card = make_card(outcome(), CONFIG, 0, "little text")
    assert card["documents"] == {
        "in": 5,
        "kept": 4,
        "dropped": {"too_short": 1},
        "train": 3,
        "heldout": 1,
    }
    # Title, empty line, text: 2 + 2 + 8 characters, "ü" is two bytes
    assert card["characters"] == {"train": 36, "heldout": 12}
    assert card["bytes"] == {
        "train": 39,
        "heldout": 13,
        "dropped": {"too_short": 13},
    }
    assert card["sources"][0]["heldout"] == 1
    assert card["passed_over"]["reasons"] == {"odd": 1}


def test_the_page_tells_what_the_numbers_tell() -> None:
    page = card_text(make_card(outcome(), CONFIG, 0, "little text"))
    for words in (
        "5 documents came in and 4 stayed",
        "little text",
        "**too_short**, 1 (13 bytes): too short to learn from",
        "'T3': 8 characters",
        "CC0; Ann",
        "1: odd",
        "'a.pdf': odd",
        "3 files of kinds that are not read: 2 .png, 1 .gz.",
    ):
        assert words in page


def test_every_broken_file_is_named_but_no_picture() -> None:
    made = outcome()
    made.problems *= 300
    card = make_card(made, CONFIG, 0, "")
    assert len(card["passed_over"]["listed"]) == 300
    assert card["passed_over"]["kinds"] == {".gz": 1, ".png": 2}
    page = card_text(card)
    assert page.count("'a.pdf'") == 10
    assert "card.json` names the others" in page


def test_every_reason_is_explained() -> None:
    assert RULES.keys() <= DROPPED.keys()


def test_the_samples_are_few(tmp_path: Path) -> None:
    card = make_card(outcome(), CONFIG, 0, "")
    assert len(card["samples"]["kept"]) == 3
    (short,) = card["samples"]["too_short"]
    assert short["finding"] == "8 characters"


def test_strict_refuses_what_is_broken_and_no_picture() -> None:
    made = outcome()
    made.refuse(strict=False)
    with pytest.raises(DataError, match=r"a\.pdf: odd"):
        made.refuse(strict=True)
    made.problems.clear()
    made.refuse(strict=True)
