"""Questions in any language that we can phrase, answered by a span."""

import re
from collections.abc import Iterator, Sequence

from hornbook.base.document import Document
from hornbook.base.errors import DataError
from hornbook.tuning.definition import fold, subject_name
from hornbook.tuning.phrasing import PHRASES
from hornbook.tuning.sentences import answer_sentence, split_sentences

READ_CHARACTERS = 20_000
"""So much of a text is searched for answers."""


def language_of(document: Document) -> str:
    """Give a document's language: as it is known, or as detected."""
    from hornbook.corpus.language import detect

    known = document.language or detect(document.full_text)[0]
    return known.partition("-")[0].lower()


def phrased(document: Document) -> bool:
    """Tell whether we can ask in a document's language."""
    return language_of(document) in PHRASES


def need_phrases(documents: Sequence[Document]) -> list[Document]:
    """Give the documents in whose language we can ask.

    Raises:
        DataError: they are half of the documents or fewer.
    """
    kept = [d for d in documents if phrased(d)]
    if documents and 2 * len(kept) <= len(documents):
        code = next(language_of(d) for d in documents if not phrased(d))
        raise DataError(
            f"cannot synthesise in {code or 'an unknown language'}: "
            f"there are sentences for {', '.join(PHRASES)} only, and "
            f"{len(documents) - len(kept):,} of {len(documents):,} "
            "documents are in other languages; give dialogues with "
            "'data', or a server that writes them with 'writer'"
        )
    return kept


def opening(document: Document, language: str) -> str:
    """Give the first sentence if it says what its subject is."""
    found = split_sentences(document.text[:2000], language)
    sentence = answer_sentence(found[0]) if found else ""
    rest = _after_name(document, sentence, language)
    verb = re.search(rf"\b(?:{PHRASES[language].copula})\b", rest)
    return sentence if verb and verb.start() <= 80 else ""


def spans(
    document: Document, language: str
) -> Iterator[tuple[str, str, str]]:
    """Give kind, question and answer of what sentences tell.

    Only a sentence that opens with the document's name is asked, and
    each kind once. The answer stands in the document as it is.
    """
    name, asked = subject_name(document.title), set()
    text = document.text[:READ_CHARACTERS]
    for sentence in split_sentences(text, language):
        rest = _after_name(document, sentence, language)
        for kind, form, question in PHRASES[language].spans:
            found = re.search(rf"\b{form}", rest) if rest else None
            if found and kind not in asked:
                asked.add(kind)
                words = found.groupdict()
                answer = words.pop("answer").strip(" .,")
                yield kind, question.format(name=name, **words), answer


def _after_name(
    document: Document, sentence: str, language: str
) -> str:
    """Give what follows the name that opens a sentence, or ""."""
    name = subject_name(document.title)
    articles = PHRASES[language].articles
    start = rf"(?:(?:{articles})\s*)?{re.escape(fold(name))}\b"
    found = re.match(start, fold(sentence), re.IGNORECASE)
    return sentence[found.end() :] if name and found else ""
