"""Small corpora that the tests of the corpus share."""

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from hornbook.corpus import config as limits
from hornbook.corpus.texts import Places, TextWriter, part_file

Write = Callable[..., Path]

WORDS = [
    "river",
    "stone",
    "market",
    "winter",
    "letter",
    "garden",
    "captain",
    "music",
    "window",
    "forest",
    "silver",
    "doctor",
    "morning",
    "bridge",
    "school",
    "island",
    "thunder",
    "bread",
    "mirror",
    "engine",
    "village",
    "harbour",
    "painter",
    "lantern",
    "mountain",
    "pepper",
]


def prose(seed: int, words: int = 80) -> str:
    """Write sentences of known words that no other seed writes."""
    chance = random.Random(seed)
    chosen = [
        chance.choice(WORDS) + str(seed % 7) for _ in range(words)
    ]
    for place in range(9, words, 10):
        chosen[place] += "."
    return " ".join(chosen)


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a handful of documents count as a corpus."""
    monkeypatch.setattr(limits, "LEAST_TEXT_BYTES", 1)
    monkeypatch.setattr(limits, "LEAST_DOCUMENTS", 1)


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Write:
    """Give a function that writes records as a folder of one file."""

    def write(name: str, records: Iterable[dict[str, Any]]) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        lines = [json.dumps(record) for record in records]
        (folder / "all.jsonl").write_text(
            "\n".join(lines), encoding="utf-8"
        )
        return folder

    return write


@pytest.fixture
def sentences() -> Callable[..., str]:
    """Give the function that writes prose."""
    return prose


@pytest.fixture
def lay_down(tmp_path: Path) -> Callable[[list[str]], Places]:
    """Give a function that sets texts down where queries find them."""

    def lay(texts: list[str]) -> Places:
        writer = TextWriter(part_file(tmp_path, 0))
        writer.write(range(len(texts)), texts)
        writer.close()
        return Places(str(tmp_path), (0,))

    return lay
