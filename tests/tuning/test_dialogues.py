"""What a model learns from is written down, and its counts add up."""

import json
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.base.store import digest_file, read_json, read_jsonl
from hornbook.model.config import make_config
from hornbook.model.transformer import Transformer
from hornbook.tokenizer.tokenizer import SPECIALS, Tokenizer
from hornbook.tuning import material
from hornbook.tuning.config import TuningConfig
from hornbook.tuning.data import read_dialogues
from hornbook.tuning.dialogues import DROPPED, make
from hornbook.tuning.lesson import Lesson
from hornbook.tuning.material import dialogues_of, write_dialogues
from hornbook.tuning.synthesize import make_dialogues
from hornbook.tuning.tune import tune
from hornbook.tuning.writer import WriterConfig
from tuning.fake_writer import Said, completion, fake, pairs

ENGLISH = [
    Document(
        "hat", "A hat is a head covering. It is worn.", "Hat",
        "Head covering", "Wear", language="en",
    ),
    Document(
        "hat2", "A hat is a unit. It was founded in 1902.",
        "Hat (unit)", "Old unit", "Wear", language="en",
    ),
    Document(
        "acme", "Acme was founded in 1902.", "Acme", language="en"
    ),
    Document("mute", "Ever", "Nothing", language="en"),
]
DUTCH = Document("hoed", "De hoed is hoog.", "Hoed", language="nl")
TEXTS = [*ENGLISH, DUTCH]
REAL = {d.id: d for d in TEXTS}


def settings(**given: Any) -> TuningConfig:
    return TuningConfig(steps=1, batch=1, evaluations=0, **given)


