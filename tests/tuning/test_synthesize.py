from collections import Counter
from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import hornbook
from hornbook.base.document import Document, document_id
from hornbook.base.store import digest_json, read_jsonl
from hornbook.tuning.pairs import Question
from hornbook.tuning.phrasing import PHRASES
from hornbook.tuning.synthesize import (
    make_dialogues,
    names_subject,
    questions,
)


def article(
    title: str, text: str, description: str = "", topic: str = ""
) -> Document:
    return Document(
        document_id("test", text), text, title, description, topic
    )


HAT = article(
    "Hat",
    "A hat (from Old English) is a head covering. It is worn.",
    "Shaped head covering",
    "Everyday life",
)
WREN = article(
    "Christopher Wren",
    "Sir Christopher Wren was an English architect.",
    "English architect (1632–1723)",
    "People",
)
OTTAWA = article(
    "Ottawa",
    "Ottawa is the capital city of Canada.",
    "Capital of Canada",
    "Geography",
)
BARE = article(
    "Browser",
    "A browser shows pages to people who ask. More follows.",
)
UNTITLED = article(
    "", "The rain fell all the day. The river rose in the night."
)
ALL = [HAT, WREN, OTTAWA, BARE, UNTITLED]


def asked(documents: list[Document], seeds: int = 20) -> set[str]:
    return {
        message.content
        for seed in range(seeds)
        for dialogue in make_dialogues(documents, seed)
        for message in dialogue.messages
    }


def test_questions_fit_their_subjects() -> None:
    said = asked(ALL)
    assert "What is a hat?" in said
    assert "A hat is a head covering." in said
    assert "Who was Christopher Wren?" in said
    assert "Where is Ottawa?" in said and "What is Ottawa?" in said
    assert "Describe Hat in a few words." in said
    assert "Which topic does Hat belong to?" in said
    assert "English architect" in said
    assert "Tell me about Browser." in said
    assert "Continue: The rain fell all the day." in said


def test_each_fact_is_asked_exactly_once() -> None:
    for seed in range(10):
        answers = Counter(
            message.content
            for dialogue in make_dialogues(ALL, seed, turns=3)
            for message in dialogue.messages
            if message.role == "assistant"
        )
        assert len(answers) == 3 * 3 + 2
        assert set(answers.values()) == {1}


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_dialogues_alternate_and_keep_to_their_turns(
    turns: int, subjects: int, seed: int
) -> None:
    texts = PHRASES["en"].follow_ups.values()
    shorts = {short for some in texts for short in some}
    for dialogue in make_dialogues(ALL, seed, turns, subjects):
        roles = [message.role for message in dialogue.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)
        assert 2 <= len(roles) <= 2 * turns * subjects
        # A short question needs a subject named before it
        assert dialogue.messages[0].content not in shorts


def test_a_dialogue_goes_on_to_other_subjects_if_it_may() -> None:
    def apart(subjects: int) -> list[int]:
        names = (" Hat", " hat", "Wren", "Ottawa", "Browser", "rain")
        return [
            len(
                {
                    name.lower()
                    for name in names
                    for message in dialogue.messages
                    if message.role == "user"
                    and name in message.content
                }
            )
            for seed in range(10)
            for dialogue in make_dialogues(ALL, seed, 1, subjects)
        ]

    assert set(apart(1)) == {1}
    assert {1, 2} < set(apart(3))


def test_the_smoke_corpus_gives_the_dialogues_it_always_gave() -> None:
    folder = Path(hornbook.__file__).parent / "recipes" / "smoke"
    lines = read_jsonl(folder / "articles.jsonl")
    documents = [
        Document(
            document_id("wikipedia", line["extract"]),
            line["extract"],
            line["title"],
            line.get("description") or "",
            line.get("topic") or "",
            language="en",
        )
        for line in lines
    ]
    made = make_dialogues(documents, 1)
    assert len(made) == 842
    assert digest_json(msgspec.to_builtins(made)) == (
        "23d845b045261c31b3ce862010b6d154"
        "bdec80ea711295d4bbb6b4b5841b31a6"
    )


def test_the_same_seed_gives_the_same_dialogues() -> None:
    assert make_dialogues(ALL, 7) == make_dialogues(ALL, 7)
    assert make_dialogues(ALL, 7) != make_dialogues(ALL, 8)
    ids = {document.id for document in ALL}
    alone = make_dialogues(ALL, 7, subjects=1)
    assert {d.document for d in alone} == ids


def test_the_order_of_documents_does_not_choose_the_questions() -> None:
    assert questions(ALL, 3, 9) == questions(ALL[::-1], 3, 9)
    first = {questions(ALL, seed, 1)[0].document for seed in range(20)}
    assert len(first) > 1


def test_questions_are_spread_over_documents_and_kinds() -> None:
    chosen = questions([HAT, WREN, OTTAWA], 0, 3)
    assert len({question.document for question in chosen}) == 3
    kinds = [question.kind for question in chosen]
    assert {"description", "topic"} < set(kinds)
    assert len(questions(ALL, 0, 4)) == 4
    assert len(questions(ALL, 0, 99)) == 11


def test_texts_without_telling_titles_are_asked_to_go_on() -> None:
    story = "The king rode out at dawn. The queen stayed at home. "
    chapters = [
        article(f"chapter-{n}", f"It was year {n}. " + story * 50)
        for n in range(4)
    ]
    chosen = questions(chapters, 0, 99)
    assert {question.kind for question in chosen} == {"continue"}
    assert len(chosen) > len(chapters)


def test_an_answer_names_its_subject_or_not() -> None:
    question = Question("what", "What is a hat?", "", "Hat", "")
    assert names_subject(question, "Hats are head coverings.")
    assert not names_subject(question, "A hatch is a door.")


@given(st.lists(st.tuples(st.text(), st.text(), st.text(), st.text())))
def test_no_text_is_too_strange(fields: list[tuple[str, ...]]) -> None:
    documents = [article(*field) for field in fields]
    for dialogue in make_dialogues(documents, 0):
        assert all(message.content for message in dialogue.messages)
    for question in questions(documents, 0, 5):
        assert question.prompt and question.reference


def test_nothing_comes_of_nothing() -> None:
    assert make_dialogues([], 0) == []
    assert questions([], 0, 10) == []
