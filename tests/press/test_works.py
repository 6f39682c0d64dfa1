from importlib import resources

from hornbook.press.works import read_works


def test_authors_are_shortened_as_a_citation_does() -> None:
    works = read_works(
        "@misc{a,\n  author = {Ann Fran{\\c c}ois},\n"
        "  year = {2001},\n}\n"
        "@misc{b,\n  author = {Lee, Ann and Bo {\\'E}l},\n"
        "  title = {On {BPE} \\& more, 1--2},\n  year = 1999\n}\n"
        "@misc{c,\n  author = {A B and C D and others},\n}\n"
    )
    assert works["a"].author == "François"
    assert works["a"].year == "2001"
    assert works["b"].author == "Lee and Él"
    assert works["b"].title == "On BPE & more, 1–2"
    assert works["b"].year == "1999"
    assert works["c"].author == "B et al."


def test_the_shipped_bibliography_is_read_whole() -> None:
    path = resources.files("hornbook.press") / "references.bib"
    text = path.read_text(encoding="utf-8")
    works = read_works(text)
    assert len(works) == text.count("\n@") + text.startswith("@")
    for key, work in works.items():
        assert work.author, key
        assert work.title, key
        assert work.year.isdigit(), key
        assert "\\" not in work.author + work.title, key
