from hornbook.corpus.card import card_text, make_card
from hornbook.corpus.config import CorpusConfig
from hornbook.corpus.findings import Findings
from hornbook.corpus.meanings import DROPPED
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.rules import RULES
from hornbook.corpus.tally import SAMPLES, Fate, Tally

CONFIG = CorpusConfig(
    source=(
        SourceConfig(
            kind="folder", path="texts", licence="CC0", credit="Ann"
        ),
    )
)
FINDINGS = Findings(
    drops=None,
    cuts={},
    clusters={2: 7, 3: 1},
    heldout=[],
    titled={},
    epochs={"texts": 2.0},
)
ROW = {
    "source": "texts",
    "topic": "",
    "language": "en",
    "licence": "CC0",
    "bytes": 13,
    "characters": 12,
    "masked": '{"email":1}',
    "cut": "",
}


def tally(documents: int = 5) -> Tally:
    made = Tally(0)
    for row in range(documents):
        about = {
            **ROW,
            "row": row,
            "id": f"{row:016}",
            "title": f"T{row}",
            "sample": f"Text {row} ü",
        }
        fate = Fate(side="heldout" if row == 1 else "train", copies=2)
        if row == 3:
            fate = Fate("too_short", "8 characters")
        made.add(about, fate)
    made.add_problem("texts", "a.pdf", "odd")
    made.foreign.update([".png", ".gz", ".png"])
    return made


def make(some: Tally) -> dict[str, object]:
    return make_card(some, CONFIG, FINDINGS, ["1", "2"], "little text")


def test_the_card_counts_each_document_once() -> None:
    card = make(tally())
    assert card["documents"] == {
        "in": 5,
        "kept": 4,
        "dropped": {"too_short": 1},
        "train": 3,
        "heldout": 1,
    }
    assert card["characters"] == {"train": 36, "heldout": 12}
    assert card["bytes"] == {
        "train": 39,
        "heldout": 13,
        "dropped": {"too_short": 13},
    }
    (source,) = card["sources"]  # type: ignore[misc]
    counts = [source[name] for name in ("in", "kept", "heldout")]
    assert counts == [5, 4, 1]
    assert source["epochs"] == 2.0
    assert card["passed_over"]["reasons"] == {"odd": 1}  # type: ignore[index]
    assert card["languages"] == {"en": 4}
    assert card["licences"] == {"CC0": 4}
    assert [step["documents"] for step in card["steps"]] == [  # type: ignore[attr-defined]
        *([5] * 2),
        *([4] * 8),
    ]
    assert card["steps"][-1]["bytes"] == 39 + 13  # type: ignore[index]
    assert card["clusters"] == {"2": 7, "3": 1}


def test_the_page_tells_what_the_numbers_tell() -> None:
    page = card_text(make(tally()))
    for words in (
        "5 documents came in and 4 stayed",
        "little text",
        "**too_short**, 1 (13 bytes): too short to learn from",
        "'T3': 8 characters",
        "CC0; Ann",
        "Languages: en 4.",
        "17 documents in 8 clusters, the largest of 3",
        "Personal data masked: email 4.",
        "1: odd",
        "'a.pdf': odd",
        "3 files of kinds that are not read: 2 .png, 1 .gz.",
    ):
        assert words in page


def test_every_broken_file_is_named_but_no_picture() -> None:
    made = tally()
    for _ in range(299):
        made.add_problem("texts", "a.pdf", "odd")
    card = make(made)
    passed = card["passed_over"]
    assert len(passed["listed"]) == 300  # type: ignore[index]
    assert passed["kinds"] == {".gz": 1, ".png": 2}  # type: ignore[index]
    page = card_text(card)
    assert page.count("'a.pdf'") == 10
    assert "card.json` names the others" in page


def test_every_reason_is_explained() -> None:
    assert RULES.keys() <= DROPPED.keys()


def test_the_samples_are_few_and_chosen_by_the_seed() -> None:
    card = make(tally(100))
    samples = card["samples"]
    assert len(samples["kept"]) == SAMPLES  # type: ignore[index]
    (short,) = samples["too_short"]  # type: ignore[index]
    assert short["finding"] == "8 characters"
    again = make(tally(100))
    assert again["samples"] == samples