def writer(address: str, **given: Any) -> WriterConfig:
    return WriterConfig(address=address, model="small", **given)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose documents need no file."""
    monkeypatch.setattr(material, "read_documents", lambda _: TEXTS)
    return tmp_path


def folder_of(run: Path) -> Path:
    return run / "finetune" / "chat.dialogues"


def adds_up(card: dict[str, Any]) -> bool:
    """Check each sum of a card."""
    parts = [card["documents"], card["pairs"]]
    parts += card["pairs"]["ways"].values()
    if "writer" in card:
        parts.append(card["writer"]["replies"])
    return all(
        p["in"] == p["kept"] + sum(p["dropped"].values()) for p in parts
    )


def test_dialogues_are_written_with_their_documents(run: Path) -> None:
    lesson = Lesson(run, "chat", settings(extractive=True), 1, 1)
    talks = write_dialogues(lesson)
    folder = folder_of(run)
    lines = read_jsonl(folder / "dialogues.jsonl")
    assert len(lines) == len(talks)
    for line in lines:
        said = line["messages"]
        assert len(said) == 2 * len(line["pairs"])
        for answer, pair in zip(
            said[1::2], line["pairs"], strict=True
        ):
            document = REAL[pair["document"]]
            known = [document.text, document.description]
            known.append(document.topic)
            assert any(answer["content"] in text for text in known)

    # They can be learned from again, and are what show mask shows
    again = read_dialogues(folder / "dialogues.jsonl")
    assert [t.messages for t in again] == [t.messages for t in talks]
    assert dialogues_of(run, lesson.config, 1, "chat") == talks


def test_the_card_says_what_became_of_everything(run: Path) -> None:
    config = settings(extractive=True)
    write_dialogues(Lesson(run, "chat", config, 1, 1))
    card = read_json(folder_of(run) / "card.json")
    assert adds_up(card)
    assert card["documents"] == {
        "in": 5, "kept": 2,
        "dropped": {
            "language": 1, "nothing_to_ask": 1, "pairs_dropped": 1
        },
    }
    # Two things of one name cannot be told apart by it
    lost = card["pairs"]["examples"]["same_question"]
    assert {pair["document"] for pair in lost} == {"hat2"}
    assert set(card["pairs"]["ways"]) == {"templates", "extractive"}
    assert sum(card["kinds"].values()) == card["pairs"]["kept"]
    lines = read_jsonl(folder_of(run) / "dialogues.jsonl")
    assert sum(len(x["pairs"]) for x in lines) == card["pairs"]["kept"]
    assert card["dialogues"] == len(lines)
    file = folder_of(run) / "dialogues.jsonl"
    assert card["digest"] == digest_file(file)
    assert "writer" not in card


def test_without_a_writer_dialogues_are_as_they_were() -> None:
    for seed in range(5):
        made = make(TEXTS, settings(turns=3), seed)
        plain = make_dialogues(ENGLISH, seed, turns=3)
        assert [talk.dialogue for talk in made.talks] == plain


def test_a_document_read_twice_is_asked_once() -> None:
    made = make([*ENGLISH, ENGLISH[0]], settings(), 1)
    once = make(ENGLISH, settings(), 1)
    assert made.talks == once.talks and adds_up(made.card)
    lost, before = (m.card["pairs"]["dropped"] for m in (made, once))
    assert lost["same_pair"] == before["same_pair"] + 3


def test_dialogues_of_a_file_are_not_written(run: Path) -> None:
    write_dialogues(Lesson(run, "chat", settings(), 1, 1))
    file = run / "own.jsonl"
    record = {"instruction": "Hat?", "output": "Yes."}
    file.write_text(json.dumps(record), encoding="utf-8")
    config = settings(data=str(file))
    (talk,) = write_dialogues(Lesson(run, "chat", config, 1, 1))
    assert talk.messages[1].content == "Yes."
    assert dialogues_of(run, config, 1) == [talk]
    assert list(folder_of(run).iterdir()) == []


def told(_: int, asked: dict[str, Any]) -> Said:
    """Write two pairs about each text, and one that is no good."""
    prompt: str = asked["messages"][0]["content"]
    title = prompt.partition("Title: ")[2].partition("\n")[0]
    return pairs(
        (f"Where is {title} from?", "From here."),
        (f"How old is {title}?", "It is 77 years old."),
        ("Who is worn?", "A head."),
    )


def test_a_writer_s_pairs_are_learned_beside_the_others(
    run: Path,
) -> None:
    with fake(told) as server:
        config = settings(writer=writer(server.address))
        lesson = Lesson(run, "chat", config, 1, 1)

        # Nobody is asked for the sake of a look
        with pytest.raises(DataError, match=r"asked about 5 of 5 doc"):
            dialogues_of(run, config, 1, "chat")
        assert server.paths == []
        talks = write_dialogues(lesson)
        assert len(server.asked) == 5
    assert dialogues_of(run, config, 1, "chat") == talks
    card = read_json(folder_of(run) / "card.json")
    assert adds_up(card)
    assert card["writer"] == {
        "model": "small", "replies": {"in": 5, "kept": 5, "dropped": {}}
    }
    assert card["pairs"]["ways"]["writer"] == {
        "in": 15, "kept": 6,
        "dropped": {"number_not_in_document": 5, "same_pair": 4},
    }
    assert card["documents"]["kept"] == 5
    said = [m.content for talk in talks for m in talk.messages]
    assert "Where is Hoed from?" in said
    assert any("Hat" in text and "topic" in text for text in said)

    # Without a server it is the same, bit for bit
    file = folder_of(run) / "dialogues.jsonl"
    before = file.read_bytes()
    file.unlink()
    assert write_dialogues(lesson) == talks
    assert file.read_bytes() == before
    assert server.address not in file.read_text(encoding="utf-8")


def test_a_writer_can_write_alone(run: Path) -> None:
    with fake(told) as server:
        asked = writer(server.address, templates=False, documents=2)
        config = settings(writer=asked)
        talks = write_dialogues(Lesson(run, "chat", config, 1, 1))
    said = [m.content for t in talks for m in t.messages[::2]]
    assert all(text.startswith(("Where", "Who")) for text in said)
    card = read_json(folder_of(run) / "card.json")
    assert adds_up(card) and set(card["kinds"]) == {"written"}
    assert card["documents"]["dropped"] == {"no_reply": 3}
    assert set(card["documents"]["dropped"]) <= set(DROPPED)


def test_when_no_pair_is_kept_the_card_says_why(run: Path) -> None:
    with fake(lambda *_: pairs(("Who?!", "77"))) as server:
        asked = writer(server.address, templates=False)
        config = settings(writer=asked)
        with pytest.raises(DataError, match=r"card\.json tells"):
            write_dialogues(Lesson(run, "chat", config, 1, 1))
    card = read_json(folder_of(run) / "card.json")
    assert card["pairs"]["dropped"] == {"number_not_in_document": 5}
    assert card["documents"]["dropped"] == {"pairs_dropped": 5}


def test_a_writer_in_vain_is_told_to_whoever_looks(run: Path) -> None:
    with fake(lambda *_: completion("Sorry.")) as server:
        config = settings(writer=writer(server.address))
        with pytest.raises(DataError, match="none of 5 replies"):
            write_dialogues(Lesson(run, "chat", config, 1, 1))
    with pytest.raises(DataError, match="none of 5 replies"):
        dialogues_of(run, config, 1, "chat")


def test_the_model_lies_beside_what_it_learnt_from(run: Path) -> None:
    tok = Tokenizer.train(
        ["A hat is a head covering."], 290, "gpt2", SPECIALS
    )
    shape = make_config(
        vocab_size=290, layers=1, width=32, heads=2, context=160
    )
    base = run / "checkpoints" / "base"
    Transformer(shape, seed=1).save(base, "native", tok)
    lesson = Lesson(run, "chat", settings(compile="off"), 1, 1)
    for _ in range(2):
        tune(lesson)
        assert (run / "finetune" / "chat" / "config.json").exists()
        assert (folder_of(run) / "card.json").exists()
