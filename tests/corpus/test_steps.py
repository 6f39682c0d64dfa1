import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hornbook.base.errors import DataError
from hornbook.corpus.config import CorpusConfig, example_paths
from hornbook.corpus.decontaminate import DecontaminationConfig, Item
from hornbook.corpus.language import LanguageConfig
from hornbook.corpus.origin import SourceConfig
from hornbook.corpus.perplexity import PerplexityConfig
from hornbook.corpus.privacy import PrivacyConfig
from hornbook.corpus.quality import QualityConfig
from hornbook.corpus.rules import RULES, RulesConfig
from hornbook.corpus.steps import (
    Steps,
    Verdict,
    labelled,
    prepare,
)

Sentences = Callable[..., str]
SOURCE = SourceConfig("folder", path="texts")
ENGLISH = (
    "She put the old hat back on its hook and looked out at the rain, "
    "which had not stopped since the morning and would not stop soon."
)
GERMAN = (
    "Sie hängte den alten Hut zurück an den Haken und sah hinaus in "
    "den Regen, der seit dem Morgen nicht mehr aufgehört hatte."
)
ITEM = Item(
    "quiz",
    "7",
    "Which of these animals keeps its young in a pouch until they can "
    "walk? the kangaroo of the southern plains",
)


def steps_of(tools: Path, **tables: Any) -> Steps:
    config = CorpusConfig(source=(SOURCE,), **tables)
    prepare(config, [ITEM], 0, tools)
    return Steps(config, RULES, str(tools))


def test_a_plain_recipe_finds_the_language_and_nothing(
    tmp_path: Path,
) -> None:
    steps = steps_of(tmp_path)
    assert steps(ENGLISH) == Verdict(ENGLISH, language="en")
    assert steps(GERMAN, "de") == Verdict(GERMAN, language="de")
    assert steps("No.").rule == "too_short"


def test_only_wanted_languages_stay(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, language=LanguageConfig(keep=("en",)))
    assert steps(ENGLISH).rule == ""
    # What a source says of itself is no proof
    found = steps(GERMAN, "en")
    assert (found.rule, found.language) == ("language", "de")
    assert found.finding.startswith("de: ")


def test_personal_data_is_masked_and_counted(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, privacy=PrivacyConfig(kinds=("email",)))
    verdict = steps(f"{ENGLISH} Write to ann@hats.example, please.")
    assert "ann@hats" not in verdict.text
    assert verdict.private == {"email": 1}


def test_benchmarks_are_found(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, decontaminate=DecontaminationConfig())
    found = steps(f"{ENGLISH} {ITEM.text} {ENGLISH}")
    assert found.rule == "contaminated"
    assert "quiz, item 7" in found.finding
    assert steps(ENGLISH).rule == ""


def test_lines_are_cut_before_rules_apply(tmp_path: Path) -> None:
    rules = RulesConfig(cuts=("policy_line",))
    found = steps_of(tmp_path, rules=rules)(
        f"{ENGLISH}\nThis site uses cookies."
    )
    assert found.text == ENGLISH
    assert found.cuts == {"policy_line": 1}


def test_examples_teach_what_is_good(
    tmp_path: Path, sentences: Sentences
) -> None:
    records = [
        {
            "text": sentences(n, 200) if n % 2 else "buy now " * 90,
            "label": "good" if n % 2 else "bad",
        }
        for n in range(240)
    ]
    for n, record in enumerate(records):
        record["text"] += f" {n}"
    marked = tmp_path / "marked.jsonl"
    marked.write_text(
        "\n".join(map(json.dumps, records)), encoding="utf-8"
    )
    good = tmp_path / "good"
    good.mkdir()
    for n in range(120):
        (good / f"{n}.txt").write_text(
            sentences(n, 400), encoding="utf-8"
        )
    steps = steps_of(
        tmp_path,
        rules=RulesConfig(names=()),
        quality=QualityConfig(examples=str(marked)),
    )
    assert steps(sentences(999, 200)).rule == ""
    assert steps("buy now " * 80).rule == "quality"
    steps = steps_of(
        tmp_path,
        rules=RulesConfig(names=()),
        perplexity=PerplexityConfig(good=str(good)),
    )
    assert steps(sentences(999, 200)).rule == ""
    strange = " ".join(f"word{n}" for n in range(200))
    assert steps(strange).rule == "perplexity"


def test_examples_are_read_from_files_and_folders(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.txt").write_text("One.", encoding="utf-8")
    (tmp_path / "b.txt").write_text("Two.", encoding="utf-8")
    assert dict(labelled(str(tmp_path))) == {"One.": "", "Two.": ""}
    assert dict(labelled(str(tmp_path / "b.txt"))) == {"Two.": ""}


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"perplexity": PerplexityConfig(good="x")}, "no examples at"),
        (
            {"quality": QualityConfig(good="x", bad="y")},
            "no examples at",
        ),
        (
            {"decontaminate": DecontaminationConfig()},
            "no benchmark item",
        ),
    ],
)
def test_what_is_missing_is_said_before_any_text_is_read(
    tables: dict[str, Any], words: str, tmp_path: Path
) -> None:
    config = CorpusConfig(source=(SOURCE,), **tables)
    with pytest.raises(DataError, match=words):
        prepare(config, [], 0, tmp_path)


def test_a_strange_label_is_refused(tmp_path: Path) -> None:
    marked = tmp_path / "marked.jsonl"
    marked.write_text('{"text": "A.", "label": "fine"}', "utf-8")
    config = CorpusConfig(
        source=(SOURCE,), quality=QualityConfig(examples=str(marked))
    )
    with pytest.raises(DataError, match="a label is 'fine'"):
        prepare(config, [], 0, tmp_path)
    assert example_paths(config) == [str(marked)]
