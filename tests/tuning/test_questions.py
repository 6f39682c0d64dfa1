import pytest

from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.tuning.questions import need_phrases, opening, spans
from hornbook.tuning.synthesize import make_dialogues

TEXTS = {
    "en": (
        "Acme",
        "Acme is a firm. Acme was founded in 1902. "
        "Acme is located in Leeds. Acme was founded by Ada Lee. "
        "Acme has 70 desks. Acme has a population of 1,234.",
        {"1902", "Leeds", "Ada Lee", "1,234"},
    ),
    "de": (
        "Testdorf",
        "Testdorf ist ein Ort. Testdorf wurde 1250 gegründet. "
        "Testdorf liegt in Hessen. Testdorf hat 1.234 Einwohner.",
        {"1250", "Hessen", "1.234"},
    ),
    "fr": (
        "Ville",
        "La Ville est une commune. La Ville a été fondée en 1250. "
        "La Ville se trouve en Savoie. "
        "La Ville compte 1 234 habitants.",
        {"1250", "Savoie", "1 234"},
    ),
    "es": (
        "Villa",
        "La Villa es un municipio. La Villa fue fundada en 1250. "
        "La Villa se encuentra en Soria. "
        "La Villa tiene 1234 habitantes.",
        {"1250", "Soria", "1234"},
    ),
}


def document(language: str) -> Document:
    title, text, _ = TEXTS[language]
    return Document(language, text, title, language=language)


@pytest.mark.parametrize("language", TEXTS)
def test_answers_are_spans_of_the_document(language: str) -> None:
    found = list(spans(document(language), language))
    assert {answer for _, _, answer in found} == TEXTS[language][2]
    assert all(a in document(language).text for _, _, a in found)
    assert all("{" not in question for _, question, _ in found)


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_a_document_is_asked_in_its_own_language(language: str) -> None:
    made = make_dialogues([document(language)], 1, extractive=True)
    said = [m.content for d in made for m in d.messages]
    assert opening(document(language), language) in said
    assert TEXTS[language][2] < set(said)
    english = ("What", "Tell", "In which")
    assert not any(text.startswith(english) for text in said)


def test_a_span_needs_the_name_at_the_head_of_its_sentence() -> None:
    other = Document("x", "It was founded in 1902.", "Acme")
    assert not list(spans(other, "en"))


def test_a_german_date_is_not_the_end_of_a_sentence() -> None:
    text = "Otto war ein Maler, der am 3. Mai 1850 kam. Er blieb."
    found = Document("x", text, "Otto", language="de")
    assert opening(found, "de").endswith("1850 kam.")


def test_a_language_without_sentences_is_refused() -> None:
    dutch = Document("x", "De hoed is een hoofddeksel.", language="nl")
    with pytest.raises(DataError, match="cannot synthesise in nl"):
        need_phrases([dutch])
    both = [document("en"), document("de"), dutch]
    assert need_phrases(both) == both[:2]
