"""``hornbook new`` asks a person, and decides for a script."""

import sys
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import DataError, RecipeError
from hornbook.planning import interview as module
from hornbook.planning.interview import interview, suggest_task
from hornbook.planning.probe import Probe
from hornbook.planning.use_case import Survey
from hornbook.recipe import load_recipe


def no_answer(question: str) -> str:
    raise AssertionError(f"asked: {question}")


class Person:
    """Somebody who answers in turn, and whose questions are kept."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    text = tmp_path / "text"
    text.mkdir()
    for count in range(60):
        words = f"Article {count} is about a hat. " * 100
        file = text / f"a hat for {count}.txt"
        file.write_text(words, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "probe", Probe)
    return text


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.stdin, "isatty", lambda: True, raising=False
    )


def test_a_script_is_asked_nothing(folder: Path) -> None:
    made = interview("pocket", "text", ask=no_answer)
    recipe = load_recipe("pocket.toml")
    assert recipe.shape == made.model
    assert made.case.task == "chat" and made.case.minutes == 10


@pytest.mark.usefixtures("terminal")
def test_yes_asks_nothing(folder: Path) -> None:
    interview("pocket", "text", 3, "complete", True, no_answer)
    assert load_recipe("pocket.toml").pretrain.minutes == 3


@pytest.mark.usefixtures("terminal")
def test_a_person_is_asked_for_what_is_missing(folder: Path) -> None:
    person = Person("text", "complete", "7.5")
    made = interview("pocket", ask=person)
    assert made.case.text == "text"
    assert made.case.task == "complete" and made.case.minutes == 7.5
    assert "[chat]" in person.asked[1]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(
    ("answers", "word"),
    [(("paint", "5"), "paint"), (("chat", "ten"), "ten"),
     (("chat", "-1"), "minutes"), (("chat", "nan"), "minutes")],
)
def test_an_impossible_answer_is_refused(
    folder: Path, answers: tuple[str, str], word: str
) -> None:
    with pytest.raises(RecipeError, match=word):
        interview("pocket", "text", ask=Person(*answers))
    assert not Path("pocket.toml").exists()


@pytest.mark.parametrize(
    "options", [{"minutes": 0.0}, {"language": "English"}]
)
def test_what_cannot_be_is_refused_before_the_text_is_read(
    folder: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "survey", no_answer)
    with pytest.raises(RecipeError, match="--minutes|--language"):
        interview("pocket", "text", ask=no_answer, **options)


def test_a_language_is_told_or_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert interview("told", "text").case.languages == ("en",)
    taken = interview("w 1/ab", "text", language="nl")
    assert taken.case.languages == ("nl",)
    said = capsys.readouterr().err
    assert "no sentences to ask in nl" in said
    assert "hornbook run 'w 1/ab.toml'" in said


def test_pictures_are_counted_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "c.gz", "README"):
        (folder / name).write_bytes(b"PNG")
    interview("pocket", "text")
    said = capsys.readouterr().err
    assert said.count("not read") == 1
    assert "4 files of kinds that are not read: 2 .png" in said


@pytest.mark.parametrize("yes", [True, False])
def test_a_recipe_is_not_overwritten(folder: Path, yes: bool) -> None:
    Path("pocket.toml").write_text("mine", encoding="utf-8")
    with pytest.raises(RecipeError, match="exists already"):
        interview("pocket", "text", yes=yes, ask=no_answer)
    text = Path("pocket.toml").read_text(encoding="utf-8")
    assert text == "mine"


@pytest.mark.usefixtures("terminal")
def test_a_person_may_give_a_recipe_up(folder: Path) -> None:
    Path("pocket.toml").write_text("mine", encoding="utf-8")
    interview("pocket", "text", ask=Person("y", "", ""))
    assert load_recipe("pocket.toml").name == "pocket"


def test_the_name_may_be_a_path(folder: Path) -> None:
    interview("deep/er/pocket.toml", "text")
    assert load_recipe("deep/er/pocket.toml").name == "pocket"


def test_the_folder_must_be_named_and_hold_text(folder: Path) -> None:
    with pytest.raises(RecipeError, match="--text"):
        interview("pocket")
    Path("empty").mkdir()
    Path("empty/one.txt").write_text("word", encoding="utf-8")
    with pytest.raises(DataError, match="too little"):
        interview("pocket", "empty")
    assert not Path("pocket.toml").exists()


def test_the_suggested_task_suits_the_text() -> None:
    topics = {"a": 50, "b": 50}
    titled = Survey(documents=100, titled=90, topics=topics)
    sorted_ = Survey(documents=100, topics=topics)
    assert suggest_task(titled) == "chat"
    assert suggest_task(sorted_) == "classify"
    assert suggest_task(Survey(documents=100)) == "complete"
