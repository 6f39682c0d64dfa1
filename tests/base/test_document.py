import hashlib

from hypothesis import given
from hypothesis import strategies as st

from hornbook.base.document import Document, document_id


def test_ids_are_the_same_on_every_machine() -> None:
    assert document_id("wiki", "A hat.") == "836b9d254bc4bb35"
    full = hashlib.sha256("wiki\nÉté.".encode()).hexdigest()
    assert document_id("wiki", "Été.") == full[:16]


@given(
    source=st.text(alphabet="ab ", max_size=3),
    one=st.text(max_size=6),
    other=st.text(max_size=6),
)
def test_ids_differ_where_texts_do(
    source: str, one: str, other: str
) -> None:
    same = document_id(source, one) == document_id(source, other)
    assert same == (one == other)


def test_models_read_the_title_first() -> None:
    assert Document("0", "Text.").full_text == "Text."
    assert Document("0", "Text.", "Hat").full_text == "Hat\n\nText."
