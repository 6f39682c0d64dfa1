import pytest

from hornbook.base.document import Document
from hornbook.tuning.definition import (
    common_words,
    definition,
    is_named,
    is_person,
)


def article(title: str, text: str, **more: str) -> Document:
    return Document("0" * 16, text, title, **more)


@pytest.mark.parametrize(
    ("title", "text", "subject", "verb"),
    [
        ("Hat", "A hat is a head covering.", "a hat", "is"),
        ("Porcupine", "Porcupines are large rodents. Some "
         "porcupines climb.", "porcupines", "are"),
        ("Limit (mathematics)", "In mathematics, a limit is a value.",
         "a limit", "is"),
        ("Great Game", "The Great Game was a rivalry.",
         "the Great Game", "was"),
        ("Kannada", "Kannada is a language. Poems in Kannada are old.",
         "Kannada", "is"),
        ("Mahayana", "Mahāyāna is the largest branch.",
         "Mahāyāna", "is"),
    ],
)
def test_the_subject_is_named_as_the_sentence_writes_it(
    title: str, text: str, subject: str, verb: str
) -> None:
    found = definition(article(title, text))
    assert found is not None
    assert (found.subject, found.verb) == (subject, verb)


def test_what_all_texts_write_small_is_a_common_noun() -> None:
    others = [article("", "They use bronze, and more bronze here.")]
    bronze = article("Bronze", "Bronze is an alloy of copper.")
    found = definition(bronze, common_words(others))
    assert found is not None and found.subject == "bronze"
    alone = definition(bronze)
    assert alone is not None and alone.subject == "Bronze"


@pytest.mark.parametrize(
    ("title", "rest", "expected"),
    [
        ("Queen", "Songs of Queen are loud.", "Queen"),
        ("Mali Empire", "", "Mali Empire"),
        ("Queen bee", "", "queen bee"),
    ],
)
def test_a_name_keeps_its_capital(
    title: str, rest: str, expected: str
) -> None:
    text = f"{title} is one of its kind. {rest}"
    found = definition(
        article(title, text), frozenset({"queen", "mali"})
    )
    assert found is not None and found.subject == expected


def test_a_work_keeps_its_capital() -> None:
    common = frozenset({"psycho"})
    film = article(
        "Psycho", "Psycho is a horror film.", description="1960 film"
    )
    found = definition(film, common)
    assert found is not None and found.subject == "Psycho"


@pytest.mark.parametrize(
    "text",
    [
        "The first hat goal was a goal for Spain.",
        "Hat is not a word that we know.",
        "Hats serve as a covering of heads.",
        "Hatred is a strong dislike.",
        "A hat is used as a covering.",
        "",
        "...",
    ],
)
def test_other_sentences_define_nothing(text: str) -> None:
    assert definition(article("Hat", text)) is None


def test_a_person_may_have_more_names_than_the_title() -> None:
    text = "Thomas Alva Edison was an American inventor."
    edison = article("Thomas Edison", text, topic="People")
    found = definition(edison)
    assert found is not None and found.subject == "Thomas Edison"
    assert found.sentence == "Thomas Edison was an American inventor."
    assert definition(article("Thomas Edison", text)) is None


@pytest.mark.parametrize(
    ("description", "text", "expected"),
    [
        ("American inventor (1847–1931)", "", True),
        ("War (1914–1918)", "", False),
        ("English actress (born 1937)", "", True),
        ("", "Laura (born 1980) is an actress.", True),
        ("", "A hat is a thing.", False),
    ],
)
def test_people_are_known_by_their_dates(
    description: str, text: str, expected: bool
) -> None:
    person = article("X", text, description=description)
    assert is_person(person) is expected
    # The topic decides where there is one
    topical = article("X", text, description=description, topic="Arts")
    assert is_person(topical) is False


def test_a_name_is_found_in_any_number_and_accent() -> None:
    assert is_named("Sándor Petőfi", "Petofi, Sandor was a poet.")
    assert is_named("Variety", "Varieties are many.")
    assert not is_named("Hat trick", "A hat is a covering.")
    assert not is_named("", "Anything.")
