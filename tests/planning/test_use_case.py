"""A folder is seen as curation sees it, and too little is refused."""

import json
from pathlib import Path

import pytest

from hornbook.base.errors import DataError, RecipeError
from hornbook.planning.use_case import (
    Survey,
    UseCase,
    check_use_case,
    judge,
    survey,
)

WORDS = "The hat is a covering for the head. " * 80


def fill(folder: Path, files: int, text: str = WORDS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(files):
        path = folder / f"article {number}.txt"
        path.write_text(f"{number} {text}", encoding="utf-8")
    return folder


def case(**changes: object) -> UseCase:
    return UseCase(name="pocket", text="text", **changes)


def test_files_and_records_are_counted_by_kind(tmp_path: Path) -> None:
    fill(tmp_path, 3, "plain text here")
    records = [{"title": "A", "text": "four"}, {"text": "letters"}]
    (tmp_path / "more.jsonl").write_text(
        "\n".join(map(json.dumps, records)), encoding="utf-8"
    )
    (tmp_path / "page.html").write_text(
        "<html><title>T</title><body><p>words in a page</p></body>",
        encoding="utf-8",
    )
    (tmp_path / "image.png").write_bytes(b"\0")
    found = survey(str(tmp_path))
    assert found.files == 6 and found.documents == 6
    assert found.kinds[".txt"] == 3 * len("0 plain text here")
    assert found.kinds[".jsonl"] == len("four") + len("letters")
    assert set(found.kinds) == {".txt", ".jsonl", ".html"}
    assert found.text_bytes == sum(found.kinds.values())
    assert found.foreign == {".png": 1} and not found.problems
    assert not found.estimated


def test_sub_folders_are_topics(tmp_path: Path) -> None:
    fill(tmp_path / "birds", 2)
    fill(tmp_path / "fish", 3)
    assert survey(str(tmp_path)).topics == {"fish": 3, "birds": 2}


def test_one_long_file_is_counted_in_pieces(tmp_path: Path) -> None:
    fill(tmp_path, 1, WORDS * 100)
    found = survey(str(tmp_path))
    assert found.cut_characters > 0
    assert found.documents == pytest.approx(
        found.text_bytes / found.cut_characters, abs=1
    )
    assert judge(case(task="complete"), found)


def test_a_shelf_of_books_is_cut_though_they_are_enough(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "books", 60, WORDS * 10)
    fill(tmp_path / "notes", 60)
    assert survey(str(tmp_path / "books")).cut_characters > 0
    assert survey(str(tmp_path / "notes")).cut_characters == 0


def test_texts_in_one_file_are_told_apart(tmp_path: Path) -> None:
    stories = "<|endoftext|>".join([WORDS] * 61)
    fill(tmp_path, 1, stories)
    found = survey(str(tmp_path))
    assert found.separator == "<|endoftext|>"
    assert found.cut_characters == 0 and found.documents == 60


def test_a_folder_too_large_to_read_is_estimated(
    tmp_path: Path,
) -> None:
    fill(tmp_path, 60)
    whole = survey(str(tmp_path))
    part = survey(str(tmp_path), look_seconds=0)
    assert part.estimated and not whole.estimated
    assert part.documents == pytest.approx(whole.documents, rel=0.05)
    assert part.text_bytes == pytest.approx(whole.text_bytes, rel=0.05)


def test_each_kind_is_stretched_by_its_own(tmp_path: Path) -> None:
    """Pages hold a tenth of text; by name, they all come first."""
    page = f"<html><!-- {'x' * 40_000} --><p>{WORDS}</p></html>"
    for number in range(60):
        name = tmp_path / f"a {number}.html"
        name.write_text(page, encoding="utf-8")
    fill(tmp_path, 60, WORDS * 10)
    whole = survey(str(tmp_path))
    started, reads = [0.0], []

    def clock() -> float:
        started[0] += 1.0
        reads.append(1)
        return started[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", clock)
        part = survey(str(tmp_path), look_seconds=20)
    assert part.estimated and len(reads) > 100
    assert part.documents == pytest.approx(whole.documents, rel=0.01)
    assert part.text_bytes == pytest.approx(whole.text_bytes, rel=0.01)
    for kind in (".html", ".txt"):
        wanted = pytest.approx(whole.kinds[kind], rel=0.01)
        assert part.kinds[kind] == wanted


def test_the_language_is_told_by_the_text(tmp_path: Path) -> None:
    fill(tmp_path / "en", 4)
    assert survey(str(tmp_path)).languages == ("en",)
    fill(tmp_path / "ja", 9, "帽子は頭に被る物です。" * 200)
    assert survey(str(tmp_path)).languages == ("ja", "en")


def test_one_huge_file_does_not_decide_the_language(
    tmp_path: Path,
) -> None:
    fill(tmp_path / "en", 30)
    fill(tmp_path / "huge", 1, "帽子は頭に被る物です。" * 50_000)
    assert survey(str(tmp_path)).languages[0] == "en"


def test_a_missing_or_unreadable_folder_is_refused(
    tmp_path: Path,
) -> None:
    with pytest.raises(DataError, match="no folder"):
        survey(str(tmp_path / "nowhere"))
    (tmp_path / "image.png").write_bytes(b"\0")
    with pytest.raises(DataError, match="no file that can be read"):
        survey(str(tmp_path))


@pytest.mark.parametrize(
    ("documents", "text_bytes"), [(49, 10_000_000), (5000, 99_999)]
)
def test_too_little_text_is_refused(
    documents: int, text_bytes: int
) -> None:
    found = Survey(documents=documents, text_bytes=text_bytes)
    with pytest.raises(DataError, match="too little"):
        judge(case(), found)


def test_little_text_is_warned_of_and_enough_is_not() -> None:
    little = Survey(documents=60, text_bytes=4_999_999, titled=60)
    enough = Survey(documents=60, text_bytes=5_000_000, titled=60)
    assert len(judge(case(), little)) == 1
    assert judge(case(), enough) == []


def test_tasks_ask_for_what_they_need() -> None:
    found = Survey(documents=60, text_bytes=5_000_000)
    with pytest.raises(DataError, match="sub-folders"):
        judge(case(task="classify"), found)
    assert "titles" in judge(case(task="chat"), found)[0]
    assert judge(case(task="complete"), found) == []
    german = case(task="complete", languages=("de",))
    assert judge(german, found) == []
    asked = Survey(documents=60, text_bytes=5_000_000, titled=60)
    assert judge(case(languages=("de", "en-GB")), asked) == []
    (concern,) = judge(case(languages=("nl", "de")), asked)
    assert "to ask in nl" in concern and "writer" in concern


@pytest.mark.parametrize("name", ["", "a/b", "../up", "-x", "a" * 65])
def test_a_name_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(RecipeError, match="cannot name a run"):
        check_use_case(UseCase(name=name, text="text"))


@pytest.mark.parametrize("code", ["", "English", "e", "en de"])
def test_a_language_is_given_as_its_code(code: str) -> None:
    with pytest.raises(RecipeError, match="--language.*ja"):
        check_use_case(case(languages=(code,)))
    check_use_case(case(languages=("pt-BR",)))


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_must_be_some(minutes: float) -> None:
    with pytest.raises(RecipeError, match="--minutes"):
        check_use_case(case(minutes=minutes))
    check_use_case(case(minutes=0.5))
