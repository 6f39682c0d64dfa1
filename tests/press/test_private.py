"""A book without samples holds no text of its documents."""

import json
import re
import shutil
from pathlib import Path

import pytest

from hornbook.press import execute
from hornbook.press.run_folder import Run
from hornbook.press.weave import chapter_order, shipped

WORDS = 8
"""So many words in a row are no turn of phrase any more."""


def rows_of_words(text: str) -> set[tuple[str, ...]]:
    """Give all runs of words of a text."""
    words = re.findall(r"\w+", text.lower())
    shifted = [words[start:] for start in range(WORDS)]
    return set(zip(*shifted, strict=False))


def test_a_row_of_words_is_found_through_marks() -> None:
    said = "One two, three *four* five\\. six (seven) eight"
    plain = "one two three four five six seven eight nine"
    assert rows_of_words(said) & rows_of_words(plain)


@pytest.mark.slow
def test_no_document_is_quoted_without_samples(
    walked_run: Path, tmp_path: Path
) -> None:
    run = tmp_path / "private"
    shutil.copytree(walked_run, run)
    place = shipped("chapters")
    names = chapter_order(place)
    paths = [place / f"{name}.md" for name in names]
    secret = set()
    for part in ("train", "heldout"):
        for document in Run(run).documents(part):
            secret |= rows_of_words(document.full_text)
    made = execute.execute(paths, run, False, lambda name: None)
    for name, notebook in zip(names, made, strict=True):
        said = [cell.source for cell in notebook.cells]
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                data = dict(output.get("data", {}))
                data.pop("application/pdf", None)
                data.pop("image/png", None)
                said += [output.get("text", ""), json.dumps(data)]
        found = rows_of_words("\n".join(said)) & secret
        assert not found, (name, found)
